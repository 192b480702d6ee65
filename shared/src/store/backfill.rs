//! Changes to stored rows that follow a migration, in batches that hold nobody up; and every query on `backfills`.
//!
//! A migration adds a row to `backfills`; `callmark migrate` works it off. Each batch is a transaction that also keeps how
//! far it came, so that whoever comes after a kill goes on, and two at once share the work.

pub(crate) mod batch;

use std::time::Duration;

use anyhow::Result;
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use tokio::sync::watch;
use tokio_postgres::types::{Json, Type};

use crate::platform::db::{self, DbError, Executor, Pool, Transaction};
use crate::store::{call, score};
use batch::{Batch, Ended};

/// A batch that took this long held up whoever wanted its rows for long enough: the next one is smaller.
const LONG: Duration = Duration::from_millis(200);
/// Rows that one batch looks at, at most.
const READ: i64 = 2000;
/// Rows that the first batch changes, at most; how many that may become.
const CHANGED: i64 = 50;
const MOST_CHANGED: i64 = 400;

/// How far a backfill has come.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// What it is called.
    pub name: String,
    /// Rows that were looked at.
    pub rows_read: i64,
    /// Rows that were changed.
    pub rows_changed: i64,
    /// When the last row had been looked at.
    pub done_at: Option<DateTime<Utc>>,
}

/// The backfills that this code knows, by the names that migrations gave them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Backfill {
    CompressCalls,
    CompressScores,
}

const ALL: [Backfill; 2] = [Backfill::CompressCalls, Backfill::CompressScores];

/// The backfills that are not done.
pub async fn left(db: &impl Executor) -> Result<Vec<Progress>, DbError> {
    let names = ALL.map(Backfill::name).to_vec();
    let rows = db
        .query_typed(
            r"
            select name, rows_read, rows_changed, done_at
            from backfills
            where name = any($1)
              and done_at is null
            order by name
            ",
            &[(&names, Type::TEXT_ARRAY)],
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Progress {
                name: row.try_get("name")?,
                rows_read: row.try_get("rows_read")?,
                rows_changed: row.try_get("rows_changed")?,
                done_at: row.try_get("done_at")?,
            })
        })
        .collect()
}

/// Works off what is left, and shows how far it is. `is_late` ends it between two batches. Returns what was left at the
/// beginning, as far as it came.
pub async fn run(
    pool: &Pool,
    watch: &watch::Sender<Progress>,
    mut is_late: impl FnMut() -> bool,
    now: impl Fn() -> DateTime<Utc>,
) -> Result<Vec<Progress>> {
    let open = db::retry(pool, || async {
        let client = db::connect(pool).await?;
        Ok(left(&client).await?)
    })
    .await?;
    let mut ended = Vec::new();
    for mut progress in open {
        let Some(backfill) = ALL.into_iter().find(|known| known.name() == progress.name) else {
            continue;
        };
        let mut changed = CHANGED;
        while progress.done_at.is_none() && !is_late() {
            let begun = tokio::time::Instant::now();
            let batch = Batch { read: READ, changed };
            progress = db::retry(pool, || step(pool, backfill, batch, now())).await?;
            changed = if begun.elapsed() > LONG {
                changed / 2
            } else {
                changed * 2
            }
            .clamp(1, MOST_CHANGED);
            watch.send_replace(progress.clone());
        }
        ended.push(progress);
    }
    Ok(ended)
}

/// One batch.
async fn step(pool: &Pool, backfill: Backfill, batch: Batch, now: DateTime<Utc>) -> Result<Progress> {
    let mut client = db::connect(pool).await?;
    let transaction = client.transaction().await?;
    // Whoever else works it off waits here, and then goes on behind us.
    let row = transaction
        .query_typed_one(
            "select last_key, done_at is not null as is_done from backfills where name = $1 for update",
            &[(&backfill.name(), Type::TEXT)],
        )
        .await?;
    let last_key: Option<Json<Value>> = row.try_get("last_key")?;
    let ended = if row.try_get("is_done")? {
        Ended::default()
    } else {
        backfill
            .step(&transaction, last_key.map(|Json(key)| key), batch)
            .await?
    };
    let progress = keep(&transaction, backfill, &ended, now).await?;
    transaction.commit().await?;
    Ok(progress)
}

async fn keep(
    transaction: &Transaction<'_>,
    backfill: Backfill,
    ended: &Ended,
    now: DateTime<Utc>,
) -> Result<Progress, DbError> {
    let row = transaction
        .query_typed_one(
            r"
            update backfills
            set last_key = coalesce($2, last_key),
                rows_read = rows_read + $3,
                rows_changed = rows_changed + $4,
                updated_at = $5,
                done_at = coalesce(done_at, case when $2 is null then $5 end)
            where name = $1
            returning name, rows_read, rows_changed, done_at
            ",
            &[
                (&backfill.name(), Type::TEXT),
                (&ended.last_key.as_ref().map(Json), Type::JSONB),
                (&ended.read, Type::INT8),
                (&ended.changed, Type::INT8),
                (&now, Type::TIMESTAMPTZ),
            ],
        )
        .await?;
    Ok(Progress {
        name: row.try_get("name")?,
        rows_read: row.try_get("rows_read")?,
        rows_changed: row.try_get("rows_changed")?,
        done_at: row.try_get("done_at")?,
    })
}

impl Backfill {
    fn name(self) -> &'static str {
        match self {
            Self::CompressCalls => "compress_calls",
            Self::CompressScores => "compress_scores",
        }
    }

    async fn step(self, transaction: &Transaction<'_>, after: Option<Value>, batch: Batch) -> Result<Ended, DbError> {
        match self {
            Self::CompressCalls => call::compress(transaction, after, batch).await,
            Self::CompressScores => score::compress(transaction, after, batch).await,
        }
    }
}
