//! What each input mode reads, stores and leaves alone.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use shared::platform::clock::rfc3339;
use shared::run::Status;
use simulator::vapi::{Fault, Kind, Settings, Spec, World};
use tests::{Stage, now};

async fn watermark(stage: &Stage) -> Option<DateTime<Utc>> {
    let rows = stage.db.rows("select watermark from sync_state").await;
    let text = rows.first()?["watermark"].as_str()?.to_owned();
    Some(text.parse().unwrap())
}

fn change(stage: &Stage, id: &str, cost: f64) {
    let stamp = rfc3339(now());
    assert!(stage.vapi.world().update(id, |call| {
        call["updatedAt"] = json!(stamp);
        call["cost"] = json!(cost);
    }));
}

#[tokio::test]
async fn the_watermark_is_the_start_of_the_run_and_moves_only_when_all_is_stored() {
    let stage = Stage::with_calls(200).await;

    let report = stage.sync().await;

    let run = stage.db.only_run().await;
    assert_eq!(watermark(&stage).await, Some(run.started_at));
    assert_eq!(report.metadata["watermark"], json!(rfc3339(run.started_at)));
}

#[tokio::test]
async fn an_incremental_sync_brings_new_and_changed_calls_only() {
    let stage = Stage::with_calls(500).await;
    stage.sync().await;
    let ids = stage.vapi.world().call_ids();
    for id in [&ids[0], &ids[250], &ids[499]] {
        change(&stage, id, 7.25);
    }
    for minute in 0..5 {
        stage.vapi.world().plant_call(now() - TimeDelta::seconds(minute));
    }

    let report = stage.try_sync(json!({"mode": "incremental"})).await.unwrap();

    assert_eq!(
        (report.counters.records_inserted, report.counters.records_updated),
        (5, 3)
    );
    stage.assert_equal().await;
}

#[tokio::test]
async fn incremental_without_a_watermark_reads_everything() {
    let stage = Stage::with_calls(120).await;

    let report = stage.try_sync(json!({"mode": "incremental"})).await.unwrap();

    assert_eq!(report.counters.records_inserted, 120);
}

#[tokio::test]
async fn a_value_that_settles_late_without_a_new_update_time_is_found_by_the_daily_second_look() {
    let stage = Stage::with_calls(300).await;
    stage.sync().await;
    let recent = stage.vapi.world().plant_call(now() - TimeDelta::hours(1));
    stage.sync().await;
    assert!(stage.vapi.world().update(&recent, |call| call["cost"] = json!(3.5)));
    let client = stage.db.client().await;
    client
        .batch_execute("update sync_state set rescanned_at = now() - interval '25 hours'")
        .await
        .unwrap();

    let report = stage.sync().await;

    assert_eq!(report.counters.records_updated, 1);
    stage.assert_equal().await;
}

#[tokio::test]
async fn a_call_that_had_not_ended_is_read_again_by_its_id() {
    let stage = Stage::with_calls(50).await;
    let id = stage.vapi.world().plant_call(now() - TimeDelta::days(5));
    stage
        .vapi
        .world()
        .update(&id, |call| call["status"] = json!("in-progress"));
    stage.sync().await;
    // Vapi ends it and says so nowhere else than in the call itself.
    stage.vapi.world().update(&id, |call| call["status"] = json!("ended"));

    let report = stage.sync().await;

    assert_eq!(report.counters.records_updated, 1);
    stage.assert_equal().await;
}

