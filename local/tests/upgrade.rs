//! A database that an earlier version filled, brought up to date while it is written and read: nothing fails, nobody waits
//! for long, and the contents are those of a database that was never any older.

#![allow(
    clippy::unwrap_used,
    reason = "Clippy sees a test in a test function, and not in the functions it calls"
)]

#[allow(dead_code, reason = "the tests of the pages need more of it")]
mod visitor;

use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::{SinkExt as _, TryStreamExt as _};
use serde_json::Value;
use simulator::judge;
use tests::{Courtroom, Stage, TestDb, again_and_again, longest_wait};
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};
use tokio_postgres::Client;

use visitor::Visitor;

/// The newest migration of the version that filled the database.
const BEFORE: i32 = 23;
const CALLS: usize = 3_000;
/// Nobody may wait longer for a lock.
const BOUND: Duration = Duration::from_secs(1);
/// Who may wait for a lock of this database; migrations wait for each other as long as it takes.
const ANYBODY: &str = "lock.locktype <> 'advisory' and activity.datname = current_database()";
/// Between two statements of the earlier version.
const PAUSE: Duration = Duration::from_millis(5);

/// What a migration fills of itself stays; the rest is copied, in an order that foreign keys allow.
const TABLES: [&str; 6] = [
    "vapi_assistants",
    "vapi_assistant_prompt_history",
    "runs",
    "logs",
    "vapi_calls_raw",
    "qci_analyses",
];

/// The columns of a table that are written, as the database has them.
async fn columns(db: &Client, table: &str) -> String {
    let columns = "select string_agg(quote_ident(attname), ', ' order by attnum) from pg_attribute
                   where attrelid = $1::text::regclass and attnum > 0 and attgenerated = '' and not attisdropped";
    db.query_one(columns, &[&table]).await.unwrap().get(0)
}

/// A database of an earlier version with what the newest one holds, as far as it had columns for it.
async fn filled_before(newest: &TestDb) -> TestDb {
    let db = TestDb::of_migration(BEFORE).await;
    let (from, to) = (newest.client().await, db.client().await);
    for table in TABLES {
        let columns = columns(&to, table).await;
        let rows = from
            .copy_out(&format!("copy {table} ({columns}) to stdout"))
            .await
            .unwrap();
        let sink = to
            .copy_in(&format!("copy {table} ({columns}) from stdin"))
            .await
            .unwrap();
        let (mut rows, mut sink) = (std::pin::pin!(rows), std::pin::pin!(sink));
        while let Some(row) = rows.try_next().await.unwrap() {
            sink.send(row).await.unwrap();
        }
        sink.as_mut().finish().await.unwrap();
    }
    // What an earlier parser did not see.
    let unseen = "update vapi_calls_raw set has_tool_calls = false, tool_names = '{}', has_calendar_booking = false";
    to.batch_execute(unseen).await.unwrap();
    db
}

/// A batch of a sync of that version: half of its calls are new, half are known.
fn batch_of_before(round: usize) -> String {
    let columns = "id, status, created_at, updated_at, transcript, raw_json, document_hash, synced_at";
    format!(
        "begin;
         create temporary table incoming_calls (like vapi_calls_raw including defaults) on commit drop;
         insert into incoming_calls ({columns})
         select 'before-' || {round} * 10 + i, 'ended', now() - interval '20 days', now(), 'AI: Hello',
                jsonb_build_object('round', {round}), decode(md5({round} || ' ' || i), 'hex'), now()
         from generate_series(1, 20) as i;
         insert into vapi_calls_raw ({columns})
         select {columns} from incoming_calls
         on conflict (id) do update
         set updated_at = excluded.updated_at, raw_json = excluded.raw_json, document_hash = excluded.document_hash
         where vapi_calls_raw.raw_json <> excluded.raw_json;
         drop table incoming_calls;
         commit"
    )
}

/// What pages of that version read.
fn page_of_before(_: usize) -> String {
    "select * from get_calls_list(p_limit => 50);
     select get_dashboard_metrics(p_date_from => now() - interval '90 days');
     select * from get_timeline_data(p_date_from => now() - interval '90 days')"
        .to_owned()
}

