//! Runs and their log lines.

use anyhow::Result;
use chrono::{DateTime, TimeDelta, Utc};
use rust_decimal::Decimal;
use serde_json::{Map, Value, json};
use shared::platform::db::{Executor, Transaction};
use shared::run::adopted::{self, AdoptedLine, AdoptedRun, MARK};

use super::old::Old;
use super::tally::Tally;
use super::value;

/// What a run says that was still `running`: its process is gone.
const LOST: &str = "lost: it was still running when the earlier system's tables were adopted";
/// What a run says that failed and did not say why.
const SILENT: &str = "the earlier system kept no reason";

/// `duration_ms` holds no more.
const LONGEST: TimeDelta = TimeDelta::days(24);
/// The precision of `api_cost` ends here.
const DEAREST: i64 = 1_000_000;

/// What our code reads of a run's metadata: the earlier system's members of these names would be taken for ours.
const RESERVED: [&str; 6] = [
    "event_id",
    "attempt",
    "reason",
    "watermark",
    "retention_headroom_hours",
    MARK,
];

/// Stores a batch of runs.
pub(super) async fn take(transaction: &Transaction<'_>, rows: &[Old], now: DateTime<Utc>) -> Result<Tally> {
    let mut tally = Tally::default();
    let runs: Vec<AdoptedRun> = rows.iter().map(|row| read(row, now, &mut tally)).collect();
    tally.taken = adopted::insert(transaction, &runs).await?;
    tally.present = runs.len() as u64 - tally.taken;
    Ok(tally)
}

/// Stores a batch of lines.
pub(super) async fn take_lines(transaction: &Transaction<'_>, rows: &[Old]) -> Result<Tally> {
    let mut tally = Tally::default();
    let lines: Vec<AdoptedLine> = rows.iter().map(read_line).collect();
    let (inserted, orphans) = adopted::insert_lines(transaction, &lines).await?;
    tally.taken = inserted;
    tally.present = lines.len() as u64 - inserted - orphans;
    tally.refuse("lines of a run that there is not", orphans);
    Ok(tally)
}

/// How many of these runs our table holds, and how many of them as they were.
pub(super) async fn same(db: &impl Executor, rows: &[Old], now: DateTime<Utc>) -> Result<(i64, i64)> {
    let runs: Vec<AdoptedRun> = rows.iter().map(|row| read(row, now, &mut Tally::default())).collect();
    Ok(adopted::same(db, &runs).await?)
}

/// How many of these lines our table holds, and how many of them as they were.
pub(super) async fn same_lines(db: &impl Executor, rows: &[Old]) -> Result<(i64, i64)> {
    let lines: Vec<AdoptedLine> = rows.iter().map(read_line).collect();
    Ok(adopted::same_lines(db, &lines).await?)
}

fn read(row: &Old, now: DateTime<Utc>, tally: &mut Tally) -> AdoptedRun {
    // What could not be kept as it was is kept here.
    let mut earlier = Map::new();
    let length = row.decimal("duration_ms").and_then(|ms| i64::try_from(ms.round()).ok());
    let length = length.filter(|ms| *ms >= 0).map(TimeDelta::milliseconds);
    let (started, finished) = (row.instant("started_at"), row.instant("finished_at"));
    let started_at = started.or(finished).unwrap_or(now);
    if started.is_none() {
        earlier.insert("started_at".to_owned(), Value::Null);
        tally.note("runs without a start");
    }
    let (status, error_message) = outcome(row, &mut earlier, tally);
    let ended = finished
        .or_else(|| started_at.checked_add_signed(length?))
        .unwrap_or(started_at);
    let finished_at = ended.clamp(started_at, started_at + LONGEST);
    if finished.is_some_and(|finished| finished != finished_at) {
        earlier.insert("finished_at".to_owned(), json!(finished));
        tally.note("runs that ended before they began, or after more than 24 days");
    }
    if let Some(length) = length.filter(|length| *length != finished_at - started_at) {
        earlier.insert("duration_ms".to_owned(), json!(length.num_milliseconds()));
    }
    if let Some(text) = row.text("legacy_id") {
        earlier.insert("legacy_id".to_owned(), json!(text));
    }
    let batch_id = batch(row, &mut earlier);
    let api_cost = cost(row, &mut earlier);
    let triggered_by = row.text("triggered_by").unwrap_or_else(|| {
        tally.note("runs without a known trigger: `unknown`");
        "unknown"
    });
    let count = |name: &str| row.whole(name).unwrap_or_default();
    AdoptedRun {
        id: value::id("run", row.key()),
        script_name: row.text("script_name").unwrap_or("unknown").to_owned(),
        status,
        triggered_by: triggered_by.to_owned(),
        batch_id,
        started_at,
        deadline_at: finished_at,
        finished_at,
        records_fetched: count("records_fetched"),
        records_inserted: count("records_inserted"),
        records_updated: count("records_updated"),
        records_failed: count("records_failed"),
        calls_analyzed: count("calls_analyzed"),
        api_cost,
        error_message,
        metadata: metadata(row, earlier),
    }
}

