//! Applies the migrations: one caller at a time, and nobody waits for an answer that never comes.

use std::error::Error;
use std::iter::successors;

use refinery::error::Kind;
use refinery::{Migration, Report};
use tokio::time::{Instant, sleep, timeout_at};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;

use super::client::{Executor as _, Transaction, connect};
use super::error::{ConnectError, DbError, is_transient};
use super::later::{self, LaterError, Runner};
use super::migrator::Migrator;
use super::patience::{LOCKED, Patience, holders};
use super::pool::{Pool, pool};
use crate::platform::database_url::MalformedUrl;
use crate::platform::{config, telemetry};

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
    /// Others hold what a migration has to lock.
    #[error("a migration got no lock in {} s; {holders}", LOCKED.as_secs())]
    Locked {
        /// Who does, and what to do about it.
        holders: String,
        /// What was refused.
        source: Box<MigrationError>,
    },
    /// The migrations are applied; what follows them is not done.
    #[error("what follows the migrations is not done; the next migration goes on with it")]
    Later(#[source] LaterError),
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

/// What was done to a database.
#[derive(Debug, Default)]
pub struct Migrated {
    /// The migrations that were applied.
    pub applied: Vec<String>,
    /// What was carried out of that which follows the migrations.
    pub later: Vec<String>,
    /// What was not. The code does without it, only slower; the next migration takes it up.
    pub left: Vec<String>,
    /// Why not, unless the time ended.
    pub trouble: Option<LaterError>,
}

/// Applies what is missing of `migrations/`, once, however many callers try; returns the names applied.
///
/// A database that is away at the start is told at once; one that fails half-way gets another try, which begins where
/// the first one ended. A migration that others keep from a lock is tried again for two minutes.
pub async fn migrate(settings: &config::Database) -> Result<Vec<String>, MigrationError> {
    let migrated = migrate_until(settings, None).await?;
    match migrated.trouble {
        Some(trouble) => Err(MigrationError::Later(trouble)),
        None => Ok(migrated.applied),
    }
}

/// As [`migrate`]; what follows the migrations is done until then, and what is left of it is told.
pub async fn migrate_until(settings: &config::Database, until: Option<Instant>) -> Result<Migrated, MigrationError> {
    migrate_with(settings, later::STATEMENTS, until).await
}

/// As [`migrate_until`], with other statements to follow the migrations than those of `later.sql`.
pub async fn migrate_with(
    settings: &config::Database,
    later: &str,
    until: Option<Instant>,
) -> Result<Migrated, MigrationError> {
    let pool = pool(settings)?.for_migrations();
    let mut migrated = Migrated::default();
    let mut patience = Patience::new(&pool, until);
    loop {
        let ended = migrate_unless_busy(&pool, &mut migrated, later, until).await;
        let Err(error) = ended else { return Ok(migrated) };
        match (patience.pause(&error).await, error) {
            (Some(pause), _) => sleep(pause).await,
            // The migrations are applied; whoever asked for them has what they asked for.
            (None, MigrationError::Later(trouble)) => {
                migrated.trouble = Some(trouble);
                return Ok(migrated);
            }
            (None, error) if error.is_about_a_lock() => {
                return Err(MigrationError::Locked {
                    holders: holders(&pool).await,
                    source: Box::new(error),
                });
            }
            (None, error) => return Err(error),
        }
    }
}

/// The lock lives in a transaction of its own, since a session's lock would leak through a pooler. Nobody waits
/// in such a transaction: those who wait would hold the pooler's connections that the migration needs.
async fn migrate_unless_busy(
    pool: &Pool,
    migrated: &mut Migrated,
    later: &str,
    until: Option<Instant>,
) -> Result<(), MigrationError> {
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
    let ended = match run(pool, &lock, &mut migrated.applied).await {
        Ok(()) => follow(pool, &lock, migrated, later, until)
            .await
            .map_err(MigrationError::Later),
        Err(error) => Err(error),
    };
    // The lock goes with its transaction, whatever the answer is.
    if let Err(error) = lock.commit().await {
        tracing::warn!("giving the lock back: {}", telemetry::chain(&error));
    }
    ended
}

/// Brings about what follows the migrations, until then. A statement that is under way goes on without us.
async fn follow(
    pool: &Pool,
    lock: &Transaction<'_>,
    migrated: &mut Migrated,
    later: &str,
    until: Option<Instant>,
) -> Result<(), LaterError> {
    let runner = Runner::new(pool, lock);
    let mut statements = later::parse(later)?;
    while let Some(later) = statements.next() {
        let work = runner.bring_about(&later);
        let ended = match until {
            Some(until) => timeout_at(until, work).await.ok(),
            None => Some(work.await),
        };
        if let Some(Ok(was_there_work)) = ended {
            migrated.later.extend(was_there_work.then(|| later.aim.to_string()));
            continue;
        }
        let left = std::iter::once(later).chain(statements);
        migrated.left = left.map(|later| later.aim.to_string()).collect();
        return ended.unwrap_or(Ok(true)).map(|_| ());
    }
    migrated.left.clear();
    Ok(())
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
    pub(super) fn passes(&self, was_reached: bool) -> bool {
        match self {
            Self::Connect(error) => was_reached && error.is_transient(),
            Self::Lock(error) => is_transient(error),
            Self::Apply(_) => self.causes().any(is_transient),
            Self::Later(error) => error.is_transient(),
            Self::Busy | Self::Newer(_) | Self::Encoding(_) | Self::Url(_) | Self::Locked { .. } => false,
        }
    }

    /// Whether others hold a lock that was asked for.
    pub(super) fn is_about_a_lock(&self) -> bool {
        self.causes()
            .any(|error| error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE))
    }

    /// What the database said; Refinery wraps its own errors once more, depending on what it was at.
    fn causes(&self) -> impl Iterator<Item = &DbError> {
        successors(Some(self as &(dyn Error + 'static)), |error| (*error).source())
            .filter_map(|cause| cause.downcast_ref())
    }
}
