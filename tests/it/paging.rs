//! No call is lost and none comes twice, however Vapi pages.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::TimeDelta;
use serde_json::json;
use shared::run::{Report, Status};
use simulator::vapi::{Counting, Fault, Kind, Order, Settings, Spec, World};
use tests::{Stage, now};

fn world(calls: usize) -> World {
    World::generate(&Spec {
        calls,
        ..Spec::new(now())
    })
}

fn capped(page_cap: usize) -> Settings {
    Settings {
        page_cap,
        ..Settings::default()
    }
}

fn assert_complete(report: &Report, calls: i32) {
    assert_eq!(report.status, Status::Success, "{:?}", report.reason);
    assert_eq!(
        (report.counters.records_fetched, report.counters.records_inserted),
        (calls, calls)
    );
}

#[tokio::test]
async fn a_page_that_vapi_caps_below_what_was_asked_ends_no_walk() {
    let stage = Stage::of(world(700), capped(100)).await;

    assert_complete(&stage.sync().await, 700);

    stage.assert_equal().await;
}

#[tokio::test]
async fn a_cap_that_changes_from_page_to_page_ends_no_walk() {
    let stage = Stage::of(world(900), capped(300)).await;
    stage
        .vapi
        .faults()
        .push(Fault::PageCap(100).every(2).on(Kind::CallList));
    stage
        .vapi
        .faults()
        .push(Fault::PageCap(130).every(3).on(Kind::CallList));

    assert_complete(&stage.sync().await, 900);

    stage.assert_equal().await;
}

#[tokio::test]
async fn a_thousand_calls_of_one_millisecond_all_arrive() {
    for page_cap in [1000, 100] {
        let mut world = world(300);
        world.plant_same_instant(1000, now() - TimeDelta::days(3));
        let stage = Stage::of(world, capped(page_cap)).await;

        assert_complete(&stage.sync().await, 1300);

        stage.assert_equal().await;
    }
}

#[tokio::test]
async fn a_crowded_millisecond_that_is_all_there_is_arrives_whole() {
    let mut world = World::empty(now());
    world.plant_same_instant(350, now() - TimeDelta::days(3));
    let stage = Stage::of(world, capped(100)).await;

    assert_complete(&stage.sync().await, 350);

    stage.assert_equal().await;
}

#[tokio::test]
async fn two_hundred_and_fifty_calls_of_one_millisecond_across_a_page_edge_all_arrive() {
    for page_limit in [100, 200, 1000] {
        let mut world = World::empty(now());
        for minute in 0..150 {
            world.plant_call(now() - TimeDelta::minutes(minute + 1));
            world.plant_call(now() - TimeDelta::days(2) - TimeDelta::minutes(minute + 1));
        }
        world.plant_same_instant(250, now() - TimeDelta::days(1));
        let stage = Stage::of(world, capped(200))
            .await
            .setting("VAPI_PAGE_LIMIT", page_limit);

        assert_complete(&stage.sync().await, 550);

        stage.assert_equal().await;
    }
}

#[tokio::test]
async fn calls_of_one_millisecond_that_also_changed_in_one_are_told_apart_by_their_assistant_and_the_run_is_partial() {
    let mut world = world(150);
    let assistants: Vec<_> = world
        .assistants()
        .iter()
        .map(|assistant| assistant["id"].clone())
        .collect();
    let crowd = world.plant_same_instant(240, now() - TimeDelta::days(3));
    for (index, id) in crowd.iter().enumerate() {
        world.update(id, |call| {
            call["updatedAt"] = json!("2026-01-01T00:00:00.000Z");
            call["assistantId"] = assistants[index % assistants.len()].clone();
        });
    }
    let stage = Stage::of(world, capped(100)).await;

    let report = stage.sync().await;

    stage.assert_equal().await;
    // Nobody can know that there was no call without an assistant among them.
    assert_eq!(
        (report.status, &report.metadata["unlisted_instants_total"]),
        (Status::Partial, &json!(1))
    );
}

#[tokio::test]
async fn calls_that_nothing_tells_apart_make_the_run_partial_and_the_others_are_not_lost() {
    let mut world = world(150);
    let crowd = world.plant_same_instant(240, now() - TimeDelta::days(3));
    for id in &crowd {
        world.update(id, |call| {
            call["updatedAt"] = json!("2026-01-01T00:00:00.000Z");
            call["assistantId"] = json!(null);
        });
    }
    let stage = Stage::of(world, capped(100)).await;

    let report = stage.sync().await;

    assert_eq!(
        (report.status, &report.metadata["unlisted_instants_total"]),
        (Status::Partial, &json!(1))
    );
    assert_eq!(report.counters.records_inserted, 250);
}

