//! The list of calls, filtered, page by page or as a whole.

use std::fmt;

use chrono::{DateTime, Utc};
use futures::stream::{BoxStream, StreamExt as _};
use rust_decimal::Decimal;
use serde::Serialize;
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

use super::Scope;
use crate::platform::db::{DbError, Executor};

/// Which of them are listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Quality {
    /// All.
    #[default]
    All,
    /// Longer than 30 seconds.
    Quality,
    /// Longer than 60 seconds, with a score above 70.
    Excellent,
    /// With a score.
    WithQci,
    /// With a transcript.
    WithTranscript,
}

/// Where a page of the list begins; a row's key is its instant and its id.
#[derive(Clone, Copy, Debug)]
pub enum Place<'a> {
    /// At the newest call.
    Newest,
    /// With the calls that are older than this one.
    Before(DateTime<Utc>, &'a str),
    /// With the calls that are just newer than this one.
    After(DateTime<Utc>, &'a str),
}

/// One row of `calls_listed`: a call and what the active framework says of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Listed {
    /// The call.
    pub id: String,
    /// When it began or, where it never did, was created.
    pub call_at: DateTime<Utc>,
    /// When it began.
    pub started_at: Option<DateTime<Utc>>,
    /// From start to end.
    pub duration_seconds: Option<i32>,
    /// Its assistant.
    pub assistant_id: Option<String>,
    /// The assistant's name.
    pub assistant_name: Option<String>,
    /// The customer's number.
    pub customer_number: Option<String>,
    /// The score.
    pub qci_score: Option<Decimal>,
    /// Whether there is a transcript.
    pub has_transcript: bool,
    /// Whether there is a score.
    pub has_qci: bool,
    /// Vapi's status.
    pub status: Option<String>,
    /// `excellent`, `good`, `average` or `poor` by length and score; nothing without a score.
    pub quality: Option<String>,
    /// What Vapi charged, in USD.
    pub cost: Option<Decimal>,
    /// Why it ended.
    pub ended_reason: Option<String>,
    /// `scored`, `skipped`, `failed` or `parked`; nothing where the framework has not looked at it.
    pub analysis_status: Option<String>,
    /// Why it has no score, where it was skipped.
    pub skip_reason: Option<String>,
    /// `excellent`, `good`, `needs_improvement` or `poor` by score alone.
    pub call_classification: Option<String>,
    /// Whether some of the judge's evidence was not found.
    pub is_flagged: Option<bool>,
    /// The run that looked at it.
    pub analysis_run_id: Option<Uuid>,
}

/// A page of the list, newest first.
pub async fn list(
    db: &impl Executor,
    scope: &Scope<'_>,
    quality: Quality,
    place: Place<'_>,
    limit: i64,
) -> Result<Vec<Listed>, DbError> {
    let (statement, at, id) = match place {
        // No id is less than none: all that is older than the end.
        Place::Newest => (OLDER, scope.to, ""),
        Place::Before(at, id) => (OLDER, at, id),
        Place::After(at, id) => (NEWER, at, id),
    };
    let rows = db
        .query_typed(
            statement,
            &[
                (&scope.assistant_id, Type::TEXT),
                (&quality.as_str(), Type::TEXT),
                (&scope.from, Type::TIMESTAMPTZ),
                (&scope.to, Type::TIMESTAMPTZ),
                (&at, Type::TIMESTAMPTZ),
                (&id, Type::TEXT),
                (&limit, Type::INT8),
            ],
        )
        .await?;
    rows.iter().map(Listed::try_from).collect()
}

/// The whole list, newest first, as the server sends it: no more than a few rows are in memory. The connection has no
/// time for anything else until the stream ends.
pub async fn stream(
    db: &impl Executor,
    scope: &Scope<'_>,
    quality: Quality,
) -> Result<BoxStream<'static, Result<Listed, DbError>>, DbError> {
    let quality = quality.as_str();
    let parameters: Vec<(&(dyn ToSql + Sync), Type)> = vec![
        (&scope.assistant_id, Type::TEXT),
        (&quality, Type::TEXT),
        (&scope.from, Type::TIMESTAMPTZ),
        (&scope.to, Type::TIMESTAMPTZ),
    ];
    let rows = db.query_typed_raw(ALL, parameters).await?;
    Ok(rows.map(|row| Listed::try_from(&row?)).boxed())
}

