//! The connection pool, TLS, migrations, and which database errors pass by themselves.

mod named;

use std::io;
use std::time::Duration;

use anyhow::{Context, bail};
use backon::{ConstantBuilder, ExponentialBuilder, Retryable};
use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime};
use refinery::Migration;
use refinery::error::Kind;
use secrecy::ExposeSecret;
use tokio::time::error::Elapsed;
use tokio::time::timeout;
use tokio_postgres::config::SslMode;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;
use tokio_postgres::{Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::{config, tls};
use named::Named;

pub use named::Refusal;
pub use tokio_postgres::Error as DbError;

/// How long to wait for a connection, from the server or from the pool.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a server that is there may take to accept TCP; less than `PATIENCE`, so that its error names the server.
const KNOCK: Duration = Duration::from_secs(8);
/// How long an idle connection may take to prove that it is alive.
const PULSE: Duration = Duration::from_secs(2);
/// How long another migration may take, looked at every quarter of a second.
const MIGRATION_TRIES: usize = 480;
const MIGRATION_TRY: Duration = Duration::from_millis(250);

/// The key of the transaction-level advisory lock that migrations run under ("callmark" in ASCII).
const MIGRATION_LOCK: i64 = 0x6361_6c6c_6d61_726b;

/// The database URL cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the database URL is malformed")]
pub struct MalformedUrl;

/// Migrating failed; the database is as it was before the migration that failed.
#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    /// No connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The lock could not be asked for or given back.
    #[error("locking out other migrations")]
    Lock(#[from] DbError),
    /// Somebody else migrates.
    #[error("another migration has not ended")]
    Busy,
    /// A migration was refused, or the database holds a different version of one.
    #[error("applying migrations")]
    Apply(#[from] Box<refinery::Error>),
    /// Nothing is missing, and newer code has migrated the database further than ours can.
    #[error("the database is newer than this code: it has {0}")]
    Newer(String),
    /// The database can't hold every character.
    #[error(
        "the database's encoding is {0}, which can't hold what callers say: create one with \
         `create database callmark encoding 'UTF8' template template0` and name it in DATABASE_URL"
    )]
    Encoding(String),
    /// The settings do not make a connection.
    #[error(transparent)]
    Url(#[from] MalformedUrl),
}

/// No connection could be had.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The server is not there, or refused us.
    #[error("connecting to the database named by DATABASE_URL")]
    Server(#[source] Refusal),
    /// The server did not answer in time, or every connection is in use.
    #[error("no connection to the database named by DATABASE_URL")]
    Pool(#[source] PoolError),
}

mod embedded {
    #![allow(missing_docs, clippy::pedantic, unreachable_pub, reason = "written by the macro")]
    refinery::embed_migrations!("../migrations");
}

/// How the server must prove itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verify {
    /// Encryption is enough.
    No,
    /// Its certificate and name must verify.
    Full,
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
    target.application_name("callmark");
    // A peer that vanished without a word is noticed within a minute, not after two hours.
    target
        .keepalives_idle(Duration::from_secs(20))
        .keepalives_interval(Duration::from_secs(5))
        .keepalives_retries(4);
    target.tcp_user_timeout(Duration::from_secs(40));
    // A connection that came back with a statement under way would keep its next user waiting; this finds it out.
    let manager_config = ManagerConfig {
        recycling_method: RecyclingMethod::Verified,
    };
    let manager = if target.get_ssl_mode() == SslMode::Disable {
        Manager::from_connect(target, Named(NoTls), manager_config)
    } else {
        let tls = match (&settings.ca, verify) {
            (Some(pem), _) => tls::private_roots(pem).map_err(|_| MalformedUrl)?,
            (None, Verify::Full) => tls::public_roots(),
            (None, Verify::No) => tls::unverified(),
        };
        Manager::from_connect(target, Named(MakeRustlsConnect::new(tls)), manager_config)
    };
    Pool::builder(manager)
        .max_size(settings.pool)
        .runtime(Runtime::Tokio1)
        .wait_timeout(Some(PATIENCE))
        .create_timeout(Some(PATIENCE))
        .recycle_timeout(Some(PULSE))
        .build()
        .map_err(|_| MalformedUrl)
}

/// A connection of the pool, or why there is none.
pub async fn connect(pool: &Pool) -> Result<Object, ConnectError> {
    pool.get().await.map_err(|error| match error {
        // The pool's own words add nothing to the driver's.
        PoolError::Backend(error) => ConnectError::Server(Refusal(error)),
        error => ConnectError::Pool(error),
    })
}

impl ConnectError {
    /// Whether trying again can help.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Server(refusal) => refusal.is_transient(),
            Self::Pool(error) => matches!(error, PoolError::Timeout(_)),
        }
    }
}