#[tokio::test]
async fn calls_and_assistants_that_vapi_stops_listing_are_kept() {
    let stage = Stage::with_calls(80).await;
    stage.sync().await;
    let call = stage.vapi.world().call_ids()[3].clone();
    let assistant = stage.vapi.world().assistants()[2].clone();
    stage.vapi.world().remove(&call);
    stage.vapi.world().remove_assistant(assistant["id"].as_str().unwrap());

    let report = stage.try_sync(json!({"mode": "full"})).await.unwrap();

    assert_eq!(stage.db.count("vapi_calls_raw").await, 80);
    assert_eq!(report.metadata["assistants"]["deleted"], json!(1));
    let gone = stage
        .db
        .rows("select assistant_id from vapi_assistants where deleted_at is not null")
        .await;
    assert_eq!(gone, [json!({"assistant_id": assistant["id"]})]);

    stage.vapi.world().insert_assistant(&assistant);
    stage.sync().await;

    assert_eq!(
        stage
            .db
            .rows("select from vapi_assistants where deleted_at is not null")
            .await
            .len(),
        0
    );
}

#[tokio::test]
async fn a_range_brings_the_calls_within_its_bounds_and_moves_no_watermark() {
    let stage = Stage::with_calls(600).await;
    let (from, to) = (now() - TimeDelta::days(6), now() - TimeDelta::days(3));
    let within = |call: &Value| {
        let created: DateTime<Utc> = call["createdAt"].as_str().unwrap().parse().unwrap();
        created >= from && created <= to
    };
    let expected = stage.vapi.world().calls().iter().filter(|call| within(call)).count();

    let report = stage
        .try_sync(json!({"mode": "range", "from": rfc3339(from), "to": rfc3339(to)}))
        .await
        .unwrap();

    assert!(expected > 20);
    assert_eq!(usize::try_from(report.counters.records_inserted).unwrap(), expected);
    assert_eq!(watermark(&stage).await, None);
    assert_eq!(stage.db.count("sync_windows").await, 0);
}

#[tokio::test]
async fn one_call_is_read_by_its_id() {
    let stage = Stage::with_calls(40).await;
    let id = stage.vapi.world().call_ids()[11].clone();

    let report = stage.try_sync(json!({"mode": "call", "call_id": id})).await.unwrap();

    assert_eq!((report.status, report.counters.records_inserted), (Status::Success, 1));
    assert_eq!(
        stage.db.rows("select id from vapi_calls_raw").await,
        [json!({"id": id})]
    );
}

#[tokio::test]
async fn a_call_that_vapi_does_not_know_fails_the_run_with_its_id() {
    let stage = Stage::with_calls(5).await;

    let failure = stage
        .try_sync(json!({"mode": "call", "call_id": "0b9d3c52-7a1e-4f6f-8d2b-51a0e6c4f301"}))
        .await
        .unwrap_err();

    assert!(
        failure
            .to_string()
            .contains("Vapi does not know call 0b9d3c52-7a1e-4f6f-8d2b-51a0e6c4f301"),
        "{failure}"
    );
    assert_eq!(stage.db.only_run().await.status, "error");
}

#[tokio::test]
async fn a_dry_run_counts_and_writes_nothing_but_its_run() {
    let stage = Stage::with_calls(200).await;
    stage.sync().await;
    let ids = stage.vapi.world().call_ids();
    change(&stage, &ids[9], 4.5);
    stage.vapi.world().plant_call(now());
    let before = stage.db.rows("select * from sync_state").await;

    let report = stage.try_sync(json!({"dry_run": true})).await.unwrap();

    assert_eq!(
        (report.counters.records_inserted, report.counters.records_updated),
        (1, 1)
    );
    assert_eq!(stage.db.count("vapi_calls_raw").await, 200);
    assert_eq!(stage.db.rows("select * from sync_state").await, before);
    assert_eq!(stage.db.count("sync_windows").await, 0);
    assert_eq!(report.metadata["records_unchanged"].as_u64().map(|_| ()), Some(()));
}

