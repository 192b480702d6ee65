//! What is stored never becomes emptier by a sync, whatever Vapi takes out of its documents.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use shared::platform::clock::rfc3339;
use shared::run::{Report, Status};
use simulator::vapi::{CONTENT, Gone, Oddity, Settings, Spec, World};
use tests::{Courtroom, Stage, now};

/// What changes when a row is written; a hash may be noted beside it.
const WRITTEN: &str = "select id, document_hash, synced_at, content_kept_at from vapi_calls_raw order by id";

async fn kept(stage: &Stage) -> i64 {
    stage.db.count("vapi_calls_raw where content_kept_at is not null").await
}

/// A sync that writes no row.
async fn writes_nothing(stage: &Stage, input: Value) {
    let before = stage.db.rows(WRITTEN).await;

    let report = stage.try_sync(input).await.unwrap();

    let counters = &report.counters;
    assert_eq!((counters.records_inserted, counters.records_updated), (0, 0));
    for (row, before) in stage.db.rows(WRITTEN).await.iter().zip(&before) {
        assert_eq!(row, before);
    }
    assert_eq!(report.metadata.get("content_kept"), None);
}

/// Hollows calls, each with a new `updatedAt` if they are touched; what they must be stored as is left for later.
fn hollow(stage: &Stage, ids: &[String], gone: Gone, touched: bool) -> Vec<Value> {
    let mut world = stage.vapi.world();
    let mut full = Vec::new();
    for (id, index) in ids.iter().zip(0..) {
        if touched {
            world.touch(id, now() + TimeDelta::milliseconds(index));
        }
        full.extend(world.call(id));
        assert!(world.hollow(id, &CONTENT, gone));
    }
    full
}

/// The table holds these calls, field by field, beside those that the world has.
async fn holds(stage: &Stage, full: &[Value]) {
    let hollow = stage.vapi.world().calls();
    for call in full {
        stage.vapi.world().insert(call);
    }
    stage.assert_equal().await;
    for call in &hollow {
        stage.vapi.world().insert(call);
    }
}

/// The run counts the rows that are kept now, warns once, and names some.
async fn tells(stage: &Stage, report: &Report) {
    let kept = kept(stage).await;
    assert!(kept > 0);
    assert_eq!(report.metadata["content_kept"], json!(kept));
    let lines = stage.db.logs(report.run_id).await;
    let told: Vec<_> = lines
        .iter()
        .filter(|line| line.level == "WARNING" && line.message.contains("Vapi no longer serves all of their content"))
        .collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].meta["calls"], json!(kept));
    let named = told[0].meta["call_ids"].as_array().unwrap().len();
    assert_eq!(named, usize::try_from(kept).unwrap().min(20));
}

#[tokio::test]
async fn calls_that_vapi_hollows_out_stay_as_full_as_they_were_by_every_pass_and_in_every_form() {
    for gone in Gone::ALL {
        let stage = Stage::with_calls(926).await;
        stage.sync().await;
        let transcripts = stage.db.count("vapi_calls_raw where has_transcript").await;
        assert!(transcripts > 300);
        let ids = stage.vapi.world().call_ids();

        let full = hollow(&stage, &ids, gone, false);
        let report = stage.try_sync(json!({"mode": "full"})).await.unwrap();

        assert_eq!(report.status, Status::Success, "{gone:?}");
        assert_eq!(stage.db.count("vapi_calls_raw where has_transcript").await, transcripts);
        holds(&stage, &full).await;
        tells(&stage, &report).await;
        writes_nothing(&stage, json!({"mode": "full"})).await;

        // Vapi touches them, and changes nothing else.
        let kept_before = kept(&stage).await;
        let mut touched = Vec::new();
        for (mut call, index) in full.into_iter().zip(0..) {
            let id = call["id"].as_str().unwrap().to_owned();
            let at = now() + TimeDelta::milliseconds(index);
            stage.vapi.world().touch(&id, at);
            call["updatedAt"] = stage.vapi.world().call(&id).unwrap()["updatedAt"].clone();
            touched.push(call);
        }
        let report = stage.sync().await;

        assert_eq!(report.counters.records_updated, 926, "{gone:?}");
        assert_eq!(report.metadata.get("content_kept"), None, "they are kept already");
        assert_eq!(kept(&stage).await, kept_before);
        holds(&stage, &touched).await;
        writes_nothing(&stage, json!({})).await;
    }
}

