//! Adopts the earlier system's database: its tables move aside, ours are made, and its rows are copied into them.
//!
//! ```text
//! plan ─▶ survey (what is there, what depends on it) ─▶ counts
//! adopt ─▶ relocate (one transaction) ─▶ migrations ─▶ copy (bounded transactions) ─▶ calls │ assistants │ runs │ analyses
//! verify ─▶ both sides again: counts, sums, hashes
//! ```
//!
//! Each transaction keeps how far it came, so that whoever comes after a kill goes on, and two at once share the work.
//! Nothing of the earlier system is dropped or changed.

mod analyses;
mod assistants;
mod calls;
mod copy;
mod members;
mod old;
mod plan;
mod relocate;
mod runs;
mod survey;
mod tally;
mod value;
mod verify;

use anyhow::Result;
use chrono::{DateTime, Utc};
use serde::Serialize;
use shared::platform::config::Database;
use shared::platform::db::{self, Client, DbError, Executor as _, Migrated, MigrationError, Pool, Transaction};
use shared::store::adoption::{self, Progress};
use tokio::sync::watch;
use tokio::time::Instant;

use self::survey::Survey;

pub use self::old::{SCHEMA, Table};
pub use self::plan::{Plan, Planned, plan};
pub use self::survey::Dependent;
pub use self::verify::{Compared, Verified, verify};

/// Why a database is not migrated or adopted. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum AdoptError {
    /// It holds the earlier system's tables.
    #[error(
        "this database holds tables of the earlier system ({}), and nothing was changed: look with \
         `callmark adopt --dry-run`, then run `callmark adopt`; on AWS set the stack parameter AdoptExisting to true, or \
         invoke the migrate function with {{\"adopt\": true}}", .0.join(", ")
    )]
    Unadopted(Vec<String>),
    /// Something else has a name that we need, or is not ours to move.
    #[error("nothing was changed: {}", .0.join("; "))]
    InTheWay(Vec<String>),
    /// There is no table of the earlier system.
    #[error(
        "there is nothing to adopt: neither {0} nor {SCHEMA} has tables of the earlier system; for a new database run \
         `callmark migrate`"
    )]
    Nothing(String),
    /// The rows were not copied yet.
    #[error("nothing was adopted yet: run `callmark adopt` first")]
    NotYet,
}

/// How far an adoption is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Stage {
    /// It looks around.
    #[default]
    Looking,
    /// The old tables are aside.
    Moved,
    /// Our tables are there.
    Migrated,
    /// A batch was copied.
    Copying {
        /// From this table.
        table: String,
        /// Rows that were looked at.
        rows: u64,
    },
}

/// What an adoption did.
#[derive(Clone, Debug, Serialize)]
pub struct Adopted {
    /// Tables and functions that were moved.
    pub moved: Vec<String>,
    /// Migrations that were applied.
    pub applied: Vec<String>,
    /// How far each table is.
    pub tables: Vec<Progress>,
    /// Whether every row was looked at; else the time ended, and the next adoption goes on.
    pub is_complete: bool,
}

/// Refuses a database in which our tables cannot be made. [`shared::platform::db::migrate`] would fail half-way.
pub async fn check(pool: &Pool) -> Result<()> {
    let survey = first_survey(pool).await?;
    if !survey.to_move().is_empty() {
        let names = survey
            .to_move()
            .iter()
            .map(|found| format!("{}.{}", survey.here, found.table.name()));
        return Err(AdoptError::Unadopted(names.collect()).into());
    }
    if !survey.obstacles.is_empty() {
        return Err(AdoptError::InTheWay(survey.obstacles).into());
    }
    Ok(())
}

/// Whether there is anything of the earlier system in the database.
pub async fn is_there(pool: &Pool) -> Result<bool> {
    Ok(first_survey(pool).await?.tables().next().is_some())
}

/// Looks around for the first time: a database that is away at the start is told of at once.
async fn first_survey(pool: &Pool) -> Result<Survey> {
    drop(db::connect(pool).await?);
    survey(pool).await
}

async fn survey(pool: &Pool) -> Result<Survey> {
    db::retry(pool, || async {
        let client = db::connect(pool).await?;
        Survey::of(&client).await
    })
    .await
}

/// A transaction that changes nothing, is shown every row, and reads times as UTC.
async fn reading(client: &mut Client) -> Result<Transaction<'_>, DbError> {
    let transaction = client.transaction().await?;
    transaction
        .batch_execute("set transaction read only; set local row_security = off; set local timezone = 'UTC'")
        .await?;
    Ok(transaction)
}

/// Applies the migrations and what follows them, until then, unless the database must be adopted first.
pub async fn migrate(settings: &Database, until: Option<Instant>) -> Result<Migrated> {
    check(&db::pool(settings)?).await?;
    Ok(db::migrate_until(settings, until).await?)
}

/// Adopts the database, or goes on with that. `is_late` ends it between two batches.
pub async fn adopt(
    settings: &Database,
    watch: &watch::Sender<Stage>,
    is_late: impl FnMut() -> bool,
    now: impl Fn() -> DateTime<Utc>,
) -> Result<Adopted> {
    let pool = db::pool(settings)?.for_whole_tables();
    let found = first_survey(&pool).await?;
    if found.tables().next().is_none() {
        return Err(AdoptError::Nothing(found.here).into());
    }
    if !found.obstacles.is_empty() {
        return Err(AdoptError::InTheWay(found.obstacles).into());
    }
    let moved = relocate::relocate(&pool).await?;
    watch.send_replace(Stage::Moved);
    // Whoever only migrates is told at once that the database is away; here it was there a moment ago.
    let applied = db::retry(&pool, || async {
        match db::migrate(settings).await {
            // Code that is rolled back goes on with what newer code began.
            Err(MigrationError::Newer(_)) => Ok(Vec::new()),
            applied => Ok(applied?),
        }
    })
    .await?;
    watch.send_replace(Stage::Migrated);
    let found = survey(&pool).await?;
    let is_complete = copy::everything(&pool, &found, watch, is_late, now).await?;
    let tables = db::retry(&pool, || async {
        let client = db::connect(&pool).await?;
        Ok(adoption::all(&client).await?)
    });
    Ok(Adopted {
        moved,
        applied,
        tables: tables.await?,
        is_complete,
    })
}
