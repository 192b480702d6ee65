//! The rows of each table, as the earlier system wrote them.

use anyhow::{Context as _, Result};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use tokio_postgres::Client;
use tokio_postgres::types::{Json, Type};
use uuid::Uuid;

use super::SECRET;

/// Rows of one statement.
const BATCH: usize = 500;

/// Calls: the document beside columns that were read from it. Some documents were lost or cut; the columns were not.
pub(super) async fn calls(client: &Client, calls: &[Value], now: DateTime<Utc>) -> Result<()> {
    let rows: Vec<Value> = calls
        .iter()
        .enumerate()
        .map(|(place, call)| row(place, call, now))
        .collect();
    for batch in rows.chunks(BATCH) {
        client
            .execute_typed(
                "insert into public.vapi_calls_raw
                 select * from jsonb_populate_recordset(null::public.vapi_calls_raw, $1)",
                &[(&Json(batch), Type::JSONB)],
            )
            .await
            .context("writing calls")?;
    }
    Ok(())
}

fn row(place: usize, call: &Value, now: DateTime<Utc>) -> Value {
    let text = |value: &Value| if value.is_string() { value.clone() } else { Value::Null };
    let artifact = &call["artifact"];
    let transcript = [&artifact["transcript"], &call["transcript"]]
        .into_iter()
        .find(|text| text.is_string());
    let recording = [&artifact["recordingUrl"], &call["recordingUrl"]]
        .into_iter()
        .find(|text| text.is_string());
    let instant = |name: &str| call[name].as_str().and_then(|text| text.parse::<DateTime<Utc>>().ok());
    let seconds = instant("startedAt")
        .zip(instant("endedAt"))
        .map(|(start, end)| (end - start).num_seconds());
    let tools: Vec<&str> = artifact["messages"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|message| message["toolCalls"].as_array())
        .flatten()
        .filter_map(|tool| tool["function"]["name"].as_str())
        .collect();
    // Of the calls that Vapi no longer serves.
    let is_old = instant("createdAt").is_some_and(|at| now - at > TimeDelta::days(20));
    let document = match place % 97 {
        11 if is_old => Value::Null,
        23 if is_old => json!({}),
        37 if is_old => json!({"id": call["id"], "type": call["type"], "createdAt": call["createdAt"]}),
        _ => call.clone(),
    };
    let document = match (place % 50, document) {
        (7, Value::Object(mut members)) if is_old => {
            members.insert(
                "server".to_owned(),
                json!({"url": "https://hooks.example.com", "secret": SECRET}),
            );
            Value::Object(members)
        }
        (_, document) => document,
    };
    json!({
        "id": call["id"],
        "assistant_id": text(&call["assistantId"]),
        "customer_id": text(&call["customerId"]),
        "status": text(&call["status"]),
        "ended_reason": text(&call["endedReason"]),
        "created_at": text(&call["createdAt"]),
        "started_at": text(&call["startedAt"]),
        "ended_at": text(&call["endedAt"]),
        "duration_seconds": seconds,
        "transcript": transcript,
        "cost": call["cost"],
        "customer_phone_number": text(&call["customer"]["number"]),
        "recording_url": recording,
        "vapi_success_evaluation": text(&call["analysis"]["successEvaluation"]),
        "raw_json": document,
        "synced_at": instant("createdAt").map(|at| (at + TimeDelta::hours(6)).min(now)),
        "has_calendar_booking": false,
        "has_tool_calls": !tools.is_empty(),
        "tool_names": tools,
    })
}

/// Assistants, each with two versions: the one before had another prompt.
pub(super) async fn assistants(client: &Client, assistants: &[Value], now: DateTime<Utc>) -> Result<(usize, usize)> {
    for assistant in assistants {
        let id = assistant["id"].as_str().unwrap_or_default();
        let (model, voice) = (
            assistant["model"]["model"].as_str(),
            assistant["voice"]["voiceId"].as_str(),
        );
        let prompt = assistant["model"]["messages"][0]["content"].as_str();
        client
            .execute_typed(
                "insert into public.vapi_assistants (assistant_id, name, model, voice, prompt, raw_json, synced_at, updated_at)
                 values ($1, $2, $3, $4, $5, $6, $7, ($6 ->> 'updatedAt')::timestamptz)",
                &[
                    (&id, Type::TEXT),
                    (&assistant["name"].as_str(), Type::TEXT),
                    (&model, Type::TEXT),
                    (&voice, Type::TEXT),
                    (&prompt, Type::TEXT),
                    (assistant, Type::JSONB),
                    (&now, Type::TIMESTAMPTZ),
                ],
            )
            .await
            .context("writing assistants")?;
        let first = prompt.map(|prompt| format!("{prompt}\nBe brief."));
        for (number, prompt, days) in [(1, first.as_deref(), 90), (2, prompt, 30)] {
            client
                .execute_typed(
                    "insert into public.vapi_assistant_prompt_history (
                         assistant_id, prompt, model, voice, version_number, changed_at
                     ) values ($1, $2, $3, $4, $5, $6)",
                    &[
                        (&id, Type::TEXT),
                        (&prompt, Type::TEXT),
                        (&model, Type::TEXT),
                        (&voice, Type::TEXT),
                        (&number, Type::INT4),
                        (&(now - TimeDelta::days(days)), Type::TIMESTAMPTZ),
                    ],
                )
                .await
                .context("writing the history of prompts")?;
        }
    }
    Ok((assistants.len(), assistants.len() * 2))
}

