//! A score's copies of what is asked of its call: right whichever of the two changes, and whichever comes first.

use std::time::Duration;

use serde_json::{Value, json};
use tests::TestDb;
use tokio::time::timeout;

use super::{Call, call, noon, put, score};

const COPIES: &str = "select call_at, assistant_id, duration_seconds from qci_analyses";

#[tokio::test]
async fn a_call_that_changes_after_it_was_scored_takes_its_score_along() {
    let db = TestDb::new().await;
    let client = db.client().await;
    put(&client, call("a")).await;
    score(&client, "a", 80).await;
    let before = db.rows(COPIES).await;

    client
        .execute(
            "update vapi_calls_raw set started_at = $1, assistant_id = 'desk', duration_seconds = 61",
            &[&noon(2)],
        )
        .await
        .unwrap();

    let after = json!({"call_at": "2026-03-02T12:00:00+00:00", "assistant_id": "desk", "duration_seconds": 61});
    assert_eq!(
        before,
        [json!({"call_at": "2026-03-01T12:00:00+00:00", "assistant_id": null, "duration_seconds": null})]
    );
    assert_eq!(db.rows(COPIES).await, [after]);
    assert_eq!(
        db.rows("select id from get_calls_list('desk', '2026-03-01', '2026-04-01', 'excellent')")
            .await,
        [json!({"id": "a"})]
    );
}

#[tokio::test]
async fn a_call_that_was_skipped_changed_and_is_scored_at_last_has_its_present_values() {
    let db = TestDb::new().await;
    let client = db.client().await;
    put(&client, call("a")).await;
    let skip = "insert into qci_analyses (call_id, framework_id, status, skip_reason, call_hash, analyzed_at)
                select 'a', id, 'skipped', 'too_short', '', now() from analysis_frameworks where is_active";
    client.batch_execute(skip).await.unwrap();
    client
        .batch_execute("update vapi_calls_raw set duration_seconds = 61")
        .await
        .unwrap();

    let rescore = "insert into qci_analyses (call_id, framework_id, status, dynamics_score, points, applicable_max,
                                             total_score, call_classification, analysis_model, call_hash, analyzed_at)
                   select 'a', id, 'scored', 30, 30, 100, 30, 'poor', 'a-model', '', now()
                   from analysis_frameworks where is_active
                   on conflict (call_id, framework_id) do update
                   set status = 'scored', skip_reason = null, dynamics_score = 30, points = 30, applicable_max = 100,
                       total_score = 30, call_classification = 'poor', analysis_model = 'a-model'";
    client.batch_execute(rescore).await.unwrap();

    let seconds = db
        .rows("select duration_seconds, call_at is not null as is_dated from qci_analyses")
        .await;
    assert_eq!(seconds, [json!({"duration_seconds": 61, "is_dated": true})]);
}

#[tokio::test]
async fn a_score_waits_for_a_sync_that_is_changing_its_call() {
    let db = TestDb::new().await;
    let (mut sync, scorer) = (db.client().await, db.client().await);
    put(
        &sync,
        Call {
            seconds: Some(10),
            ..call("a")
        },
    )
    .await;

    let changing = sync.transaction().await.unwrap();
    changing
        .batch_execute("update vapi_calls_raw set duration_seconds = 61")
        .await
        .unwrap();
    let scoring = tokio::spawn(async move { score(&scorer, "a", 80).await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    let had_to_wait = !scoring.is_finished();
    changing.commit().await.unwrap();
    timeout(Duration::from_secs(10), scoring).await.unwrap().unwrap();

    assert!(had_to_wait);
    assert_eq!(seconds(&db).await, json!(61));
}

#[tokio::test]
async fn a_sync_waits_for_a_score_that_is_being_stored_and_tells_it_of_the_change() {
    let db = TestDb::new().await;
    let (sync, mut scorer) = (db.client().await, db.client().await);
    put(
        &sync,
        Call {
            seconds: Some(10),
            ..call("a")
        },
    )
    .await;

    let scoring = scorer.transaction().await.unwrap();
    score(scoring.client(), "a", 80).await;
    let change = "update vapi_calls_raw set duration_seconds = 61";
    let changing = tokio::spawn(async move { sync.batch_execute(change).await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    let had_to_wait = !changing.is_finished();
    scoring.commit().await.unwrap();
    timeout(Duration::from_secs(10), changing)
        .await
        .unwrap()
        .unwrap()
        .unwrap();

    assert!(had_to_wait);
    assert_eq!(seconds(&db).await, json!(61));
}

async fn seconds(db: &TestDb) -> Value {
    db.rows("select duration_seconds from qci_analyses").await[0]["duration_seconds"].clone()
}
