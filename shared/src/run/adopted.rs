//! Runs and log lines that come from the earlier system's tables.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::Serialize;
use serde_json::Value;
use tokio_postgres::types::{Json, Type};
use uuid::Uuid;

use crate::platform::db::{DbError, Executor, Transaction};

/// The member of a run's metadata that says that the earlier system ran it; an object.
pub const MARK: &str = "before_callmark";

/// A run that has ended, with a [`MARK`] in its metadata.
#[derive(Clone, Debug, Serialize)]
#[expect(
    missing_docs,
    reason = "the columns are explained where they are made, in migrations/"
)]
pub struct AdoptedRun {
    pub id: Uuid,
    pub script_name: String,
    pub status: &'static str,
    pub triggered_by: String,
    pub batch_id: Uuid,
    pub started_at: DateTime<Utc>,
    pub deadline_at: DateTime<Utc>,
    pub finished_at: DateTime<Utc>,
    pub records_fetched: i32,
    pub records_inserted: i32,
    pub records_updated: i32,
    pub records_failed: i32,
    pub calls_analyzed: i32,
    pub api_cost: Option<Decimal>,
    pub error_message: Option<String>,
    pub metadata: Value,
}

/// A log line; one without a time has that of its run.
#[derive(Clone, Debug, Serialize)]
#[expect(
    missing_docs,
    reason = "the columns are explained where they are made, in migrations/"
)]
pub struct AdoptedLine {
    pub id: Uuid,
    pub run_id: Uuid,
    pub timestamp: Option<DateTime<Utc>>,
    pub level: String,
    pub step: String,
    pub message: String,
    pub meta: Value,
}

/// What the adopted runs and lines add up to.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "named after the columns that are added up")]
pub struct Sums {
    pub runs: i64,
    pub duration_ms: i64,
    pub records_fetched: i64,
    pub calls_analyzed: i64,
    pub api_cost: Decimal,
}

/// Inserts the runs that the table does not hold; returns how many.
pub async fn insert(transaction: &Transaction<'_>, runs: &[AdoptedRun]) -> Result<u64, DbError> {
    transaction
        .execute_typed(
            r"
            insert into runs (
                id, script_name, status, triggered_by, batch_id, started_at, deadline_at, finished_at, records_fetched,
                records_inserted, records_updated, records_failed, calls_analyzed, api_cost, error_message, metadata
            )
            select id, script_name, status, triggered_by, batch_id, started_at, deadline_at, finished_at, records_fetched,
                   records_inserted, records_updated, records_failed, calls_analyzed, api_cost, error_message, metadata
            from jsonb_to_recordset($1) as earlier (
                id uuid, script_name text, status text, triggered_by text, batch_id uuid, started_at timestamptz,
                deadline_at timestamptz, finished_at timestamptz, records_fetched integer, records_inserted integer,
                records_updated integer, records_failed integer, calls_analyzed integer, api_cost numeric,
                error_message text, metadata jsonb
            )
            on conflict (id) do nothing
            ",
            &[(&Json(runs), Type::JSONB)],
        )
        .await
}

/// Inserts the lines that the table does not hold, of runs that there are; returns how many it inserted, and of how many
/// there is no run.
pub async fn insert_lines(transaction: &Transaction<'_>, lines: &[AdoptedLine]) -> Result<(u64, u64), DbError> {
    let row = transaction
        .query_typed_one(
            r"
            with earlier as materialized (
                select earlier.*, runs.started_at
                from jsonb_to_recordset($1) as earlier (
                    id uuid, run_id uuid, timestamp timestamptz, level text, step text, message text, meta jsonb
                )
                left join runs on runs.id = earlier.run_id
            ),
            inserted as (
                insert into logs (id, run_id, timestamp, level, step, message, meta)
                select id, run_id, coalesce(timestamp, started_at), level, step, message, meta
                from earlier
                where started_at is not null
                on conflict (id) do nothing
                returning id
            )
            select (select count(*) from inserted) as inserted,
                   (select count(*) from earlier where started_at is null) as orphans
            ",
            &[(&Json(lines), Type::JSONB)],
        )
        .await?;
    let count = |name| row.try_get::<_, i64>(name).map(i64::unsigned_abs);
    Ok((count("inserted")?, count("orphans")?))
}

