//! A log line as its row has it, and the queries on `logs` that a page or a terminal shows a run with.

use chrono::{DateTime, Utc};
use futures::stream::{BoxStream, StreamExt as _};
use serde::Serialize;
use serde_json::Value;
use tokio_postgres::Row as PgRow;
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

use super::Level;
use super::list::Part;
use super::text::containing;
use crate::platform::db::Lenient;
use crate::platform::db::{DbError, Executor};

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
    /// The facts behind it: an object; where it was cut, a text.
    pub meta: Value,
}

/// Which lines of a run.
#[derive(Clone, Debug, Default)]
pub struct LogFilter {
    /// Only lines that matter as much, or more.
    pub level: Option<Level>,
    /// Only lines of this step.
    pub step: Option<String>,
    /// Only lines with this text in what was said, or in the facts behind it.
    pub text: Option<String>,
}

/// A step of a run, from its first line to its last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepSpan {
    /// See [`Step`](super::Step).
    pub step: String,
    /// When its first line was said.
    pub first: DateTime<Utc>,
    /// When its last line was said.
    pub last: DateTime<Utc>,
    /// How many there are.
    pub lines: i64,
    /// How many of them are warnings.
    pub warnings: i64,
    /// How many of them are errors.
    pub errors: i64,
}

/// A statement that reads lines of the run `$2`. `$1` asks for whole lines; else long texts are cut.
macro_rules! select_logs {
    ($($rest:literal),+) => {
        concat!(
            r"
            select id, run_id, timestamp, level, step,
                   case when $1 or length(message) <= 2000 then message else left(message, 2000) || '…' end as message,
                   case when $1 or length(meta::text) <= 2000 then meta
                        else to_jsonb(left(meta::text, 2000) || '…')
                   end as meta
            from logs
            where run_id = $2
            ",
            $($rest),+
        )
    };
}

/// The condition of a [`LogFilter`], in terms of `$3` to `$5`.
macro_rules! select_matching {
    ($rest:literal) => {
        select_logs!(
            r"
              and level = any($3)
              and ($4::text is null or step = $4)
              and ($5::text is null or message ilike $5 or meta::text ilike $5)
            ",
            $rest
        )
    };
}

/// The first lines of a run, in the order in which they were said.
pub async fn logs(db: &impl Executor, run_id: Uuid, limit: i64) -> Result<Vec<LogRow>, DbError> {
    let rows = db
        .query_typed(
            select_logs!(
                r"
                order by timestamp, id
                limit $3
                "
            ),
            &[(&true, Type::BOOL), (&run_id, Type::UUID), (&limit, Type::INT8)],
        )
        .await?;
    rows.iter().map(LogRow::try_from).collect()
}

/// A part of the lines of a run, oldest first; long texts are cut.
pub async fn log_page(
    db: &impl Executor,
    run_id: Uuid,
    filter: &LogFilter,
    part: Part,
    limit: i64,
) -> Result<Vec<LogRow>, DbError> {
    let terms = Terms::of(filter);
    let (sql, place) = match part {
        Part::First => (LATER, None),
        Part::After(place) => (LATER, Some(place)),
        Part::Before(place) => (EARLIER, Some(place)),
    };
    let (at, id) = place.unzip();
    let mut parameters = terms.parameters(&false, &run_id);
    parameters.extend([
        (&at as &(dyn ToSql + Sync), Type::TIMESTAMPTZ),
        (&id, Type::UUID),
        (&limit, Type::INT8),
    ]);
    let rows = db.query_typed(sql, &parameters).await?;
    let mut rows: Vec<LogRow> = rows.iter().map(LogRow::try_from).collect::<Result<_, _>>()?;
    if matches!(part, Part::Before(_)) {
        rows.reverse();
    }
    Ok(rows)
}

/// All lines of a run that match, oldest first, row by row.
pub async fn all_logs(
    db: &impl Executor,
    run_id: Uuid,
    filter: &LogFilter,
) -> Result<BoxStream<'static, Result<LogRow, DbError>>, DbError> {
    const ALL: &str = select_matching!("order by timestamp, id");
    let terms = Terms::of(filter);
    let rows = db.query_typed_raw(ALL, terms.parameters(&true, &run_id)).await?;
    Ok(rows.map(|row| LogRow::try_from(&row?)).boxed())
}

/// The steps of a run, in the order in which they began.
pub async fn steps(db: &impl Executor, run_id: Uuid) -> Result<Vec<StepSpan>, DbError> {
    let rows = db
        .query_typed(
            r"
            select step,
                   min(timestamp) as first,
                   max(timestamp) as last,
                   count(*) as lines,
                   count(*) filter (where level = 'WARNING') as warnings,
                   count(*) filter (where level = 'ERROR') as errors
            from logs
            where run_id = $1
            group by step
            order by first, last, step
            ",
            &[(&run_id, Type::UUID)],
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok(StepSpan {
                step: row.try_get("step")?,
                first: row.try_get("first")?,
                last: row.try_get("last")?,
                lines: row.try_get("lines")?,
                warnings: row.try_get("warnings")?,
                errors: row.try_get("errors")?,
            })
        })
        .collect()
}

const LATER: &str = select_matching!(
    r"
              and ($6::timestamptz is null or (timestamp, id) > ($6, $7))
            order by timestamp, id
            limit $8
    "
);

const EARLIER: &str = select_matching!(
    r"
              and (timestamp, id) < ($6, $7)
            order by timestamp desc, id desc
            limit $8
    "
);

/// A filter as the statements want it.
struct Terms<'a> {
    filter: &'a LogFilter,
    levels: Vec<&'static str>,
    pattern: Option<String>,
}

impl<'a> Terms<'a> {
    fn of(filter: &'a LogFilter) -> Self {
        let least = filter.level.unwrap_or(Level::Debug);
        let levels = Level::ALL.iter().skip_while(|level| **level != least);
        Self {
            filter,
            levels: levels.map(|level| level.as_str()).collect(),
            pattern: filter.text.as_deref().map(containing),
        }
    }

    fn parameters<'b>(&'b self, is_whole: &'b bool, run_id: &'b Uuid) -> Vec<(&'b (dyn ToSql + Sync), Type)> {
        vec![
            (is_whole, Type::BOOL),
            (run_id, Type::UUID),
            (&self.levels, Type::TEXT_ARRAY),
            (&self.filter.step, Type::TEXT),
            (&self.pattern, Type::TEXT),
        ]
    }
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
            meta: row.try_get::<_, Lenient>("meta")?.0,
        })
    }
}
