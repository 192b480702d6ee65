//! Clocks that differ lose no call, and calls that are dated later than now are stored.

use chrono::TimeDelta;
use serde_json::json;
use shared::run::Status;
use simulator::vapi::{Settings, Spec, World};
use tests::{Stage, now};

/// A Vapi whose clock is so far ahead, synced so that only new and changed calls are read from now on.
async fn stage(ahead: TimeDelta) -> Stage {
    let world = World::generate(&Spec {
        calls: 100,
        ..Spec::new(now() + ahead)
    });
    let settings = Settings {
        clock_ahead: ahead,
        ..Settings::default()
    };
    let stage = Stage::of(world, settings).await.setting("SYNC_RESCAN_HOURS", 0);
    stage.sync().await;
    stage.sync().await;
    stage
}

#[tokio::test]
async fn a_call_of_a_vapi_whose_clock_is_wrong_is_there_after_the_next_sync() {
    for minutes in [-12, -10, 10, 12] {
        let ahead = TimeDelta::minutes(minutes);
        let stage = stage(ahead).await;
        let by_vapi = now() + ahead;
        let id = stage.vapi.world().plant_call(by_vapi);
        stage.vapi.world().touch(&id, by_vapi);

        let report = stage.sync().await;

        assert_eq!(
            (report.status, report.counters.records_inserted),
            (Status::Success, 1),
            "{minutes} minutes"
        );
        let skew = report.metadata["vapi_clock_skew_seconds"].as_i64().unwrap();
        assert!((skew - minutes * 60).abs() <= 2, "{skew}");
        assert_eq!(report.metadata.get("calls_in_the_future"), None);
        stage.assert_equal().await;
    }
}

#[tokio::test]
async fn a_call_of_the_future_is_stored_counted_and_read_again() {
    for mode in ["full", "auto"] {
        let stage = stage(TimeDelta::zero()).await;
        let id = stage.vapi.world().plant_call(now() + TimeDelta::days(3));

        let report = stage.try_sync(json!({"mode": mode})).await.unwrap();

        assert_eq!(report.status, Status::Success, "{mode}: {:?}", report.reason);
        assert_eq!(report.metadata["calls_in_the_future"], json!(1), "{mode}");
        stage.assert_equal().await;
        stage.vapi.world().update(&id, |call| call["cost"] = json!(6.5));

        stage.sync().await;

        stage.assert_equal().await;
    }
}

#[tokio::test]
async fn a_first_load_holds_calls_that_are_dated_later_than_now() {
    let mut world = World::generate(&Spec {
        calls: 300,
        ..Spec::new(now())
    });
    for hours in 1..=150 {
        world.plant_call(now() + TimeDelta::hours(hours));
    }
    let settings = Settings {
        page_cap: 100,
        ..Settings::default()
    };
    let stage = Stage::of(world, settings).await;

    let report = stage.sync().await;

    assert_eq!(
        (report.status, report.counters.records_inserted),
        (Status::Success, 450)
    );
    stage.assert_equal().await;
}