/// A crowd in one millisecond, of which some never changed.
async fn crowd_with_unchanged_calls(with_assistant: bool, counting: Counting) -> Stage {
    let mut world = world(150);
    let assistants = world.assistants();
    let crowd = world.plant_same_instant(340, now() - TimeDelta::days(3));
    for (number, id) in crowd.iter().rev().take(38).enumerate() {
        world.update(id, |call| {
            call["updatedAt"] = json!(null);
            call["assistantId"] = if with_assistant {
                assistants[1 + number % 12]["id"].clone()
            } else {
                json!(null)
            };
        });
    }
    world.set_counting(counting);
    Stage::of(world, capped(100)).await
}

#[tokio::test]
async fn calls_of_a_crowded_millisecond_that_never_changed_are_found_or_said_to_be_missing() {
    for counting in [Counting::Refused(404), Counting::Truthful] {
        let stage = crowd_with_unchanged_calls(false, counting).await;

        let report = stage.sync().await;

        assert_eq!(report.status, Status::Partial, "{counting:?}");
        assert_eq!(report.metadata["unlisted_instants_total"], json!(1));
        assert!(report.counters.records_inserted >= 452, "{:?}", report.counters);
    }
}

#[tokio::test]
async fn calls_of_a_crowded_millisecond_that_never_changed_are_told_apart_by_their_assistant() {
    let stage = crowd_with_unchanged_calls(true, Counting::Truthful).await;

    assert_complete(&stage.sync().await, 490);

    stage.assert_equal().await;
}

#[tokio::test]
async fn an_instant_that_vapi_keeps_finer_than_it_prints_hides_no_call() {
    let mut world = world(400);
    world.plant_same_instant(30, now() - TimeDelta::days(3));
    let stage = Stage::of(
        world,
        Settings {
            sub_millisecond: true,
            ..capped(100)
        },
    )
    .await
    .setting("VAPI_PAGE_LIMIT", 100);

    assert_complete(&stage.sync().await, 430);

    stage.assert_equal().await;
}

#[tokio::test]
async fn calls_inserted_and_changed_while_vapi_is_paged_are_there_after_the_next_sync() {
    let stage = Stage::of(world(600), capped(100)).await.setting("VAPI_PAGE_LIMIT", 100);
    let busy = Arc::new(AtomicBool::new(true));
    let going_on = Arc::clone(&busy);
    stage.vapi.on_every_page(move |world| {
        if !going_on.load(Ordering::Relaxed) {
            return;
        }
        world.plant_call(now());
        let ids = world.call_ids();
        for id in [&ids[3], &ids[ids.len() / 2], &ids[ids.len() - 3]] {
            let stamp = shared::platform::clock::rfc3339(now());
            world.update(id, |call| {
                call["updatedAt"] = json!(stamp);
                call["cost"] = json!(0.125);
            });
        }
    });

    stage.sync().await;
    busy.store(false, Ordering::Relaxed);
    stage.sync().await;

    stage.assert_equal().await;
}

#[tokio::test]
async fn pages_in_no_order_lose_no_call() {
    let mut world = world(500);
    world.plant_same_instant(40, now() - TimeDelta::days(3));
    let stage = Stage::of(world, capped(100)).await;
    stage
        .vapi
        .faults()
        .push(Fault::ShuffledRows.every(1).on(Kind::CallList));

    assert_complete(&stage.sync().await, 540);

    stage.assert_equal().await;
}

#[tokio::test]
async fn changed_calls_are_found_whatever_order_vapi_lists_them_in() {
    for order in [Order::UpdatedDescending, Order::Unsorted, Order::CreatedDescending] {
        let stage = Stage::of(world(800), Settings { order, ..capped(100) }).await;
        stage.sync().await;
        let ids = stage.vapi.world().call_ids();
        let changed: HashSet<_> = ids.iter().step_by(3).cloned().collect();
        for id in &changed {
            let stamp = shared::platform::clock::rfc3339(now());
            stage.vapi.world().update(id, |call| {
                call["updatedAt"] = json!(stamp);
                call["cost"] = json!(9.5);
            });
        }

        let report = stage.sync().await;

        assert_eq!(
            usize::try_from(report.counters.records_updated).unwrap(),
            changed.len(),
            "{order:?}"
        );
        stage.assert_equal().await;
    }
}

#[tokio::test]
async fn rows_that_come_twice_are_counted_once() {
    let stage = Stage::of(world(400), capped(100)).await;
    stage
        .vapi
        .faults()
        .push(Fault::DuplicatedRows.every(1).on(Kind::CallList));

    assert_complete(&stage.sync().await, 400);

    stage.assert_equal().await;
}
