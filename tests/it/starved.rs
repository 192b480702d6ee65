//! An empty or short list is not the truth: what Vapi does not list once is there after the next syncs.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use shared::run::{Report, Status};
use simulator::vapi::{Counting, Fault, Kind, Rule, Settings, Spec, World};
use tests::{Stage, now};

/// Every list of calls is empty until the faults are cleared.
fn empty_lists() -> Rule {
    Fault::EmptyList.every(1).on(Kind::CallList)
}

fn refuse_to_count(stage: &Stage) {
    stage.vapi.world().set_counting(Counting::Refused(404));
}

async fn state(stage: &Stage) -> Value {
    stage.db.rows("select * from sync_state").await.remove(0)
}

/// Turns the last sync into one that ended so long ago, with everything that it noted.
async fn pass_time(stage: &Stage, hours: i64) {
    let past = format!(
        "update sync_state
         set watermark = watermark - interval '{hours} hours', rescanned_at = rescanned_at - interval '{hours} hours',
             read_again_at = read_again_at - interval '{hours} hours',
             reconciled_at = reconciled_at - interval '{hours} hours'"
    );
    stage.db.client().await.batch_execute(&past).await.unwrap();
}

fn assert_suspect(report: &Report, times: u64) {
    assert_eq!(report.status, Status::Partial, "{:?}", report.reason);
    assert_eq!(
        report.metadata["listing_suspect"]["times"],
        json!(times),
        "{}",
        report.metadata
    );
}

#[tokio::test]
async fn a_first_sync_that_finds_nothing_is_not_complete() {
    let stage = Stage::with_calls(926).await;
    refuse_to_count(&stage);
    stage.vapi.faults().push(empty_lists());

    let first = stage.sync().await;

    assert_suspect(&first, 1);
    assert!(first.reason.unwrap().contains("Vapi lists no call at all"));
    assert_eq!(state(&stage).await["watermark"], Value::Null);
    assert_eq!(first.metadata.get("retention_headroom_hours"), None);
    assert_suspect(&stage.sync().await, 2);
    stage.vapi.faults().clear();

    let third = stage.sync().await;

    assert_eq!((third.status, third.counters.records_inserted), (Status::Success, 926));
    assert_eq!(state(&stage).await["suspect_runs"], json!(0));
    stage.assert_equal().await;
}

#[tokio::test]
async fn a_new_organisation_without_calls_is_believed_where_vapi_counts_none() {
    let stage = Stage::of(World::empty(now()), Settings::default()).await;

    let believed = stage.sync().await;
    refuse_to_count(&stage);
    stage
        .db
        .client()
        .await
        .batch_execute("delete from sync_state")
        .await
        .unwrap();
    let doubted = stage.sync().await;

    assert_eq!(believed.status, Status::Success, "{:?}", believed.reason);
    assert_suspect(&doubted, 1);
}

#[tokio::test]
async fn a_new_organisation_without_calls_is_believed_after_four_syncs_where_vapi_does_not_count() {
    let stage = Stage::of(World::empty(now()), Settings::default()).await;
    refuse_to_count(&stage);
    for times in 1..=3 {
        assert_suspect(&stage.sync().await, times);
    }

    for times in 4..=5 {
        let report = stage.sync().await;
        assert_eq!(report.status, Status::Success, "{:?}", report.reason);
        assert_eq!(report.metadata["no_call_yet"], json!(times));
        assert_eq!(report.metadata.get("listing_suspect"), None);
    }
    // Each sync reads as far back as the first: whatever was there all the time is found.
    assert_eq!(state(&stage).await["watermark"], Value::Null);
    stage.vapi.world().plant_call(now() - TimeDelta::days(9));
    let first = stage.sync().await;

    assert_eq!((first.status, first.counters.records_inserted), (Status::Success, 1));
    assert_ne!(state(&stage).await["watermark"], Value::Null);
    assert_eq!(state(&stage).await["suspect_runs"], json!(0));
}

#[tokio::test]
async fn an_empty_organisation_is_never_believed_where_vapi_counts_its_calls_or_some_are_stored() {
    for (calls, counting) in [(60, Counting::Truthful), (3, Counting::Refused(404))] {
        let stage = Stage::with_calls(calls).await;
        stage.vapi.world().set_counting(counting);
        if counting == Counting::Refused(404) {
            stage.sync().await;
            let old = "update vapi_calls_raw set created_at = created_at - interval '40 days'; delete from sync_state";
            stage.db.client().await.batch_execute(old).await.unwrap();
        }
        stage.vapi.faults().push(empty_lists());

        for times in 1..=5 {
            assert_suspect(&stage.sync().await, times);
        }
    }
}

#[tokio::test]
async fn a_first_sync_that_was_killed_and_then_finds_nothing_is_not_complete_either() {
    let stage = Stage::with_calls(100).await;
    refuse_to_count(&stage);
    let killed = "insert into sync_state (name, target, updated_at) values ('calls', now(), now());
                  insert into sync_windows (pass, created_to) values ('full', now())";
    stage.db.client().await.batch_execute(killed).await.unwrap();
    stage.vapi.faults().push(empty_lists());

    assert_suspect(&stage.sync().await, 1);
}

