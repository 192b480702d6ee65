//! Incidents and messages as a test wants them, and what is read off the page.

use chrono::TimeDelta;
use serde_json::{Value, json};
use tests::{TestDb, now};
use uuid::Uuid;

/// The path of the page.
pub(super) const ALERTS: &str = "/admin/alerts";

/// A sync that has failed once, an hour ago, and of which nobody was told, but for these columns.
#[expect(clippy::needless_pass_by_value, reason = "a row is written as a literal")]
pub(super) fn incident(columns: Value) -> Value {
    let at = now() - TimeDelta::hours(1);
    let row = json!({
        "id": Uuid::now_v7(),
        "subject": "vapi-sync",
        "kind": "run_failed",
        "fingerprint": Uuid::now_v7(),
        "summary": "Vapi rejected the token",
        "run_id": null,
        "since": at,
        "last_seen_at": at,
        "occurrences": 1,
    });
    with(row, &columns)
}

/// A failure that Slack was told of now, but for these columns.
#[expect(clippy::needless_pass_by_value, reason = "a row is written as a literal")]
pub(super) fn message(columns: Value) -> Value {
    let row = json!({
        "id": Uuid::now_v7(),
        "incident_id": null,
        "kind": "failure",
        "channel": "slack",
        "status": "sent",
        "form": "full",
        "attempts": 1,
        "title": "vapi-sync failed",
        "body": "Vapi rejected the token",
        "error": null,
        "created_at": now(),
    });
    with(row, &columns)
}

fn with(mut row: Value, columns: &Value) -> Value {
    for (name, value) in columns.as_object().unwrap() {
        row[name] = value.clone();
    }
    row
}

/// Stores incidents, then messages.
pub(super) async fn store(db: &TestDb, incidents: &[Value], messages: &[Value]) {
    let client = db.client().await;
    for (table, rows) in [("incidents", incidents), ("notifications", messages)] {
        let insert = format!("insert into {table} select * from jsonb_populate_recordset(null::{table}, $1)");
        client.execute(&insert, &[&json!(rows)]).await.unwrap();
    }
}

/// The ids of the messages on a page, in order.
pub(super) fn listed(page: &str) -> Vec<String> {
    page.split("id=\"message-")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap().to_owned())
        .collect()
}

/// What a part of the page says, from the tag with this id to the next part.
pub(super) fn part<'a>(page: &'a str, id: &str) -> &'a str {
    let (_, rest) = page.split_once(&format!("id=\"{id}\"")).unwrap();
    rest.split("<section").next().unwrap()
}
