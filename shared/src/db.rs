//! The connection pool, TLS, migrations, and which database errors pass by themselves.

use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Pool, PoolError, RecyclingMethod, Runtime};
use secrecy::ExposeSecret;
use tokio_postgres::config::SslMode;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::{config, tls};

pub use tokio_postgres::Error as DbError;

/// How long to wait for a connection, from the server or from the pool.
const PATIENCE: Duration = Duration::from_secs(10);

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
    #[error("connecting to the database named by DATABASE_URL")]
    Connect(#[from] PoolError),
    /// The lock could not be had.
    #[error("waiting for another migration to end")]
    Lock(#[from] DbError),
    /// A migration was refused, or the database holds a different version of one.
    #[error("applying migrations")]
    Apply(#[from] Box<refinery::Error>),
    /// The settings do not make a connection.
    #[error(transparent)]
    Url(#[from] MalformedUrl),
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

/// A pool that opens its connections lazily and checks on hand-out that one is alive.
pub fn pool(settings: &config::Database) -> Result<Pool, MalformedUrl> {
    let (mut target, verify) = parse(settings.url.expose_secret())?;
    if target.get_connect_timeout().is_none() {
        target.connect_timeout(PATIENCE);
    }
    target.application_name("callmark");
    // A peer that vanished without a word is noticed within a minute, not after two hours.
    target
        .keepalives_idle(Duration::from_secs(20))
        .keepalives_interval(Duration::from_secs(5))
        .keepalives_retries(4);
    target.tcp_user_timeout(Duration::from_secs(40));
    let manager_config = ManagerConfig {
        recycling_method: RecyclingMethod::Fast,
    };
    let manager = if target.get_ssl_mode() == SslMode::Disable {
        Manager::from_config(target, NoTls, manager_config)
    } else {
        let tls = match (&settings.ca, verify) {
            (Some(pem), _) => tls::private_roots(pem).map_err(|_| MalformedUrl)?,
            (None, Verify::Full) => tls::public_roots(),
            (None, Verify::No) => tls::unverified(),
        };
        Manager::from_config(target, MakeRustlsConnect::new(tls), manager_config)
    };
    Pool::builder(manager)
        .max_size(settings.pool)
        .runtime(Runtime::Tokio1)
        .wait_timeout(Some(PATIENCE))
        .create_timeout(Some(PATIENCE))
        .recycle_timeout(Some(PATIENCE))
        .build()
        .map_err(|_| MalformedUrl)
}

/// Applies what is missing of `migrations/`, once, however many callers try; returns the names applied.
pub async fn migrate(settings: &config::Database) -> Result<Vec<String>, MigrationError> {
    let pool = pool(settings)?;
    // The lock lives in a transaction of its own, since a session's lock would leak through a pooler.
    let mut guard = pool.get().await?;
    let lock = guard.transaction().await?;
    lock.execute_typed(
        "select pg_advisory_xact_lock($1)",
        &[(&MIGRATION_LOCK, tokio_postgres::types::Type::INT8)],
    )
    .await?;
    let mut connection = pool.get().await?;
    let report = embedded::migrations::runner()
        .run_async(&mut **connection)
        .await
        .map_err(Box::new)?;
    lock.commit().await?;
    Ok(report.applied_migrations().iter().map(ToString::to_string).collect())
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
                ]
                .contains(code)
        }
        // No answer from the server at all: the connection broke.
        None => {
            error.is_closed() || std::error::Error::source(error).is_some_and(|source| source.is::<std::io::Error>())
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

#[cfg(test)]
mod tests {
    use super::*;

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
