//! Applies the migrations: one caller at a time, and nobody waits for an answer that never comes.

use std::error::Error;
use std::iter::successors;
use std::time::Duration;

use refinery::error::Kind;
use refinery::{Migration, Report};
use tokio::time::{Instant, sleep};
use tokio_postgres::types::Type;

use super::client::{Executor as _, Transaction};
use super::error::{ConnectError, DbError, is_transient};
use super::migrator::Migrator;
use super::pool::{Pool, connect, pool};
use super::url::MalformedUrl;
use crate::{config, telemetry};

/// How long another migration may take, looked at every quarter of a second.
const TURNS: usize = 480;
const TURN: Duration = Duration::from_millis(250);
/// How long a database that failed half-way is left alone.
const PAUSE: Duration = Duration::from_millis(500);

/// The key of the transaction-level advisory lock that migrations run under ("callmark" in ASCII).
const LOCK: i64 = 0x6361_6c6c_6d61_726b;

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

pub(super) mod embedded {
    #![allow(missing_docs, clippy::pedantic, unreachable_pub, reason = "written by the macro")]
    refinery::embed_migrations!("../migrations");
}

/// Applies what is missing of `migrations/`, once, however many callers try; returns the names applied.
///
/// A database that is away at the start is told at once; one that fails half-way gets another try, which begins where
/// the first one ended.
pub async fn migrate(settings: &config::Database) -> Result<Vec<String>, MigrationError> {
    let pool = pool(settings)?.for_migrations();
    let mut applied = Vec::new();
    let (mut turns, mut in_trouble_since) = (0, None);
    loop {
        let pause = match migrate_unless_busy(&pool, &mut applied).await {
            Ok(()) => return Ok(applied),
            Err(MigrationError::Busy) if turns < TURNS => {
                turns += 1;
                TURN
            }
            Err(error) if error.passes(in_trouble_since.is_some()) => {
                let since: &mut Instant = in_trouble_since.get_or_insert_with(Instant::now);
                if since.elapsed() >= pool.limits.retry {
                    return Err(error);
                }
                tracing::warn!("migrating again: {}", telemetry::chain(&error));
                PAUSE
            }
            Err(error) => return Err(error),
        };
        sleep(pause).await;
    }
}

/// The lock lives in a transaction of its own, since a session's lock would leak through a pooler. Nobody waits
/// in such a transaction: those who wait would hold the pooler's connections that the migration needs.
async fn migrate_unless_busy(pool: &Pool, applied: &mut Vec<String>) -> Result<(), MigrationError> {
    let mut guard = connect(pool).await?;
    let lock = guard.transaction().await?;
    let row = lock
        .query_typed_one("select pg_try_advisory_xact_lock($1)", &[(&LOCK, Type::INT8)])
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
    let ended = run(pool, &lock, applied).await;
    // The lock goes with its transaction, whatever the answer is.
    if let Err(error) = lock.commit().await {
        tracing::warn!("giving the lock back: {}", telemetry::chain(&error));
    }
    ended
}

/// Applies one after the other. What is applied is noted although a later one fails: another try finds it done.
async fn run(pool: &Pool, lock: &Transaction<'_>, applied: &mut Vec<String>) -> Result<(), MigrationError> {
    let mut migrator = Migrator::new(connect(pool).await?, lock);
    let runner = embedded::migrations::runner();
    let names = |report: &Report| {
        report
            .applied_migrations()
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    };
    let error = match runner.run_async(&mut migrator).await {
        Ok(report) => {
            applied.extend(names(&report));
            return Ok(());
        }
        Err(error) => error,
    };
    applied.extend(error.report().map(names).unwrap_or_default());
    // Where that cannot be told either, the first error is the one to tell.
    let known = if is_about_versions(&error) {
        runner.get_applied_migrations_async(&mut migrator).await
    } else {
        Ok(Vec::new())
    };
    Err(refusal(error, runner.get_migrations(), &known.unwrap_or_default()))
}

fn is_about_versions(error: &refinery::Error) -> bool {
    matches!(error.kind(), Kind::MissingVersion(_))
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

impl MigrationError {
    /// Whether another try can help. A database that was never reached is told of at once.
    fn passes(&self, was_reached: bool) -> bool {
        match self {
            Self::Connect(error) => was_reached && error.is_transient(),
            Self::Lock(error) => is_transient(error),
            // Refinery wraps its own errors once more, depending on what it was at.
            Self::Apply(error) => successors(Some(error.as_ref() as &(dyn Error + 'static)), |error| {
                (*error).source()
            })
            .any(|cause| cause.downcast_ref().is_some_and(is_transient)),
            Self::Busy | Self::Newer(_) | Self::Encoding(_) | Self::Url(_) => false,
        }
    }
}
