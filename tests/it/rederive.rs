//! Stored calls after an upgrade: their columns follow from their documents anew, and nothing else changes.

use std::time::Duration;

use serde_json::{Value, json};
use tests::{Mischief, Stage, TestDb};

use crate::silent::in_a_hurry;

/// What rows look like whose columns code of an earlier version derived wrongly.
const BEHIND: &str = r"
    update vapi_calls_raw
    set derived_version = null, ended_reason = null, duration_seconds = null, customer_phone_number = null,
        has_tool_calls = not has_tool_calls, tool_names = '{wrong}'
    where raw_json ? 'messages' or raw_json -> 'artifact' ? 'messages'
";

/// Everything but what tells whether a row is behind, and which transactions wrote it.
async fn rows(db: &TestDb) -> Vec<Value> {
    let mut rows = db.rows("select * from vapi_calls_raw order by id").await;
    for row in &mut rows {
        for mark in ["derived_version", "changed_in", "counted_in"] {
            row.as_object_mut().unwrap().remove(mark);
        }
    }
    rows
}

fn assert_same(rows: &[Value], before: &[Value]) {
    assert_eq!(rows.len(), before.len());
    for (row, before) in rows.iter().zip(before) {
        for (column, value) in before.as_object().unwrap() {
            assert_eq!(&row[column], value, "{column} of {}", row["id"]);
        }
    }
}

async fn behind(stage: &Stage) -> i64 {
    sync::behind(&stage.deps().ledger.pool).await.unwrap()
}

#[tokio::test]
async fn columns_that_earlier_code_derived_are_derived_anew() {
    let stage = Stage::with_calls(250).await;
    stage.sync().await;
    assert_eq!(behind(&stage).await, 0);
    let before = rows(&stage.db).await;
    stage.db.client().await.batch_execute(BEHIND).await.unwrap();
    let count = behind(&stage).await;
    assert!(count > 50, "{count}");

    let done = sync::rederive(&stage.deps().ledger.pool, || false, |_| {})
        .await
        .unwrap();

    assert_eq!((i64::try_from(done.calls).unwrap(), done.unreadable), (count, 0));
    assert_eq!(done.changed, done.calls);
    assert_same(&rows(&stage.db).await, &before);
    stage.assert_equal().await;
    assert_eq!(behind(&stage).await, 0);
}

#[tokio::test]
async fn a_sync_does_some_of_it_and_says_so() {
    let stage = Stage::with_calls(150).await;
    stage.sync().await;
    let before = rows(&stage.db).await;
    stage.db.client().await.batch_execute(BEHIND).await.unwrap();

    let report = stage.sync().await;

    assert_eq!((behind(&stage).await, report.counters.records_updated), (0, 0));
    assert_same(&rows(&stage.db).await, &before);
    let lines = stage.db.logs(report.run_id).await;
    assert!(
        lines.iter().any(|line| line.message.contains("were derived anew")),
        "{lines:#?}"
    );
}

#[tokio::test]
async fn what_only_a_column_knows_stays() {
    let db = TestDb::new().await;
    let insert = r#"
        insert into vapi_calls_raw (id, raw_json, document_hash, synced_at, cost, duration_seconds, has_tool_calls, tool_names)
        values ('thin', '{"id": "thin"}', decode(repeat('00', 16), 'hex'), now(), 1.25, 60, true, '{book}'),
               ('deep', jsonb_build_object('id', 'another'), decode(repeat('00', 16), 'hex'), now(), 2, 61, true, '{find}')
    "#;
    db.client().await.batch_execute(insert).await.unwrap();
    let before = rows(&db).await;

    let done = sync::rederive(&db.pool(), || false, |_| {}).await.unwrap();

    assert_eq!((done.calls, done.changed, done.unreadable), (2, 0, 1));
    assert_same(&rows(&db).await, &before);
    assert_eq!(sync::behind(&db.pool()).await.unwrap(), 0);
}

