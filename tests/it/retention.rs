//! What a sync does about calls that Vapi does not serve any more.

use std::time::Duration;

use chrono::TimeDelta;
use serde_json::json;
use shared::clock::rfc3339;
use shared::run::Status;
use simulator::vapi::{Refusal, Retention, Settings, Spec, World};
use tests::{Stage, now};

const DAY: u64 = 86_400;

/// Thirty days of calls, of which Vapi serves this many.
async fn stage(days_served: u64, refusal: Refusal) -> Stage {
    let world = World::generate(&Spec {
        calls: 900,
        days: 30,
        ..Spec::new(now())
    });
    let retention = Some(Retention {
        period: Duration::from_secs(days_served * DAY),
        refusal,
    });
    Stage::of(
        world,
        Settings {
            retention,
            page_cap: 100,
            ..Settings::default()
        },
    )
    .await
}

fn served(stage: &Stage, days: i64) -> usize {
    let oldest = rfc3339(now() - TimeDelta::days(days));
    stage
        .vapi
        .world()
        .calls()
        .iter()
        .filter(|call| call["createdAt"].as_str() >= Some(oldest.as_str()))
        .count()
}

#[tokio::test]
async fn a_full_walk_ends_where_vapi_ends_whether_it_refuses_or_falls_silent() {
    for refusal in [Refusal::BadRequest400, Refusal::EmptyList] {
        let stage = stage(14, refusal).await;

        let report = stage.sync().await;

        assert_eq!(report.status, Status::Success, "{refusal:?}: {:?}", report.reason);
        let stored = usize::try_from(report.counters.records_inserted).unwrap();
        let expected = served(&stage, 14);
        assert!(stored.abs_diff(expected) <= 1, "{refusal:?}: {stored} of {expected}");
    }
}

#[tokio::test]
async fn a_retention_shorter_than_the_setting_says_is_found_out() {
    let stage = stage(7, Refusal::BadRequest400).await;

    let report = stage.sync().await;

    let (stored, expected) = (
        usize::try_from(report.counters.records_inserted).unwrap(),
        served(&stage, 7),
    );
    assert_eq!(report.status, Status::Success);
    assert!(stored.abs_diff(expected) <= 2, "{stored} of {expected}");
}

#[tokio::test]
async fn a_gap_that_vapi_does_not_serve_any_more_is_recorded_on_the_run() {
    let stage = stage(14, Refusal::BadRequest400).await;
    stage.sync().await;
    let past = "update sync_state set watermark = now() - interval '20 days', rescanned_at = now()";
    stage.db.client().await.batch_execute(past).await.unwrap();

    let report = stage.sync().await;

    assert!(
        report.metadata["retention_gaps_total"].as_u64() >= Some(1),
        "{}",
        report.metadata
    );
    let run = stage.db.runs().await.pop().unwrap();
    let said: String = stage
        .db
        .logs(run.id)
        .await
        .iter()
        .map(|line| line.message.clone() + "\n")
        .collect();
    assert!(
        said.contains("may be lost") && said.contains("Vapi does not serve calls created before"),
        "{said}"
    );
}

#[tokio::test]
async fn the_headroom_is_the_time_left_until_a_call_could_be_lost() {
    let stage = stage(14, Refusal::BadRequest400).await;

    let report = stage.sync().await;

    assert_eq!(report.metadata["retention_headroom_hours"], json!(336.0));
}

#[tokio::test]
async fn an_incremental_sync_is_not_disturbed_by_the_end_of_retention() {
    let stage = stage(14, Refusal::BadRequest400).await;
    stage.sync().await;

    let report = stage.sync().await;

    assert_eq!(
        (
            report.status,
            report.counters.records_inserted,
            report.counters.records_updated
        ),
        (Status::Success, 0, 0)
    );
    assert_eq!(report.metadata.get("retention_gaps"), None);
}
