//! The defects of the scripts that Callmark replaces: each one, put back, turns a test red.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use shared::platform::clock::rfc3339;
use shared::run::Status;
use simulator::vapi::{Fault, Kind, Settings, Spec, World};
use tests::{Stage, conversation, now};

#[tokio::test]
async fn a_page_that_fails_is_not_an_empty_page() {
    let stage = Stage::with_calls(300).await.setting("VAPI_ATTEMPTS", 1);
    stage.vapi.faults().push(Fault::Status(500).next(1).on(Kind::CallList));

    let failure = stage.try_sync(json!({})).await.unwrap_err();

    assert!(failure.to_string().contains("Vapi is in trouble"), "{failure}");
    assert_eq!(stage.db.only_run().await.status, "error");
}

#[tokio::test]
async fn a_call_that_changes_while_the_sync_runs_is_found_by_the_next_one() {
    let stage = Stage::with_calls(300).await;
    let id = stage.vapi.world().call_ids()[5].clone();
    let changed = id.clone();
    // The first page of calls is on its way when this call changes; the run ends well after that.
    stage.vapi.on_page(2, move |world| {
        let stamp = rfc3339(now());
        world.update(&changed, |call| {
            call["updatedAt"] = json!(stamp);
            call["cost"] = json!(6.5);
        });
    });
    stage.sync().await;
    // Nothing but the watermark may bring it: no overlap, no second look.
    let stage = stage.setting("SYNC_OVERLAP_MINUTES", 0).setting("SYNC_RESCAN_HOURS", 0);

    let report = stage.sync().await;

    assert_eq!(report.counters.records_updated, 1);
    stage.assert_equal().await;
}

#[tokio::test]
async fn dates_are_not_cut_to_whole_days() {
    let stage = Stage::with_calls(50).await;
    let (from, to) = (now() - TimeDelta::minutes(90), now() - TimeDelta::minutes(30));
    let inside = stage.vapi.world().plant_call(now() - TimeDelta::hours(1));
    stage.vapi.world().plant_call(now() - TimeDelta::hours(2));

    stage
        .try_sync(json!({"mode": "range", "from": rfc3339(from), "to": rfc3339(to)}))
        .await
        .unwrap();

    let ids: Vec<Value> = stage.db.rows("select id, created_at from vapi_calls_raw").await;
    assert!(ids.iter().any(|row| row["id"] == json!(inside)));
    for row in ids {
        let created: DateTime<Utc> = row["created_at"].as_str().unwrap().parse().unwrap();
        assert!(
            created >= from - TimeDelta::milliseconds(1) && created <= to + TimeDelta::milliseconds(1),
            "{created}"
        );
    }
}

#[tokio::test]
async fn a_hundred_calls_of_one_instant_are_no_endless_loop() {
    let mut world = World::empty(now());
    world.plant_same_instant(100, now() - TimeDelta::days(1));
    let stage = Stage::of(
        world,
        Settings {
            page_cap: 100,
            ..Settings::default()
        },
    )
    .await;

    let report = stage.sync().await;

    assert_eq!(
        (report.status, report.counters.records_inserted),
        (Status::Success, 100)
    );
    assert!(
        stage.vapi.requests().len() < 40,
        "{} requests for a hundred calls",
        stage.vapi.requests().len()
    );
}

#[tokio::test]
async fn assistants_are_paged() {
    let stage = Stage::with_calls(10).await;
    let template = stage.vapi.world().assistants()[0].clone();
    for number in 0..260_u32 {
        let mut assistant = template.clone();
        assistant["id"] = json!(format!("a0000000-0000-4000-8000-{number:012}"));
        // Every third one shares its instant with two others.
        assistant["createdAt"] = json!(rfc3339(now() - TimeDelta::minutes(i64::from(number / 3))));
        stage.vapi.world().insert_assistant(&assistant);
    }

    let report = stage.sync().await;

    assert_eq!(report.metadata["assistants"]["fetched"], json!(273));
    assert_eq!(stage.db.count("vapi_assistants").await, 273);
}