/// Runs every six hours up to now, each with a few lines.
pub(super) async fn runs(client: &Client, count: usize, now: DateTime<Utc>) -> Result<(usize, usize, usize)> {
    let steps = ["START", "FETCH", "PROCESS", "SAVE", "END"];
    let (mut runs, mut lines, mut running) = (Vec::new(), Vec::new(), 0);
    for place in 0..count {
        let number = u32::try_from(place).unwrap_or_default();
        let id = Uuid::from_u128(0xea11_0000_0000_4000_8000_0000_0000_0000 + u128::from(number));
        let started = now - TimeDelta::hours(6) * i32::try_from(count - place).unwrap_or(1);
        let is_qci = place % 3 == 2;
        let status = match place % 100 {
            13 => "running",
            n if n % 20 == 17 => "error",
            _ => "success",
        };
        running += usize::from(status == "running");
        let finished = (status != "running").then(|| started + TimeDelta::milliseconds(52_000 + i64::from(number)));
        runs.push(json!({
            "id": id,
            "legacy_id": place + 1,
            "script_name": if is_qci { "qci-analysis" } else { "vapi-sync" },
            "status": status,
            "started_at": started,
            "finished_at": finished,
            "duration_ms": finished.map(|_| 52_000 + number),
            "records_fetched": 20 + number % 7,
            "records_inserted": 10,
            "records_updated": 0,
            "records_failed": 0,
            "error_message": (status == "error" && place % 40 == 17).then_some("Request failed with status code 500"),
            "triggered_by": (place % 5 != 0).then_some("schedule"),
            "batch_id": (place % 2 == 0).then(|| format!("batch-{}", place / 4)),
            "calls_analyzed": if is_qci { 3 } else { 0 },
            "api_cost": if is_qci { 0.0012 } else { 0.0 },
            "metadata": {"event_id": "cron", "headers": {"authorization": format!("Bearer {SECRET}")}},
        }));
        for (step, offset) in steps.iter().zip(0i64..) {
            lines.push(json!({
                "id": Uuid::from_u128(0xea11_0001_0000_4000_8000_0000_0000_0000 + u128::from(number) * 8 + u128::from(offset.unsigned_abs())),
                "run_id": id,
                "timestamp": started + TimeDelta::seconds(offset * 10),
                "level": "INFO",
                "step": step,
                "message": format!("step {offset} of run {place}"),
                "meta": {"apiKey": SECRET},
            }));
        }
    }
    for (table, rows) in [("runs", &runs), ("logs", &lines)] {
        for batch in rows.chunks(BATCH) {
            let statement =
                format!("insert into public.{table} select * from jsonb_populate_recordset(null::public.{table}, $1)");
            client
                .execute_typed(&statement, &[(&Json(batch), Type::JSONB)])
                .await
                .with_context(|| format!("writing {table}"))?;
        }
    }
    Ok((runs.len(), running, lines.len()))
}

/// Analyses of the first calls that began, by the one framework; every third claims a total that is not its sum.
pub(super) async fn analyses(
    client: &Client,
    calls: &[Value],
    count: usize,
    now: DateTime<Utc>,
) -> Result<(usize, usize)> {
    client
        .batch_execute(
            "insert into public.analysis_frameworks (name, is_active, prompt_template, model_config)
             values ('QCI Standard', true, 'Score this call: {transcript}',
                     '{\"model\": \"gpt-4o-mini\", \"temperature\": 0.1, \"max_tokens\": 1500}')",
        )
        .await
        .context("writing the framework")?;
    let mut rows = Vec::new();
    let began = calls.iter().filter(|call| !call["startedAt"].is_null());
    for (place, call) in (0i64..).zip(began.take(count)) {
        let parts = [20 + place % 10, 10 + place % 8, place % 15, 15 + place % 13];
        let sum: i64 = parts.iter().sum();
        let total = if place % 3 == 1 { sum + 7 } else { sum };
        rows.push(json!({
            "id": place + 1,
            "call_id": call["id"],
            "framework_id": 1,
            "total_score": total,
            "dynamics_score": parts[0],
            "objections_score": parts[1],
            "brand_score": parts[2],
            "outcome_score": parts[3],
            "coaching_tips": [format!("Tip {place}: ask one question at a time.")],
            "key_issues": [{"issue": format!("Issue {place}: talked over the caller."), "severity": "medium"}],
            "call_classification": match total {
                80.. => "excellent",
                60.. => "good",
                40.. => "needs_improvement",
                _ => "poor",
            },
            "analysis_model": "gpt-4o-mini",
            "analysis_cost": 0.000_412,
            "analyzed_at": now - TimeDelta::minutes(place),
        }));
    }
    for batch in rows.chunks(BATCH) {
        client
            .execute_typed(
                "insert into public.qci_analyses select * from jsonb_populate_recordset(null::public.qci_analyses, $1)",
                &[(&Json(batch), Type::JSONB)],
            )
            .await
            .context("writing analyses")?;
    }
    let off = rows.iter().enumerate().filter(|(place, _)| place % 3 == 1).count();
    Ok((rows.len(), off))
}