fn callmark(stage: &Stage, arguments: &[&str], settings: &[(&str, &str)]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_callmark"))
        .args(arguments)
        .env_clear()
        .env("DATABASE_URL", stage.db.url())
        .env("VAPI_BASE_URL", stage.vapi.url())
        .env("VAPI_API_KEY", "test-key")
        .env("VAPI_RATE", "5000")
        .envs(settings.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

/// What a command answers that must succeed.
async fn answer(stage: &Stage, command: &str) -> Value {
    let child = callmark(stage, &[command, "--json"], &[]);
    let ended = timeout(Duration::from_mins(2), child.wait_with_output())
        .await
        .unwrap()
        .unwrap();
    let errors = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{command}: {errors}");
    serde_json::from_slice(&ended.stdout).unwrap()
}

/// Reads pages until told to stop; each must be shown.
async fn visit(mut visitor: Visitor, stop: Arc<AtomicBool>) -> usize {
    let mut count = 0;
    while !stop.load(Ordering::Relaxed) {
        for path in ["/admin/calls", "/admin/execution-logs", "/admin/assistants"] {
            let answer = visitor.get(path).await;
            assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        }
        count += 3;
    }
    count
}

async fn contents(db: &TestDb, columns: &str) -> (Vec<Value>, Vec<Value>) {
    let calls = format!("select {columns} from vapi_calls_raw where id !~ '^before' order by id");
    let scores = "select call_id, framework_id, status, total_score, skip_reason, criteria, call_hash
                  from qci_analyses order by call_id, framework_id";
    (db.rows(&calls).await, db.rows(scores).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_is_brought_up_to_date_while_it_is_used() {
    let mut room = Courtroom::of(Stage::with_calls(CALLS).await, judge::Settings::default()).await;
    room.score().await;
    let old = filled_before(&room.stage.db).await;
    let of_before = columns(&old.client().await, "vapi_calls_raw")
        .await
        .replace(", synced_at", "");
    let newest = std::mem::replace(&mut room.stage.db, old);
    let stage = &room.stage;

    let stop = Arc::new(AtomicBool::new(false));
    let waits = tokio::spawn(longest_wait(stage.db.client().await, stop.clone(), ANYBODY));
    let is_old = Arc::new(AtomicBool::new(false));
    let writer = again_and_again(stage.db.client().await, is_old.clone(), batch_of_before, PAUSE);
    let reader = again_and_again(stage.db.client().await, is_old.clone(), page_of_before, PAUSE);
    let (writer, reader) = (tokio::spawn(writer), tokio::spawn(reader));
    let migrated = answer(stage, "migrate").await;
    is_old.store(true, Ordering::Relaxed);
    let ((written, _), (read, _)) = (writer.await.unwrap(), reader.await.unwrap());

    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let users = format!("ada:{}", admin::hash("a-long-password").unwrap());
    let settings = [
        ("ADMIN_USERS", users.as_str()),
        ("ADMIN_SESSION_KEY", "0123456789abcdef0123456789abcdef"),
    ];
    let arguments = ["serve", "--every", "1s", "--admin-port", &port.to_string()];
    let serve = callmark(stage, &arguments, &settings);
    while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
        sleep(Duration::from_millis(20)).await;
    }
    let mut visitor = Visitor::at(&format!("http://127.0.0.1:{port}/admin"));
    assert_eq!(visitor.sign_in("ada", "a-long-password").await.status, 303);
    let visits = tokio::spawn(visit(visitor, stop.clone()));
    let rederived = answer(stage, "rederive").await;
    let again = answer(stage, "rederive").await;
    // A sync at least that began when all was done.
    let synced = "runs where script_name = 'vapi-sync' and status = 'success'";
    let before = stage.db.count(synced).await;
    while stage.db.count(synced).await < before + 2 {
        sleep(Duration::from_millis(50)).await;
    }
    stop.store(true, Ordering::Relaxed);
    let (waited, visits) = (waits.await.unwrap(), visits.await.unwrap());
    drop(serve);

    println!("written {written}, read {read}, shown {visits} times; the longest wait for a lock {waited:?}");
    assert!(written > 2 && read > 2 && visits > 2);
    assert!(waited < BOUND, "somebody waited {waited:?} for a lock");
    assert!(!migrated["applied"].as_array().unwrap().is_empty(), "{migrated}");
    assert!(!migrated["later"].as_array().unwrap().is_empty(), "{migrated}");
    assert_eq!(
        (&migrated["left"], &migrated["trouble"]),
        (&Value::from([0; 0]), &Value::Null)
    );
    for backfill in migrated["backfills"].as_array().unwrap() {
        assert!(backfill["done_at"].is_string(), "{migrated}");
    }
    // The syncs beside it bring calls up to date as well.
    assert!(rederived["calls"].as_i64() > Some(0), "{rederived}");
    assert_eq!(again["calls"], 0, "{again}");
    assert_eq!((&rederived["left"], &again["left"]), (&Value::from(0), &Value::from(0)));
    let troubled = "runs where status not in ('success', 'running')";
    assert_eq!(stage.db.count(troubled).await, 0, "{:?}", stage.db.runs().await);
    let (calls, scores) = contents(&stage.db, &of_before).await;
    let (expected_calls, expected_scores) = contents(&newest, &of_before).await;
    assert_eq!(calls.len(), CALLS);
    for (call, expected) in calls.iter().zip(&expected_calls) {
        assert_eq!(call, expected);
    }
    assert_eq!(scores, expected_scores);
}
