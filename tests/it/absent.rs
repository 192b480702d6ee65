//! What a listing lacks is asked for by its id: what Vapi has was omitted, what it does not know is gone.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use shared::platform::clock::rfc3339;
use shared::platform::event::Invocation;
use shared::run::Status;
use simulator::vapi::{Fault, Kind, Settings, Spec, World};
use sync::Context;
use tests::{Stage, now};
use tokio_util::sync::CancellationToken;

async fn loaded(calls: usize) -> Stage {
    let stage = Stage::with_calls(calls).await;
    stage.sync().await;
    stage.sync().await;
    stage
}

fn omit(stage: &Stage, ids: &[String]) {
    let fault = Fault::OmittedRows(ids.to_vec());
    stage.vapi.faults().push(fault.every(1).on(Kind::CallList));
}

async fn sync_at(stage: &Stage, now: DateTime<Utc>) {
    let context = Context {
        now,
        deadline_at: now + TimeDelta::minutes(15),
        stop: CancellationToken::new(),
    };
    let invocation = Invocation::by_hand("test", json!({}));
    sync::handle(&stage.deps(), &invocation, &context).await.unwrap();
}

async fn full(stage: &Stage) -> shared::run::Report {
    stage.try_sync(json!({"mode": "full"})).await.unwrap()
}

/// Ids of calls that Vapi must still serve, whatever the clock does meanwhile.
fn recent_ids(stage: &Stage, count: usize) -> Vec<String> {
    let ids = stage.vapi.world().call_ids();
    ids.into_iter().step_by(3).take(count).collect()
}

#[tokio::test]
async fn a_few_calls_that_a_listing_omits_are_read_by_their_ids() {
    let stage = loaded(500).await;
    let omitted = recent_ids(&stage, 3);
    for id in &omitted {
        stage.vapi.world().update(id, |call| call["cost"] = json!(8.5));
    }
    omit(&stage, &omitted);

    let report = full(&stage).await;

    assert_eq!(report.status, Status::Success, "{:?}", report.reason);
    assert_eq!(report.metadata["calls_omitted"], json!(3));
    stage.assert_equal().await;
    assert_eq!(
        stage
            .db
            .count("vapi_calls_raw where absent_at is not null or gone_at is not null")
            .await,
        0
    );
}

#[tokio::test]
async fn many_omitted_calls_make_the_run_partial_and_hold_the_watermark() {
    let stage = loaded(500).await;
    let before = stage.db.rows("select watermark from sync_state").await;
    omit(&stage, &recent_ids(&stage, 60));

    let report = full(&stage).await;

    assert_eq!(report.status, Status::Partial);
    assert!(report.reason.unwrap().contains("Vapi does not list calls that it has"));
    assert_eq!(stage.db.rows("select watermark from sync_state").await, before);
    // Proof enough is enough: the others are listed next time, or asked for.
    let asked = stage
        .vapi
        .requests()
        .iter()
        .filter(|request| request.kind == Kind::Call)
        .count();
    assert!((20..=30).contains(&asked), "{asked}");
    stage.vapi.faults().clear();

    let healed = stage.sync().await;

    assert_eq!(healed.status, Status::Success, "{:?}", healed.reason);
    assert_eq!(stage.db.count("vapi_calls_raw where absent_at is not null").await, 0);
}

#[tokio::test]
async fn a_call_that_vapi_does_not_know_any_more_is_gone_and_not_missed() {
    let stage = loaded(500).await;
    let deleted = recent_ids(&stage, 40);
    let documents: Vec<Value> = deleted
        .iter()
        .map(|id| stage.vapi.world().remove(id).unwrap())
        .collect();

    let report = full(&stage).await;

    assert_eq!(report.status, Status::Success, "{:?}", report.reason);
    assert_eq!(
        (&report.metadata["calls_gone"], &report.metadata["calls_omitted"]),
        (&json!(40), &json!(0))
    );
    assert_eq!(stage.db.count("vapi_calls_raw").await, 500);
    assert_eq!(stage.db.count("vapi_calls_raw where gone_at is not null").await, 40);
    stage.vapi.forget_requests();
    full(&stage).await;
    let asked = stage.vapi.requests().iter().any(|request| request.kind == Kind::Call);
    assert!(!asked, "what is gone is left alone for half a day");

    for document in &documents {
        stage.vapi.world().insert(document);
    }
    full(&stage).await;

    assert_eq!(stage.db.count("vapi_calls_raw where gone_at is not null").await, 0);
}

