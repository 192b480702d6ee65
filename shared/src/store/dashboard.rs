//! What the dashboard shows: the three SQL functions that front ends call, and the list of calls page by page.

mod hours;
mod list;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use tokio_postgres::Row;
use tokio_postgres::types::{Json, Type};

use crate::platform::db::{DbError, Executor};

pub use self::hours::{count_hours, keep_hours};
pub(crate) use self::list::select_listed;
pub use self::list::{Listed, Place, Quality, list, stream};

/// Which calls are looked at.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a> {
    /// Those of this assistant alone.
    pub assistant_id: Option<&'a str>,
    /// The first instant.
    pub from: DateTime<Utc>,
    /// The first instant that no longer counts.
    pub to: DateTime<Utc>,
}

/// What `get_dashboard_metrics` says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metrics {
    /// Calls.
    pub total_calls: i64,
    /// Those longer than 30 seconds.
    pub quality_calls: i64,
    /// Those longer than 60 seconds.
    pub engaged_calls: i64,
    /// Those with a score.
    pub analyzed_calls: i64,
    /// The mean length of those that have one, in seconds.
    pub avg_duration: f64,
    /// The mean score.
    #[serde(rename = "avgQCI")]
    pub avg_qci: f64,
    /// Of a hundred calls, how many are longer than 30 seconds.
    pub quality_rate: f64,
    /// Assistants that there are.
    pub total_assistants: i64,
}

/// One stretch of time of `get_timeline_data`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Bucket {
    /// The day on which it begins.
    pub date: NaiveDate,
    /// Calls.
    pub total_calls: i64,
    /// Those longer than 30 seconds.
    pub quality_calls: i64,
    /// Those with a score.
    pub analyzed_calls: i64,
}

/// How many calls there are, how long and how good.
pub async fn metrics(db: &impl Executor, scope: &Scope<'_>) -> Result<Metrics, DbError> {
    let row = db
        .query_typed_one(
            "select get_dashboard_metrics($1, $2, $3)",
            &[
                (&scope.assistant_id, Type::TEXT),
                (&scope.from, Type::TIMESTAMPTZ),
                (&scope.last(), Type::TIMESTAMPTZ),
            ],
        )
        .await?;
    let Json(metrics) = row.try_get(0)?;
    Ok(metrics)
}

/// How many calls there were in each hour, day, week, … of a time zone, oldest first.
pub async fn timeline(
    db: &impl Executor,
    scope: &Scope<'_>,
    granularity: &str,
    zone: &str,
) -> Result<Vec<Bucket>, DbError> {
    let rows = db
        .query_typed(
            r"
            select date::date as date, total_calls, quality_calls, analyzed_calls
            from get_timeline_data($1, $2, $3, $4, $5)
            ",
            &[
                (&scope.assistant_id, Type::TEXT),
                (&scope.from, Type::TIMESTAMPTZ),
                (&scope.last(), Type::TIMESTAMPTZ),
                (&granularity, Type::TEXT),
                (&zone, Type::TEXT),
            ],
        )
        .await?;
    rows.iter().map(Bucket::try_from).collect()
}

impl Scope<'_> {
    /// The last instant that counts: for the SQL functions an end is part of what it ends.
    fn last(&self) -> DateTime<Utc> {
        self.to - TimeDelta::microseconds(1)
    }
}

impl TryFrom<&Row> for Bucket {
    type Error = DbError;

    fn try_from(row: &Row) -> Result<Self, DbError> {
        Ok(Self {
            date: row.try_get("date")?,
            total_calls: row.try_get("total_calls")?,
            quality_calls: row.try_get("quality_calls")?,
            analyzed_calls: row.try_get("analyzed_calls")?,
        })
    }
}
