//! The pool: its connections, TLS, and what it does where the server lets in fewer than it may open.

use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{
    ConfigConnectImpl, Manager, ManagerConfig, Object, PoolError, RecyclingMethod, Runtime, TimeoutType, Timeouts,
};
use secrecy::ExposeSecret;
use tokio_postgres::config::SslMode;
use tokio_postgres::{CancelToken, Error as DriverError, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::error::{ConnectError, Refusal};
use super::limits::Limits;
use crate::platform::database_url::{MalformedUrl, Verify, parse, servers};
use crate::platform::{config, tls};

mod gate;

use gate::Gate;

/// The name that our connections have at the server.
pub(super) const APPLICATION: &str = "callmark";
/// How long a server that is there may take to accept TCP; less than a connection may, so that its error names the server.
const KNOCK: Duration = Duration::from_secs(8);
/// How long an idle connection may take to prove that it is alive.
const PULSE: Duration = Duration::from_secs(2);

/// Connections to one database; cheap to clone.
#[derive(Clone, Debug)]
pub struct Pool {
    inner: deadpool_postgres::Pool,
    /// `host:port/name`, for errors.
    pub(super) address: Arc<str>,
    server: Arc<str>,
    pub(super) tls: Tls,
    pub(super) limits: Limits,
    pub(super) gate: Arc<Gate>,
}

/// How the way to the server is secured.
#[derive(Clone)]
pub(super) enum Tls {
    Off,
    On(MakeRustlsConnect),
}

/// A pool that opens its connections lazily and asks one whether it is alive before it hands it out.
pub fn pool(settings: &config::Database) -> Result<Pool, MalformedUrl> {
    let (mut target, verify) = parse(settings.url.expose_secret())?;
    if target.get_connect_timeout().is_none() {
        target.connect_timeout(KNOCK);
    }
    // Whoever gives a certificate wants it checked, and not skipped by a server that offers no TLS.
    if settings.ca.is_some() && target.get_ssl_mode() == SslMode::Prefer {
        target.ssl_mode(SslMode::Require);
    }
    target.application_name(APPLICATION);
    // A peer that vanished without a word is noticed within a minute, not after two hours.
    target
        .keepalives_idle(Duration::from_secs(20))
        .keepalives_interval(Duration::from_secs(5))
        .keepalives_retries(4);
    target.tcp_user_timeout(Duration::from_secs(40));
    let tls = if target.get_ssl_mode() == SslMode::Disable {
        Tls::Off
    } else {
        Tls::On(MakeRustlsConnect::new(match (&settings.ca, verify) {
            (Some(pem), _) => tls::private_roots(pem).map_err(|_| MalformedUrl::unknown())?,
            (None, Verify::Full) => tls::public_roots(),
            (None, Verify::No) => tls::unverified(),
        }))
    };
    let server: Arc<str> = servers(&target).into();
    let name = target.get_dbname().or(target.get_user()).unwrap_or_default();
    let address = format!("{server}/{name}").into();
    let inner = deadpool_postgres::Pool::builder(tls.manager(target))
        .max_size(settings.pool)
        .runtime(Runtime::Tokio1)
        .build()
        .map_err(|_| MalformedUrl::unknown())?;
    Ok(Pool {
        inner,
        address,
        server,
        tls,
        limits: Limits::of(settings.timeout),
        gate: Arc::new(Gate::new(settings.pool)),
    })
}

impl Pool {
    /// The same connections for people who wait for a page.
    #[must_use]
    pub fn for_pages(&self) -> Self {
        self.with(self.limits.of_pages())
    }

    /// The same connections for migrations.
    pub(super) fn for_migrations(&self) -> Self {
        self.with(self.limits.of_migrations())
    }

    /// The same connections for statements that read whole tables. In a transaction, one that takes longer than a
    /// statement may is waited for while the server is at work on it; a lost answer is noticed nevertheless.
    #[must_use]
    pub fn for_whole_tables(&self) -> Self {
        self.with(self.limits.of_whole_tables())
    }

    /// The same connections for work that may take this long in all, its retries included.
    #[must_use]
    pub fn within(&self, budget: Duration) -> Self {
        self.with(self.limits.within(budget))
    }

    /// What there is to say where the server lets in fewer connections than the pool may open.
    #[must_use]
    pub fn shortage(&self) -> Option<String> {
        self.gate.shortage()
    }

    fn with(&self, limits: Limits) -> Self {
        Self { limits, ..self.clone() }
    }

    /// A connection as soon as there is one.
    pub(super) async fn object(&self) -> Result<Object, ConnectError> {
        self.gate.pass(self.limits.connect, || self.waiting_object()).await
    }

    async fn waiting_object(&self) -> Result<Object, ConnectError> {
        let limit = self.limits.connect;
        let patience = Timeouts {
            wait: Some(limit),
            create: Some(limit),
            recycle: Some(PULSE),
        };
        self.inner.timeout_get(&patience).await.map_err(|error| match error {
            // The pool's own words add nothing to the driver's.
            PoolError::Backend(error) => ConnectError::server(&self.server, Refusal::Driver(error)),
            PoolError::Timeout(TimeoutType::Create) => ConnectError::server(&self.server, Refusal::Silent(limit)),
            error => ConnectError::Pool(error),
        })
    }
}

impl Tls {
    fn manager(&self, target: tokio_postgres::Config) -> Manager {
        // A connection that broke while it was idle is found out here.
        let settings = ManagerConfig {
            recycling_method: RecyclingMethod::Verified,
        };
        match self {
            Self::Off => Manager::from_connect(target, ConfigConnectImpl { tls: NoTls }, settings),
            Self::On(tls) => Manager::from_connect(target, ConfigConnectImpl { tls: tls.clone() }, settings),
        }
    }

    /// Asks the server to end what the token's connection is at.
    pub(super) async fn cancel(&self, token: &CancelToken) -> Result<(), DriverError> {
        match self {
            Self::Off => token.cancel_query(NoTls).await,
            Self::On(tls) => token.cancel_query(tls.clone()).await,
        }
    }
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Off => "Off",
            Self::On(_) => "On",
        })
    }
}
