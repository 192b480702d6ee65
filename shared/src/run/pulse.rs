//! Whether a script runs as it should: when it last started and ended well, and since when it has been at it.

use chrono::{DateTime, Utc};
use serde_json::Value;
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::platform::db::{DbError, Executor};

/// The signs of life of one script.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pulse {
    /// When its schedule last started it, whatever came of that.
    pub scheduled_at: Option<DateTime<Utc>>,
    /// When a run of it last ended as a success or a partial one.
    pub ended_well_at: Option<DateTime<Utc>>,
    /// When the batch began that it is working on.
    pub at_it_since: Option<DateTime<Utc>>,
}

/// Reads the signs of life of a script. Runs of the earlier system are none: its schedule is not ours.
pub async fn pulse(db: &impl Executor, script_name: &str) -> Result<Pulse, DbError> {
    let row = db
        .query_typed_one(
            r"
            select (
                       select started_at
                       from runs
                       where script_name = $1
                         and triggered_by = 'schedule'
                         and not metadata ? 'before_callmark'
                       order by started_at desc
                       limit 1
                   ) as scheduled_at,
                   (
                       select finished_at
                       from runs
                       where script_name = $1
                         and status in ('success', 'partial')
                         and not metadata ? 'before_callmark'
                       order by started_at desc
                       limit 1
                   ) as ended_well_at,
                   (
                       select min(batch.started_at)
                       from runs as current
                       join runs as batch on batch.batch_id = current.batch_id
                       where current.script_name = $1
                         and current.status = 'running'
                         and batch.script_name = $1
                         and batch.status <> 'skipped'
                   ) as at_it_since
            ",
            &[(&script_name, Type::TEXT)],
        )
        .await?;
    Ok(Pulse {
        scheduled_at: row.try_get("scheduled_at")?,
        ended_well_at: row.try_get("ended_well_at")?,
        at_it_since: row.try_get("at_it_since")?,
    })
}

/// What runs of a script brought in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Brought {
    /// Rows that were new.
    pub inserted: i64,
    /// Calls that were scored.
    pub analyzed: i64,
}

/// What the runs of a script brought in that ended within a stretch of time, both ends included.
pub async fn brought(
    db: &impl Executor,
    script_name: &str,
    since: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<Brought, DbError> {
    let row = db
        .query_typed_one(
            r"
            select coalesce(sum(records_inserted), 0) as inserted,
                   coalesce(sum(calls_analyzed), 0) as analyzed
            from runs
            where script_name = $1
              and started_at >= $2 - interval '1 day'
              and finished_at between $2 and $3
            ",
            &[
                (&script_name, Type::TEXT),
                (&since, Type::TIMESTAMPTZ),
                (&until, Type::TIMESTAMPTZ),
            ],
        )
        .await?;
    Ok(Brought {
        inserted: row.try_get("inserted")?,
        analyzed: row.try_get("analyzed")?,
    })
}

/// What the newest run of a script noted that did all of its work: no dry run, and none that was asked for a part.
#[derive(Clone, Debug, PartialEq)]
pub struct Noted {
    /// The run.
    pub run_id: Uuid,
    /// When it ended.
    pub at: DateTime<Utc>,
    /// What it noted.
    pub metadata: Value,
}

/// Reads what the newest run noted that ended well and was asked for everything that is new.
pub async fn noted(db: &impl Executor, script_name: &str) -> Result<Option<Noted>, DbError> {
    let row = db
        .query_typed_opt(
            r"
            select id, finished_at, metadata
            from runs
            where script_name = $1
              and status in ('success', 'partial')
              and metadata ->> 'mode' in ('auto', 'full', 'incremental')
              and metadata -> 'dry_run' is distinct from 'true'
            order by started_at desc, id desc
            limit 1
            ",
            &[(&script_name, Type::TEXT)],
        )
        .await?;
    row.map(|row| {
        Ok(Noted {
            run_id: row.try_get("id")?,
            at: row.try_get("finished_at")?,
            metadata: row.try_get("metadata")?,
        })
    })
    .transpose()
}
