//! Everything works through a transaction pooler that knows nothing of prepared statements.

use std::process::{Command, Stdio};

use serde_json::json;
use shared::platform::config::{Database, Reader};
use shared::run::{self, Outcome, Status, Step};
use tests::{Stage, TestDb};
use tokio::task::JoinSet;

use crate::run::{by_hand, execute, ledger};

const URL: &str = "CALLMARK_TEST_POOLER_URL";

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_and_a_second_one_go_through_a_pooler_that_others_use() {
    let stage = Stage::with_calls(926).await;
    let Some((_pooler, url)) = stage.db.through_pooler().await else {
        return;
    };
    let stage = stage.setting("DATABASE_URL", url.as_str());
    let crowd: Vec<_> = (0..3)
        .map(|_| {
            tokio::task::spawn_blocking({
                let url = url.clone();
                move || another_process(&url)
            })
        })
        .collect();

    let (first, second) = (stage.sync().await, stage.sync().await);
    for process in crowd {
        process.await.unwrap();
    }
    let third = stage.sync().await;

    for report in [&first, &second, &third] {
        assert_eq!(report.status, Status::Success, "{:?}", report.reason);
    }
    assert_eq!(
        (first.counters.records_inserted, second.counters.records_inserted),
        (926, 0)
    );
    stage.assert_equal().await;
    let failed = "select script_name, error_message from runs where status <> 'success'";
    assert_eq!(stage.db.rows(failed).await, Vec::<serde_json::Value>::new());
    assert_eq!(stage.db.count("runs").await, 3 + 3 * 12 * 5);
    assert_eq!(stage.db.count("logs where message = 'a line'").await, 3 * 12 * 5 * 10);
}

/// The driver numbers its statements within a process, so that only another one can collide with ours.
fn another_process(url: &str) {
    let ended = Command::new(std::env::current_exe().unwrap())
        .args(["pooler::many_runs_at_once", "--exact", "--ignored", "--nocapture"])
        .env(URL, url)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ended.stdout);
    assert!(ended.status.success() && said.contains("1 passed"), "{said}");
}

/// Twelve scripts at once on as many connections, five runs each.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "the process that another test starts"]
async fn many_runs_at_once() {
    let Some(url) = std::env::var_os(URL).and_then(|url| url.into_string().ok()) else {
        return;
    };
    let mut scripts = JoinSet::new();
    for number in 0..12 {
        // A lease is a script's: each process has scripts of its own.
        let script: &'static str = format!("script-{}-{number}", std::process::id()).leak();
        let (ledger, _events) = ledger(&url);
        scripts.spawn(async move {
            for _ in 0..5 {
                let invocation = by_hand();
                let order = run::RunSpec {
                    script_name: script,
                    ..crate::run::order(&invocation, chrono::TimeDelta::minutes(5))
                };
                let pool = ledger.pool.clone();
                let report = run::execute(&ledger, order, tests::now(), |run| async move {
                    for _ in 0..10 {
                        run.info(Step::Process, "a line", json!({}));
                    }
                    let client = shared::platform::db::connect(&pool).await?;
                    let row = run::find(&client, run.id).await?;
                    assert_eq!(row.map(|row| row.status).as_deref(), Some("running"));
                    run::latest(&client, Some(script), 10).await?;
                    shared::store::sync_state::read(&client).await?;
                    Ok(Outcome::Done)
                })
                .await
                .unwrap();
                let client = shared::platform::db::connect(&ledger.pool).await.unwrap();
                assert_eq!(run::logs(&client, report.run_id, 100).await.unwrap().len(), 12);
            }
        });
    }
    scripts.join_all().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_migrations_at_once_through_a_pooler_of_three_connections_do_not_block_each_other() {
    let db = TestDb::new().await;
    let Some((_pooler, url)) = db.through_pooler().await else {
        return;
    };
    let start_over = "drop schema public cascade; create schema public";
    db.client().await.batch_execute(start_over).await.unwrap();
    let mut reader = Reader::from_pairs([("DATABASE_URL".to_owned(), url.clone())]);
    let settings: Database = reader.database();
    let mut migrations = JoinSet::new();
    for _ in 0..20 {
        let settings = settings.clone();
        migrations.spawn(async move { shared::platform::db::migrate(&settings).await.unwrap().len() });
    }

    let applied = tokio::time::timeout(std::time::Duration::from_mins(1), migrations.join_all()).await;

    let applied = applied.expect("they block each other");
    assert_eq!(applied.iter().filter(|count| **count > 0).count(), 1, "{applied:?}");
    let (ledger, _events) = ledger(&url);
    let report = execute(&ledger, &by_hand(), |_| async { Ok(Outcome::Done) })
        .await
        .unwrap();
    assert_eq!(report.status, Status::Success);
}