/// The status, and the reason that goes with it.
fn outcome(row: &Old, earlier: &mut Map<String, Value>, tally: &mut Tally) -> (&'static str, Option<String>) {
    let said = row.text("error_message").map(str::to_owned);
    let text = row.text("status").unwrap_or_default();
    match text.to_ascii_lowercase().as_str() {
        "success" => ("success", said),
        "partial" => ("partial", said),
        "skipped" => ("skipped", said),
        "error" => ("error", Some(said.unwrap_or_else(|| SILENT.to_owned()))),
        "running" => {
            tally.note("runs that were still `running`: closed as lost");
            earlier.insert("status".to_owned(), json!(text));
            let lost = said.map_or_else(|| LOST.to_owned(), |said| format!("{LOST}; {said}"));
            ("error", Some(lost))
        }
        _ => {
            tally.note("runs with a status that we do not know: `error`");
            earlier.insert("status".to_owned(), json!(text));
            (
                "error",
                Some(said.unwrap_or_else(|| format!("ended as {text:?} by the earlier system"))),
            )
        }
    }
}

/// The batch. One that had no id of ours gets one; runs of one batch stay together.
fn batch(row: &Old, earlier: &mut Map<String, Value>) -> uuid::Uuid {
    match row.text("batch_id") {
        Some(text) => {
            if text.parse::<uuid::Uuid>().is_err() {
                earlier.insert("batch_id".to_owned(), json!(text));
            }
            value::id("batch", text)
        }
        None => value::id("batch of run", row.key()),
    }
}

/// A run that asked no model spent nothing; of one that did, nothing said is nothing known.
fn cost(row: &Old, earlier: &mut Map<String, Value>) -> Option<Decimal> {
    match row.decimal("api_cost") {
        Some(cost) if cost.abs() < Decimal::from(DEAREST) => Some(cost),
        Some(cost) => {
            earlier.insert("api_cost".to_owned(), json!(cost.to_string()));
            None
        }
        None => (row.whole("calls_analyzed").unwrap_or_default() == 0).then_some(Decimal::ZERO),
    }
}

fn metadata(row: &Old, mut earlier: Map<String, Value>) -> Value {
    let mut metadata = match row.redacted("metadata") {
        Some(Value::Object(members)) => members,
        None | Some(Value::Null) => Map::new(),
        Some(other) => {
            earlier.insert("metadata".to_owned(), other);
            Map::new()
        }
    };
    for name in RESERVED {
        if let Some(value) = metadata.remove(name) {
            earlier.insert(name.to_owned(), value);
        }
    }
    metadata.insert(MARK.to_owned(), Value::Object(earlier));
    Value::Object(metadata)
}

fn read_line(row: &Old) -> AdoptedLine {
    let level = row.text("level").unwrap_or("INFO");
    let known = match level.to_ascii_uppercase().as_str() {
        "DEBUG" | "TRACE" => "DEBUG",
        "WARNING" | "WARN" => "WARNING",
        "ERROR" | "FATAL" | "CRITICAL" => "ERROR",
        _ => "INFO",
    };
    let mut meta = row
        .redacted("meta")
        .filter(|meta| !meta.is_null())
        .unwrap_or_else(|| json!({}));
    if known != level && row.text("level").is_some() && meta.is_object() {
        meta[MARK] = json!({"level": level});
    }
    AdoptedLine {
        id: value::id("line", row.key()),
        run_id: row
            .text("run_id")
            .map_or_else(uuid::Uuid::nil, |text| value::id("run", text)),
        timestamp: row.instant("timestamp"),
        level: known.to_owned(),
        step: row.get("step").unwrap_or_default().to_owned(),
        message: row.get("message").unwrap_or_default().to_owned(),
        meta,
    }
}
