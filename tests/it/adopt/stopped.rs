//! Adoptions that are stopped, or that are two.

use std::time::{Duration, Instant};

use migrate::adopt::{self, Stage};
use serde_json::{Value, json};
use shared::platform::clock;
use tests::{Mischief, TestDb};
use tokio::sync::watch;

use crate::silent::{for_each_answer, in_a_hurry};

use super::{Earlier, contents, settings, take_over, value, verify};

/// A database that lets nobody in at the start is told of at once.
const GREETING: usize = 1;

/// Begins an adoption and ends it, as a kill would, once so many stages have passed and then some time.
async fn killed_after(db: &TestDb, stages: usize, then: Duration) {
    let (watch, mut stage) = watch::channel(Stage::default());
    let settings = settings(db);
    let work = tokio::spawn(async move { adopt::adopt(&settings, &watch, || false, clock::now).await });
    for _ in 0..stages {
        if stage.changed().await.is_err() {
            break;
        }
    }
    tokio::time::sleep(then).await;
    work.abort();
    drop(work.await);
}

#[tokio::test]
async fn an_adoption_that_is_killed_goes_on_where_it_was_and_loses_nothing() {
    let whole = Earlier::small().await;
    take_over(&whole.db).await;
    let expected = contents(&whole.db).await;
    for (stages, milliseconds) in [
        (0, 3),
        (0, 40),
        (1, 0),
        (1, 150),
        (2, 0),
        (2, 60),
        (3, 20),
        (4, 5),
        (5, 1),
        (6, 0),
        (7, 2),
    ] {
        let earlier = Earlier::small().await;

        killed_after(&earlier.db, stages, Duration::from_millis(milliseconds)).await;
        let adopted = take_over(&earlier.db).await;

        assert!(adopted.is_complete);
        assert_eq!(
            contents(&earlier.db).await,
            expected,
            "killed after {stages} stages and {milliseconds} ms"
        );
        let rows = adopted.tables.iter().map(|table| table.rows_read).sum::<i64>();
        let counted = adopted
            .tables
            .iter()
            .map(|it| it.rows_taken + it.rows_present + it.rows_refused)
            .sum::<i64>();
        assert_eq!(rows, counted, "{adopted:#?}");
    }
}

#[tokio::test]
async fn between_moving_and_migrating_a_migration_is_no_obstacle() {
    let earlier = Earlier::small().await;
    killed_after(&earlier.db, 1, Duration::ZERO).await;

    adopt::migrate(&settings(&earlier.db), None).await.unwrap();
    let adopted = take_over(&earlier.db).await;

    assert!(adopted.is_complete);
    assert!(verify(&earlier.db).await.is_good);
}

#[tokio::test]
async fn two_at_once_share_the_work() {
    let whole = Earlier::small().await;
    take_over(&whole.db).await;
    let earlier = Earlier::small().await;

    let (one, other) = tokio::join!(take_over(&earlier.db), take_over(&earlier.db));

    assert!(one.is_complete && other.is_complete);
    // Each batch is one's: whoever comes second finds nothing of it to do.
    let last = take_over(&earlier.db).await;
    for table in last.tables {
        assert_eq!(
            (table.rows_taken, table.rows_present),
            (table.rows_read, 0),
            "{table:#?}"
        );
    }
    assert_eq!(contents(&earlier.db).await, contents(&whole.db).await);
    assert_eq!(
        one.moved.len() + other.moved.len(),
        10,
        "seven tables and three functions, once"
    );
}

#[tokio::test]
async fn what_is_out_of_time_ends_between_two_batches_and_goes_on() {
    let earlier = Earlier::small().await;
    let (watch, _) = watch::channel(Stage::default());

    let first = adopt::adopt(&settings(&earlier.db), &watch, || true, clock::now)
        .await
        .unwrap();

    assert!(!first.is_complete);
    let rows = value(&earlier.db, "select count(*) from vapi_calls_raw").await;
    assert!(rows.as_i64().unwrap() > 0 && rows.as_i64().unwrap() < 856, "{rows}");
    assert!(!verify(&earlier.db).await.is_good);
    assert!(take_over(&earlier.db).await.is_complete);
    assert!(verify(&earlier.db).await.is_good);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_adoption_survives_a_lost_reply_to_any_statement() {
    async fn copied_from(db: TestDb, number: usize, expected: &[Value]) -> (usize, Duration) {
        let (proxy, url) = db.through_proxy().await;
        proxy.on_answer(number, Mischief::Swallow);
        let begun = Instant::now();

        let adopted = adopt::adopt(
            &in_a_hurry(&url),
            &watch::channel(Stage::default()).0,
            || false,
            clock::now,
        )
        .await;

        let took = begun.elapsed();
        assert!(adopted.unwrap().is_complete);
        assert_eq!(contents(&db).await, expected, "answer {number}");
        (proxy.struck(), took)
    }
    /// The answers until so much was done, and until the end.
    async fn answers(db: &TestDb, until: &Stage) -> (usize, usize) {
        let (proxy, url) = db.through_proxy().await;
        let (watch, mut stage) = watch::channel(Stage::default());
        let settings = in_a_hurry(&url);
        let work = tokio::spawn(async move { adopt::adopt(&settings, &watch, || false, clock::now).await });
        stage.wait_for(|stage| stage == until).await.unwrap();
        let first = proxy.answers();
        work.await.unwrap().unwrap();
        (first, proxy.answers())
    }
    let whole = Earlier::small().await;
    let (moving, _) = answers(&whole.db, &Stage::Moved).await;
    let expected = &contents(&whole.db).await;
    // Migrations have a test of their own.
    let begun = Earlier::small().await.db;
    let (watch, _) = watch::channel(Stage::default());
    adopt::adopt(&settings(&begun), &watch, || true, clock::now)
        .await
        .unwrap();
    let (_, copying) = answers(&begun.copy().await, &Stage::Migrated).await;
    let begun = &begun;

    for_each_answer(moving - GREETING, |number| async move {
        copied_from(Earlier::small().await.db, number + GREETING, expected).await
    })
    .await;
    for_each_answer(copying - GREETING, |number| async move {
        copied_from(begun.copy().await, number + GREETING, expected).await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verification_survives_a_lost_reply_to_any_statement() {
    let earlier = Earlier::small().await;
    take_over(&earlier.db).await;
    let (db, now) = (&earlier.db, clock::now());
    let (proxy, url) = db.through_proxy().await;
    let pool = shared::platform::db::pool(&in_a_hurry(&url)).unwrap();
    let expected = &json!(adopt::verify(&pool, now).await.unwrap());

    for_each_answer(proxy.answers() - GREETING, |number| async move {
        let (proxy, url) = db.through_proxy().await;
        proxy.on_answer(number + GREETING, Mischief::Swallow);
        let pool = shared::platform::db::pool(&in_a_hurry(&url)).unwrap();
        let begun = Instant::now();

        let verified = adopt::verify(&pool, now).await.unwrap();

        assert_eq!(&json!(verified), expected);
        (proxy.struck(), begun.elapsed())
    })
    .await;
}
