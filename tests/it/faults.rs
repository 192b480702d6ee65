//! Whatever happens on the wire, the table ends equal to Vapi's calls and the run says what happened.

use std::time::Duration;

use serde_json::json;
use shared::run::Status;
use simulator::vapi::{Cut, Fault, Kind, Rule, Settings, Spec, World};
use tests::{Stage, now};

async fn stage() -> Stage {
    let world = World::generate(&Spec {
        calls: 400,
        ..Spec::new(now())
    });
    Stage::of(
        world,
        Settings {
            page_cap: 100,
            ..Settings::default()
        },
    )
    .await
    .setting("VAPI_TIMEOUT_SECONDS", 1)
}

/// A fault on the first and on a later page; the sync must not care.
async fn survives(fault: Fault) {
    let stage = stage().await;
    stage.vapi.faults().push(fault.clone().next(1).on(Kind::CallList));
    stage
        .vapi
        .faults()
        .push(fault.clone().next(1).on(Kind::CallList).after(3));

    let report = stage.sync().await;

    assert!(
        stage
            .vapi
            .requests()
            .iter()
            .any(|request| request.fault.as_ref() == Some(&fault)),
        "{fault:?} never struck"
    );
    assert_eq!(report.status, Status::Success, "{fault:?}: {:?}", report.reason);
    assert_eq!(report.counters.records_inserted, 400, "{fault:?}");
    stage.assert_equal().await;
}

#[tokio::test]
async fn being_asked_to_slow_down_loses_nothing() {
    survives(Fault::RateLimited { retry_after: Some(1) }).await;
    survives(Fault::RateLimited { retry_after: None }).await;
}

#[tokio::test]
async fn retry_after_closes_the_gate_for_every_request() {
    let stage = stage().await;
    stage
        .vapi
        .faults()
        .push(Fault::RateLimited { retry_after: Some(2) }.next(1).on(Kind::CallList));
    let begun = std::time::Instant::now();

    stage.sync().await;

    assert!(begun.elapsed() >= Duration::from_secs(2), "it did not wait");
}

#[tokio::test]
async fn errors_of_the_server_and_of_what_stands_before_it_lose_nothing() {
    for fault in [
        Fault::Status(500),
        Fault::Status(503),
        Fault::HtmlPage(502),
        Fault::HtmlPage(200),
    ] {
        survives(fault).await;
    }
}

#[tokio::test]
async fn a_body_that_ends_early_is_read_again() {
    for cut in [Cut::BeforeContentLength, Cut::BeforeLastChunk, Cut::InsideJson] {
        survives(Fault::CutShort(cut)).await;
    }
}

#[tokio::test]
async fn a_body_with_stray_characters_is_read_again() {
    survives(Fault::BrokenJson).await;
    survives(Fault::BrokenRow).await;
}

#[tokio::test]
async fn a_connection_that_breaks_or_falls_silent_is_opened_again() {
    for fault in [Fault::Reset, Fault::Close, Fault::Stall, Fault::Hang] {
        survives(fault).await;
    }
}

#[tokio::test]
async fn a_slow_body_is_waited_for() {
    survives(Fault::Drip {
        pieces: 12,
        pause: Duration::from_millis(150),
    })
    .await;
}

#[tokio::test]
async fn pages_that_are_too_large_to_come_through_are_asked_for_smaller() {
    let world = World::generate(&Spec {
        calls: 900,
        ..Spec::new(now())
    });
    let stage = Stage::of(world, Settings::default()).await.setting("VAPI_DOWNLOADS", 1);
    stage.vapi.faults().push(Fault::Status(504).next(2).on(Kind::CallList));

    let report = stage.sync().await;

    assert_eq!(report.counters.records_inserted, 900);
    let limits: Vec<_> = stage
        .vapi
        .requests()
        .iter()
        .filter_map(|request| request.parameter("limit").map(str::to_owned))
        .collect();
    assert!(
        limits.contains(&"1000".to_owned()) && limits.last().is_some_and(|limit| limit == "500"),
        "{limits:?}"
    );
}

