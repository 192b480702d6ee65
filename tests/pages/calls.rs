//! The pages on calls.

mod criteria;
mod hostile;
mod list;
mod page;

use serde_json::{Value, json};
use tests::{TestDb, Visitor};
use tokio_postgres::Client;

/// A call as it is stored; what a test does not say is plain.
struct Stored {
    id: String,
    /// Columns over those of [`insert`].
    columns: Value,
}

impl Stored {
    fn new(id: &str, columns: Value) -> Self {
        Self {
            id: id.to_owned(),
            columns,
        }
    }
}

/// Stores calls, created an hour ago unless they say otherwise.
async fn insert(client: &Client, calls: &[Stored]) {
    let rows: Vec<Value> = calls
        .iter()
        .map(|call| {
            let mut row = json!({
                "id": call.id,
                "status": "ended",
                "ended_reason": "customer-ended-call",
                "created_at": shared::platform::clock::now() - chrono::TimeDelta::hours(1),
                "has_calendar_booking": false,
                "has_tool_calls": false,
                "tool_names": [],
                "raw_json": {},
                "document_hash": "\\x00000000000000000000000000000000",
                "synced_at": shared::platform::clock::now(),
            });
            for (name, value) in call.columns.as_object().unwrap() {
                row[name] = value.clone();
            }
            row
        })
        .collect();
    client
        .execute(
            "insert into vapi_calls_raw (id, status, ended_reason, assistant_id, assistant_name, customer_phone_number,
                 created_at, started_at, duration_seconds, cost, transcript, recording_url, raw_json, document_hash,
                 synced_at)
             select id, status, ended_reason, assistant_id, assistant_name, customer_phone_number,
                    created_at, started_at, duration_seconds, cost, transcript, recording_url, raw_json, document_hash,
                    synced_at
             from jsonb_populate_recordset(null::vapi_calls_raw, $1)",
            &[&Value::from(rows)],
        )
        .await
        .unwrap();
}

/// Stores an analysis by the active framework that scores a call with 40 of 80 points, its lists as given.
async fn score(client: &Client, call: &str, lists: Value) {
    let mut row = json!({
        "call_id": call,
        "status": "scored",
        "attempts": 0,
        "dynamics_score": 15, "brand_score": 10, "outcome_score": 15,
        "points": 40, "applicable_max": 80, "total_score": 50,
        "call_classification": "needs_improvement",
        "is_flagged": false,
        "criteria": [], "facts": {}, "coaching_tips": [], "key_issues": [], "critical_failures": [],
        "what_went_well": [],
        "quotes_total": 0, "quotes_verified": 0,
        "analysis_model": "a-model",
        "call_hash": "\\x00",
        "analyzed_at": shared::platform::clock::now(),
    });
    for (name, value) in lists.as_object().unwrap() {
        row[name] = value.clone();
    }
    client
        .execute(
            "insert into qci_analyses (call_id, framework_id, status, skip_reason, attempts, error_message,
                 dynamics_score, brand_score, outcome_score, points, applicable_max, total_score, call_classification,
                 is_flagged, criteria, facts, coaching_tips, key_issues, critical_failures, what_went_well,
                 quotes_total, quotes_verified, analysis_model, call_hash, analyzed_at)
             select call_id, framework.id, status, skip_reason, attempts, error_message,
                    dynamics_score, brand_score, outcome_score, points, applicable_max, total_score,
                    call_classification, is_flagged, criteria, facts, coaching_tips, key_issues, critical_failures,
                    what_went_well, quotes_total, quotes_verified, analysis_model, call_hash, analyzed_at
             from jsonb_populate_record(null::qci_analyses, $1)
             cross join (select id from analysis_frameworks where is_active) as framework",
            &[&row],
        )
        .await
        .unwrap();
}

/// What says that a call has no score, with these columns in place of one.
fn unscored(status: &str, columns: &Value) -> Value {
    let mut row = json!({
        "status": status,
        "dynamics_score": null, "brand_score": null, "outcome_score": null,
        "points": null, "applicable_max": null, "total_score": null, "call_classification": null,
        "analysis_model": null,
    });
    for (name, value) in columns.as_object().unwrap() {
        row[name] = value.clone();
    }
    row
}

/// The ids of the calls on a page of the list, in its order.
fn ids(page: &str) -> Vec<String> {
    let rows = page.split("<td><a href=\"/admin/calls/").skip(1);
    rows.map(|row| decoded(row.split('"').next().unwrap())).collect()
}

/// Where a link such as `next` leads.
fn link(page: &str, rel: &str) -> Option<String> {
    let (_, rest) = page.split_once(&format!("<a rel=\"{rel}\" href=\""))?;
    Some(unescaped(rest.split('"').next().unwrap()))
}

/// The ids on a page and on all that follow it by one kind of link; and the address of the last one.
async fn walk(visitor: &mut Visitor, address: &str, rel: &str) -> (Vec<Vec<String>>, String) {
    let (mut pages, mut address) = (Vec::new(), address.to_owned());
    loop {
        let page = visitor.page(&address).await;
        pages.push(ids(&page));
        assert!(pages.len() < 200, "the pages have no end");
        match link(&page, rel) {
            Some(next) => address = next,
            None => return (pages, address),
        }
    }
}

/// The turn with a number, as the page of a call has it.
fn turn(page: &str, number: i64) -> &str {
    let (_, rest) = page
        .split_once(&format!(" id=\"turn-{number}\""))
        .unwrap_or_else(|| panic!("no turn {number}"));
    rest.split("<li class=\"turn").next().unwrap()
}

/// An element with an id, up to the next one with an id.
fn element<'a>(page: &'a str, id: &str) -> &'a str {
    let (_, rest) = page
        .split_once(&format!(" id=\"{id}\""))
        .unwrap_or_else(|| panic!("no element {id}"));
    rest.split(" id=\"").next().unwrap()
}

/// The parts of a text that are marked.
fn marked(html: &str) -> Vec<&str> {
    let parts = html.split("<mark>").skip(1);
    parts.map(|part| part.split("</mark>").next().unwrap()).collect()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&#38;")
        .replace('<', "&#60;")
        .replace('>', "&#62;")
        .replace('"', "&#34;")
        .replace('\'', "&#39;")
}

fn unescaped(text: &str) -> String {
    text.replace("&#38;", "&").replace("&amp;", "&")
}

fn encoded(text: &str) -> String {
    let bytes = text.bytes();
    bytes
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'~' | b'.' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect()
}

fn decoded(text: &str) -> String {
    let query = format!("x={}", text.replace('+', "%2B"));
    url::form_urlencoded::parse(query.as_bytes())
        .next()
        .unwrap()
        .1
        .into_owned()
}

/// Ids that a query finds, in its order.
async fn found(db: &TestDb, query: &str) -> Vec<String> {
    let rows = db.rows(query).await;
    rows.iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
}
