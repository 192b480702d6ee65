//! Statements on whole tables: however long the server works on one, it is waited for; where it waits for us, it is not.

use std::time::{Duration, Instant};

use shared::platform::db::{DbError, Executor as _, Pool};
use tests::{Mischief, Proxy, TestDb};
use tokio_postgres::types::Type;

use super::in_a_hurry;
use crate::run::BOUND;

/// No answer comes within two seconds, and then the server is twice found idle, or waiting for us.
const NOTICED: Duration = Duration::from_secs(15);

async fn stage() -> (TestDb, Proxy, Pool) {
    let db = TestDb::new().await;
    let (proxy, url) = db.through_proxy().await;
    let pool = shared::platform::db::pool(&in_a_hurry(&url))
        .unwrap()
        .for_whole_tables();
    (db, proxy, pool)
}

/// Whether a process of the server is at this statement, or waits for its client in it.
async fn is_at(db: &TestDb, statement: &str, waits_for: &str) -> bool {
    let at = format!(
        "pg_stat_activity
         where datname = current_database() and state = 'active' and query like '{statement}%' and wait_event = '{waits_for}'"
    );
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(2) {
        if db.count(&at).await == 1 {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    false
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_whose_beginning_is_not_answered_is_given_up_although_the_server_is_active() {
    let (db, proxy, pool) = stage().await;
    db.client()
        .await
        .batch_execute("create table many (n int)")
        .await
        .unwrap();
    let mut client = shared::platform::db::connect(&pool).await.unwrap();
    let transaction = client.transaction().await.unwrap();
    // The next one says of what type its rows are.
    proxy.on_answer(proxy.answers() + 1, Mischief::Swallow);
    let begun = Instant::now();

    let copy = transaction.copy_in("copy many from stdin binary", &[Type::INT4]);
    let (copy, is_waiting) = tokio::join!(tokio::time::timeout(BOUND, copy), is_at(&db, "copy many", "ClientRead"));

    assert!(is_waiting, "both wait for each other");
    let Err(error) = copy.expect("it is waited for without an end") else {
        panic!("the answer was lost")
    };
    assert!(begun.elapsed() < NOTICED, "{:?}", begun.elapsed());
    assert!(
        error
            .to_string()
            .contains("said nothing to «copy many from stdin binary»"),
        "{error}"
    );
    assert_eq!(proxy.struck(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_that_the_server_cannot_finish_sending_is_given_up_although_it_is_active() {
    let (db, proxy, pool) = stage().await;
    let mut client = shared::platform::db::connect(&pool).await.unwrap();
    proxy.on_answer(proxy.answers(), Mischief::Clog);
    let transaction = client.transaction().await.unwrap();
    let begun = Instant::now();

    let query = transaction.query_typed("select repeat('x', 10000) from generate_series(1, 20000)", &[]);
    let (rows, is_waiting) = tokio::join!(
        tokio::time::timeout(BOUND, query),
        is_at(&db, "select repeat", "ClientWrite")
    );

    assert!(is_waiting, "the server waits until somebody reads");
    let error = rows.expect("it is waited for without an end").unwrap_err();
    assert!(begun.elapsed() < NOTICED, "{:?}", begun.elapsed());
    assert!(matches!(error, DbError::Silent { .. }), "{error}");
    assert_eq!(proxy.struck(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_on_a_whole_table_may_take_long_and_its_answer_may_not_get_lost() {
    let db = TestDb::new().await;
    let (proxy, url) = db.through_proxy().await;
    let usual = shared::platform::db::pool(&in_a_hurry(&url)).unwrap();
    let whole_tables = usual.for_whole_tables();
    let sleep = async |pool: &Pool, seconds: u64, is_lost: bool| {
        let mut client = shared::platform::db::connect(pool).await.unwrap();
        let transaction = client.transaction().await.unwrap();
        if is_lost {
            proxy.on_answer(proxy.answers(), Mischief::Swallow);
        }
        let begun = Instant::now();
        let ended = transaction.batch_execute(&format!("select pg_sleep({seconds})")).await;
        (ended.map_err(|error| error.to_string()), begun.elapsed())
    };

    // Longer than the server would let the usual one take, too.
    let (slow, took) = sleep(&whole_tables, 10, false).await;
    let (impatient, _) = sleep(&usual, 10, false).await;
    let (lost, noticed) = sleep(&whole_tables, 0, true).await;

    assert_eq!(slow, Ok(()));
    assert!(took >= Duration::from_secs(10), "{took:?}");
    assert!(impatient.unwrap_err().contains("does not answer"));
    assert!(lost.unwrap_err().contains("said nothing to «select pg_sleep(0)»"));
    assert!(noticed < Duration::from_secs(10), "{noticed:?}");
    assert_eq!(proxy.struck(), 1);
}
