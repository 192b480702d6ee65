//! What a sync does about calls that Vapi does not serve any more.

use std::time::Duration;

use serde_json::{Value, json};
use shared::platform::clock::rfc3339;
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

/// The calls that Vapi serves when so many days are kept, by its own clock.
fn served(stage: &Stage, days: u64) -> Vec<String> {
    let world = stage.vapi.world();
    let oldest = rfc3339(world.now() - Duration::from_secs(days * DAY));
    let kept = |call: &Value| call["createdAt"].as_str() >= Some(oldest.as_str());
    let mut ids: Vec<String> = world
        .calls()
        .iter()
        .filter(|call| kept(call))
        .map(|call| call["id"].as_str().unwrap().to_owned())
        .collect();
    ids.sort();
    ids
}

async fn stored(stage: &Stage) -> Vec<String> {
    let rows = stage.db.rows("select id from vapi_calls_raw order by id").await;
    rows.iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_full_walk_ends_where_vapi_ends_whether_it_refuses_or_falls_silent() {
    for refusal in [Refusal::BadRequest400, Refusal::EmptyList] {
        let stage = stage(14, refusal).await;

        let report = stage.sync().await;

        assert_eq!(report.status, Status::Success, "{refusal:?}: {:?}", report.reason);
        assert_eq!(stored(&stage).await, served(&stage, 14), "{refusal:?}");
    }
}

#[tokio::test]
async fn a_retention_shorter_than_the_setting_says_is_found_out_to_the_last_call() {
    // Wherever the edge lies in the window that it falls in.
    for days in 3..=13 {
        let stage = stage(days, Refusal::BadRequest400).await;

        let report = stage.sync().await;

        assert_eq!(report.status, Status::Success, "{days} days");
        assert_eq!(stored(&stage).await, served(&stage, days), "{days} days");
    }
}

#[tokio::test]
async fn the_edge_of_what_vapi_keeps_moves_on_during_a_sync_and_takes_no_call_with_it() {
    let stage = stage(14, Refusal::BadRequest400).await;
    let mut elapsed = 0;
    stage.vapi.on_every_page(move |world| {
        elapsed += 1;
        if elapsed <= 60 {
            let later = world.now() + Duration::from_secs(1);
            world.set_now(later);
        }
    });

    let report = stage.sync().await;

    assert_eq!(report.status, Status::Success, "{:?}", report.reason);
    let stored = stored(&stage).await;
    let lost: Vec<String> = served(&stage, 14)
        .into_iter()
        .filter(|id| !stored.contains(id))
        .collect();
    assert_eq!(lost, [""; 0]);
}

#[tokio::test]
async fn a_gap_that_vapi_does_not_serve_any_more_is_recorded_on_the_run() {
    let stage = stage(14, Refusal::BadRequest400).await;
    stage.sync().await;
    // The second sync reads everything once more, without a bound that could be refused.
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