#[tokio::test]
async fn what_is_gone_is_asked_for_again_until_it_is_believed() {
    let stage = loaded(300).await;
    // Too old for the trailing window to show it by itself.
    let five_days_ago = rfc3339(now() - TimeDelta::days(5));
    let is_old = |call: &Value| call["createdAt"].as_str().is_some_and(|at| at < five_days_ago.as_str());
    let mut old: Vec<Value> = stage.vapi.world().calls().into_iter().filter(is_old).collect();
    let (back, deleted) = (old[0].clone(), old.remove(1));
    for call in [&back, &deleted] {
        stage.vapi.world().remove(call["id"].as_str().unwrap());
    }
    full(&stage).await;
    assert_eq!(stage.db.count("vapi_calls_raw where gone_at is not null").await, 2);
    let mut settled = back.clone();
    settled["cost"] = json!(7.75);
    stage.vapi.world().insert(&settled);

    for (hours, asked) in [(6, 0), (13, 2), (26, 1), (39, 1), (52, 0)] {
        stage.vapi.forget_requests();
        sync_at(&stage, now() + TimeDelta::hours(hours)).await;
        let by_id = stage.vapi.requests();
        let by_id = by_id.iter().filter(|request| {
            [&back, &deleted]
                .iter()
                .any(|call| request.path.ends_with(call["id"].as_str().unwrap()))
        });
        assert_eq!(by_id.count(), asked, "after {hours} h");
    }

    let gone = stage
        .db
        .rows("select id from vapi_calls_raw where gone_at is not null")
        .await;
    assert_eq!(gone, [json!({"id": deleted["id"]})]);
    let settled = stage.db.rows("select id from vapi_calls_raw where cost = 7.75").await;
    assert_eq!(settled, [json!({"id": back["id"]})]);
}

#[tokio::test]
async fn of_very_many_absent_calls_each_run_asks_for_some() {
    let stage = loaded(926).await;
    let deleted = recent_ids(&stage, 210);
    for id in &deleted {
        stage.vapi.world().remove(id);
    }

    let first = full(&stage).await;
    let gone = stage.db.count("vapi_calls_raw where gone_at is not null").await;
    let second = stage.sync().await;

    assert_eq!((first.status, second.status), (Status::Success, Status::Success));
    // Some had not ended: those are asked for besides.
    assert!((200..210).contains(&gone), "{gone}");
    assert_eq!(stage.db.count("vapi_calls_raw where gone_at is not null").await, 210);
}

#[tokio::test]
async fn a_retention_that_is_shorter_than_the_setting_is_no_reason_to_doubt_a_listing() {
    let world = World::generate(&Spec {
        calls: 400,
        ..Spec::new(now())
    });
    let stage = Stage::of(world, Settings::default()).await;
    stage.sync().await;
    stage.sync().await;
    let week = shared::platform::clock::rfc3339(now() - TimeDelta::days(7));
    let old: Vec<String> = stage
        .vapi
        .world()
        .calls()
        .iter()
        .filter(|call| call["createdAt"].as_str() < Some(week.as_str()))
        .map(|call| call["id"].as_str().unwrap().to_owned())
        .collect();
    for id in &old {
        stage.vapi.world().remove(id);
    }

    let report = full(&stage).await;

    assert_eq!(report.status, Status::Success, "{:?}", report.reason);
    assert_eq!(stage.db.count("vapi_calls_raw").await, 400);
}

#[tokio::test]
async fn what_a_listing_lacks_is_asked_for_to_the_last_hours_in_which_vapi_has_it() {
    let stage = loaded(300).await;
    let age = |call: &Value| now() - call["createdAt"].as_str().unwrap().parse::<DateTime<Utc>>().unwrap();
    let mut calls = stage.vapi.world().calls();
    calls.retain(|call| age(call) < TimeDelta::days(10));
    let oldest = calls.pop().unwrap();
    let id = oldest["id"].as_str().unwrap().to_owned();
    stage.vapi.world().update(&id, |call| call["cost"] = json!(7.75));
    omit(&stage, &[id]);

    // After a pause that leaves Vapi twelve hours.
    sync_at(&stage, now() - age(&oldest) + TimeDelta::hours(13 * 24 + 12)).await;

    assert_eq!(stage.db.count("vapi_calls_raw where cost = 7.75").await, 1);
}
