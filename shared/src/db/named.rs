//! Connections whose errors say which server they wanted; the driver's own do not.

use std::error::Error as StdError;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use deadpool_postgres::{ConfigConnectImpl, Connect};
use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::JoinHandle;
use tokio_postgres::config::Host;
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::{Client, Config, NoTls, Socket};

use super::DbError;

/// Connects as the pool would, and names the server where none answers.
pub(super) struct Named<T>(pub(super) T);

/// No server of ours answered.
#[derive(Debug, thiserror::Error)]
#[error("no connection to {address}")]
struct NoConnection {
    address: String,
    source: DbError,
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
            match driver.connect(&target).await {
                // A server that answers and refuses has said enough.
                Err(error) if error.as_db_error().is_none() => Err(named(error, &target).await),
                answered => answered,
            }
        }
        .boxed()
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
async fn named(error: DbError, target: &Config) -> DbError {
    let kind = StdError::source(&error)
        .and_then(|source| source.downcast_ref::<io::Error>())
        .map_or(io::ErrorKind::Other, io::Error::kind);
    let stream = Fails(Some(io::Error::new(
        kind,
        NoConnection {
            address: address(target),
            source: error,
        },
    )));
    let mut nobody = Config::new();
    nobody.user("nobody");
    match nobody.connect_raw(stream, NoTls).await {
        Err(named) => named,
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
