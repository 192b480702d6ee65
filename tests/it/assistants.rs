//! An empty or short listing of assistants is not the truth: only one that its id does not find is gone.

use serde_json::{Value, json};
use shared::run::{Report, Status};
use simulator::vapi::{Fault, Kind, Rule};
use tests::Stage;

async fn loaded() -> Stage {
    let stage = Stage::with_calls(40).await;
    stage.sync().await;
    stage
}

fn on_lists(fault: Fault) -> Rule {
    fault.every(1).on(Kind::AssistantList)
}

fn ids(stage: &Stage) -> Vec<String> {
    let assistants = stage.vapi.world().assistants();
    let id = |assistant: &Value| assistant["id"].as_str().unwrap().to_owned();
    assistants.iter().map(id).collect()
}

async fn gone(stage: &Stage) -> i64 {
    stage.db.count("vapi_assistants where deleted_at is not null").await
}

/// Whether a line of the run says so.
async fn says(stage: &Stage, text: &str) -> bool {
    let run = stage.db.runs().await.pop().unwrap();
    let lines = stage.db.logs(run.id).await;
    lines.iter().any(|line| line.message.contains(text))
}

fn deleted(report: &Report) -> &Value {
    &report.metadata["assistants"]["deleted"]
}

#[tokio::test]
async fn assistants_that_a_listing_omits_are_read_by_their_ids() {
    let all = ids(&loaded().await).len();
    for fault in [Fault::EmptyList, Fault::OmittedRows(Vec::new())] {
        let stage = loaded().await;
        let ids = ids(&stage);
        let (fault, omitted) = match fault {
            Fault::OmittedRows(_) => (Fault::OmittedRows(ids[1..].to_vec()), all - 1),
            fault => (fault, all),
        };
        let renamed = json!("Renamed meanwhile");
        stage
            .vapi
            .world()
            .update_assistant(&ids[1], |assistant| assistant["name"] = renamed.clone());
        stage.vapi.faults().push(on_lists(fault));

        let report = stage.sync().await;

        assert_eq!(report.status, Status::Success, "{:?}", report.reason);
        assert_eq!((gone(&stage).await, deleted(&report)), (0, &json!(0)));
        assert!(says(&stage, &format!("did not list {omitted} assistants")).await);
        let name = format!("select name from vapi_assistants where assistant_id = '{}'", ids[1]);
        assert_eq!(stage.db.rows(&name).await, [json!({"name": renamed})]);
    }
}

#[tokio::test]
async fn an_assistant_that_its_id_does_not_find_is_gone_however_empty_the_listing_is() {
    let stage = loaded().await;
    let ids = ids(&stage);
    stage.vapi.world().remove_assistant(&ids[0]);
    stage.vapi.faults().push(on_lists(Fault::EmptyList));

    let report = stage.sync().await;
    stage.vapi.forget_requests();
    stage.sync().await;

    assert_eq!((gone(&stage).await, deleted(&report)), (1, &json!(1)));
    let asked = stage.vapi.requests();
    let asked = asked.iter().filter(|request| request.kind == Kind::Assistant);
    assert_eq!(asked.count(), ids.len() - 1, "what is gone is not asked for again");
}

#[tokio::test]
async fn an_assistant_that_cannot_be_read_is_not_gone() {
    let stage = loaded().await.setting("VAPI_ATTEMPTS", 1);
    stage.vapi.faults().push(on_lists(Fault::EmptyList));
    stage
        .vapi
        .faults()
        .push(Fault::Status(500).every(1).on(Kind::Assistant));

    let report = stage.sync().await;

    assert_eq!((gone(&stage).await, report.status), (0, Status::Success));
    assert!(says(&stage, "which Vapi did not list, was not read").await);
}

#[tokio::test]
async fn a_key_that_shows_neither_assistants_nor_calls_says_nothing_of_ours() {
    let stage = loaded().await;
    for id in ids(&stage) {
        stage.vapi.world().remove_assistant(&id);
    }
    let calls = stage.vapi.world().call_ids();
    for id in calls {
        stage.vapi.world().remove(&id);
    }

    stage.sync().await;

    assert_eq!(gone(&stage).await, 0);
}