#[tokio::test]
async fn an_incremental_sync_and_the_daily_second_look_keep_content_too() {
    for (gone, touched) in [
        (Gone::Null, true),
        (Gone::Absent, true),
        (Gone::EmptyObject, false),
        (Gone::Absent, false),
    ] {
        let stage = Stage::with_calls(200).await;
        let recent: Vec<String> = (0..40)
            .map(|minute| stage.vapi.world().plant_call(now() - TimeDelta::minutes(minute + 60)))
            .collect();
        stage.sync().await;

        let full = hollow(&stage, &recent, gone, touched);
        if !touched {
            let client = stage.db.client().await;
            let yesterday = "update sync_state set rescanned_at = now() - interval '25 hours'";
            client.batch_execute(yesterday).await.unwrap();
        }
        let report = stage.sync().await;

        holds(&stage, &full).await;
        tells(&stage, &report).await;
        assert_eq!(report.metadata["content_kept"], json!(40));
        writes_nothing(&stage, json!({})).await;
    }
}

#[tokio::test]
async fn single_parts_are_kept_and_facts_that_changed_are_taken() {
    for part in [
        "/messages",
        "/artifact/messages",
        "/artifact/transcript",
        "/artifact/recording",
        "/artifact",
        "/analysis",
        "/analysis/summary",
    ] {
        for gone in Gone::ALL {
            let stage = Stage::of(World::empty(now()), Settings::default()).await;
            let id = stage.vapi.world().plant_call(now() - TimeDelta::days(3));
            stage.sync().await;
            let mut full = stage.vapi.world().call(&id).unwrap();
            let facts = |call: &mut Value| {
                call["cost"] = json!(9.75);
                call["status"] = json!("deletion-failed");
                call["endedReason"] = json!("call-deleted");
            };

            stage.vapi.world().hollow(&id, &[part], gone);
            stage.vapi.world().update(&id, facts);
            stage.try_sync(json!({"mode": "call", "call_id": id})).await.unwrap();

            facts(&mut full);
            holds(&stage, &[full]).await;
        }
    }
}

#[tokio::test]
async fn a_full_document_that_comes_again_ends_what_was_kept() {
    let stage = Stage::with_calls(120).await;
    stage.sync().await;
    let ids = stage.vapi.world().call_ids();
    let full = hollow(&stage, &ids, Gone::EmptyText, false);
    stage.try_sync(json!({"mode": "full"})).await.unwrap();
    assert!(kept(&stage).await > 0);

    for call in &full {
        stage.vapi.world().insert(call);
    }
    let report = stage.try_sync(json!({"mode": "full"})).await.unwrap();

    assert_eq!(report.metadata.get("content_kept"), None);
    assert_eq!(kept(&stage).await, 0);
    assert_eq!(stage.db.count("vapi_calls_raw where source_hash is not null").await, 0);
    stage.assert_equal().await;
    writes_nothing(&stage, json!({"mode": "full"})).await;
}

#[tokio::test]
async fn an_older_version_that_comes_late_fills_what_the_newer_one_lacks() {
    let stage = Stage::of(World::empty(now()), Settings::default()).await;
    let id = stage.vapi.world().plant_call(now() - TimeDelta::days(3));
    let older = stage.vapi.world().call(&id).unwrap();
    let newer_at = now();
    stage.vapi.world().touch(&id, newer_at);
    stage
        .vapi
        .world()
        .hollow(&id, &["/messages", "/artifact"], Gone::Absent);
    stage.vapi.world().update(&id, |call| call["cost"] = json!(4.5));
    stage.sync().await;

    let mut expected = older.clone();
    stage.vapi.world().insert(&older);
    let report = stage.try_sync(json!({"mode": "full"})).await.unwrap();

    assert_eq!(report.counters.records_updated, 1);
    expected["cost"] = json!(4.5);
    expected["updatedAt"] = json!(rfc3339(newer_at));
    assert_eq!(kept(&stage).await, 1);
    holds(&stage, &[expected]).await;
}

