//! Another organisation's calls are refused before any of them is stored, unless somebody wants them.

use serde_json::{Value, json};
use shared::run::Status;
use simulator::vapi::{Settings, Spec, World};
use tests::{Stage, now};

const OTHER: &str = "0f0f0f0f-0000-4000-8000-000000000001";

/// A world of another organisation; its assistants only where asked for.
fn other_world(calls: usize, with_assistants: bool) -> World {
    let mut world = World::generate(&Spec {
        seed: 77,
        calls,
        ..Spec::new(now())
    });
    for id in world.call_ids() {
        world.update(&id, |call| call["orgId"] = json!(OTHER));
    }
    let assistants: Vec<String> = world
        .assistants()
        .iter()
        .map(|assistant| assistant["id"].as_str().unwrap().to_owned())
        .collect();
    for id in assistants {
        if with_assistants {
            world.update_assistant(&id, |assistant| assistant["orgId"] = json!(OTHER));
        } else {
            world.remove_assistant(&id);
        }
    }
    world
}

/// The stage as if its key had become another organisation's.
fn switch(stage: &Stage, with_assistants: bool) {
    *stage.vapi.world() = other_world(120, with_assistants);
}

async fn counts(stage: &Stage) -> (i64, i64) {
    (
        stage.db.count("vapi_calls_raw").await,
        stage.db.count("vapi_assistants where deleted_at is null").await,
    )
}

async fn organisation(stage: &Stage) -> Value {
    stage.db.rows("select organisation from sync_state").await.remove(0)["organisation"].take()
}

#[tokio::test]
async fn calls_of_another_organisation_are_refused_with_the_remedy_and_none_is_stored() {
    for with_assistants in [true, false] {
        let stage = Stage::with_calls(200).await;
        stage.sync().await;
        let (before, ours) = (counts(&stage).await, organisation(&stage).await);
        switch(&stage, with_assistants);

        let failure = stage.try_sync(json!({})).await.unwrap_err().to_string();
        let by_id = stage.vapi.world().call_ids()[0].clone();
        let one = stage.try_sync(json!({"mode": "call", "call_id": by_id})).await;

        for part in [OTHER, ours.as_str().unwrap(), "VAPI_API_KEY", "VAPI_ORG_ID="] {
            assert!(failure.contains(part), "{part} is not in: {failure}");
        }
        assert!(one.unwrap_err().to_string().contains(OTHER));
        assert_eq!(stage.db.runs().await.pop().unwrap().status, "error");
        assert_eq!(
            stage
                .db
                .count(&format!("vapi_calls_raw where org_id = '{OTHER}'"))
                .await,
            0
        );
        if with_assistants {
            assert_eq!(counts(&stage).await, before);
        }
    }
}

#[tokio::test]
async fn a_database_that_recorded_no_organisation_goes_by_its_newest_call() {
    let stage = Stage::with_calls(200).await;
    stage.sync().await;
    let forget = "update sync_state set organisation = null";
    stage.db.client().await.batch_execute(forget).await.unwrap();
    switch(&stage, false);

    let failure = stage.try_sync(json!({})).await.unwrap_err().to_string();

    assert!(failure.contains(OTHER), "{failure}");
}

#[tokio::test]
async fn another_organisation_is_read_as_a_whole_where_it_is_wanted_and_what_is_stored_stays() {
    let stage = Stage::with_calls(200).await;
    stage.sync().await;
    stage.sync().await;
    switch(&stage, true);
    let stage = stage.setting("VAPI_ORG_ID", OTHER);

    let report = stage.sync().await;
    let again = stage.sync().await;

    assert_eq!(
        (report.status, report.counters.records_inserted),
        (Status::Success, 120)
    );
    assert_eq!((again.status, again.counters.records_inserted), (Status::Success, 0));
    assert_eq!(stage.db.count("vapi_calls_raw").await, 320);
    assert_eq!(organisation(&stage).await, json!(OTHER));
    // The calls of the first one are not looked for in the listing of the second.
    assert_eq!(
        stage
            .db
            .count("vapi_calls_raw where absent_at is not null or gone_at is not null")
            .await,
        0
    );
}

#[tokio::test]
async fn a_key_that_is_not_of_the_wanted_organisation_is_refused() {
    let stage = Stage::of(
        World::generate(&Spec {
            calls: 50,
            ..Spec::new(now())
        }),
        Settings::default(),
    )
    .await
    .setting("VAPI_ORG_ID", OTHER);

    let failure = stage.try_sync(json!({})).await.unwrap_err().to_string();

    assert!(failure.contains(&format!("VAPI_ORG_ID is {OTHER}")), "{failure}");
    assert_eq!(counts(&stage).await, (0, 0));
}
