//! A commit without an answer: the database knows what became of it, and the only connection there may be asks.

use std::time::{Duration, Instant};

use shared::platform::db::{Client, Executor as _, Pool, is_transient};
use tests::{Mischief, Proxy, TestDb};

use super::in_a_hurry;

/// A table, and a pool of one connection through a proxy.
async fn stage() -> (TestDb, Proxy, Pool) {
    let db = TestDb::new().await;
    db.client()
        .await
        .batch_execute("create table noted (n int)")
        .await
        .unwrap();
    let (proxy, url) = db.through_proxy().await;
    let mut settings = in_a_hurry(&url);
    settings.pool = 1;
    (db, proxy, shared::platform::db::pool(&settings).unwrap())
}

/// Writes a row, and does this to the answer of the statement before the commit, or of the commit.
async fn write(client: &mut Client, proxy: &Proxy, mischief: Mischief, to_commit: bool) -> Result<(), String> {
    let transaction = client.transaction().await.unwrap();
    let next = proxy.answers();
    proxy.on_answer(next + usize::from(to_commit), mischief);
    transaction.batch_execute("insert into noted values (1)").await.unwrap();
    let begun = Instant::now();
    let ended = transaction.commit().await;
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    assert_eq!(proxy.struck(), 1);
    ended.map_err(|error| {
        assert!(is_transient(&error), "{error}");
        format!("{:#}", anyhow::Error::new(error))
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_landed_is_known_for_one() {
    for mischief in [Mischief::Swallow, Mischief::Cut] {
        let (db, proxy, pool) = stage().await;
        let mut client = shared::platform::db::connect(&pool).await.unwrap();

        let ended = write(&mut client, &proxy, mischief, true).await;

        assert_eq!((ended, db.count("noted").await), (Ok(()), 1), "{mischief:?}");
        client.batch_execute("select 1").await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_never_arrived_is_known_to_be_undone() {
    let (db, proxy, pool) = stage().await;
    let mut client = shared::platform::db::connect(&pool).await.unwrap();

    let ended = write(&mut client, &proxy, Mischief::Deafen, false).await;

    let error = ended.unwrap_err();
    assert!(error.contains("said nothing to «commit»"), "{error}");
    assert_eq!(db.count("noted").await, 0);
    client.batch_execute("select 1").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_whose_commit_never_arrived_is_made_again_and_stands_once() {
    let (db, proxy, pool) = stage().await;
    // The connection's greeting, the beginning, the row.
    proxy.on_answer(2, Mischief::Deafen);

    shared::platform::db::retry(&pool, || async {
        let mut client = shared::platform::db::connect(&pool).await?;
        let transaction = client.transaction().await?;
        transaction.batch_execute("insert into noted values (1)").await?;
        transaction.commit().await?;
        Ok(())
    })
    .await
    .unwrap();

    assert_eq!((db.count("noted").await, proxy.struck()), (1, 1));
}
