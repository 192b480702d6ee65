//! What settles late is taken while it exists: each call is read once more shortly before Vapi forgets it.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use shared::clock::rfc3339;
use shared::event::Invocation;
use shared::run::{Report, Status};
use simulator::vapi::{Kind, Refusal, Retention, Settings, Spec, World};
use sync::Context;
use tests::{Stage, now};
use tokio_util::sync::CancellationToken;

/// A sync at this time, by our clock and by Vapi's.
async fn sync_at(stage: &Stage, now: DateTime<Utc>) -> Report {
    stage.vapi.world().set_now(now);
    let context = Context {
        now,
        deadline_at: now + TimeDelta::minutes(15),
        stop: CancellationToken::new(),
    };
    let invocation = Invocation::by_hand("test", json!({}));
    sync::handle(&stage.deps(), &invocation, &context).await.unwrap()
}

async fn stage(calls: usize) -> Stage {
    let retention = Some(Retention {
        period: Duration::from_hours(14 * 24),
        refusal: Refusal::BadRequest400,
    });
    let settings = Settings {
        retention,
        ..Settings::default()
    };
    let world = World::generate(&Spec {
        calls,
        ..Spec::new(now())
    });
    Stage::of(world, settings).await
}

fn created(call: &Value) -> DateTime<Utc> {
    call["createdAt"].as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn what_settles_three_to_eleven_days_late_is_taken_although_no_update_says_so() {
    let stage = stage(140).await;
    let start = now();
    let lose_analysis = |call: &Value| {
        stage.vapi.world().update(call["id"].as_str().unwrap(), |call| {
            call.as_object_mut().unwrap().remove("analysis");
        });
    };
    // An analysis without content is as good as none.
    let blank = |call: &&Value| call["analysis"] == json!({});
    let calls = stage.vapi.world().calls();
    calls.iter().filter(blank).for_each(lose_analysis);
    let mut settled = stage.vapi.world().calls();
    // One that has not ended has no analysis yet.
    settled.retain(|call| call["analysis"].is_object());
    settled.iter().for_each(lose_analysis);

    for hours in (0..15 * 24).step_by(12) {
        let at = start + TimeDelta::hours(hours);
        for (number, call) in (0..).zip(&settled) {
            let late = TimeDelta::days(3 + number % 9);
            if created(call) + late <= at {
                stage.vapi.world().insert(call);
            }
        }
        let report = sync_at(&stage, at).await;
        assert_eq!(report.status, Status::Success, "after {hours} h: {:?}", report.reason);
        assert_eq!(report.metadata.get("retention_gaps"), None, "after {hours} h");
    }

    stage.assert_equal().await;
}

#[tokio::test]
async fn a_last_look_costs_no_more_requests_than_its_day_needs() {
    let stage = stage(926).await;
    let start = now();
    sync_at(&stage, start).await;
    sync_at(&stage, start + TimeDelta::hours(1)).await;
    let stage = stage.setting("SYNC_RESCAN_HOURS", 0);
    let pages = async |hours| {
        stage.vapi.forget_requests();
        let report = sync_at(&stage, start + TimeDelta::hours(hours)).await;
        assert_eq!(report.status, Status::Success, "{:?}", report.reason);
        stage
            .vapi
            .requests()
            .iter()
            .filter(|request| request.kind == Kind::CallList)
            .map(|request| request.rows)
            .collect::<Vec<_>>()
    };

    let without = pages(20).await;
    let with = pages(26).await;

    // A page with the day's calls, and one that shows that there are no more.
    assert_eq!(with.len(), without.len() + 2, "{without:?} {with:?}");
    let to = start + TimeDelta::hours(26) - TimeDelta::days(12);
    let calls = stage.vapi.world().calls();
    let of_the_day = calls.iter().filter(|call| {
        let created = created(call);
        to - TimeDelta::hours(27) <= created && created <= to
    });
    let most = without.iter().sum::<usize>() + of_the_day.count() + 2;
    assert!(with.iter().sum::<usize>() <= most, "{with:?}, and not {most}");
}

#[tokio::test]
async fn a_last_look_at_a_day_of_many_pages_costs_what_walking_that_day_costs() {
    let start = now();
    let day = start - TimeDelta::days(12) + TimeDelta::hours(2);
    let mut world = World::empty(start);
    for number in 0..700 {
        let at = rfc3339(day + TimeDelta::seconds(100 * number));
        let id = format!("call-{number}");
        world.insert(&json!({"id": id, "orgId": "a", "status": "ended", "createdAt": at, "updatedAt": at}));
    }
    let settings = Settings {
        page_cap: 100,
        ..Settings::default()
    };
    let stage = Stage::of(world, settings).await.setting("VAPI_PAGE_LIMIT", 100);
    for hours in [0, 1] {
        sync_at(&stage, start + TimeDelta::hours(hours)).await;
    }
    let old = rfc3339(start - TimeDelta::days(9));
    let pages_of_old_calls = || {
        let requests = stage.vapi.requests();
        let listed = requests.iter().filter(|request| request.kind == Kind::CallList);
        let is_old =
            |request: &&simulator::vapi::Request| request.parameter("createdAtLt").is_some_and(|to| to < old.as_str());
        listed
            .filter(is_old)
            .filter(|request| request.parameter("updatedAtGe").is_none())
            .count()
    };

    stage.vapi.forget_requests();
    sync_at(&stage, start + TimeDelta::hours(26)).await;
    let looked = pages_of_old_calls();
    stage.vapi.forget_requests();
    let whole = json!({"mode": "range", "from": rfc3339(start - TimeDelta::days(12) + TimeDelta::hours(1)), "to": rfc3339(start - TimeDelta::days(12) + TimeDelta::hours(26))});
    stage.try_sync(whole).await.unwrap();
    let walked = pages_of_old_calls();

    assert!(
        (8..=walked).contains(&looked),
        "{looked} requests looked, and {walked} walk the day"
    );
    eprintln!("a last look at 700 calls in pages of 100: {looked} requests; a walk of that day: {walked}");
}

#[tokio::test]
async fn after_a_pause_the_last_look_reaches_all_that_is_still_served() {
    let stage = stage(300).await;
    let start = now();
    // However quiet a weekend is.
    for number in 0..30 {
        let created = start - TimeDelta::days(7) + TimeDelta::minutes(number);
        stage.vapi.world().plant_call(created);
    }
    sync_at(&stage, start).await;
    sync_at(&stage, start + TimeDelta::hours(1)).await;
    let calls = stage.vapi.world().calls();
    for call in &calls {
        let id = call["id"].as_str().unwrap();
        stage.vapi.world().update(id, |call| call["cost"] = json!(7.75));
    }
    let at = start + TimeDelta::days(6);

    sync_at(&stage, at).await;

    let row = stage
        .db
        .rows(&format!(
            "select count(*) as calls, count(*) filter (where cost = 7.75) as settled
             from vapi_calls_raw
             where created_at >= '{at}'::timestamptz - interval '14 days' and created_at < '{at}'::timestamptz - interval '12 days'"
        ))
        .await
        .remove(0);
    assert_eq!(row["calls"], row["settled"]);
    assert!(row["calls"].as_u64() > Some(0), "{row}");
}
