//! Answers `POST /analytics`: what calls come to, by steps of time and groups, as the API's description has it.

use std::{collections::BTreeMap, sync::Arc};

use axum::http::StatusCode;
use bytes::Bytes;
use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveDateTime, NaiveTime, SecondsFormat, TimeDelta, Timelike, Utc};
use chrono_tz::Tz;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    document::Document,
    refusal::Refused,
    world::{Counting, World},
};

/// The longest name of a query or of a column.
const LONGEST_NAME: usize = 40;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Queries {
    queries: Vec<Query>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Query {
    table: Table,
    name: String,
    operations: Vec<Operation>,
    #[serde(default)]
    group_by: Vec<Group>,
    #[serde(default)]
    time_range: TimeRange,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Table {
    Call,
    Subscription,
}

#[derive(Clone, Copy, Deserialize)]
enum Group {
    #[serde(rename = "type")]
    Kind,
    #[serde(rename = "assistantId")]
    Assistant,
    #[serde(rename = "endedReason")]
    EndedReason,
    #[serde(rename = "analysis.successEvaluation")]
    SuccessEvaluation,
    #[serde(rename = "status")]
    Status,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Operation {
    #[serde(rename = "operation")]
    aggregate: Aggregate,
    column: String,
    alias: Option<String>,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Aggregate {
    Sum,
    Avg,
    Count,
    Min,
    Max,
}

#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct TimeRange {
    step: Option<Step>,
    start: Option<DateTime<Utc>>,
    end: Option<DateTime<Utc>>,
    timezone: Option<String>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Step {
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Quarter,
    Year,
    Decade,
    Century,
    Millennium,
}

const COLUMNS: [&str; 16] = [
    "id",
    "cost",
    "costBreakdown.llm",
    "costBreakdown.stt",
    "costBreakdown.tts",
    "costBreakdown.vapi",
    "costBreakdown.transport",
    "costBreakdown.analysisBreakdown.summary",
    "costBreakdown.transcriber",
    "costBreakdown.ttsCharacters",
    "costBreakdown.llmPromptTokens",
    "costBreakdown.llmCompletionTokens",
    "costBreakdown.llmCachedPromptTokens",
    "duration",
    "concurrency",
    "minutesUsed",
];

/// The step that a call lies in, and the values that it is grouped by.
type Bucket = (Option<NaiveDateTime>, Vec<String>);

/// The answer's body, or a refusal that says what is wrong with the question.
pub(crate) fn answer(world: &World, body: &[u8]) -> Result<Bytes, Refused> {
    let off = match world.counting {
        Counting::Truthful => 0,
        Counting::Off(off) => off,
        Counting::Refused(status) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::NOT_FOUND);
            return Err(Refused::new(status, "Cannot POST /analytics"));
        }
    };
    let asked: Queries = serde_json::from_slice(body).map_err(|error| Refused::invalid(vec![error.to_string()]))?;
    let results: Result<Vec<Value>, Refused> = asked.queries.iter().map(|query| result(world, query, off)).collect();
    Ok(Bytes::from(Value::from(results?).to_string()))
}

fn result(world: &World, query: &Query, off: i64) -> Result<Value, Refused> {
    let zone = zone(query)?;
    check(query)?;
    let start = query.time_range.start.unwrap_or(world.now() - TimeDelta::days(7));
    let end = query.time_range.end.unwrap_or(world.now());
    let mut groups: BTreeMap<Bucket, Vec<Arc<Document>>> = BTreeMap::new();
    for call in world
        .every_call()
        .filter(|call| call.created >= start && call.created < end)
    {
        if query.table != Table::Call {
            continue;
        }
        let local = call.created.with_timezone(&zone).naive_local();
        let bucket = query.time_range.step.map(|step| step.start_of(local));
        let value = if query.group_by.is_empty() { None } else { call.value() };
        let names = query.group_by.iter().map(|group| group.of(value.as_ref())).collect();
        groups.entry((bucket, names)).or_default().push(Arc::clone(call));
    }
    let rows: Vec<Value> = groups
        .iter()
        .map(|((bucket, names), calls)| row(query, *bucket, names, calls, off))
        .collect();
    let instant = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Millis, true);
    Ok(json!({
        "name": query.name,
        "timeRange": {"start": instant(start), "end": instant(end), "timezone": zone.name()},
        "result": rows,
    }))
}

fn zone(query: &Query) -> Result<Tz, Refused> {
    let name = query.time_range.timezone.as_deref().unwrap_or("UTC");
    name.parse()
        .map_err(|_| Refused::invalid(vec![format!("timeRange.timezone {name} is unknown")]))
}

fn check(query: &Query) -> Result<(), Refused> {
    let mut problems = Vec::new();
    if query.name.len() > LONGEST_NAME {
        problems.push(format!(
            "name must be shorter than or equal to {LONGEST_NAME} characters"
        ));
    }
    for operation in &query.operations {
        if !COLUMNS.contains(&operation.column.as_str()) {
            problems.push(format!(
                "column must be one of the following values: {}",
                COLUMNS.join(", ")
            ));
        }
        if operation.alias.as_ref().is_some_and(|alias| alias.len() > LONGEST_NAME) {
            problems.push(format!(
                "alias must be shorter than or equal to {LONGEST_NAME} characters"
            ));
        }
    }
    if problems.is_empty() {
        Ok(())
    } else {
        Err(Refused::invalid(problems))
    }
}

fn row(query: &Query, bucket: Option<NaiveDateTime>, names: &[String], calls: &[Arc<Document>], off: i64) -> Value {
    let mut row = Map::new();
    if let Some(bucket) = bucket {
        let date = if bucket.time() == NaiveTime::MIN {
            bucket.date().to_string()
        } else {
            bucket.format("%Y-%m-%dT%H:%M:%S").to_string()
        };
        row.insert("date".to_owned(), json!(date));
    }
    for (group, name) in query.group_by.iter().zip(names) {
        row.insert(group.name().to_owned(), json!(name));
    }
    for operation in &query.operations {
        row.insert(operation.name(), operation.of(calls, off));
    }
    Value::Object(row)
}

impl Operation {
    fn name(&self) -> String {
        self.alias.clone().unwrap_or_else(|| {
            let mut column = self.column.clone();
            if let Some(first) = column.get_mut(..1) {
                first.make_ascii_uppercase();
            }
            format!("{}{column}", self.aggregate.name())
        })
    }

    /// A database gives a count as text, since it may be larger than a number of JSON can be.
    fn of(&self, calls: &[Arc<Document>], off: i64) -> Value {
        if self.aggregate == Aggregate::Count {
            let counted = i64::try_from(calls.len()).unwrap_or(i64::MAX);
            return json!((counted + off).max(0).to_string());
        }
        let pointer = format!("/{}", self.column.replace('.', "/"));
        let numbers: Vec<f64> = calls
            .iter()
            .filter_map(|call| match self.column.as_str() {
                "cost" => call.cost(),
                _ => call.value()?.pointer(&pointer)?.as_f64(),
            })
            .collect();
        let sum: f64 = numbers.iter().sum();
        #[expect(clippy::cast_precision_loss, reason = "thousands of calls")]
        let count = numbers.len() as f64;
        match self.aggregate {
            Aggregate::Sum | Aggregate::Count => json!(sum),
            Aggregate::Avg if numbers.is_empty() => json!(0),
            Aggregate::Avg => json!(sum / count),
            Aggregate::Min => json!(numbers.into_iter().reduce(f64::min)),
            Aggregate::Max => json!(numbers.into_iter().reduce(f64::max)),
        }
    }
}

impl Aggregate {
    fn name(self) -> &'static str {
        match self {
            Self::Sum => "sum",
            Self::Avg => "avg",
            Self::Count => "count",
            Self::Min => "min",
            Self::Max => "max",
        }
    }
}

