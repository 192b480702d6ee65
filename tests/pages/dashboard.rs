//! The three SQL functions that front ends call, and the list of calls behind the page.

mod contract;
mod copies;
mod filters;
mod list;
mod random;
mod windows;

use chrono::{DateTime, TimeDelta, TimeZone as _, Utc};
use serde_json::Value;
use shared::store::dashboard::Scope;
use tests::TestDb;
use tokio_postgres::Client;

/// A window, as front ends name it.
const IN_MARCH: &str = "p_date_from => '2026-03-01', p_date_to => '2026-03-31'";

/// A call, as far as the dashboard sees it.
#[derive(Clone, Copy, Debug)]
struct Call<'a> {
    id: &'a str,
    created_at: Option<DateTime<Utc>>,
    started_at: Option<DateTime<Utc>>,
    seconds: Option<i32>,
    assistant: Option<&'a str>,
    transcript: Option<&'a str>,
}

/// A call that began at noon on a day in March, without anything else.
fn call(id: &str) -> Call<'_> {
    Call {
        id,
        created_at: Some(noon(1)),
        started_at: None,
        seconds: None,
        assistant: None,
        transcript: None,
    }
}

/// Noon on a day in March 2026.
fn noon(day: u32) -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 3, day, 12, 0, 0).unwrap()
}

/// All of March 2026.
fn march() -> Scope<'static> {
    let from = Utc.with_ymd_and_hms(2026, 3, 1, 0, 0, 0).unwrap();
    Scope {
        assistant_id: None,
        from,
        to: from + TimeDelta::days(31),
    }
}

async fn put(client: &Client, call: Call<'_>) {
    let insert = "insert into vapi_calls_raw (id, created_at, started_at, duration_seconds, assistant_id, transcript,
                                              raw_json, document_hash, synced_at)
                  values ($1, $2, $3, $4, $5, $6, '{}', decode(repeat('00', 16), 'hex'), now())";
    client
        .execute(
            insert,
            &[
                &call.id,
                &call.created_at,
                &call.started_at,
                &call.seconds,
                &call.assistant,
                &call.transcript,
            ],
        )
        .await
        .unwrap();
}

/// Stores a score of the framework that is active.
async fn score(client: &Client, call: &str, total: i32) {
    let active = client
        .query_one("select id from analysis_frameworks where is_active", &[])
        .await
        .unwrap();
    score_by(client, call, active.get(0), total).await;
}

async fn score_by(client: &Client, call: &str, framework: i32, total: i32) {
    let insert = "insert into qci_analyses (call_id, framework_id, status, dynamics_score, points, applicable_max,
                                            total_score, call_classification, analysis_model, call_hash, analyzed_at)
                  values ($1, $2, 'scored', $3::integer, $3::integer, 100, $3::integer, 'good', 'a-model', '', now())";
    client.execute(insert, &[&call, &framework, &total]).await.unwrap();
}

/// Another version of the framework; the first stays active.
async fn other_framework(client: &Client) -> i32 {
    let insert =
        "insert into analysis_frameworks (name, version, framework_type, rubric, prompt_template, model_config)
                  select name, version + 1, framework_type, rubric, prompt_template, model_config
                  from analysis_frameworks where is_active
                  returning id";
    client.query_one(insert, &[]).await.unwrap().get(0)
}

/// The one value that a query has.
async fn value(db: &TestDb, expression: &str) -> Value {
    let rows = db.rows(&format!("select to_jsonb({expression}) as value")).await;
    rows[0]["value"].clone()
}

/// How the server refuses a query.
async fn refusal(client: &Client, query: &str) -> (String, String) {
    let error = client.query(query, &[]).await.unwrap_err();
    let error = error.as_db_error().unwrap();
    (error.code().code().to_owned(), error.message().to_owned())
}
