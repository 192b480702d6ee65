//! Runs and log lines as a test wants them, and what is read off a page.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use tests::{TestDb, now};
use uuid::Uuid;

/// The path of the list.
pub(super) const LIST: &str = "/admin/execution-logs";

/// A sync that a schedule asked for an hour ago and that succeeded within ten seconds, but for these columns.
#[expect(clippy::needless_pass_by_value, reason = "a row is written as a literal")]
pub(super) fn run(columns: Value) -> Value {
    let started: DateTime<Utc> = match columns["started_at"].as_str() {
        Some(text) => text.parse().unwrap(),
        None => now() - TimeDelta::hours(1),
    };
    let status = columns["status"].as_str().unwrap_or("success");
    let mut row = json!({
        "id": Uuid::now_v7(),
        "script_name": "vapi-sync",
        "status": status,
        "triggered_by": "schedule",
        "batch_id": Uuid::now_v7(),
        "started_at": started,
        "deadline_at": started + TimeDelta::minutes(15),
        "finished_at": (status != "running").then(|| started + TimeDelta::seconds(10)),
        "records_fetched": 0,
        "records_inserted": 0,
        "records_updated": 0,
        "records_failed": 0,
        "calls_analyzed": 0,
        "api_cost": 0,
        "error_message": (status == "error").then_some("it failed"),
        "metadata": {},
    });
    for (name, value) in columns.as_object().unwrap() {
        row[name] = value.clone();
    }
    row
}

/// Stores runs.
pub(super) async fn store(db: &TestDb, runs: &[Value]) {
    let client = db.client().await;
    client
        .execute(
            "insert into runs (id, script_name, status, triggered_by, batch_id, started_at, deadline_at, finished_at,
                               records_fetched, records_inserted, records_updated, records_failed, calls_analyzed,
                               api_cost, error_message, metadata)
             select id, script_name, status, triggered_by, batch_id, started_at, deadline_at, finished_at,
                    records_fetched, records_inserted, records_updated, records_failed, calls_analyzed,
                    api_cost, error_message, metadata
             from jsonb_populate_recordset(null::runs, $1)",
            &[&json!(runs)],
        )
        .await
        .unwrap();
}

/// A line of a run.
pub(super) fn line(at: DateTime<Utc>, level: &str, step: &str, message: &str) -> Value {
    json!({"id": Uuid::now_v7(), "timestamp": at, "level": level, "step": step, "message": message, "meta": {}})
}

/// Stores lines of a run.
pub(super) async fn say(db: &TestDb, run: &str, lines: &[Value]) {
    let client = db.client().await;
    let run: Uuid = run.parse().unwrap();
    client
        .execute(
            "insert into logs (id, run_id, timestamp, level, step, message, meta)
             select id, $1, timestamp, level, step, message, meta
             from jsonb_populate_recordset(null::logs, $2)",
            &[&run, &json!(lines)],
        )
        .await
        .unwrap();
}

/// A run's id.
pub(super) fn id(run: &Value) -> &str {
    run["id"].as_str().unwrap()
}

/// The ids of the list on a page, in order.
pub(super) fn listed(page: &str) -> Vec<String> {
    after_each(page, "id=\"run-")
}

/// The ids of the log lines on a page, in order.
pub(super) fn lines_of(page: &str) -> Vec<String> {
    after_each(page, "id=\"line-")
}

/// Where a link of this relation leads.
pub(super) fn link(page: &str, relation: &str) -> Option<String> {
    let (_, rest) = page.split_once(&format!("rel=\"{relation}\" href=\""))?;
    let href = rest.split('"').next()?;
    Some(href.replace("&#38;", "&").replace("&amp;", "&").replace("#lines", ""))
}

/// What the tile of this label says.
pub(super) fn tile(page: &str, label: &str) -> String {
    let (_, rest) = page
        .split_once(&format!("<dt>{label}</dt><dd>"))
        .unwrap_or_else(|| panic!("no tile {label}"));
    rest.split("</dd>").next().unwrap().to_owned()
}

fn after_each(page: &str, mark: &str) -> Vec<String> {
    page.split(mark)
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap().to_owned())
        .collect()
}