#[tokio::test]
async fn more_assistants_of_one_instant_than_a_page_holds_are_all_listed() {
    let stage = Stage::with_calls(10).await;
    let template = stage.vapi.world().assistants()[0].clone();
    for number in 0..260_u32 {
        let mut assistant = template.clone();
        assistant["id"] = json!(format!("a0000000-0000-4000-8000-{number:012}"));
        assistant["createdAt"] = json!(rfc3339(now() - TimeDelta::days(200)));
        stage.vapi.world().insert_assistant(&assistant);
    }

    stage.sync().await;

    assert_eq!(stage.db.count("vapi_assistants").await, 273);
}

#[tokio::test]
async fn no_request_grows_with_the_number_of_calls() {
    let stage = Stage::of(
        World::generate(&Spec {
            calls: 1500,
            ..Spec::new(now())
        }),
        Settings::default(),
    )
    .await;
    stage.sync().await;
    let ids = stage.vapi.world().call_ids();
    for id in ids.iter().step_by(2) {
        stage.vapi.world().touch(id, now());
    }
    stage.vapi.forget_requests();

    let report = stage.sync().await;

    assert_eq!(report.counters.records_updated, 750);
    for request in stage.vapi.requests() {
        let length: usize = request.query.iter().map(|(name, value)| name.len() + value.len()).sum();
        assert!(length < 300, "{request:?}");
    }
}

#[tokio::test]
async fn the_steps_of_a_run_and_its_end_are_in_the_tables_when_it_returns() {
    let stage = Stage::with_calls(100).await;

    stage.sync().await;

    let run = stage.db.only_run().await;
    assert_eq!(
        (
            run.status.as_str(),
            run.finished_at.is_some(),
            run.duration_ms.is_some()
        ),
        ("success", true, true)
    );
    let steps: Vec<String> = stage.db.logs(run.id).await.into_iter().map(|line| line.step).collect();
    assert_eq!(
        (steps.first().map(String::as_str), steps.last().map(String::as_str)),
        (Some("START"), Some("END"))
    );
    assert!(
        steps.contains(&"FETCH".to_owned()) && steps.contains(&"SAVE".to_owned()),
        "{steps:?}"
    );
}

#[tokio::test]
async fn calls_that_never_started_have_a_time_of_their_own() {
    let stage = Stage::with_calls(200).await;

    stage.sync().await;

    let unstarted = stage
        .db
        .rows("select from vapi_calls_raw where started_at is null")
        .await
        .len();
    assert!(unstarted > 100);
    assert_eq!(
        stage
            .db
            .rows("select from vapi_calls_raw where call_at is null")
            .await
            .len(),
        0
    );
    assert_eq!(
        stage
            .db
            .rows("select from vapi_calls_raw where started_at is null and call_at <> created_at")
            .await
            .len(),
        0
    );
}

/// The call at the edge of two pages changes between them, without a new `updatedAt`. Its two versions are in batches
/// that are written at once, and the first one takes its time.
#[tokio::test]
async fn of_two_versions_in_two_batches_the_one_read_later_holds() {
    let mut world = World::empty(now());
    for index in 0..750 {
        let mut call = conversation(&format!("call-{index:03}"), &["Hello.", "Hello."]);
        let created = now() - TimeDelta::hours(2) - TimeDelta::seconds(index);
        call["createdAt"] = json!(rfc3339(created));
        call["cost"] = json!(1.5);
        world.insert(&call);
    }
    let settings = Settings {
        page_cap: 500,
        ..Settings::default()
    };
    let stage = Stage::of(world, settings).await.setting("VAPI_DOWNLOADS", 1);
    stage.vapi.on_page(2, |world| {
        world.update("call-499", |call| call["cost"] = json!(8.25));
    });
    let slowly = "create function take_time() returns trigger language plpgsql as $$
                  begin
                      perform pg_sleep(3);
                      return new;
                  end $$;
                  create trigger slowly before insert on vapi_calls_raw for each row
                  when (new.id = 'call-499' and new.cost = 1.5) execute function take_time()";
    stage.db.client().await.batch_execute(slowly).await.unwrap();

    let report = stage.sync().await;

    assert_eq!(report.counters.records_fetched, 750);
    stage.assert_equal().await;
}
