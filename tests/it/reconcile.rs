//! Once a day the calls of each day are counted against Vapi's own count of them.

use chrono::TimeDelta;
use serde_json::{Value, json};
use shared::platform::event::Invocation;
use shared::run::{Report, Status};
use simulator::vapi::{Counting, Hidden, Kind};
use sync::Context;
use tests::{Stage, now};
use tokio_util::sync::CancellationToken;

async fn state(stage: &Stage) -> Value {
    stage.db.rows("select * from sync_state").await.remove(0)
}

async fn a_day_later(stage: &Stage) {
    let past = "update sync_state set reconciled_at = reconciled_at - interval '25 hours'";
    stage.db.client().await.batch_execute(past).await.unwrap();
}

fn counts_asked(stage: &Stage) -> usize {
    let requests = stage.vapi.requests();
    requests
        .iter()
        .filter(|request| request.kind == Kind::Analytics)
        .count()
}

async fn lines(stage: &Stage, report: &Report, level: &str, words: &str) -> usize {
    let lines = stage.db.logs(report.run_id).await;
    lines
        .iter()
        .filter(|line| line.level == level && line.message.contains(words))
        .count()
}

#[tokio::test]
async fn after_the_first_load_and_once_a_day_the_counts_are_compared() {
    let stage = Stage::with_calls(300).await;

    let first = stage.sync().await;
    stage.sync().await;
    stage.sync().await;

    assert_eq!(counts_asked(&stage), 1);
    assert_eq!(first.metadata["calls_missing"], json!(0));
    assert_eq!(first.metadata["reconciliation"]["lacking"], json!([]));
    assert!(first.metadata["complete_to"].is_string(), "{}", first.metadata);
    a_day_later(&stage).await;
    stage.sync().await;
    assert_eq!(counts_asked(&stage), 2);
}

#[tokio::test]
async fn a_day_that_lacks_calls_is_walked_again_in_the_same_run() {
    let stage = Stage::with_calls(500).await;
    stage.sync().await;
    stage.sync().await;
    let deletion =
        "delete from vapi_calls_raw where created_at between now() - interval '6 days' and now() - interval '4 days'";
    let lost = stage.db.client().await.execute(deletion, &[]).await.unwrap();
    a_day_later(&stage).await;

    let report = stage.sync().await;

    assert!(lost > 20);
    assert_eq!(report.status, Status::Success, "{:?}", report.reason);
    assert_eq!(u64::try_from(report.counters.records_inserted), Ok(lost));
    assert_eq!(report.metadata["calls_missing"], json!(0));
    stage.assert_equal().await;
}

#[tokio::test]
async fn what_stays_different_is_told_and_over_once_the_counts_agree() {
    let stage = Stage::with_calls(500).await;
    stage.vapi.world().set_counting(Counting::Off(2));

    let report = stage.sync().await;
    let next = stage.sync().await;

    let days = report.metadata["reconciliation"]["lacking"].as_array().unwrap().len();
    assert!(days >= 8, "{}", report.metadata);
    assert_eq!(report.metadata["calls_missing"], json!(days * 2));
    assert_eq!(
        lines(&stage, &report, "WARNING", "calls are missing that Vapi counts").await,
        1
    );
    assert_eq!(state(&stage).await["complete_to"], Value::Null);
    // It is said by each run, and asked once a day.
    assert_eq!(next.metadata["calls_missing"], json!(days * 2));
    assert_eq!(next.status, Status::Success);

    stage.vapi.world().set_counting(Counting::Truthful);
    a_day_later(&stage).await;
    let after = stage.sync().await;

    assert_eq!(after.metadata["calls_missing"], json!(0));
    assert!(state(&stage).await["complete_to"].is_string());
}

