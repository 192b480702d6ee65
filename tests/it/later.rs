//! What follows the migrations, outside of a transaction: it is taken up wherever it was broken off.

use std::time::{Duration, Instant};

use shared::platform::db::{Migrated, migrate, migrate_with};
use tests::TestDb;
use tokio_postgres::Client;

use crate::large::settings;

/// An index that no migration builds, and what builds it.
const INDEX: &str = "calls_by_cost";
const LATER: &str = "-- For the test.
create index concurrently if not exists calls_by_cost on vapi_calls_raw (cost, id);";

/// The statement that builds it is among what the server is at.
const AT_IT: &str = "select pid from pg_stat_activity
                     where datname = current_database() and pid <> pg_backend_pid() and state = 'active'
                       and query like '%create index concurrently if not exists%'";

/// A database without the index, and somebody in whose transaction no index can be completed.
async fn blocked() -> (TestDb, Client) {
    let db = TestDb::new().await;
    let blocker = db.client().await;
    let hold = "begin; insert into vapi_calls_raw (id, raw_json, document_hash, synced_at)
                values ('held', '{}', decode(repeat('00', 16), 'hex'), now())";
    blocker.batch_execute(hold).await.unwrap();
    (db, blocker)
}

/// Waits until the index is in the catalog and being built; the server's process that does it.
async fn until_at_it(client: &Client) -> i32 {
    let begun = Instant::now();
    loop {
        let is_begun = is_valid(client).await.is_some();
        if let Some(row) = client.query_opt(AT_IT, &[]).await.unwrap().filter(|_| is_begun) {
            return row.get(0);
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "nothing is built");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Whether the index is there, and whether it is valid.
async fn is_valid(client: &Client) -> Option<bool> {
    let query = "select indisvalid from pg_index where indexrelid = to_regclass($1)";
    let row = client.query_opt(query, &[&INDEX]).await.unwrap();
    row.map(|row| row.get(0))
}

async fn oid(client: &Client) -> u32 {
    let query = "select to_regclass($1)::oid";
    client.query_one(query, &[&INDEX]).await.unwrap().get(0)
}

fn spawn(url: &str) -> tokio::task::JoinHandle<Migrated> {
    let settings = settings(url);
    tokio::spawn(async move { migrate_with(&settings, LATER, None).await.unwrap() })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_was_broken_off_is_dropped_and_built_anew() {
    let (db, blocker) = blocked().await;
    let client = db.client().await;
    let broken_off = spawn(&db.url());
    let process = until_at_it(&client).await;
    broken_off.abort();
    client
        .execute("select pg_terminate_backend($1, 5000)", &[&process])
        .await
        .unwrap();
    assert_eq!(is_valid(&client).await, Some(false), "nothing was broken off");
    let before = oid(&client).await;
    blocker.batch_execute("rollback").await.unwrap();

    let migrated = migrate_with(&settings(&db.url()), LATER, None).await.unwrap();

    assert!(migrated.trouble.is_none() && migrated.left.is_empty(), "{migrated:?}");
    assert_eq!(migrated.later.len(), 1, "{migrated:?}");
    assert_eq!(is_valid(&client).await, Some(true));
    assert_ne!(oid(&client).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_the_server_goes_on_building_is_waited_for() {
    let (db, blocker) = blocked().await;
    let client = db.client().await;
    let killed = spawn(&db.url());
    until_at_it(&client).await;
    killed.abort();
    let building = oid(&client).await;

    let next = spawn(&db.url());
    tokio::time::sleep(Duration::from_millis(500)).await;
    blocker.batch_execute("commit").await.unwrap();
    let migrated = next.await.unwrap();

    assert!(migrated.trouble.is_none() && migrated.left.is_empty(), "{migrated:?}");
    assert_eq!(is_valid(&client).await, Some(true));
    assert_eq!(oid(&client).await, building, "it was built twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_migrations_at_once_one_builds_the_index() {
    let (db, blocker) = blocked().await;
    let client = db.client().await;
    let (one, other) = (spawn(&db.url()), spawn(&db.url()));
    until_at_it(&client).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(client.query(AT_IT, &[]).await.unwrap().len(), 1);
    blocker.batch_execute("commit").await.unwrap();

    let later = [one.await.unwrap().later.len(), other.await.unwrap().later.len()];

    assert_eq!(later.iter().sum::<usize>(), 1, "{later:?}");
    assert_eq!(is_valid(&client).await, Some(true));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_there_is_no_time_for_is_left_to_the_next_migration() {
    let (db, blocker) = blocked().await;
    let client = db.client().await;
    let until = tokio::time::Instant::now() + Duration::from_secs(3);

    let migrated = migrate_with(&settings(&db.url()), LATER, Some(until)).await.unwrap();

    assert!(tokio::time::Instant::now() < until + Duration::from_secs(1));
    assert!(migrated.left.iter().any(|left| left.contains(INDEX)), "{migrated:?}");
    blocker.batch_execute("commit").await.unwrap();
    migrate_with(&settings(&db.url()), LATER, None).await.unwrap();
    assert_eq!(is_valid(&client).await, Some(true));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_is_built_through_a_pooler() {
    let (db, blocker) = blocked().await;
    let Some((_pooler, url)) = db.through_pooler().await else {
        return;
    };
    let client = db.client().await;
    let building = spawn(&url);
    until_at_it(&client).await;
    // Longer than the transaction that holds the lock may be idle.
    tokio::time::sleep(Duration::from_secs(17)).await;
    blocker.batch_execute("commit").await.unwrap();

    let migrated = building.await.unwrap();

    assert!(migrated.trouble.is_none() && migrated.left.is_empty(), "{migrated:?}");
    assert_eq!(is_valid(&client).await, Some(true));
}

#[tokio::test]
async fn something_else_of_an_index_s_name_is_told_of() {
    let db = TestDb::new().await;
    let client = db.client().await;
    client
        .batch_execute(&format!("create table {INDEX} (x int)"))
        .await
        .unwrap();

    let migrated = migrate_with(&settings(&db.url()), LATER, None).await.unwrap();

    assert_eq!(migrated.left.len(), 1, "{migrated:?}");
    let refusal = migrated.trouble.unwrap().to_string();
    assert!(
        refusal.contains(INDEX) && refusal.contains("something else has that name"),
        "{refusal}"
    );
}

#[tokio::test]
async fn a_constraint_is_validated_without_keeping_anybody_from_the_table() {
    let db = TestDb::new().await;
    let client = db.client().await;
    let add = "alter table vapi_calls_raw add constraint cheap check (cost < 100) not valid";
    client.batch_execute(add).await.unwrap();
    let writer = db.client().await;
    let write = "begin; insert into vapi_calls_raw (id, cost, raw_json, document_hash, synced_at)
                 values ('dear', 1, '{}', decode(repeat('00', 16), 'hex'), now())";
    writer.batch_execute(write).await.unwrap();
    let validate = "alter table vapi_calls_raw validate constraint cheap;";

    let first = migrate_with(&settings(&db.url()), validate, None).await.unwrap();
    let second = migrate_with(&settings(&db.url()), validate, None).await.unwrap();

    assert_eq!((first.later.len(), second.later.len()), (1, 0), "{first:?} {second:?}");
}

#[tokio::test]
async fn indexes_that_no_query_reads_are_gone() {
    let db = TestDb::of_migration(29).await;
    let there = "select indexname as name from pg_indexes
                 where indexname in ('qci_analyses_newest_first', 'vapi_call_rejects_by_call', 'vapi_assistants_by_name')";
    assert_eq!(db.rows(there).await.len(), 3);

    migrate(&settings(&db.url())).await.unwrap();

    assert!(db.rows(there).await.is_empty());
}
