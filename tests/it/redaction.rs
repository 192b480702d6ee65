//! Secrets that Vapi sends never reach a table or a log line.

use serde_json::json;
use simulator::vapi::{Oddity, Settings, Spec, World};
use tests::{Stage, now};

/// What every planted secret contains.
const MARK: &str = "SECRET-";

#[tokio::test]
async fn no_secret_of_any_call_or_assistant_is_in_any_table() {
    let mut world = World::generate(&Spec {
        calls: 926,
        ..Spec::new(now())
    });
    world.plant(Oddity::Secrets);
    let planted = planted_in(&world);
    let stage = Stage::of(world, Settings::default()).await;

    stage.sync().await;
    let call_id = stage.vapi.world().call_ids()[0].clone();
    stage.try_sync(json!({"mode": "call", "call_id": call_id})).await.ok();

    assert!(
        planted > 20,
        "only {planted} secrets were planted: the test would prove little"
    );
    let tables = stage
        .db
        .rows("select table_name from information_schema.tables where table_schema = 'public'")
        .await;
    assert!(tables.len() >= 9);
    for table in tables {
        let table = table["table_name"].as_str().unwrap();
        let found = stage
            .db
            .rows(&format!(
                "select to_jsonb(t) as row from {table} t where t::text like '%{MARK}%' limit 1"
            ))
            .await;
        assert!(
            found.is_empty(),
            "a secret in {table}: {:.2000}",
            found[0]["row"].to_string()
        );
    }
}

#[tokio::test]
async fn a_rejected_document_is_redacted_too() {
    let mut world = World::generate(&Spec {
        calls: 20,
        ..Spec::new(now())
    });
    let id = world.plant(Oddity::Secrets).unwrap();
    world.update(&id, |call| call["id"] = json!(""));
    let stage = Stage::of(world, Settings::default()).await;

    stage.sync().await;

    let rejects = stage.db.rows("select document from vapi_call_rejects").await;
    let document = rejects[0]["document"].as_str().unwrap();
    assert!(
        document.contains("[redacted]") && !document.contains(MARK),
        "{document}"
    );
}

#[tokio::test]
async fn no_fleeting_url_is_stored() {
    let stage = Stage::with_calls(300).await;

    stage.sync().await;

    for member in ["presigned", "listenUrl", "controlUrl"] {
        let found = stage
            .db
            .rows(&format!(
                "select id from vapi_calls_raw where raw_json::text like '%\"{member}%'"
            ))
            .await;
        assert_eq!(found.len(), 0, "{member}");
    }
}

fn planted_in(world: &World) -> usize {
    let calls = world
        .calls()
        .iter()
        .chain(&world.assistants())
        .map(ToString::to_string)
        .collect::<String>();
    calls.matches(MARK).count()
}