/// How many of these runs the table holds, and how many of them as they are here. The times of a run that had none are
/// those of its adoption.
pub async fn same(db: &impl Executor, runs: &[AdoptedRun]) -> Result<(i64, i64), DbError> {
    let row = db
        .query_typed_one(
            r"
            select count(*) as held,
                   count(*) filter (
                       where (runs.script_name, runs.status, runs.triggered_by, runs.batch_id, runs.records_fetched,
                              runs.records_inserted, runs.records_updated, runs.records_failed, runs.calls_analyzed,
                              runs.api_cost, runs.error_message, runs.metadata)
                           is not distinct from
                             (earlier.script_name, earlier.status, earlier.triggered_by, earlier.batch_id,
                              earlier.records_fetched, earlier.records_inserted, earlier.records_updated,
                              earlier.records_failed, earlier.calls_analyzed, earlier.api_cost, earlier.error_message,
                              earlier.metadata)
                         and ((runs.started_at, runs.deadline_at, runs.finished_at)
                                  = (earlier.started_at, earlier.deadline_at, earlier.finished_at)
                              or earlier.metadata -> 'before_callmark' ? 'started_at')
                   ) as same
            from jsonb_to_recordset($1) as earlier (
                id uuid, script_name text, status text, triggered_by text, batch_id uuid, started_at timestamptz,
                deadline_at timestamptz, finished_at timestamptz, records_fetched integer, records_inserted integer,
                records_updated integer, records_failed integer, calls_analyzed integer, api_cost numeric(12, 6),
                error_message text, metadata jsonb
            )
            join runs on runs.id = earlier.id
            ",
            &[(&Json(runs), Type::JSONB)],
        )
        .await?;
    Ok((row.try_get("held")?, row.try_get("same")?))
}

/// How many of these lines the table holds, and how many of them as they are here.
pub async fn same_lines(db: &impl Executor, lines: &[AdoptedLine]) -> Result<(i64, i64), DbError> {
    let row = db
        .query_typed_one(
            r"
            select count(*) as held,
                   count(*) filter (
                       where (logs.run_id, logs.level, logs.step, logs.message, logs.meta)
                           = (earlier.run_id, earlier.level, earlier.step, earlier.message, earlier.meta)
                         and logs.timestamp = coalesce(earlier.timestamp, runs.started_at)
                   ) as same
            from jsonb_to_recordset($1) as earlier (
                id uuid, run_id uuid, timestamp timestamptz, level text, step text, message text, meta jsonb
            )
            join logs on logs.id = earlier.id
            join runs on runs.id = logs.run_id
            ",
            &[(&Json(lines), Type::JSONB)],
        )
        .await?;
    Ok((row.try_get("held")?, row.try_get("same")?))
}

/// Adds up what was adopted.
pub async fn sums(db: &impl Executor) -> Result<Sums, DbError> {
    let row = db
        .query_typed_one(
            r"
            with earlier as (
                select duration_ms, records_fetched, calls_analyzed, api_cost
                from runs
                where metadata ? 'before_callmark'
            )
            select count(*) as runs,
                   coalesce(sum(duration_ms), 0)::bigint as duration_ms,
                   coalesce(sum(records_fetched), 0)::bigint as records_fetched,
                   coalesce(sum(calls_analyzed), 0)::bigint as calls_analyzed,
                   coalesce(sum(api_cost), 0) as api_cost
            from earlier
            ",
            &[],
        )
        .await?;
    Ok(Sums {
        runs: row.try_get("runs")?,
        duration_ms: row.try_get("duration_ms")?,
        records_fetched: row.try_get("records_fetched")?,
        calls_analyzed: row.try_get("calls_analyzed")?,
        api_cost: row.try_get("api_cost")?,
    })
}
