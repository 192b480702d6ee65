//! A run as its row has it, and the queries on `runs`.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Map, Value};
use tokio_postgres::Row as PgRow;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::Counters;
use crate::platform::db::Lenient;
use crate::platform::db::{DbError, Executor};

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

/// A statement that reads rows of `runs`: what is read, then where and in which order. `$1` asks for whole rows; else
/// long texts are cut, and of what a run noted only the reason for which it was skipped is there.
macro_rules! select_runs {
    ($($rest:literal),+) => {
        concat!(
            r"
            select id, script_name, status, triggered_by, batch_id, started_at, deadline_at, finished_at, duration_ms,
                   records_fetched, records_inserted, records_updated, records_failed, calls_analyzed, api_cost,
                   case when $1 then error_message else left(error_message, 300) end as error_message,
                   case when $1 then metadata
                        else jsonb_strip_nulls(jsonb_build_object('reason', left(metadata ->> 'reason', 300)))
                   end as metadata
            from runs
            ",
            $($rest),+
        )
    };
}

pub(super) use select_runs;

impl Row {
    /// Why it is not a success, as far as it says.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        self.error_message
            .as_deref()
            .or_else(|| self.metadata.get("reason").and_then(Value::as_str))
    }

    /// What the run was asked to do: an object, `{}` where nothing in particular.
    #[must_use]
    pub fn input(&self) -> Value {
        self.metadata
            .get("input")
            .cloned()
            .unwrap_or_else(|| Value::Object(Map::new()))
    }
}

/// The newest runs of a script first, or of all.
pub async fn latest(db: &impl Executor, script_name: Option<&str>, limit: i64) -> Result<Vec<Row>, DbError> {
    let rows = db
        .query_typed(
            select_runs!(
                r"
                where $2::text is null or script_name = $2
                order by started_at desc, id desc
                limit $3
                "
            ),
            &[(&true, Type::BOOL), (&script_name, Type::TEXT), (&limit, Type::INT8)],
        )
        .await?;
    rows.iter().map(Row::try_from).collect()
}

/// One run.
pub async fn find(db: &impl Executor, id: Uuid) -> Result<Option<Row>, DbError> {
    let row = db
        .query_typed_opt(select_runs!("where id = $2"), &[(&true, Type::BOOL), (&id, Type::UUID)])
        .await?;
    row.as_ref().map(Row::try_from).transpose()
}

/// The runs of a batch in the order in which they began, `limit` at most; long texts are cut.
pub async fn batch(db: &impl Executor, batch_id: Uuid, limit: i64) -> Result<Vec<Row>, DbError> {
    let rows = db
        .query_typed(
            select_runs!(
                r"
                where batch_id = $2
                order by started_at, id
                limit $3
                "
            ),
            &[(&false, Type::BOOL), (&batch_id, Type::UUID), (&limit, Type::INT8)],
        )
        .await?;
    rows.iter().map(Row::try_from).collect()
}

/// The first run of a script that began at an instant or later; long texts are cut.
pub async fn begun(db: &impl Executor, script_name: &str, since: DateTime<Utc>) -> Result<Option<Row>, DbError> {
    let row = db
        .query_typed_opt(
            select_runs!(
                r"
                where script_name = $2
                  and started_at >= $3
                order by started_at, id
                limit 1
                "
            ),
            &[
                (&false, Type::BOOL),
                (&script_name, Type::TEXT),
                (&since, Type::TIMESTAMPTZ),
            ],
        )
        .await?;
    row.as_ref().map(Row::try_from).transpose()
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
            metadata: row.try_get::<_, Lenient>("metadata")?.0,
        })
    }
}
