//! The program killed at any moment: what the next run finds, and what it makes of it.

#![allow(
    clippy::unwrap_used,
    reason = "Clippy sees a test in a test function, and not in the functions it calls"
)]

use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;
use shared::run::Status;
use simulator::vapi::{Settings, Spec, World};
use tests::{Stage, now};
use tokio::process::{Child, Command};

const CALLS: i64 = 900;

/// Nine pages of calls and more, which take four windows at once a while to read and two writers to store.
async fn stage() -> Stage {
    let world = World::generate(&Spec {
        calls: 900,
        ..Spec::new(now())
    });
    Stage::of(
        world,
        Settings {
            page_cap: 100,
            latency: Duration::from_millis(15),
            ..Settings::default()
        },
    )
    .await
}

/// The real program, syncing on this stage.
fn sync(stage: &Stage) -> Child {
    Command::new(env!("CARGO_BIN_EXE_callmark"))
        .args(["--quiet", "sync"])
        .env_clear()
        .env("DATABASE_URL", stage.db.url())
        .env("VAPI_BASE_URL", stage.vapi.url())
        .env("VAPI_API_KEY", "test-key")
        .env("VAPI_RATE", "5000")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

/// What is left behind, and what the next run makes of it once the dead one's time is up.
async fn completes_what_was_left(stage: &Stage, what: &str) {
    let dead = stage.db.only_run().await;
    assert_eq!(dead.status, "running", "{what}: it ended before it was killed");
    let stored = stage.db.count("vapi_calls_raw").await;
    let while_leased = stage.sync().await;
    assert_eq!(while_leased.status, Status::Skipped, "{what}");
    let an_hour_later =
        "update runs set started_at = started_at - interval '1 hour', deadline_at = deadline_at - interval '1 hour'";
    stage.db.client().await.batch_execute(an_hour_later).await.unwrap();

    let report = stage.sync().await;

    assert_eq!(report.status, Status::Success, "{what}: {:?}", report.reason);
    assert_eq!(
        stored + i64::from(report.counters.records_inserted),
        CALLS,
        "{what}: rows were inserted again"
    );
    assert_eq!(report.counters.records_updated, 0, "{what}");
    stage.assert_equal().await;
    let runs = stage.db.runs().await;
    let lost = runs.iter().find(|run| run.id == dead.id).unwrap();
    let expected = ("error", Some("lost: no result before its deadline"));
    assert_eq!(
        (lost.status.as_str(), lost.error_message.as_deref()),
        expected,
        "{what}"
    );
}

#[tokio::test]
async fn killed_at_any_page_the_next_run_completes_the_sync_and_inserts_nothing_again() {
    for page in [1, 2, 3, 5, 8, 11, 14] {
        let stage = stage().await;
        let victim = Arc::new(AtomicU32::new(0));
        let at_page = Arc::clone(&victim);
        stage.vapi.on_page(page, move |_| kill_child(&at_page));
        let mut child = sync(&stage);
        victim.store(child.id().unwrap(), Ordering::SeqCst);

        let ended = child.wait().await.unwrap();

        assert_eq!(ended.code(), None, "page {page}: it was not killed");
        completes_what_was_left(&stage, &format!("killed at page {page}")).await;
    }
}

#[tokio::test]
async fn killed_while_a_batch_is_written_the_next_run_completes_the_sync_and_inserts_nothing_again() {
    for batch in [1, 2, 4, 6] {
        let stage = stage().await;
        // Each batch takes a while to commit, and says so where we can see it.
        let slowly = "
            create sequence batches;
            create function wait_a_moment() returns trigger language plpgsql as $$
            begin
                perform nextval('batches'), pg_sleep(0.25);
                return null;
            end $$;
            create trigger slowly after insert on vapi_calls_raw for each statement execute function wait_a_moment();
        ";
        stage.db.client().await.batch_execute(slowly).await.unwrap();
        let mut child = sync(&stage);
        while stage
            .db
            .rows("select last_value * is_called::int as n from batches")
            .await[0]["n"]
            .as_i64()
            < Some(batch)
        {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }

        child.kill().await.unwrap();

        let quiet = "select from pg_stat_activity where datname = current_database() and application_name = 'callmark'";
        while !stage.db.rows(quiet).await.is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        stage
            .db
            .client()
            .await
            .batch_execute("drop trigger slowly on vapi_calls_raw")
            .await
            .unwrap();
        completes_what_was_left(&stage, &format!("killed in batch {batch}")).await;
    }
}

#[tokio::test]
async fn of_two_syncs_at_once_one_runs_and_the_other_is_skipped() {
    let stage = stage().await;
    let (first, second) = (sync(&stage), sync(&stage));

    let (first, second) = tokio::join!(first.wait_with_output(), second.wait_with_output());

    assert!(first.unwrap().status.success() && second.unwrap().status.success());
    let mut statuses: Vec<_> = stage.db.runs().await.into_iter().map(|run| run.status).collect();
    statuses.sort();
    assert_eq!(json!(statuses), json!(["skipped", "success"]));
    stage.assert_equal().await;
}

fn kill_child(victim: &AtomicU32) {
    if let Ok(pid) = i32::try_from(victim.load(Ordering::SeqCst)) {
        kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
    }
}