/// Applies what is missing of `migrations/`, once, however many callers try; returns the names applied.
pub async fn migrate(settings: &config::Database) -> Result<Vec<String>, MigrationError> {
    let pool = pool(settings)?;
    let turns = ConstantBuilder::default()
        .with_delay(MIGRATION_TRY)
        .with_max_times(MIGRATION_TRIES);
    (|| migrate_unless_busy(&pool))
        .retry(turns)
        .when(|error| matches!(error, MigrationError::Busy))
        .await
}

/// The lock lives in a transaction of its own, since a session's lock would leak through a pooler. Nobody waits
/// in such a transaction: those who wait would hold the pooler's connections that the migration needs.
async fn migrate_unless_busy(pool: &Pool) -> Result<Vec<String>, MigrationError> {
    let mut guard = connect(pool).await?;
    let lock = guard.transaction().await?;
    let row = lock
        .query_typed_one("select pg_try_advisory_xact_lock($1)", &[(&MIGRATION_LOCK, Type::INT8)])
        .await?;
    if !row.get::<_, bool>(0) {
        return Err(MigrationError::Busy);
    }
    let row = lock
        .query_typed_one("select current_setting('server_encoding')", &[])
        .await?;
    let encoding: String = row.get(0);
    if encoding != "UTF8" {
        return Err(MigrationError::Encoding(encoding));
    }
    let mut connection = connect(pool).await?;
    let runner = embedded::migrations::runner();
    let report = match runner.run_async(&mut **connection).await {
        Ok(report) => report,
        Err(error) => {
            // Where that cannot be told either, the first error is the one to tell.
            let applied = runner.get_applied_migrations_async(&mut **connection).await;
            return Err(refusal(error, runner.get_migrations(), &applied.unwrap_or_default()));
        }
    };
    lock.commit().await?;
    Ok(report.applied_migrations().iter().map(ToString::to_string).collect())
}

/// A migration that we do not have is a mistake where it stands among ours, and newer code's where it comes after
/// all of them. Refinery can be told to overlook the first kind, too, and would then skip one of ours in silence.
fn refusal(error: refinery::Error, ours: &[Migration], applied: &[Migration]) -> MigrationError {
    let is_applied = |ours: &Migration| applied.iter().any(|applied| applied.version() == ours.version());
    match error.kind() {
        Kind::MissingVersion(found)
            if ours
                .iter()
                .all(|ours| ours.version() < found.version() && is_applied(ours)) =>
        {
            MigrationError::Newer(found.to_string())
        }
        _ => MigrationError::Apply(Box::new(error)),
    }
}

/// Tries until it works, while the database is only away for a moment, and for `budget` at most. One try
/// may take half of it, so that one that is not answered leaves time for another.
pub async fn insist<T, F>(budget: Duration, mut attempt: impl FnMut() -> F) -> anyhow::Result<T>
where
    F: Future<Output = anyhow::Result<T>>,
{
    let pauses = ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(100))
        .with_max_delay(Duration::from_secs(1))
        .without_max_times()
        .with_jitter();
    let mut trouble = None;
    let tries = (|| {
        let attempt = timeout(budget / 2, attempt());
        async { attempt.await.context("the database does not answer")? }
    })
    .retry(pauses)
    .when(passes)
    .notify(|error, _| trouble = Some(format!("{error:#}")));
    let ended = timeout(budget, tries).await;
    match (ended, trouble) {
        (Ok(ended), _) => ended,
        (Err(_), Some(trouble)) => bail!("{trouble} (given up after {} s)", budget.as_secs_f32()),
        (Err(_), None) => bail!(
            "the database does not answer (given up after {} s)",
            budget.as_secs_f32()
        ),
    }
}

/// Whether an error may pass by itself, whatever was being done.
fn passes(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause.downcast_ref().is_some_and(is_transient)
            || cause.is::<Elapsed>()
            || matches!(cause.downcast_ref(), Some(PoolError::Timeout(_)))
    })
}