#[tokio::test]
async fn rows_of_an_earlier_version_of_the_program_are_kept_at_the_first_hollow_document() {
    let stage = Stage::with_calls(300).await;
    stage.sync().await;
    // A third was written before the columns were there, a third by a program that does not know them.
    let client = stage.db.client().await;
    client
        .batch_execute(
            "update vapi_calls_raw set content_shape = null where hashtext(id) % 3 = 0;
             update vapi_calls_raw set document_hash = decode(md5(id), 'hex'), source_hash = decode(md5('x' || id), 'hex')
             where hashtext(id) % 3 = 1",
        )
        .await
        .unwrap();
    let ids = stage.vapi.world().call_ids();

    let full = hollow(&stage, &ids, Gone::Null, true);
    stage.sync().await;

    holds(&stage, &full).await;
    writes_nothing(&stage, json!({})).await;
}

#[tokio::test]
async fn scores_stay_and_no_hollow_call_is_looked_at_again() {
    let court = Courtroom::with_calls(150).await;
    court.score().await;
    let said = "select call_id, status, skip_reason, total_score, criteria from qci_analyses order by 1";
    let scores = "select call_id, call_hash, analyzed_at, run_id from qci_analyses where status = 'scored' order by 1";
    let before = (court.db().rows(said).await, court.db().rows(scores).await);
    assert!(court.with_status("scored").await > 10 && court.with_status("skipped").await > 10);
    let (ids, requests) = (court.stage.vapi.world().call_ids(), court.judge.requests().len());

    for touched in [false, true] {
        hollow(&court.stage, &ids, Gone::Absent, touched);
        court.stage.try_sync(json!({"mode": "full"})).await.unwrap();

        let queued = "calls_to_analyze join vapi_calls_raw on id = call_id where content_kept_at is not null";
        assert_eq!(court.db().count(queued).await, 0, "touched: {touched}");
    }
    assert!(kept(&court.stage).await > 20);
    court.score().await;
    assert_eq!((court.db().rows(said).await, court.db().rows(scores).await), before);
    assert_eq!(court.judge.requests().len(), requests);
}

#[tokio::test]
async fn a_dry_run_counts_what_would_be_kept_and_writes_nothing() {
    let stage = Stage::with_calls(120).await;
    stage.sync().await;
    let ids = stage.vapi.world().call_ids();
    hollow(&stage, &ids, Gone::Absent, false);
    let before = stage.db.rows(WRITTEN).await;

    let told = stage.try_sync(json!({"mode": "full", "dry_run": true})).await.unwrap();

    assert_eq!(stage.db.rows(WRITTEN).await, before);
    let done = stage.try_sync(json!({"mode": "full"})).await.unwrap();
    assert_eq!(told.metadata["content_kept"], done.metadata["content_kept"]);
    assert_eq!(told.counters.records_updated, done.counters.records_updated);
    let again = stage.try_sync(json!({"mode": "full", "dry_run": true})).await.unwrap();
    assert_eq!(
        (again.counters.records_updated, again.metadata.get("content_kept")),
        (0, None)
    );
}

/// A world in pages of about a hundred, and the conversation that the first page ends with and the second one begins with.
async fn read_twice() -> (Stage, String) {
    let mut world = World::generate(&Spec {
        calls: 250,
        ..Spec::new(now())
    });
    let id = world.plant_across_page_edge(1, 100).remove(0);
    // Its neighbour may be of the same millisecond.
    let place = world.call_ids().iter().position(|other| *other == id).unwrap();
    assert!((99..=100).contains(&place), "{place}");
    let settings = Settings {
        page_cap: place + 1,
        ..Settings::default()
    };
    (Stage::of(world, settings).await.setting("VAPI_DOWNLOADS", 1), id)
}

