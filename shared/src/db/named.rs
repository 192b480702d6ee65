//! Connections whose errors say which server they wanted and what to look at; the driver's own do not.

use std::error::Error as StdError;
use std::fmt::{self, Display};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use deadpool_postgres::{ConfigConnectImpl, Connect};
use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::JoinHandle;
use tokio::time::error::Elapsed;
use tokio::time::timeout;
use tokio_postgres::config::Host;
use tokio_postgres::error::SqlState;
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::{Client, Config, NoTls, Socket};

use super::{DbError, is_authentication, is_transient};

/// How long a server may take to let us in: less than the pool's patience, so that the error can say which one it was.
const ENTRY: Duration = Duration::from_secs(9);

/// Connects as the pool would, and names the server where none answers.
pub(super) struct Named<T>(pub(super) T);

/// The server gave us no connection: which one it was, what to look at, and what it or the way to it said.
///
/// The driver's error, which carried that through the pool, is not told.
#[derive(Debug)]
pub struct Refusal(pub(super) DbError);

/// What a refusal carries.
#[derive(Debug, thiserror::Error)]
#[error("no connection to {address} ({advice})")]
struct NoConnection {
    address: String,
    advice: &'static str,
    source: Box<dyn StdError + Send + Sync>,
}

impl Refusal {
    /// Whether trying again can help.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        let cause = self.carried().and_then(|refusal| refusal.source());
        cause.is_some_and(|cause| cause.is::<Elapsed>() || cause.downcast_ref().is_some_and(is_transient))
    }

    fn carried(&self) -> Option<&NoConnection> {
        let error: &io::Error = self.0.source()?.downcast_ref()?;
        error.get_ref()?.downcast_ref()
    }
}

impl Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.carried() {
            Some(refusal) => refusal.fmt(f),
            None => self.0.fmt(f),
        }
    }
}

impl StdError for Refusal {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self.carried() {
            Some(refusal) => refusal.source(),
            None => self.0.source(),
        }
    }
}

impl<T> Connect for Named<T>
where
    T: MakeTlsConnect<Socket> + Clone + Sync + Send + 'static,
    T::Stream: Sync + Send,
    T::TlsConnect: Sync + Send,
    <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
{
    fn connect(&self, target: &Config) -> BoxFuture<'_, Result<(Client, JoinHandle<()>), DbError>> {
        let target = target.clone();
        async move {
            let driver = ConfigConnectImpl { tls: self.0.clone() };
            let (advice, source) = match timeout(ENTRY, driver.connect(&target)).await {
                Ok(Ok(connected)) => return Ok(connected),
                Ok(Err(error)) => (advice(&error), error.into()),
                Err(silence) => (AWAY, silence.into()),
            };
            let address = address(&target);
            Err(carrying(NoConnection {
                address,
                advice,
                source,
            })
            .await)
        }
        .boxed()
    }
}

const AWAY: &str = "check host and port, and that the network lets us there";

/// What to look at, by how we were refused; without a code the server said nothing.
fn advice(error: &DbError) -> &'static str {
    match error.code() {
        Some(_) if is_authentication(error) => "check user, password and sslmode",
        Some(code) if *code == SqlState::INVALID_CATALOG_NAME => "check the name of the database",
        Some(_) => "it answers and lets nobody in",
        None if is_transient(error) => AWAY,
        None => "check user, password, sslmode and DATABASE_CA",
    }
}

/// Where a connection goes, for people: `host:port`, several parted by commas; never the password.
fn address(target: &Config) -> String {
    let ports = target.get_ports();
    let servers = target.get_hosts().iter().enumerate().map(|(place, host)| {
        let port = ports.get(place).or(ports.first()).copied().unwrap_or(5432);
        match host {
            Host::Tcp(name) => format!("{name}:{port}"),
            #[cfg(unix)]
            Host::Unix(folder) => folder.display().to_string(),
        }
    });
    servers.collect::<Vec<_>>().join(", ")
}

/// The driver's error type has no constructor: it is had by talking to a stream that fails with what we want to say.
async fn carrying(refusal: NoConnection) -> DbError {
    let stream = Fails(Some(io::Error::other(refusal)));
    let mut nobody = Config::new();
    nobody.user("nobody");
    match nobody.connect_raw(stream, NoTls).await {
        Err(carrier) => carrier,
        Ok(_) => unreachable!("a stream that fails does not connect"),
    }
}

/// Fails with this error, once.
struct Fails(Option<io::Error>);

impl Fails {
    fn poll<T>(&mut self) -> Poll<io::Result<T>> {
        Poll::Ready(Err(self.0.take().unwrap_or_else(|| io::ErrorKind::NotConnected.into())))
    }
}

impl AsyncRead for Fails {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.poll()
    }
}

impl AsyncWrite for Fails {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        self.poll()
    }

    fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll()
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll()
    }
}