/// Whether trying again, on a new connection, can help.
#[must_use]
pub fn is_transient(error: &DbError) -> bool {
    match error.code() {
        // Class 08: connection; 40: serialisation, deadlock; 53: out of resources; 57P0x: the server is going or coming.
        Some(code) => {
            matches!(code.code().get(..2), Some("08" | "40" | "53"))
                || [
                    SqlState::ADMIN_SHUTDOWN,
                    SqlState::CRASH_SHUTDOWN,
                    SqlState::CANNOT_CONNECT_NOW,
                    SqlState::LOCK_NOT_AVAILABLE,
                    SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
                    SqlState::IDLE_SESSION_TIMEOUT,
                ]
                .contains(code)
        }
        // No answer from the server at all: the connection broke. A certificate that is refused stays refused.
        None => {
            error.is_closed()
                || std::error::Error::source(error)
                    .and_then(|source| source.downcast_ref::<io::Error>())
                    .is_some_and(|source| source.kind() != io::ErrorKind::InvalidData)
        }
    }
}

/// Whether the server refused what one row says (its values, its size), and not the statement.
#[must_use]
pub fn is_about_the_row(error: &DbError) -> bool {
    // Class 22: data exception; 23: integrity constraint; 54: a program limit, such as nesting too deep.
    error
        .code()
        .is_some_and(|code| matches!(code.code().get(..2), Some("22" | "23" | "54")))
}

/// Whether the server refused who we say we are: the password may have been rotated.
#[must_use]
pub fn is_authentication(error: &DbError) -> bool {
    error.code().is_some_and(|code| code.code().starts_with("28"))
}

/// Whether a pool could be made of this URL.
pub fn check_url(url: &str) -> Result<(), MalformedUrl> {
    parse(url).map(drop)
}

/// Reads the URL; `verify-ca` and `verify-full`, which the driver does not know, become a requirement of ours.
fn parse(url: &str) -> Result<(Config, Verify), MalformedUrl> {
    let url = &without_foreign_parameters(url);
    let (plain, verify) = match ["sslmode=verify-full", "sslmode=verify-ca"]
        .iter()
        .find(|mode| url.contains(*mode))
    {
        Some(mode) => (url.replace(mode, "sslmode=require"), Verify::Full),
        None => (url.to_owned(), Verify::No),
    };
    let target: Config = plain.parse().map_err(|_| MalformedUrl)?;
    if target.get_hosts().is_empty() {
        Err(MalformedUrl)
    } else {
        Ok((target, verify))
    }
}

/// Addresses that hosting platforms hand out carry parameters for other drivers, which ours refuses to read.
fn without_foreign_parameters(url: &str) -> String {
    const FOREIGN: [&str; 5] = [
        "pgbouncer",
        "connection_limit",
        "pool_timeout",
        "statement_cache_size",
        "schema",
    ];
    let Some((address, parameters)) = url.split_once('?') else {
        return url.to_owned();
    };
    let ours: Vec<&str> = parameters
        .split('&')
        .filter(|parameter| !FOREIGN.contains(&parameter.split('=').next().unwrap_or_default()))
        .collect();
    format!("{address}?{}", ours.join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_for_other_drivers_do_not_make_an_address_malformed() {
        let url = "postgres://u:p%40ss@h:6543/d?pgbouncer=true&sslmode=require&connection_limit=1";

        assert_eq!(
            without_foreign_parameters(url),
            "postgres://u:p%40ss@h:6543/d?sslmode=require"
        );
        assert!(check_url("postgres://u@h/d?pgbouncer=true").is_ok());
    }

    #[test]
    fn the_modes_of_libpq_are_all_known() {
        let mode = |text: &str| {
            let (target, verify) = parse(&format!("postgres://u@h/d{text}")).unwrap();
            (target.get_ssl_mode(), verify)
        };

        assert_eq!(mode(""), (SslMode::Prefer, Verify::No));
        assert_eq!(mode("?sslmode=disable"), (SslMode::Disable, Verify::No));
        assert_eq!(mode("?sslmode=require"), (SslMode::Require, Verify::No));
        assert_eq!(mode("?sslmode=verify-ca"), (SslMode::Require, Verify::Full));
        assert_eq!(mode("?sslmode=verify-full"), (SslMode::Require, Verify::Full));
    }

    #[test]
    fn a_url_without_a_host_is_refused() {
        for url in [
            "",
            "nonsense",
            "postgres://",
            "https://example.com",
            "postgres://u@h/d?sslmode=perhaps",
        ] {
            assert!(check_url(url).is_err(), "{url:?} was accepted");
        }
    }
}