#[tokio::test]
async fn an_older_version_that_comes_late_does_not_replace_a_newer_one() {
    let stage = Stage::with_calls(30).await;
    let id = stage.vapi.world().call_ids()[4].clone();
    change(&stage, &id, 2.5);
    stage.sync().await;
    stage.vapi.world().update(&id, |call| {
        call["updatedAt"] = json!("2026-01-01T00:00:00.000Z");
        call["cost"] = json!(0.5);
    });

    let report = stage.try_sync(json!({"mode": "full"})).await.unwrap();

    assert_eq!(report.counters.records_updated, 0);
    let stored = stage
        .db
        .rows(&format!("select cost from vapi_calls_raw where id = '{id}'"))
        .await;
    assert_eq!(stored, [json!({"cost": 2.5})]);
}

#[tokio::test]
async fn each_version_of_an_assistant_is_kept_and_a_change_of_its_name_is_none() {
    let stage = Stage::with_calls(10).await;
    stage.sync().await;
    let id = stage.vapi.world().assistants()[0]["id"].as_str().unwrap().to_owned();
    let alter = |pointer: &str, value: Value| {
        let stamp = rfc3339(now());
        assert!(stage.vapi.world().update_assistant(&id, |assistant| {
            assistant["updatedAt"] = json!(stamp);
            *assistant.pointer_mut(pointer).unwrap() = value;
        }));
    };

    alter("/name", json!("Another name"));
    stage.sync().await;
    alter("/model/messages/0/content", json!("Another prompt."));
    stage.sync().await;
    alter("/voice/voiceId", json!("another-voice"));
    stage.sync().await;

    let versions = stage
        .db
        .rows(&format!("select version_number, prompt, voice from vapi_assistant_prompt_history where assistant_id = '{id}' order by 1"))
        .await;
    assert_eq!(versions.len(), 3, "{versions:?}");
    assert_eq!(
        (&versions[1]["prompt"], &versions[2]["voice"]),
        (&json!("Another prompt."), &json!("another-voice"))
    );
}

/// Vapi serves twelve pages and then no more, so that it is not the machine's speed that decides how far the run comes.
#[tokio::test]
async fn a_run_that_runs_out_of_time_keeps_what_it_has_and_is_continued() {
    let world = World::generate(&Spec {
        calls: 2000,
        ..Spec::new(now())
    });
    let settings = Settings {
        page_cap: 100,
        ..Settings::default()
    };
    let stage = Stage::of(world, settings)
        .await
        .setting("VAPI_DOWNLOADS", 1)
        .setting("VAPI_TIMEOUT_SECONDS", 600);
    let faults = stage.vapi.faults();
    faults.push(Fault::Hang.every(1).on(Kind::CallList).after(12));

    let first = stage.sync_within(TimeDelta::seconds(20), json!({})).await.unwrap();
    faults.clear();

    assert_eq!(first.status, Status::Partial);
    assert!(first.reason.unwrap().starts_with("out of time"));
    let kept = first.counters.records_inserted;
    assert!((1000..2000).contains(&kept), "{kept}");
    assert_eq!(watermark(&stage).await, None);
    stage.vapi.forget_requests();

    let second = stage.sync().await;

    assert_eq!(second.status, Status::Success);
    assert_eq!(kept + second.counters.records_inserted, 2000);
    stage.assert_equal().await;
    let pages = stage
        .vapi
        .requests()
        .iter()
        .filter(|request| request.kind == Kind::CallList)
        .count();
    // A walk from the beginning takes 28, and each pass that a sync always makes one or two.
    assert!(
        pages < 25,
        "{pages} pages were read to finish a walk that was partly done"
    );
}

#[tokio::test]
async fn log_lines_past_their_retention_are_pruned() {
    let stage = Stage::with_calls(5).await;
    stage.sync().await;
    stage
        .db
        .client()
        .await
        .batch_execute("update logs set timestamp = now() - interval '91 days'")
        .await
        .unwrap();
    let old = stage.db.count("logs").await;

    let report = stage.sync().await;

    assert!(old > 0);
    let lines = stage
        .db
        .rows(&format!("select from logs where run_id <> '{}'", report.run_id))
        .await;
    assert_eq!(lines.len(), 0);
}