#[tokio::test]
async fn a_suspect_run_counts_once_though_its_end_is_written_twice() {
    let stage = Stage::with_calls(5).await;
    refuse_to_count(&stage);
    stage.vapi.faults().push(empty_lists());
    stage.sync().await;
    let mut client = stage.db.connect().await;
    let before = shared::store::sync_state::read(&client).await.unwrap();

    for _ in 0..2 {
        let transaction = client.transaction().await.unwrap();
        let restored = shared::store::sync_state::restore(&transaction, &before, Vec::new(), now()).await;
        restored.unwrap();
        transaction.commit().await.unwrap();
    }

    assert_eq!(
        (before.suspect_runs, &state(&stage).await["suspect_runs"]),
        (1, &json!(2))
    );
}

#[tokio::test]
async fn twenty_calls_omitted_once_in_a_first_load_are_there_after_three_more_syncs() {
    for counting in [Counting::Refused(404), Counting::Truthful] {
        let stage = Stage::with_calls(926).await;
        stage.vapi.world().set_counting(counting);
        let omitted: Vec<String> = stage.vapi.world().call_ids().into_iter().step_by(45).take(20).collect();
        stage
            .vapi
            .faults()
            .push(Fault::OmittedRows(omitted).every(1).on(Kind::CallList));
        stage.sync().await;
        assert_eq!(stage.db.count("vapi_calls_raw").await, 906, "{counting:?}");
        stage.vapi.faults().clear();

        for _ in 0..3 {
            stage.sync().await;
        }

        stage.assert_equal().await;
    }
}

#[tokio::test]
async fn a_window_that_was_busy_and_is_empty_now_is_read_again() {
    // Five calls an hour, every hour of two weeks.
    let mut world = World::empty(now());
    for number in 0..14 * 24 * 5 {
        world.plant_call(now() - TimeDelta::minutes(12 * number + 1) - TimeDelta::hours(6));
    }
    let stage = Stage::of(world, Settings::default()).await;
    refuse_to_count(&stage);
    stage.sync().await;
    stage.sync().await;
    pass_time(&stage, 6).await;
    for number in 0..30 {
        stage
            .vapi
            .world()
            .plant_call(now() - TimeDelta::minutes(12 * number + 1));
    }
    let before = state(&stage).await["watermark"].clone();
    stage.vapi.faults().push(empty_lists());

    let first = stage.sync().await;

    assert_suspect(&first, 1);
    assert_eq!(state(&stage).await["watermark"], before);
    assert_eq!(stage.db.count("sync_windows").await, 0);
    assert_suspect(&stage.sync().await, 2);
    stage.vapi.faults().clear();

    let healed = stage.sync().await;

    assert_eq!((healed.status, healed.counters.records_inserted), (Status::Success, 30));
    stage.assert_equal().await;
}

#[tokio::test]
async fn an_empty_window_of_a_quiet_organisation_is_believed() {
    let stage = Stage::with_calls(300).await;
    refuse_to_count(&stage);
    stage.sync().await;
    stage.sync().await;
    // Three hundred in two weeks are five in six hours.
    pass_time(&stage, 6).await;
    stage.vapi.world().set_now(now());

    let report = stage.sync().await;

    assert_eq!(report.status, Status::Success, "{:?}", report.reason);
}

#[tokio::test]
async fn a_busy_window_that_vapi_counts_as_empty_is_believed() {
    let mut world = World::empty(now());
    for number in 0..14 * 24 * 5 {
        world.plant_call(now() - TimeDelta::minutes(12 * number + 1) - TimeDelta::hours(6));
    }
    let stage = Stage::of(world, Settings::default()).await;
    stage.sync().await;
    stage.sync().await;
    pass_time(&stage, 6).await;

    let report = stage.sync().await;

    assert_eq!(report.status, Status::Success, "{:?}", report.reason);
}

#[tokio::test]
async fn five_days_off_and_one_empty_answer_lose_nothing() {
    for counting in [Counting::Refused(404), Counting::Truthful] {
        let stage = Stage::with_calls(926).await;
        stage.vapi.world().set_counting(counting);
        let since = now() - TimeDelta::days(5);
        let is_late = |call: &Value| call["createdAt"].as_str().unwrap().parse::<DateTime<Utc>>().unwrap() > since;
        let late: Vec<Value> = stage.vapi.world().calls().into_iter().filter(is_late).collect();
        for call in &late {
            stage.vapi.world().remove(call["id"].as_str().unwrap());
        }
        stage.sync().await;
        stage.sync().await;
        pass_time(&stage, 5 * 24).await;
        for call in &late {
            stage.vapi.world().insert(call);
        }
        stage.vapi.faults().push(empty_lists());
        assert_suspect(&stage.sync().await, 1);
        stage.vapi.faults().clear();

        let report = stage.sync().await;

        // Fewer where a weekend is among the five days.
        assert!(late.len() > 100, "{}", late.len());
        assert_eq!(report.status, Status::Success, "{:?}", report.reason);
        stage.assert_equal().await;
    }
}

#[tokio::test]
async fn a_sync_with_nothing_new_costs_hardly_a_request() {
    let stage = Stage::of(
        World::generate(&Spec {
            calls: 926,
            ..Spec::new(now())
        }),
        Settings::default(),
    )
    .await;
    for _ in 0..3 {
        stage.sync().await;
    }
    stage.vapi.forget_requests();

    stage.sync().await;

    let asked: Vec<_> = stage.vapi.requests().iter().map(|request| request.kind).collect();
    let of = |kind: Kind| asked.iter().filter(|asked| **asked == kind).count();
    assert!(of(Kind::CallList) <= 4, "{asked:?}");
    assert_eq!((of(Kind::Analytics), of(Kind::Call)), (0, 0), "{asked:?}");
}