#[tokio::test]
async fn all_of_it_together_loses_nothing() {
    let stage = stage().await.setting("VAPI_ATTEMPTS", 12);
    let chance = |fault: Fault, seed| -> Rule { fault.by_chance(0.12, seed) };
    for (seed, fault) in [
        Fault::RateLimited { retry_after: None },
        Fault::Status(500),
        Fault::HtmlPage(502),
        Fault::CutShort(Cut::InsideJson),
        Fault::BrokenRow,
        Fault::Reset,
        Fault::DuplicatedRows,
        Fault::ShuffledRows,
        Fault::PageCap(100),
    ]
    .into_iter()
    .enumerate()
    {
        stage.vapi.faults().push(chance(fault, seed as u64));
    }

    let report = stage.sync().await;

    assert_eq!(report.counters.records_inserted, 400);
    stage.assert_equal().await;
}

#[tokio::test]
async fn a_page_that_never_comes_through_fails_the_run_and_the_next_one_completes_it() {
    let stage = stage().await.setting("VAPI_ATTEMPTS", 3);
    stage
        .vapi
        .faults()
        .push(Fault::Status(500).every(1).on(Kind::CallList).after(2));

    let failure = stage.try_sync(json!({})).await.unwrap_err().to_string();

    assert!(
        failure.contains("listing calls created up to") && failure.contains("Vapi is in trouble (500"),
        "{failure}"
    );
    let run = stage.db.only_run().await;
    assert_eq!(
        (run.status.as_str(), run.error_message.as_deref()),
        ("error", Some(failure.as_str()))
    );
    assert_eq!(
        stage.db.rows("select watermark from sync_state").await,
        [json!({"watermark": null})]
    );

    stage.vapi.faults().clear();
    let report = stage.sync().await;

    assert_eq!(report.status, Status::Success);
    stage.assert_equal().await;
    let inserted = i64::from(run.records_inserted) + i64::from(report.counters.records_inserted);
    assert!(inserted <= 400, "{inserted} rows were inserted for 400 calls");
}

#[tokio::test]
async fn a_refused_key_fails_the_run_at_once_and_says_which_setting_to_check() {
    for status in [401, 403] {
        let stage = stage().await;
        stage.vapi.faults().push(Fault::Status(status).every(1));

        let failure = stage.try_sync(json!({})).await.unwrap_err().to_string();

        assert!(
            failure.contains("VAPI_API_KEY") && failure.contains(&status.to_string()),
            "{failure}"
        );
        assert_eq!(stage.vapi.requests().len(), 1, "a refused key is not tried again");
        assert_eq!(stage.db.only_run().await.status, "error");
    }
}

#[tokio::test]
async fn an_element_that_stays_damaged_is_kept_as_a_reject_and_the_others_land() {
    let stage = stage().await.setting("VAPI_ATTEMPTS", 2);
    stage.vapi.faults().push(Fault::ForeignRow.every(1).on(Kind::CallList));

    let report = stage.sync().await;

    assert_eq!(report.status, Status::Partial);
    assert!(report.reason.unwrap().contains("see vapi_call_rejects"));
    assert!(report.counters.records_failed >= 1);
    assert_eq!(
        i64::from(report.counters.records_failed),
        stage.db.count("vapi_call_rejects").await
    );
}

#[tokio::test]
async fn assistants_that_cannot_be_listed_cost_no_call() {
    let stage = stage().await.setting("VAPI_ATTEMPTS", 2);
    stage
        .vapi
        .faults()
        .push(Fault::Status(500).every(1).on(Kind::AssistantList));

    let report = stage.sync().await;

    assert_eq!(report.status, Status::Partial);
    assert!(report.reason.unwrap().contains("the assistants were not synced"));
    stage.assert_equal().await;
}
