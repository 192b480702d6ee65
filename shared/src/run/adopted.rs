//! Runs and log lines that come from the earlier system's tables.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::Serialize;
use serde_json::Value;
use tokio_postgres::types::{Json, Type};
use tokio_postgres::{GenericClient, Transaction};
use uuid::Uuid;

use crate::db::DbError;

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
    pub lines: i64,
    /// Of each line's id, level, step and message, whatever the order.
    pub lines_digest: Decimal,
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

/// Adds up what was adopted.
pub async fn sums(db: &impl GenericClient) -> Result<Sums, DbError> {
    let row = db
        .query_typed_one(
            r"
            with earlier as (
                select id, duration_ms, records_fetched, calls_analyzed, api_cost
                from runs
                where metadata ? 'before_callmark'
            ),
            lines as (
                select count(*) as lines,
                       coalesce(sum(hashtextextended(
                           concat(logs.id, '|', logs.level, '|', logs.step, '|', logs.message), 0)::numeric), 0) as digest
                from logs
                join earlier on earlier.id = logs.run_id
            )
            select count(*) as runs,
                   coalesce(sum(duration_ms), 0)::bigint as duration_ms,
                   coalesce(sum(records_fetched), 0)::bigint as records_fetched,
                   coalesce(sum(calls_analyzed), 0)::bigint as calls_analyzed,
                   coalesce(sum(api_cost), 0) as api_cost,
                   (select lines from lines) as lines,
                   (select digest from lines) as digest
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
        lines: row.try_get("lines")?,
        lines_digest: row.try_get("digest")?,
    })
}
