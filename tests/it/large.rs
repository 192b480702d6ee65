//! Tables with many rows are changed while they are written and read: nobody waits for long.
//!
//! `LARGE_ROWS=1000000` makes them as large as docs/benchmarks.md tells of.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use shared::platform::config::{Database, Reader};
use tests::{TestDb, again_and_again, longest_wait};
use tokio::sync::watch;
use tokio_postgres::{Client, NoTls};

/// The newest migration of the version that people have data in.
const BEFORE: i32 = 29;
/// What nobody may wait longer than.
const BOUND: Duration = Duration::from_secs(1);

pub(crate) fn settings(url: &str) -> Database {
    Reader::from_pairs([("DATABASE_URL".to_owned(), url.to_owned())]).database()
}

/// Calls as light as calls are, a tenth of them with a score.
async fn fill(db: &TestDb, rows: i64) {
    let fill = format!(
        "insert into vapi_calls_raw (id, org_id, status, assistant_id, created_at, updated_at, started_at, duration_seconds,
                                     transcript, raw_json, document_hash, synced_at)
         select md5(i::text), 'org', 'ended', 'assistant-' || i % 20, at, at, at, i % 300, 'AI: Hello ' || i,
                jsonb_build_object('id', md5(i::text), 'status', 'ended', 'n', i), decode(md5(i::text), 'hex'), at
         from generate_series(1, {rows}) as i
         cross join lateral (select timestamptz '2026-01-01' + i * interval '10 s' as at) as time;
         insert into qci_analyses (call_id, framework_id, status, skip_reason, call_hash, analyzed_at)
         select id, 1, 'skipped', 'no_conversation', document_hash, created_at
         from vapi_calls_raw
         limit {rows} / 10;
         analyze vapi_calls_raw; analyze qci_analyses"
    );
    db.client().await.batch_execute(&fill).await.unwrap();
}

/// A connection that the longest wait is looked for among.
async fn beside(db: &TestDb) -> Client {
    let (client, connection) = tokio_postgres::connect(&db.url(), NoTls).await.unwrap();
    tokio::spawn(connection);
    client.batch_execute("set application_name = 'beside'").await.unwrap();
    client
}

/// What a sync does to new and to changed calls.
fn write(round: usize) -> String {
    format!(
        "begin;
         insert into vapi_calls_raw (id, status, created_at, raw_json, document_hash, synced_at)
         select 'new-{round}-' || i, 'ended', now(), '{{}}', decode(repeat('00', 16), 'hex'), now()
         from generate_series(1, 20) as i;
         update vapi_calls_raw set cost = {round} where id in (select md5((i * 97 + {round})::text) from generate_series(1, 20) as i);
         insert into qci_analyses (call_id, framework_id, status, skip_reason, call_hash, analyzed_at)
         values ('new-{round}-1', 1, 'skipped', 'no_conversation', '\\x00', now());
         commit"
    )
}

/// What a page reads.
fn read(_: usize) -> String {
    "select * from get_calls_list(p_limit => 50);
     select get_dashboard_metrics(p_date_from => now() - interval '1 day')"
        .to_owned()
}

/// What a report reads that takes its time: a migration that waits for its end would keep everybody waiting.
fn read_slowly(_: usize) -> String {
    "begin;
     select max(created_at) from vapi_calls_raw; select max(analyzed_at) from qci_analyses;
     select pg_sleep(2);
     commit"
        .to_owned()
}

const CONTENTS: &str = "
    select count(*) as calls, sum(hashtext(id || raw_json::text || transcript)::bigint) as hash,
           (select sum(hashtext(call_id || skip_reason)::bigint) from qci_analyses where call_id !~ '^new') as analyses
    from vapi_calls_raw where id !~ '^new'";

#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_for_a_migration_of_many_rows() {
    let rows = std::env::var_os("LARGE_ROWS").map_or(200_000, |rows| rows.to_str().unwrap().parse().unwrap());
    let db = TestDb::of_migration(BEFORE).await;
    fill(&db, rows).await;
    let before = db.rows(CONTENTS).await;
    let stop = Arc::new(AtomicBool::new(false));
    let pause = Duration::from_millis(5);
    let slow = tokio::spawn(again_and_again(
        beside(&db).await,
        stop.clone(),
        read_slowly,
        pause * 100,
    ));
    let writer = tokio::spawn(again_and_again(beside(&db).await, stop.clone(), write, pause));
    let reader = tokio::spawn(again_and_again(beside(&db).await, stop.clone(), read, pause));
    let watcher = tokio::spawn(longest_wait(
        db.client().await,
        stop.clone(),
        "activity.application_name = 'beside'",
    ));
    // The slow reader is in the middle of it.
    tokio::time::sleep(Duration::from_millis(300)).await;

    let begun = Instant::now();
    let migrated = shared::platform::db::migrate_until(&settings(&db.url()), None)
        .await
        .unwrap();
    let took = begun.elapsed();
    let (watch, _) = watch::channel(shared::store::backfill::Progress::default());
    let backfills = shared::store::backfill::run(&db.pool(), &watch, || false, shared::platform::clock::now).await;

    stop.store(true, Ordering::Relaxed);
    let waited = watcher.await.unwrap();
    let (written, read, slowly) = (writer.await.unwrap(), reader.await.unwrap(), slow.await.unwrap());
    println!(
        "{rows} rows: migrated in {took:?}, with the backfills {:?}; the longest wait for a lock {waited:?}; \
         written {written:?}, read {read:?}, slowly {slowly:?} times, and the longest of each",
        begun.elapsed()
    );
    assert!(waited < BOUND, "somebody waited {waited:?} for a lock");
    assert!(migrated.trouble.is_none() && migrated.left.is_empty(), "{migrated:?}");
    assert!(!migrated.applied.is_empty());
    assert!(backfills.unwrap().iter().all(|backfill| backfill.done_at.is_some()));
    assert!(written.0 > 5 && read.0 > 5 && slowly.0 > 0);
    assert_eq!(db.rows(CONTENTS).await, before);
    let invalid = "select 1 as found from pg_index where not indisvalid or not indisready";
    assert!(db.rows(invalid).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_that_gets_no_lock_names_who_holds_it_in_time() {
    let db = TestDb::of_migration(BEFORE).await;
    let holder = beside(&db).await;
    holder
        .batch_execute("begin; lock qci_analyses in access share mode; lock vapi_calls_raw in access share mode")
        .await
        .unwrap();
    let pid: i32 = holder.query_one("select pg_backend_pid()", &[]).await.unwrap().get(0);
    let until = tokio::time::Instant::now() + Duration::from_secs(4);

    let refusal = shared::platform::db::migrate_until(&settings(&db.url()), Some(until))
        .await
        .unwrap_err();

    let refusal = format!("{:#}", anyhow::Error::new(refusal));
    assert!(
        refusal.contains(&format!("held by process {pid} (beside, idle in transaction since ")),
        "{refusal}"
    );
    assert!(tokio::time::Instant::now() < until + Duration::from_secs(1));
    holder.batch_execute("rollback").await.unwrap();
    assert!(
        !shared::platform::db::migrate(&settings(&db.url()))
            .await
            .unwrap()
            .is_empty()
    );
}
