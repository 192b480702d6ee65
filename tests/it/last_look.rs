//! What settles late is taken while it exists: each call is read once more shortly before Vapi forgets it.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use shared::platform::clock::rfc3339;
use shared::platform::event::Invocation;
use shared::run::{Report, Status};
use simulator::vapi::{Gone, Hidden, Kind, Left, Refusal, Retention, Settings, Spec, Thinning, World};
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

/// A stage with one call, two hours old, whose analysis is not there yet; and the call as it will be.
async fn unsettled() -> (Stage, String, Value) {
    let stage = stage(0).await;
    let id = stage.vapi.world().plant_call(now() - TimeDelta::hours(2));
    let whole = stage.vapi.world().call(&id).unwrap();
    assert!(whole["analysis"].is_object(), "{whole}");
    stage.vapi.world().update(&id, |call| {
        call.as_object_mut().unwrap().remove("analysis");
    });
    (stage, id, whole)
}

/// Syncs at these hours after the start, and what is stored of the one call then.
async fn after(stage: &Stage, start: DateTime<Utc>, hours: &[i64]) -> Value {
    for hour in hours {
        sync_at(stage, start + TimeDelta::hours(*hour)).await;
    }
    let query = "select vapi_success_evaluation is not null as is_settled, gone_at is not null as is_gone,
                        content_kept_at is not null as is_kept
                 from vapi_calls_raw";
    stage.db.rows(query).await.remove(0)
}

/// In hours: its last look is due, and Vapi has forgotten it.
const LOOK: i64 = 12 * 24 + 12;

#[tokio::test]
async fn a_call_whose_last_look_met_an_emptier_document_is_looked_at_once_more() {
    let (stage, id, whole) = unsettled().await;
    let start = now();
    after(&stage, start, &[0, 1, LOOK - 24]).await;
    stage.vapi.world().insert(&whole);
    let slim = Thinning {
        parts: ["/messages", "/artifact", "/analysis"].map(str::to_owned).to_vec(),
        left: Left::Nothing(Gone::Absent),
        updated: None,
        in_lists_only: false,
    };
    stage.vapi.world().thin(&id, slim);

    let met = after(&stage, start, &[LOOK, LOOK + 6]).await;
    stage.vapi.world().restore(&id);
    let settled = after(&stage, start, &[LOOK + 12, LOOK + 18, LOOK + 24]).await;

    assert_eq!(met, json!({"is_settled": false, "is_gone": false, "is_kept": true}));
    assert_eq!(settled, json!({"is_settled": true, "is_gone": false, "is_kept": false}));
}

#[tokio::test]
async fn a_call_that_was_believed_gone_at_its_last_look_is_looked_at_once_more() {
    let (stage, id, whole) = unsettled().await;
    let start = now();
    after(&stage, start, &[0, 1]).await;
    stage.vapi.world().hide(&id, Hidden::Everywhere);
    let range = json!({"mode": "range", "from": rfc3339(start - TimeDelta::days(1))});
    stage.try_sync(range).await.unwrap();
    let hours: Vec<i64> = (1..=6).map(|half_day| half_day * 12).collect();
    let gone = after(&stage, start, &hours).await;
    assert_eq!(
        stage
            .db
            .count("vapi_calls_raw where gone_at is not null and absent_at is null")
            .await,
        1
    );

    after(&stage, start, &[LOOK - 24, LOOK]).await;
    stage.vapi.world().insert(&whole);
    stage.vapi.world().show(&id);
    let back = after(&stage, start, &[LOOK + 12, LOOK + 24]).await;

    assert_eq!(gone, json!({"is_settled": false, "is_gone": true, "is_kept": false}));
    assert_eq!(back, json!({"is_settled": true, "is_gone": false, "is_kept": false}));
}

#[tokio::test]
async fn a_call_that_its_id_did_not_find_at_its_last_look_is_asked_for_the_same_day() {
    let (stage, id, whole) = unsettled().await;
    let start = now();
    after(&stage, start, &[0, 1, LOOK - 24]).await;
    stage.vapi.world().insert(&whole);
    stage.vapi.world().hide(&id, Hidden::Everywhere);

    let met = after(&stage, start, &[LOOK]).await;
    stage.vapi.world().show(&id);
    let settled = after(&stage, start, &[LOOK + 6, LOOK + 12]).await;

    assert_eq!(met, json!({"is_settled": false, "is_gone": true, "is_kept": false}));
    assert_eq!(settled, json!({"is_settled": true, "is_gone": false, "is_kept": false}));
}

#[tokio::test]
async fn documents_that_stay_emptier_are_looked_at_twice_and_no_more() {
    let start = now();
    let mut world = World::empty(start);
    // A call an hour.
    for hour in 0..13 * 24 {
        world.plant_call(start - TimeDelta::days(13) + TimeDelta::hours(hour));
    }
    let ids = world.call_ids();
    let settings = Settings {
        retention: Some(Retention {
            period: Duration::from_hours(14 * 24),
            refusal: Refusal::BadRequest400,
        }),
        ..Settings::default()
    };
    let stage = Stage::of(world, settings).await.setting("SYNC_RESCAN_HOURS", 0);
    for hours in [0, 1] {
        sync_at(&stage, start + TimeDelta::hours(hours)).await;
    }
    for id in &ids {
        stage.vapi.world().hollow(id, &["/messages", "/artifact"], Gone::Absent);
    }
    let (mut days, recent) = (Vec::new(), rfc3339(start - TimeDelta::days(5)));
    for day in 1..=4 {
        sync_at(&stage, start + TimeDelta::days(day) - TimeDelta::hours(12)).await;
        stage.vapi.forget_requests();
        sync_at(&stage, start + TimeDelta::days(day)).await;
        let requests = stage.vapi.requests();
        let of_look = requests.iter().filter(|request| {
            request.kind == Kind::CallList
                && request.parameter("updatedAtGe").is_none()
                && request.parameter("createdAtLt").is_some_and(|to| to < recent.as_str())
        });
        days.push(of_look.map(|request| request.rows).sum::<usize>());
    }

    // A day of calls, and with the day before from the second day on; an end of a page may be read twice.
    assert!(days.iter().all(|rows| (20..=52).contains(rows)), "{days:?}");
    assert!(days[1..].iter().all(|rows| *rows >= 45), "{days:?}");
}