#[tokio::test]
async fn what_was_missing_is_read_while_vapi_has_it_although_its_day_is_not_compared_any_more() {
    let stage = Stage::with_calls(100).await;
    for _ in 0..2 {
        stage.sync().await;
    }
    let start = now();
    let id = stage.vapi.world().plant_call(start - TimeDelta::days(5));
    stage.vapi.world().hide(&id, Hidden::Everywhere);
    a_day_later(&stage).await;

    let missing = stage.sync().await;
    // Its last look is past, too.
    let looked = "update sync_state set last_looked_to = now() + interval '9 days'";
    stage.db.client().await.batch_execute(looked).await.unwrap();
    // Of the day on which it was created, Vapi has dropped a part.
    let at = start + TimeDelta::hours(9 * 24 - 2);
    stage.vapi.world().show(&id);
    let context = Context {
        now: at,
        deadline_at: at + TimeDelta::minutes(15),
        stop: CancellationToken::new(),
    };
    let input = json!({"mode": "incremental"});
    let report = sync::handle(&stage.deps(), &Invocation::by_hand("test", input), &context).await;

    assert_eq!(missing.metadata["calls_missing"], json!(1));
    assert_eq!(report.unwrap().metadata["calls_missing"], json!(0));
    assert_eq!(stage.db.count(&format!("vapi_calls_raw where id = '{id}'")).await, 1);
}

#[tokio::test]
async fn while_calls_are_missing_they_are_counted_twice_a_day() {
    for (counting, asked) in [(Counting::Off(1), 2), (Counting::Truthful, 1)] {
        let stage = Stage::with_calls(100).await;
        stage.vapi.world().set_counting(counting);
        stage.sync().await;
        let past = "update sync_state set reconciled_at = reconciled_at - interval '12 hours'";
        stage.db.client().await.batch_execute(past).await.unwrap();

        stage.sync().await;

        assert_eq!(counts_asked(&stage), asked, "{counting:?}");
    }
}

#[tokio::test]
async fn more_calls_here_than_vapi_counts_are_no_difference() {
    let stage = Stage::with_calls(300).await;
    stage.vapi.world().set_counting(Counting::Off(-3));

    let report = stage.sync().await;

    assert_eq!(report.metadata["calls_missing"], json!(0));
}

#[tokio::test]
async fn an_endpoint_that_is_refused_is_told_once_and_left_alone_for_a_week() {
    for status in [400, 401, 403, 404] {
        let stage = Stage::with_calls(60).await;
        stage.vapi.world().set_counting(Counting::Refused(status));

        let first = stage.sync().await;
        let second = stage.try_sync(json!({"mode": "full"})).await.unwrap();

        assert_eq!((first.status, second.status), (Status::Success, Status::Success));
        assert_eq!(counts_asked(&stage), 1, "{status}");
        let told = "calls are not counted against Vapi's own count";
        assert_eq!(lines(&stage, &first, "INFO", told).await, 1, "{status}");
        let week = "update sync_state set counts_refused_at = counts_refused_at - interval '8 days'";
        stage.db.client().await.batch_execute(week).await.unwrap();

        let third = stage.sync().await;

        assert_eq!(counts_asked(&stage), 2, "{status}");
        assert_eq!(lines(&stage, &third, "INFO", told).await, 0, "{status}");
    }
}

#[tokio::test]
async fn an_endpoint_in_trouble_is_asked_again_by_the_next_run() {
    let stage = Stage::with_calls(60).await;
    stage.vapi.world().set_counting(Counting::Refused(503));
    let first = stage.sync().await;
    stage.vapi.world().set_counting(Counting::Truthful);

    let second = stage.sync().await;

    assert_eq!(first.status, Status::Success);
    assert_eq!(lines(&stage, &first, "WARNING", "could not be counted").await, 1);
    assert_eq!(second.metadata["calls_missing"], json!(0));
}

#[tokio::test]
async fn days_are_those_of_the_organisations_time_zone() {
    for zone in ["America/New_York", "Asia/Kolkata", "Pacific/Auckland"] {
        let stage = Stage::with_calls(500).await.setting("VAPI_TIMEZONE", zone);

        let report = stage.sync().await;

        assert_eq!(
            report.metadata["calls_missing"],
            json!(0),
            "{zone}: {}",
            report.metadata
        );
        assert_eq!(counts_asked(&stage), 1);
    }
}
