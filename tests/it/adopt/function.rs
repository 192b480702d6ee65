//! Adoption by the migrate function: invoked by hand, and as a resource of the stack.

use anyhow::Result;
use serde_json::{Value, json};
use tests::TestDb;

use super::{Earlier, settings, value};
use crate::migrate::{Receiver, minutes};

async fn invoke(db: &TestDb, event: &Value) -> Result<Value> {
    let settings = settings(db);
    migrate::handle(async { Ok(settings) }, event, &minutes()).await
}

#[tokio::test]
async fn the_function_tells_and_does_what_it_is_asked_for() {
    let earlier = Earlier::small().await;

    let refusal = invoke(&earlier.db, &json!({})).await.unwrap_err();
    let plan = invoke(&earlier.db, &json!({"adopt": true, "dry_run": true}))
        .await
        .unwrap();
    let untouched = value(&earlier.db, "to_regclass('before_callmark.runs')::text").await;
    let misused = invoke(&earlier.db, &json!({"adopt": "yes"})).await.unwrap_err();
    let done = invoke(&earlier.db, &json!({"adopt": true})).await.unwrap();

    assert!(format!("{refusal:#}").contains("{\"adopt\": true}"), "{refusal:#}");
    assert_eq!(plan["plan"]["tables"].as_array().map(Vec::len), Some(7), "{plan}");
    assert_eq!(untouched, Value::Null);
    assert_eq!(misused.to_string(), "`adopt` is \"yes\": expected true or false");
    assert_eq!(done["adopted"]["is_complete"], true, "{done}");
    assert_eq!(earlier.db.count("vapi_calls_raw").await, 856);
}

#[tokio::test]
async fn the_stack_adopts_where_its_parameter_says_so_and_refuses_else() {
    let earlier = Earlier::small().await;
    let (refused, taken, empty) = (Receiver::new().await, Receiver::new().await, Receiver::new().await);
    let with = |receiver: &Receiver, adopt: &str| {
        let mut event = receiver.event("Create");
        event["ResourceProperties"]["AdoptExisting"] = json!(adopt);
        event
    };

    invoke(&earlier.db, &with(&refused, "false")).await.unwrap();
    let rows = value(&earlier.db, "select count(*) from public.vapi_calls_raw").await;
    invoke(&earlier.db, &with(&taken, "true")).await.unwrap();
    let other = TestDb::empty().await;
    invoke(&other, &with(&empty, "true")).await.unwrap();

    assert!(refused.failure().contains("AdoptExisting"), "{}", refused.failure());
    assert_eq!(rows, 856);
    assert_eq!(taken.answer()["Data"]["Adoption"], "complete", "{}", taken.answer());
    assert_eq!(
        value(&earlier.db, "select count(*) from public.vapi_calls_raw").await,
        856
    );
    assert_eq!(empty.answer()["Status"], "SUCCESS", "{}", empty.answer());
}