#[tokio::test]
async fn of_two_versions_of_one_update_time_the_one_read_later_holds_and_lacks_nothing() {
    let (stage, id) = read_twice().await;
    let mut expected = stage.vapi.world().call(&id).unwrap();
    expected["cost"] = json!(8.25);
    let changed = id.clone();
    stage.vapi.on_page(2, move |world| {
        world.hollow(&changed, &CONTENT, Gone::Null);
        world.update(&changed, |call| call["cost"] = json!(8.25));
    });

    let report = stage.sync().await;

    assert_eq!(report.counters.records_fetched, 251);
    assert_eq!(report.metadata["content_kept"], json!(1));
    holds(&stage, &[expected]).await;
}

#[tokio::test]
async fn a_change_by_somebody_else_between_look_and_write_is_not_lost() {
    let stage = Stage::of(World::empty(now()), Settings::default()).await;
    let id = stage.vapi.world().plant_call(now() - TimeDelta::days(3));
    stage.sync().await;
    let mut other = stage.db.client().await;
    let writing = other.transaction().await.unwrap();
    let late = "update vapi_calls_raw
                set raw_json = jsonb_set(raw_json, '{analysis,late}', '\"by somebody else\"'), document_hash = decode(md5(id), 'hex')";
    writing.batch_execute(late).await.unwrap();
    // It lacks nothing of what the sync has seen, so that the document need not be read.
    stage.vapi.world().update(&id, |call| call["cost"] = json!(7.5));

    let (report, ()) = tokio::join!(stage.try_sync(json!({"mode": "full"})), async {
        let waits = "pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()";
        while stage.db.count(waits).await == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        writing.commit().await.unwrap();
    });

    report.unwrap();
    let rows = stage
        .db
        .rows("select cost, raw_json #>> '{analysis,late}' as late from vapi_calls_raw")
        .await;
    assert_eq!(rows, [json!({"cost": 7.5, "late": "by somebody else"})]);
}

#[tokio::test]
async fn odd_documents_are_hollowed_out_without_a_loss_or_an_error() {
    let mut world = World::empty(now());
    let ids: Vec<String> = Oddity::ALL
        .into_iter()
        .filter(|oddity| !oddity.has_unusable_id())
        .filter_map(|oddity| world.plant(oddity))
        .collect();
    let stage = Stage::of(world, Settings::default()).await;
    stage.sync().await;
    let before = stage
        .db
        .rows("select id, transcript, recording_url, tool_names, jsonb_path_exists(raw_json, '$.**.message') as talks from vapi_calls_raw order by id")
        .await;
    for id in &ids {
        // Those that no value can hold stay as they are.
        stage.vapi.world().hollow(id, &CONTENT, Gone::EmptyArray);
    }

    let report = stage.try_sync(json!({"mode": "full"})).await.unwrap();

    assert_eq!(report.status, Status::Success);
    let after = stage
        .db
        .rows("select id, transcript, recording_url, tool_names, jsonb_path_exists(raw_json, '$.**.message') as talks from vapi_calls_raw order by id")
        .await;
    assert_eq!(after, before);
    writes_nothing(&stage, json!({"mode": "full"})).await;
}

#[tokio::test]
async fn when_it_was_kept_first_is_what_a_row_says() {
    let stage = Stage::of(World::empty(now()), Settings::default()).await;
    let id = stage.vapi.world().plant_call(now() - TimeDelta::days(3));
    stage.sync().await;
    let since = || async {
        let rows = stage.db.rows("select content_kept_at from vapi_calls_raw").await;
        rows[0]["content_kept_at"]
            .as_str()
            .map(|at| at.parse::<DateTime<Utc>>().unwrap())
    };

    stage.vapi.world().hollow(&id, &["/artifact/transcript"], Gone::Absent);
    stage.try_sync(json!({"mode": "full"})).await.unwrap();
    let first = since().await;
    stage.vapi.world().hollow(&id, &CONTENT, Gone::Absent);
    let report = stage.try_sync(json!({"mode": "full"})).await.unwrap();

    assert!(first.is_some());
    assert_eq!(since().await, first);
    assert_eq!(report.metadata.get("content_kept"), None);
}
