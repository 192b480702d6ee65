//! Frameworks: the seeded one, a team's own, and those that cannot be scored by.

use serde_json::{Value, json};
use simulator::judge::Settings;
use tests::{Courtroom, TALK, TestDb, conversation};
use tokio_postgres::error::SqlState;

/// A team's own rubric: two criteria.
fn own() -> Value {
    json!({"blocks": [
        {"id": "dynamics", "name": "Dynamics", "max": 40, "criteria": [
            {"id": "talk_share", "name": "Talk share", "max": 40, "measure": "agent_talk_share",
             "bands": [{"at_most": 0.7, "points": 40}, {"points": 0}]},
        ]},
        {"id": "outcome", "name": "Outcome", "max": 60, "criteria": [
            {"id": "next_step", "name": "Next step", "max": 60, "question": "Was a next step agreed?", "levels": [
                {"id": "no", "points": 0, "description": "None."},
                {"id": "yes", "points": 60, "description": "One."},
            ]},
        ]},
    ]})
}

async fn add(db: &TestDb, version: i32, rubric: &Value) {
    db.client()
        .await
        .execute(
            "insert into analysis_frameworks (name, version, rubric, prompt_template, model_config)
             values ('Own', $1, $2, 'Judge the agent. Answer in JSON.', '{\"model\": \"simulated-judge-1\"}')",
            &[&version, rubric],
        )
        .await
        .unwrap();
}

#[tokio::test]
async fn the_standard_framework_is_there_and_active_and_sums_to_a_hundred() {
    let db = TestDb::new().await;

    let framework = shared::store::framework::load(&shared::platform::db::connect(&db.pool()).await.unwrap(), None)
        .await
        .unwrap();

    assert_eq!(framework.name.to_string(), "QCI Standard@1");
    let blocks: Vec<(&str, u32)> = framework
        .rubric
        .blocks
        .iter()
        .map(|block| (block.id.as_str(), block.max))
        .collect();
    assert_eq!(
        blocks,
        [("dynamics", 30), ("objections", 20), ("brand", 20), ("outcome", 30)]
    );
}

#[tokio::test]
async fn calls_are_scored_by_the_framework_that_is_asked_for_beside_the_active_one() {
    let room = Courtroom::hearing(&[conversation("talk", &TALK)], Settings::default()).await;
    add(room.db(), 1, &own()).await;

    room.score().await;
    let own = room.try_score(json!({"framework": "Own@1"})).await.unwrap();

    assert_eq!(own.counters.calls_analyzed, 1);
    let rows = room
        .db()
        .rows("select applicable_max, objections_score, brand_score from qci_analyses order by framework_id")
        .await;
    assert_eq!(rows.len(), 2);
    assert_eq!(
        rows[1],
        json!({"applicable_max": 100.0, "objections_score": null, "brand_score": null})
    );
    let unknown = room
        .try_score(json!({"framework": "Own@2"}))
        .await
        .unwrap_err()
        .to_string();
    assert!(
        unknown.contains("Own@2") && unknown.contains("QCI Standard@1"),
        "{unknown}"
    );
}

#[tokio::test]
async fn a_framework_that_cannot_be_scored_by_is_refused_with_the_field_and_costs_nothing() {
    let bad = |change: &dyn Fn(&mut Value)| {
        let mut rubric = own();
        change(&mut rubric);
        rubric
    };
    let cases: Vec<(Value, &str)> = vec![
        (bad(&|rubric| rubric["blocks"][1]["max"] = json!(50)), "blocks"),
        (
            bad(&|rubric| rubric["blocks"][0]["criteria"][0]["max"] = json!(30)),
            "blocks[0]",
        ),
        (
            bad(&|rubric| rubric["blocks"][1]["criteria"][0]["id"] = json!("talk_share")),
            "blocks[1].criteria[0].id",
        ),
        (
            bad(&|rubric| rubric["blocks"][0]["criteria"][0]["measure"] = json!("charm")),
            "blocks[0].criteria[0].measure",
        ),
        (
            bad(&|rubric| rubric["brand"] = json!({"name": "Quillmere", "aliases": [""]})),
            "brand.aliases",
        ),
        (
            bad(&|rubric| rubric["brand"] = json!({"name": "Quillmere", "aliases": []})),
            "brand.aliases",
        ),
        (
            bad(&|rubric| rubric["blocks"][1]["criteria"][0]["levels"] = json!("many")),
            "blocks[1].criteria[0].levels",
        ),
        (bad(&|rubric| rubric["blocks"][0]["weight"] = json!(1)), "weight"),
    ];
    let room = Courtroom::hearing(&[conversation("talk", &TALK)], Settings::default()).await;
    for (version, (rubric, field)) in (1..).zip(&cases) {
        add(room.db(), version, rubric).await;

        let name = format!("Own@{version}");
        let failure = room
            .try_score(json!({"framework": name}))
            .await
            .unwrap_err()
            .to_string();

        assert!(failure.contains(&name) && failure.contains(field), "{field}: {failure}");
    }
    assert_eq!(room.judge.requests().len(), 0);
    assert_eq!(room.db().count("qci_analyses").await, 0);
}

#[tokio::test]
async fn a_framework_that_has_given_a_score_stays_as_it_was() {
    let room = Courtroom::hearing(&[conversation("talk", &TALK)], Settings::default()).await;
    add(room.db(), 1, &own()).await;
    let client = room.db().client().await;
    let change = "update analysis_frameworks set prompt_template = prompt_template || ' Be strict.' where name = 'Own'";
    let sums = "select sha256 from analysis_frameworks where name = 'Own'";
    let before = room.db().rows(sums).await;
    client.batch_execute(change).await.unwrap();
    assert_ne!(room.db().rows(sums).await, before, "the sum follows the content");
    room.try_score(json!({"framework": "Own@1"})).await.unwrap();

    let refused = client.batch_execute(change).await.unwrap_err();
    let activated = client
        .batch_execute("update analysis_frameworks set is_active = (name = 'Own') where name = 'QCI Standard'")
        .await;

    assert_eq!(refused.code(), Some(&SqlState::RESTRICT_VIOLATION));
    activated.unwrap();
    let gone = client
        .batch_execute("delete from analysis_frameworks where name = 'Own'")
        .await;
    assert!(gone.is_err(), "a score says by which framework it was given");
}

#[tokio::test]
async fn without_an_active_framework_the_run_says_what_to_do() {
    let room = Courtroom::hearing(&[], Settings::default()).await;
    room.db()
        .client()
        .await
        .batch_execute("update analysis_frameworks set is_active = false")
        .await
        .unwrap();

    let failure = room.try_score(json!({})).await.unwrap_err().to_string();

    assert!(failure.contains("is_active"), "{failure}");
}