#[tokio::test]
async fn a_stop_or_a_lost_reply_leaves_whole_batches() {
    let stage = Stage::with_calls(250).await;
    stage.sync().await;
    let before = rows(&stage.db).await;
    stage
        .db
        .client()
        .await
        .batch_execute("update vapi_calls_raw set derived_version = null")
        .await
        .unwrap();
    let (proxy, url) = stage.db.through_proxy().await;
    let pool = shared::platform::db::pool(&in_a_hurry(&url)).unwrap();
    let mut batches = 0;

    let stopped = sync::rederive(
        &pool,
        || {
            batches += 1;
            batches > 1
        },
        |_| {},
    );
    assert_eq!(stopped.await.unwrap().calls, 100);
    assert_eq!(behind(&stage).await, 150);
    proxy.on_answer(proxy.answers() + 4, Mischief::Swallow);
    let rest = sync::rederive(&pool, || false, |_| {}).await.unwrap();

    assert_eq!((rest.calls, proxy.struck()), (150, 1));
    assert_same(&rows(&stage.db).await, &before);
}

#[tokio::test]
async fn two_at_once_share_the_calls() {
    let stage = Stage::with_calls(400).await;
    stage.sync().await;
    stage
        .db
        .client()
        .await
        .batch_execute("update vapi_calls_raw set derived_version = null")
        .await
        .unwrap();
    let pools = [stage.db.pool(), stage.db.pool()];

    let [one, other] = pools.each_ref().map(|pool| sync::rederive(pool, || false, |_| {}));
    let (one, other) = tokio::join!(one, other);

    assert_eq!(behind(&stage).await, 0);
    assert_eq!(one.unwrap().calls + other.unwrap().calls, 400);
}

#[tokio::test]
async fn calls_that_somebody_else_is_at_are_waited_for() {
    let stage = Stage::with_calls(30).await;
    stage.sync().await;
    let holder = stage.db.client().await;
    let behind_all = "update vapi_calls_raw set derived_version = null";
    let hold = "begin; select from vapi_calls_raw where id in (select id from vapi_calls_raw limit 3) for update";
    holder.batch_execute(behind_all).await.unwrap();
    holder.batch_execute(hold).await.unwrap();
    let pool = stage.db.pool();

    let work = sync::rederive(&pool, || false, |_| {});
    let release = async {
        while behind(&stage).await > 3 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        holder.batch_execute("commit").await.unwrap();
    };
    let (done, ()) = tokio::join!(work, release);

    assert_eq!(done.unwrap().calls, 30);
    assert_eq!(behind(&stage).await, 0);
}

/// Members in another order are the same document in another text.
#[tokio::test]
async fn an_equal_document_of_another_text_is_read_again_once_and_then_known() {
    let half = |hash: &str| format!("('x' || encode(substr({hash}, 1, 8), 'hex'))::bit(64)::bigint");
    // The shape is kept in terms of the hash; rows of earlier versions have none.
    let shape = format!(
        "content_shape # {} # {}",
        half("document_hash"),
        half("sha256(document_hash)")
    );
    for shape in [shape.as_str(), "null"] {
        let stage = Stage::with_calls(120).await;
        stage.sync().await;
        let other_text = format!(
            "update vapi_calls_raw set document_hash = substr(sha256(document_hash), 1, 16), content_shape = {shape}"
        );
        stage.db.client().await.batch_execute(&other_text).await.unwrap();
        let hashes = "select id, document_hash from vapi_calls_raw order by id";
        let scored = stage.db.rows(hashes).await;

        let first = stage.try_sync(json!({"mode": "full"})).await.unwrap().counters;
        let versions = "select id, xmin::text as version, source_hash from vapi_calls_raw order by id";
        let noted = stage.db.rows(versions).await;
        let second = stage.try_sync(json!({"mode": "full"})).await.unwrap().counters;

        assert_eq!((first.records_updated, second.records_updated), (0, 0));
        assert!(noted.iter().all(|row| !row["source_hash"].is_null()));
        assert_eq!(stage.db.rows(versions).await, noted, "written again");
        // What was said of a call holds.
        assert_eq!(stage.db.rows(hashes).await, scored);
        stage.assert_equal().await;
    }
}
