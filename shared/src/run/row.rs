//! A run as its row has it, and the queries on `runs`.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use tokio_postgres::types::Type;
use tokio_postgres::{GenericClient, Row as PgRow};
use uuid::Uuid;

use super::Counters;
use crate::db::DbError;

/// One row of `runs`.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// The run.
    pub id: Uuid,
    /// The script.
    pub script_name: String,
    /// See [`Status`](super::Status).
    pub status: String,
    /// Who asked for it.
    pub triggered_by: String,
    /// The batch.
    pub batch_id: Uuid,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When its host ends it.
    pub deadline_at: DateTime<Utc>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// How long it took, in milliseconds.
    pub duration_ms: Option<i32>,
    /// What it counted.
    #[serde(flatten)]
    pub counters: Counters,
    /// Why it is not a success.
    pub error_message: Option<String>,
    /// Everything else that it noted.
    pub metadata: Value,
}

/// The newest runs of a script first, or of all.
pub async fn latest(db: &impl GenericClient, script_name: Option<&str>, limit: i64) -> Result<Vec<Row>, DbError> {
    select(db, None, script_name, limit).await
}

/// One run.
pub async fn find(db: &impl GenericClient, id: Uuid) -> Result<Option<Row>, DbError> {
    Ok(select(db, Some(id), None, 1).await?.pop())
}

async fn select(
    db: &impl GenericClient,
    id: Option<Uuid>,
    script_name: Option<&str>,
    limit: i64,
) -> Result<Vec<Row>, DbError> {
    let rows = db
        .query_typed(
            r"
            select id, script_name, status, triggered_by, batch_id, started_at, deadline_at, finished_at, duration_ms,
                   records_fetched, records_inserted, records_updated, records_failed, calls_analyzed,
                   api_cost, error_message, metadata
            from runs
            where ($1::uuid is null or id = $1)
              and ($2::text is null or script_name = $2)
            order by started_at desc, id desc
            limit $3
            ",
            &[(&id, Type::UUID), (&script_name, Type::TEXT), (&limit, Type::INT8)],
        )
        .await?;
    rows.iter().map(Row::try_from).collect()
}

impl TryFrom<&PgRow> for Row {
    type Error = DbError;

    fn try_from(row: &PgRow) -> Result<Self, DbError> {
        Ok(Self {
            id: row.try_get("id")?,
            script_name: row.try_get("script_name")?,
            status: row.try_get("status")?,
            triggered_by: row.try_get("triggered_by")?,
            batch_id: row.try_get("batch_id")?,
            started_at: row.try_get("started_at")?,
            deadline_at: row.try_get("deadline_at")?,
            finished_at: row.try_get("finished_at")?,
            duration_ms: row.try_get("duration_ms")?,
            counters: Counters {
                records_fetched: row.try_get("records_fetched")?,
                records_inserted: row.try_get("records_inserted")?,
                records_updated: row.try_get("records_updated")?,
                records_failed: row.try_get("records_failed")?,
                calls_analyzed: row.try_get("calls_analyzed")?,
                api_cost: row.try_get("api_cost")?,
            },
            error_message: row.try_get("error_message")?,
            metadata: row.try_get("metadata")?,
        })
    }
}
