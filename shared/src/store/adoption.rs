//! How far copying from the earlier system's tables has come, and every query on `adoption_progress`.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;
use tokio_postgres::Row;
use tokio_postgres::types::{Json, Type};

use crate::platform::db::{DbError, Executor, Transaction};

/// How far copying one table has come.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// The earlier system's table.
    pub table_name: String,
    /// The key of the last row that was looked at.
    pub last_key: Option<String>,
    /// Rows that were looked at.
    pub rows_read: i64,
    /// Rows that are new in our tables.
    pub rows_taken: i64,
    /// Rows that our tables already held.
    pub rows_present: i64,
    /// Rows that could not be taken.
    pub rows_refused: i64,
    /// Why rows were refused, and what is odd about those that were taken.
    pub reasons: BTreeMap<String, i64>,
    /// When the last row had been looked at.
    pub done_at: Option<DateTime<Utc>>,
}

/// Says that a table is to be copied; nothing where that is known.
pub async fn begin(db: &impl Executor, table_name: &str, now: DateTime<Utc>) -> Result<(), DbError> {
    db.execute_typed(
        r"
        insert into adoption_progress (table_name, started_at, updated_at)
        values ($1, $2, $2)
        on conflict do nothing
        ",
        &[(&table_name, Type::TEXT), (&now, Type::TIMESTAMPTZ)],
    )
    .await
    .map(drop)
}

/// How far a table has come. Whoever else copies it waits until this transaction ends.
pub async fn hold(transaction: &Transaction<'_>, table_name: &str) -> Result<Progress, DbError> {
    let row = transaction
        .query_typed_one(
            r"
            select table_name, last_key, rows_read, rows_taken, rows_present, rows_refused, reasons, done_at
            from adoption_progress
            where table_name = $1
            for update
            ",
            &[(&table_name, Type::TEXT)],
        )
        .await?;
    Progress::try_from(&row)
}

/// Keeps how far a table has come, in the transaction that copied the rows.
pub async fn advance(transaction: &Transaction<'_>, progress: &Progress, now: DateTime<Utc>) -> Result<(), DbError> {
    transaction
        .execute_typed(
            r"
            update adoption_progress
            set last_key = $2,
                rows_read = $3,
                rows_taken = $4,
                rows_present = $5,
                rows_refused = $6,
                reasons = $7,
                done_at = $8,
                updated_at = $9
            where table_name = $1
            ",
            &[
                (&progress.table_name, Type::TEXT),
                (&progress.last_key, Type::TEXT),
                (&progress.rows_read, Type::INT8),
                (&progress.rows_taken, Type::INT8),
                (&progress.rows_present, Type::INT8),
                (&progress.rows_refused, Type::INT8),
                (&Json(&progress.reasons), Type::JSONB),
                (&progress.done_at, Type::TIMESTAMPTZ),
                (&now, Type::TIMESTAMPTZ),
            ],
        )
        .await
        .map(drop)
}

/// Every table that is or was copied.
pub async fn all(db: &impl Executor) -> Result<Vec<Progress>, DbError> {
    let rows = db
        .query_typed(
            r"
            select table_name, last_key, rows_read, rows_taken, rows_present, rows_refused, reasons, done_at
            from adoption_progress
            order by started_at, table_name
            ",
            &[],
        )
        .await?;
    rows.iter().map(Progress::try_from).collect()
}

impl TryFrom<&Row> for Progress {
    type Error = DbError;

    fn try_from(row: &Row) -> Result<Self, DbError> {
        let Json(reasons) = row.try_get("reasons")?;
        Ok(Self {
            table_name: row.try_get("table_name")?,
            last_key: row.try_get("last_key")?,
            rows_read: row.try_get("rows_read")?,
            rows_taken: row.try_get("rows_taken")?,
            rows_present: row.try_get("rows_present")?,
            rows_refused: row.try_get("rows_refused")?,
            reasons,
            done_at: row.try_get("done_at")?,
        })
    }
}