/// The listed calls of a page, which is a common table expression: the one list of columns that a [`Listed`] is read from.
macro_rules! select_listed {
    ($page:literal) => {
        concat!(
            $page,
            r"
            select listed.id, listed.call_at, listed.started_at, listed.duration_seconds, listed.assistant_id,
                   listed.assistant_name, listed.customer_number, listed.qci_score, listed.has_transcript,
                   listed.has_qci, listed.status, listed.quality, listed.cost, listed.ended_reason,
                   listed.analysis_status, listed.skip_reason, listed.call_classification, listed.is_flagged,
                   listed.analysis_run_id
            from page
            join calls_listed as listed on listed.id = page.id
            order by page.call_at desc, page.id desc
            "
        )
    };
}

pub(crate) use select_listed;

/// The calls that are older than a place. A page is found in an index first, so that only its own rows are read.
const OLDER: &str = select_listed!(
    r"
    with page as materialized (
        (
            select call.call_at, call.id
            from calls_filtered($1, $2) as call
            where call.call_at >= $3
              and call.call_at < $4
              and (call.call_at, call.id) < ($5, $6)
            order by call.call_at desc, call.id desc
            limit $7
        )
        union all
        (
            select score.call_at, score.id
            from scores_filtered($1, $2) as score
            where score.call_at >= $3
              and score.call_at < $4
              and (score.call_at, score.id) < ($5, $6)
            order by score.call_at desc, score.id desc
            limit $7
        )
    )"
);

/// The calls that are just newer than a place.
const NEWER: &str = select_listed!(
    r"
    with page as materialized (
        (
            select call.call_at, call.id
            from calls_filtered($1, $2) as call
            where call.call_at >= $3
              and call.call_at < $4
              and (call.call_at, call.id) > ($5, $6)
            order by call.call_at, call.id
            limit $7
        )
        union all
        (
            select score.call_at, score.id
            from scores_filtered($1, $2) as score
            where score.call_at >= $3
              and score.call_at < $4
              and (score.call_at, score.id) > ($5, $6)
            order by score.call_at, score.id
            limit $7
        )
    )"
);

const ALL: &str = select_listed!(
    r"
    with page as materialized (
        select call.call_at, call.id
        from calls_filtered($1, $2) as call
        where call.call_at >= $3
          and call.call_at < $4
        union all
        select score.call_at, score.id
        from scores_filtered($1, $2) as score
        where score.call_at >= $3
          and score.call_at < $4
    )"
);

impl Quality {
    /// All there are, in the order of a menu.
    pub const ALL: [Self; 5] = [
        Self::All,
        Self::Quality,
        Self::Excellent,
        Self::WithQci,
        Self::WithTranscript,
    ];

    /// As SQL and addresses have it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Quality => "quality",
            Self::Excellent => "excellent",
            Self::WithQci => "with_qci",
            Self::WithTranscript => "with_transcript",
        }
    }

    /// The filter of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|quality| quality.as_str() == name)
    }
}

impl fmt::Display for Quality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl TryFrom<&Row> for Listed {
    type Error = DbError;

    fn try_from(row: &Row) -> Result<Self, DbError> {
        Ok(Self {
            id: row.try_get("id")?,
            call_at: row.try_get("call_at")?,
            started_at: row.try_get("started_at")?,
            duration_seconds: row.try_get("duration_seconds")?,
            assistant_id: row.try_get("assistant_id")?,
            assistant_name: row.try_get("assistant_name")?,
            customer_number: row.try_get("customer_number")?,
            qci_score: row.try_get("qci_score")?,
            has_transcript: row.try_get("has_transcript")?,
            has_qci: row.try_get("has_qci")?,
            status: row.try_get("status")?,
            quality: row.try_get("quality")?,
            cost: row.try_get("cost")?,
            ended_reason: row.try_get("ended_reason")?,
            analysis_status: row.try_get("analysis_status")?,
            skip_reason: row.try_get("skip_reason")?,
            call_classification: row.try_get("call_classification")?,
            is_flagged: row.try_get("is_flagged")?,
            analysis_run_id: row.try_get("analysis_run_id")?,
        })
    }
}
