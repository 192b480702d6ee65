//! A log line as its row has it, and the query on `logs` that a page or a terminal shows a run with.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use tokio_postgres::types::Type;
use tokio_postgres::{GenericClient, Row as PgRow};
use uuid::Uuid;

use crate::db::DbError;

/// One row of `logs`.
#[derive(Clone, Debug, Serialize)]
pub struct LogRow {
    /// The line.
    pub id: Uuid,
    /// Its run.
    pub run_id: Uuid,
    /// When it was said.
    pub timestamp: DateTime<Utc>,
    /// See [`Level`](super::Level).
    pub level: String,
    /// See [`Step`](super::Step).
    pub step: String,
    /// What was said.
    pub message: String,
    /// The facts behind it: an object.
    pub meta: Value,
}

/// The first lines of a run, in the order in which they were said.
pub async fn logs(db: &impl GenericClient, run_id: Uuid, limit: i64) -> Result<Vec<LogRow>, DbError> {
    let rows = db
        .query_typed(
            r"
            select id, run_id, timestamp, level, step, message, meta
            from logs
            where run_id = $1
            order by timestamp, id
            limit $2
            ",
            &[(&run_id, Type::UUID), (&limit, Type::INT8)],
        )
        .await?;
    rows.iter().map(LogRow::try_from).collect()
}

impl TryFrom<&PgRow> for LogRow {
    type Error = DbError;

    fn try_from(row: &PgRow) -> Result<Self, DbError> {
        Ok(Self {
            id: row.try_get("id")?,
            run_id: row.try_get("run_id")?,
            timestamp: row.try_get("timestamp")?,
            level: row.try_get("level")?,
            step: row.try_get("step")?,
            message: row.try_get("message")?,
            meta: row.try_get("meta")?,
        })
    }
}
