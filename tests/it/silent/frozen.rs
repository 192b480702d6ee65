//! What is left of a client that is frozen or cut off: the server ends its statements, its waits and its transactions.

use std::time::{Duration, Instant};

use futures::StreamExt as _;
use shared::platform::db::{DbError, Executor as _, Pool};
use tests::TestDb;

use super::in_a_hurry;

/// A pool that may open as many connections as that, and waits two seconds for an answer.
fn pool(db: &TestDb, size: usize) -> Pool {
    let mut settings = in_a_hurry(&db.url());
    settings.pool = size;
    shared::platform::db::pool(&settings).unwrap()
}

/// Waits until a query finds nothing; says how long that took.
async fn until_none(db: &TestDb, found: &str) -> Duration {
    let begun = Instant::now();
    while db.count(found).await > 0 {
        assert!(begun.elapsed() < Duration::from_secs(40), "still there: {found}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    begun.elapsed()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_ends_a_statement_whose_client_is_gone() {
    let db = TestDb::new().await;
    let mut client = shared::platform::db::connect(&pool(&db, 1)).await.unwrap();
    let at_it = "pg_stat_activity where datname = current_database() and state = 'active' and query like 'select pg_sleep(600)%'";

    {
        let transaction = client.transaction().await.unwrap();
        let sleep = transaction.batch_execute("select pg_sleep(600)");
        drop(tokio::time::timeout(Duration::from_millis(500), sleep).await);
        assert_eq!(db.count(at_it).await, 1);
    }
    drop(client);
    until_none(&db, at_it).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_ends_a_transaction_whose_client_does_not_go_on() {
    let db = TestDb::new().await;
    let mut frozen = shared::platform::db::connect(&pool(&db, 1)).await.unwrap();
    let transaction = frozen.transaction().await.unwrap();
    transaction.batch_execute("lock table sync_state").await.unwrap();

    let waiting = db.client().await;
    let locked = waiting.batch_execute("begin; lock table sync_state; rollback");
    let locked = tokio::time::timeout(Duration::from_secs(30), locked).await;

    locked
        .expect("the lock is held for as long as the client is frozen")
        .unwrap();
    assert!(transaction.batch_execute("select 1").await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_for_a_lock_ends_before_the_client_does_and_says_so() {
    let db = TestDb::new().await;
    let holder = db.client().await;
    holder.batch_execute("begin; lock table sync_state").await.unwrap();
    let mut client = shared::platform::db::connect(&pool(&db, 1)).await.unwrap();
    let transaction = client.transaction().await.unwrap();

    let error = transaction.batch_execute("select from sync_state").await.unwrap_err();
    let error = format!("{:#}", anyhow::Error::new(error));

    assert!(error.contains("failed at «select from sync_state»"), "{error}");
    assert!(error.contains("due to lock timeout"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_are_of_a_transaction_and_not_of_the_connection() {
    let db = TestDb::new().await;
    let pool = pool(&db, 1);
    let mut client = shared::platform::db::connect(&pool).await.unwrap();
    let names = [
        "statement_timeout",
        "lock_timeout",
        "idle_in_transaction_session_timeout",
    ];
    let shown = names.map(|name| format!("current_setting('{name}')")).join(", ");
    let shown = format!("select concat_ws(' ', {shown})");

    let within = client.transaction().await.unwrap();
    let limits: String = within.query_typed_one(&shown, &[]).await.unwrap().get(0);
    within.commit().await.unwrap();
    let after: String = client.query_typed_one(&shown, &[]).await.unwrap().get(0);

    assert_eq!(limits, "8s 1333ms 5s");
    assert_eq!(after, "0 0 0");
}

/// Its next user would wait for the end of that statement.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_with_a_statement_under_way_is_given_to_nobody() {
    let db = TestDb::new().await;
    let pool = pool(&db, 1);
    let client = shared::platform::db::connect(&pool).await.unwrap();
    let sleep = client.batch_execute("select pg_sleep(20)");
    drop(tokio::time::timeout(Duration::from_millis(500), sleep).await);
    drop(client);
    let begun = Instant::now();

    let client = shared::platform::db::connect(&pool).await.unwrap();
    client.batch_execute("select 1").await.unwrap();

    // Asking the old one whether it is alive takes two.
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_that_is_given_up_ends_at_the_server_too() {
    let db = TestDb::new().await;
    let client = shared::platform::db::connect(&pool(&db, 1)).await.unwrap();
    let at_it = "pg_stat_activity where datname = current_database() and state = 'active' and query like 'select pg_sleep(600)%'";

    // Outside a transaction the server has no time limit for it.
    let error = client.batch_execute("select pg_sleep(600)").await.unwrap_err();

    assert!(
        error
            .to_string()
            .contains("said nothing to «select pg_sleep(600)» for 2"),
        "{error}"
    );
    until_none(&db, at_it).await;
    // It has answered by now, to the wrong question: nothing is asked on that connection any more.
    let next = client.batch_execute("select 1").await;
    assert!(matches!(next, Err(DbError::Silent { .. })), "{next:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_is_dropped_lets_go_at_once() {
    let db = TestDb::new().await;
    let mut client = shared::platform::db::connect(&pool(&db, 1)).await.unwrap();
    let transaction = client.transaction().await.unwrap();
    transaction.batch_execute("lock table sync_state").await.unwrap();

    drop(transaction);

    let waiting = db.client().await;
    let locked = waiting.batch_execute("begin; lock table sync_state; rollback");
    // The server would take it back after five.
    let locked = tokio::time::timeout(Duration::from_secs(4), locked).await;
    locked.expect("the lock is still held").unwrap();
    client.batch_execute("select 1").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_does_not_come_ends_the_rows() {
    let db = TestDb::new().await;
    let pool = pool(&db, 1);
    let client = shared::platform::db::connect(&pool).await.unwrap();
    // Each fills more than the server keeps back before it sends.
    let rows = "select repeat('x', 20000), pg_sleep(case n when 4 then 600 else 0 end) from generate_series(1, 9) as n";
    let mut rows = client.query_typed_raw(rows, Vec::new()).await.unwrap();

    let (mut read, mut error) = (0, None);
    while let Some(row) = tokio::time::timeout(Duration::from_secs(30), rows.next())
        .await
        .unwrap()
    {
        match row {
            Ok(_) => read += 1,
            Err(silent) => error = Some(silent),
        }
    }
    drop((rows, client));

    assert!((1..4).contains(&read), "{read}");
    assert!(matches!(error, Some(DbError::Silent { .. })), "{error:?}");
    let next = shared::platform::db::connect(&pool).await.unwrap();
    next.batch_execute("select 1").await.unwrap();
}

/// Begins a transaction that holds a row, and a `COPY` in it that nobody goes on with; then another one wants the row.
async fn wait_for_a_copy(name: &str) -> (anyhow::Result<()>, i64) {
    let db = TestDb::new().await;
    let create = "create table noted (n int primary key)";
    db.client().await.batch_execute(create).await.unwrap();
    let frozen = db.client().await;
    let hold = format!("set application_name = '{name}'; begin; insert into noted values (1)");
    frozen.batch_execute(&hold).await.unwrap();
    let copy = frozen
        .copy_in::<_, &[u8]>("copy noted from stdin binary")
        .await
        .unwrap();
    let pool = pool(&db, 2);

    let ended = shared::platform::db::retry(&pool, || async {
        let mut client = shared::platform::db::connect(&pool).await?;
        let transaction = client.transaction().await?;
        transaction.batch_execute("insert into noted values (1)").await?;
        transaction.commit().await?;
        Ok(())
    })
    .await;

    let count = db.count("noted").await;
    drop((copy, frozen));
    (ended, count)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_of_ours_that_waits_for_a_frozen_client_is_ended_by_whom_it_keeps_waiting() {
    let (ended, count) = wait_for_a_copy("callmark").await;

    ended.unwrap();
    assert_eq!(count, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_of_somebody_else_is_left_alone_and_the_lock_is_told_of() {
    let (ended, count) = wait_for_a_copy("a backup").await;

    let error = format!("{:#}", ended.unwrap_err());
    assert!(
        error.contains("due to lock timeout") && error.contains("insert into noted"),
        "{error}"
    );
    assert_eq!(count, 0);
}
