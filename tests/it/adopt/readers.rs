//! Who uses the database while it is adopted.

use std::time::{Duration, Instant};

use migrate::adopt;
use shared::platform::db;
use tests::TestDb;

use super::{Earlier, contents, settings, settings_of, take_over, try_take_over};

/// The longest that a statement took, asked for again and again until the work is done.
async fn longest<T>(db: &TestDb, statement: &str, work: impl Future<Output = T>) -> (T, Duration) {
    let reader = db.client().await;
    tokio::pin!(work);
    let mut longest = Duration::ZERO;
    loop {
        let begun = Instant::now();
        reader.query(statement, &[]).await.unwrap();
        longest = longest.max(begun.elapsed());
        tokio::select! {
            done = &mut work => return (done, longest),
            () = tokio::time::sleep(Duration::from_millis(5)) => {}
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_that_runs_for_long_holds_up_the_move_and_nobody_else() {
    let earlier = Earlier::small().await;
    let report = earlier.db.client().await;
    report
        .batch_execute("begin; select count(*) from public.qci_analyses")
        .await
        .unwrap();
    let settings = settings(&earlier.db);
    let adoption = tokio::spawn(async move { try_take_over(&settings).await });

    // The view stays where it is, and reads tables that are being moved.
    let ((), waited) = longest(
        &earlier.db,
        "select count(*) from long_calls_by_assistant",
        tokio::time::sleep(Duration::from_secs(12)),
    )
    .await;
    let is_waiting = !adoption.is_finished();
    report.batch_execute("commit").await.unwrap();
    let adopted = adoption.await.unwrap().unwrap();

    assert!(is_waiting, "it waits for the report");
    assert!(waited < Duration::from_secs(8), "a reader waited for {waited:?}");
    assert!(adopted.is_complete);
}

#[tokio::test(flavor = "multi_thread")]
async fn through_a_transaction_pooler_it_is_told_adopted_and_verified() {
    let (direct, pooled) = (Earlier::small().await, Earlier::small().await);
    take_over(&direct.db).await;
    let Some((_pooler, url)) = pooled.db.through_pooler().await else {
        return;
    };
    let settings = settings_of(url);
    let pool = db::pool(&settings).unwrap();

    let plan = adopt::plan(&pool).await.unwrap();
    let (one, other) = tokio::join!(try_take_over(&settings), try_take_over(&settings));
    let verified = adopt::verify(&pool, shared::platform::clock::now()).await.unwrap();

    assert_eq!((plan.tables.len(), plan.obstacles.len()), (7, 0), "{plan:#?}");
    assert!(one.unwrap().is_complete && other.unwrap().is_complete);
    assert!(verified.is_good, "{verified:#?}");
    assert_eq!(contents(&pooled.db).await, contents(&direct.db).await);
}