impl Group {
    fn name(self) -> &'static str {
        match self {
            Self::Kind => "type",
            Self::Assistant => "assistantId",
            Self::EndedReason => "endedReason",
            Self::SuccessEvaluation => "analysis.successEvaluation",
            Self::Status => "status",
        }
    }

    fn of(self, call: Option<&Value>) -> String {
        let found = call.and_then(|call| call.pointer(&format!("/{}", self.name().replace('.', "/"))));
        found.and_then(Value::as_str).unwrap_or_default().to_owned()
    }
}

impl Step {
    /// Where the step begins that this local time lies in.
    fn start_of(self, at: NaiveDateTime) -> NaiveDateTime {
        let (date, time) = (at.date(), at.time());
        let clock = |minute, second| date.and_hms_opt(time.hour(), minute, second).unwrap_or(at);
        let first = |year: i32, month: u32| {
            NaiveDate::from_ymd_opt(year, month, 1)
                .unwrap_or(date)
                .and_time(NaiveTime::MIN)
        };
        let years = |span: i32| first(date.year() - date.year().rem_euclid(span), 1);
        match self {
            Self::Second => clock(time.minute(), time.second()),
            Self::Minute => clock(time.minute(), 0),
            Self::Hour => clock(0, 0),
            Self::Day => date.and_time(NaiveTime::MIN),
            Self::Week => {
                let since_monday = Days::new(date.weekday().num_days_from_monday().into());
                (date - since_monday).and_time(NaiveTime::MIN)
            }
            Self::Month => first(date.year(), date.month()),
            Self::Quarter => first(date.year(), date.month0() / 3 * 3 + 1),
            Self::Year => first(date.year(), 1),
            Self::Decade => years(10),
            Self::Century => years(100),
            Self::Millennium => years(1000),
        }
    }
}
