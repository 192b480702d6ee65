//! Adopted rows, and then the same calls and assistants from Vapi.

use serde_json::{Value, json};
use shared::platform::clock::rfc3339;
use simulator::vapi::{Server, Settings, World};
use tests::{Stage, TestDb, now};

use super::odd::{CALLS, ROW};
use super::{take_over, value, verify, with};

async fn synced(db: TestDb, world: World) -> Stage {
    let stage = Stage {
        db,
        vapi: Server::start(world, Settings::default()).await.unwrap(),
        settings: Vec::new(),
    };
    stage.sync().await;
    stage
}

fn assistant(extra: &Value) -> Value {
    let mut assistant = json!({
        "id": "a1", "orgId": "o1", "name": "Ada", "createdAt": "2026-01-01T00:00:00.000Z",
        "updatedAt": "2026-01-02T00:00:00.000Z", "voice": {"voiceId": "Elliot"},
        "model": {"model": "gpt-4o", "messages": [{"role": "system", "content": "Be brief."}]},
    });
    let extra = extra.as_object().unwrap().clone();
    assistant["model"].as_object_mut().unwrap().extend(extra);
    assistant
}

/// The tables of assistants: with this document, and a history that has these columns.
fn assistants(document: &str, model: &str) -> String {
    format!(
        "create table public.vapi_assistants (assistant_id text primary key, name text, model text, voice text,
             prompt text, raw_json jsonb, synced_at timestamptz, updated_at timestamptz);
         create table public.vapi_assistant_prompt_history (assistant_id text, prompt text, model text, voice text,
             version_number int, changed_at timestamptz, raw_json jsonb);
         insert into public.vapi_assistants values
             ('a1', 'Ada', 'gpt-4o', 'Elliot', 'Be brief.', {document}, '2026-01-03', '2026-01-02');
         insert into public.vapi_assistant_prompt_history values
             ('a1', 'Be nice.', {model}, 'Elliot', 1, '2026-01-01', null),
             ('a1', 'Be brief.', {model}, 'Elliot', 2, '2026-01-02', null)"
    )
}

async fn versions(db: &TestDb) -> Value {
    value(
        db,
        "select json_agg(json_build_array(version_number, prompt, model, tools is not null) order by version_number)
         from vapi_assistant_prompt_history",
    )
    .await
}

#[tokio::test]
async fn tools_that_the_earlier_system_did_not_keep_are_no_new_version() {
    let tools = json!({"toolIds": ["t1"], "tools": [{"type": "endCall"}]});
    let thin = [
        "null",
        r#"'{"id": "a1", "name": "Ada"}'"#,
        r#"'{"id": "a1", "name": "Ada", "model": {"model": "gpt-4o", "messages": [{"role": "system",
            "content": "Be brief."}]}}'"#,
    ];
    for (document, model) in thin.iter().flat_map(|it| [(it, "'gpt-4o'"), (it, "null")]) {
        let db = with(&assistants(document, model)).await;
        take_over(&db).await;
        assert_eq!(versions(&db).await.as_array().unwrap().len(), 2, "{document} {model}");
        let mut world = World::empty(now());
        world.insert_assistant(&assistant(&tools));

        let stage = synced(db, world).await;

        let first = if model == "null" { Value::Null } else { json!("gpt-4o") };
        let expected = json!([[1, "Be nice.", first, false], [2, "Be brief.", "gpt-4o", true]]);
        assert_eq!(versions(&stage.db).await, expected, "{document} {model}");
        assert!(verify(&stage.db).await.is_good);

        // From now on it is known which tools there are.
        stage
            .vapi
            .world()
            .insert_assistant(&assistant(&json!({"toolIds": ["t2"]})));
        stage
            .vapi
            .world()
            .update_assistant("a1", |it| it["updatedAt"] = json!(rfc3339(now())));
        stage.sync().await;
        assert_eq!(
            versions(&stage.db).await.as_array().unwrap().len(),
            3,
            "{document} {model}"
        );
    }
}

#[tokio::test]
async fn an_assistant_without_tools_that_gets_some_later_has_a_new_version() {
    let db = with(&assistants("null", "'gpt-4o'")).await;
    take_over(&db).await;
    let mut world = World::empty(now());
    world.insert_assistant(&assistant(&json!({})));
    let stage = synced(db, world).await;
    assert_eq!(versions(&stage.db).await.as_array().unwrap().len(), 2);

    stage
        .vapi
        .world()
        .insert_assistant(&assistant(&json!({"toolIds": ["t1"]})));
    stage
        .vapi
        .world()
        .update_assistant("a1", |it| it["updatedAt"] = json!(rfc3339(now())));
    stage.sync().await;

    let last = &versions(&stage.db).await[2];
    assert_eq!(last, &json!([3, "Be brief.", "gpt-4o", true]));
}

#[tokio::test]
async fn what_only_columns_knew_outlives_a_slim_document_of_a_sync() {
    let created = rfc3339(now() - chrono::TimeDelta::days(3));
    for document in [
        "null".to_owned(),
        format!(r#"'{{"id": "c1", "createdAt": "{created}"}}'"#),
    ] {
        // Neither start nor end is known.
        let row = ROW
            .replace("DOCUMENT", &document)
            .replace("'2026-01-02 03:04:10+00'", "null")
            .replace("'2026-01-02 03:05:10.5+00'", "null");
        let db = with(&format!("{CALLS} {row}")).await;
        take_over(&db).await;
        let known = "json_build_array(duration_seconds, tool_names, has_tool_calls, has_calendar_booking, transcript,
                                      recording_url, customer_phone_number)";
        let of_call = format!("select {known} from vapi_calls_raw where id = 'c1'");
        let before = value(&db, &of_call).await;
        let expected = json!([
            61,
            ["book_slot", "lookup"],
            true,
            true,
            "AI: Hello. User: Hi.",
            "https://example.com/r.wav",
            "+15550100"
        ]);
        assert_eq!(before, expected, "{document}");
        let mut world = World::empty(now());
        world.insert(&json!({
            "id": "c1", "orgId": "o1", "type": "webCall", "status": "ended", "endedReason": "silence-timed-out",
            "createdAt": created, "updatedAt": rfc3339(now()), "cost": 0.5,
        }));

        let stage = synced(db, world).await;

        assert_eq!(value(&stage.db, &of_call).await, before, "{document}");
        let facts = value(
            &stage.db,
            "select json_build_array(cost, ended_reason) from vapi_calls_raw",
        )
        .await;
        assert_eq!(facts, json!([0.5, "silence-timed-out"]));
        let verified = verify(&stage.db).await;
        assert!(verified.is_good, "{verified:#?}");
    }
}
