//! The database goes away under a run: it ends in bounded time, says why, and the next run makes up for it.

use std::cell::RefCell;
use std::io::{self, Write};
use std::sync::Once;
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use serde_json::json;
use shared::platform::event::Event;
use shared::run::{Failure, Outcome, Report, Status, Step};
use simulator::judge;
use simulator::vapi::{Server, Settings, Spec, World};
use tests::{Courtroom, Stage, TestDb, conversation, now};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::run::{BOUND, by_hand, execute, ledger};

thread_local! {
    /// What this thread has written to standard output since it began to listen.
    static OUTPUT: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

/// Standard output, as this thread's own test hears it.
struct Output;

impl Output {
    fn listen() {
        static ONCE: Once = Once::new();
        ONCE.call_once(|| tracing_subscriber::fmt().json().with_writer(|| Self).init());
        OUTPUT.set(Some(Vec::new()));
    }

    fn heard() -> String {
        String::from_utf8(OUTPUT.take().unwrap_or_default()).unwrap()
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        OUTPUT.with_borrow_mut(|heard| heard.as_mut().map(|heard| heard.extend(bytes)));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A server of our own, to be killed: what it has committed stays, which throw-away servers else do not promise.
async fn lasting() -> TestDb {
    let db = TestDb::alone().await;
    let name = db.rows("select current_database() as name").await[0]["name"].to_string();
    let keep = format!("alter database {name} set synchronous_commit = on");
    db.client().await.batch_execute(&keep).await.unwrap();
    db
}

/// Thousands of calls in small pages, on a server of our own.
async fn stage() -> Stage {
    let spec = Spec {
        calls: 3_000,
        ..Spec::new(now())
    };
    let settings = Settings {
        page_cap: 50,
        latency: Duration::from_millis(20),
        ..Settings::default()
    };
    Stage {
        db: lasting().await,
        vapi: Server::start(World::generate(&spec), settings).await.unwrap(),
        settings: vec![("VAPI_DOWNLOADS", "1".to_owned())],
    }
}

/// A sync that goes on while the test holds the stage.
fn spawn_sync(stage: &Stage) -> JoinHandle<Result<Report, Failure>> {
    let deps = stage.deps();
    tokio::spawn(async move {
        let context = sync::Context {
            now: now(),
            deadline_at: now() + TimeDelta::minutes(15),
            stop: CancellationToken::new(),
        };
        sync::handle(&deps, &by_hand(), &context).await
    })
}

/// Waits until the sync has stored some calls, and not all.
async fn until_half_way(stage: &Stage) {
    let since = Instant::now();
    while stage.db.count("vapi_calls_raw").await < 300 {
        assert!(since.elapsed() < BOUND, "the sync stores nothing");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(
        stage.db.count("vapi_calls_raw").await < 3_000,
        "the sync is over too soon"
    );
}

/// Lets the deadline of every run pass.
async fn let_deadlines_pass(db: &TestDb) {
    let later =
        "update runs set deadline_at = greatest(started_at, now() - interval '16 seconds') - interval '1 minute',
                 started_at = started_at - interval '2 minutes' where status = 'running'";
    db.client().await.batch_execute(later).await.unwrap();
}

#[tokio::test]
async fn a_server_killed_under_a_run_ends_it_with_a_clear_error_and_its_lines_on_standard_output() {
    let mut db = lasting().await;
    let (ledger, mut events) = ledger(&db.url());
    let address = format!("127.0.0.1:{}", db.server().port());
    Output::listen();

    let failure = execute(&ledger, &by_hand(), |run| {
        let db = &mut db;
        async move {
            db.server().kill().await?;
            for number in 0..6_000 {
                run.info(Step::Process, format!("line {number}."), json!({}));
            }
            Ok(Outcome::Done)
        }
    })
    .await
    .unwrap_err();
    let output = Output::heard();

    let message = failure.to_string();
    assert!(message.starts_with("closing run "), "{message}");
    assert!(message.contains(&format!("no connection to {address}")), "{message}");
    assert!(message.contains("refused"), "{message}");
    for said in ["line 0.", "line 5999.", "success: 0 fetched"] {
        assert!(output.contains(said), "{said} is not on standard output");
    }
    assert!(
        output.contains("log lines are on standard output only"),
        "{}",
        &output[output.len() - 2_000..]
    );
    let Some(Event::Finished(finished)) = events.recv().await else {
        panic!("not announced")
    };
    assert_eq!(finished.status, "error", "a row that is not closed is not a success");

    db.server().start_again().await.unwrap();
    let_deadlines_pass(&db).await;
    let next = execute(&ledger, &by_hand(), |_| async { Ok(Outcome::Done) })
        .await
        .unwrap();

    assert_eq!(next.status, Status::Success);
    let lost = &db.runs().await[0];
    assert_eq!(
        lost.error_message.as_deref(),
        Some("lost: no result before its deadline")
    );
}

#[tokio::test]
async fn a_server_that_is_back_in_a_moment_costs_a_run_nothing() {
    let mut db = lasting().await;
    let (ledger, _events) = ledger(&db.url());

    let report = execute(&ledger, &by_hand(), |run| {
        let db = &mut db;
        async move {
            run.info(Step::Process, "before", json!({}));
            db.server().kill().await?;
            run.info(Step::Process, "while it was away", json!({}));
            // Long enough for the writer of log lines to notice.
            tokio::time::sleep(Duration::from_secs(1)).await;
            db.server().start_again().await?;
            Ok(Outcome::Done)
        }
    })
    .await
    .unwrap();

    assert_eq!(report.status, Status::Success);
    assert_eq!(db.only_run().await.status, "success");
    let messages: Vec<String> = db
        .logs(report.run_id)
        .await
        .into_iter()
        .map(|line| line.message)
        .collect();
    assert_eq!(messages[1..3], ["before", "while it was away"]);
    assert_eq!(messages.len(), 4);
}

#[tokio::test]
async fn of_more_lines_than_are_kept_while_the_server_is_away_the_newest_reach_the_table() {
    let mut db = lasting().await;
    let (ledger, _events) = ledger(&db.url());

    let report = execute(&ledger, &by_hand(), |run| {
        let db = &mut db;
        async move {
            db.server().kill().await?;
            for number in 0..10_000 {
                run.info(Step::Process, format!("line {number}"), json!({}));
            }
            db.server().start_again().await?;
            Ok(Outcome::Done)
        }
    })
    .await
    .unwrap();

    let messages: Vec<String> = db
        .logs(report.run_id)
        .await
        .into_iter()
        .map(|line| line.message)
        .collect();
    assert!((5_000..5_500).contains(&messages.len()), "{}", messages.len());
    assert_eq!(messages[messages.len() - 2], "line 9999");
    let lost = report.metadata["log_lines_lost"].to_string();
    let expected = format!("{} log lines are on standard output only", 10_002 - messages.len());
    assert!(lost.contains(&expected), "{lost} is not {expected}");
}

#[tokio::test]
async fn a_server_that_comes_up_while_a_run_closes_still_gets_its_row() {
    let mut db = lasting().await;
    let (ledger, _events) = ledger(&db.url());
    let (killed, back) = (CancellationToken::new(), CancellationToken::new());
    let invocation = by_hand();

    let (report, ()) = tokio::join!(
        execute(&ledger, &invocation, |_| {
            let (killed, back) = (killed.clone(), back.clone());
            async move {
                killed.cancel();
                back.cancelled().await;
                Ok(Outcome::Done)
            }
        }),
        async {
            killed.cancelled().await;
            db.server().kill().await.unwrap();
            back.cancel();
            tokio::time::sleep(Duration::from_secs(1)).await;
            db.server().start_again().await.unwrap();
        }
    );

    assert_eq!(report.unwrap().status, Status::Success);
    assert_eq!(db.only_run().await.status, "success");
}

#[tokio::test]
async fn a_run_waits_a_moment_for_a_server_that_is_coming_up() {
    let mut db = lasting().await;
    let (ledger, _events) = ledger(&db.url());
    db.server().kill().await.unwrap();

    let invocation = by_hand();
    let (report, ()) = tokio::join!(execute(&ledger, &invocation, |_| async { Ok(Outcome::Done) }), async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        db.server().start_again().await.unwrap();
    });

    assert_eq!(report.unwrap().status, Status::Success);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named_and_its_password_is_not() {
    let (ledger, _events) = ledger("postgres://user:hunter2@127.0.0.1:9/calls?sslmode=require");

    let failure = execute(&ledger, &by_hand(), |_| async { panic!("it began") })
        .await
        .unwrap_err();

    let message = failure.to_string();
    assert!(
        message.starts_with("claiming the lease of throw-away: connecting to the database named by DATABASE_URL: "),
        "{message}"
    );
    assert!(
        message.contains("no connection to 127.0.0.1:9 (check host and port, "),
        "{message}"
    );
    assert!(!message.contains("hunter2"), "{message}");
}

#[tokio::test]
async fn a_server_that_accepts_and_says_nothing_is_given_up() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    let (ledger, _events) = ledger(&format!("postgres://user@127.0.0.1:{port}/calls?sslmode=disable"));

    let failure = execute(&ledger, &by_hand(), |_| async { panic!("it began") })
        .await
        .unwrap_err();

    assert!(failure.to_string().contains("given up after"), "{failure}");
    drop(silent);
}

#[tokio::test]
async fn a_lock_on_the_tables_of_runs_ends_a_run_in_bounded_time() {
    let db = TestDb::new().await;
    let (ledger, _events) = ledger(&db.url());
    let locker = db.client().await;

    let failure = execute(&ledger, &by_hand(), |_| async {
        locker.batch_execute("begin; lock table runs, logs").await?;
        Ok(Outcome::Done)
    })
    .await
    .unwrap_err();

    assert!(
        failure.to_string().contains("the database does not answer"),
        "{failure}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_killed_under_a_sync_loses_no_call() {
    let mut stage = stage().await;
    let sync = spawn_sync(&stage);
    until_half_way(&stage).await;

    stage.db.server().kill().await.unwrap();
    let ended = tokio::time::timeout(BOUND, sync).await;
    let failure = ended.expect("the sync hangs").unwrap().unwrap_err();
    stage.db.server().start_again().await.unwrap();
    let_deadlines_pass(&stage.db).await;
    let report = stage.sync().await;

    assert!(failure.to_string().contains("no connection to 127.0.0.1:"), "{failure}");
    assert_eq!(report.status, Status::Success);
    stage.assert_equal().await;
    assert_eq!(stage.db.count("sync_windows").await, 0);
    let lost = &stage.db.runs().await[0];
    assert_eq!(
        lost.error_message.as_deref(),
        Some("lost: no result before its deadline")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_restarts_under_a_sync_loses_no_call() {
    let mut stage = stage().await;
    let sync = spawn_sync(&stage);
    until_half_way(&stage).await;

    stage.db.server().kill().await.unwrap();
    stage.db.server().start_again().await.unwrap();
    let ended = tokio::time::timeout(BOUND, sync).await;
    let ended = ended.expect("the sync hangs").unwrap();

    let runs = stage.db.runs().await;
    match ended {
        Ok(report) => assert_eq!((report.status, runs[0].status.as_str()), (Status::Success, "success")),
        Err(failure) => {
            assert_eq!(runs[0].status, "error", "{failure}");
            assert_eq!(stage.sync().await.status, Status::Success, "after {failure}");
        }
    }
    stage.assert_equal().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_restarts_under_a_scoring_run_makes_nobody_pay_twice() {
    let said = [
        "Quillmere Bakery, this is Nell.",
        "Hi, I would like a cake for Saturday, please, for twenty people.",
        "With pleasure. I have booked it for Saturday at ten.",
        "Great, thank you.",
    ];
    let mut world = World::empty(now());
    for index in 0..20 {
        world.insert(&conversation(&format!("talk-{index}"), &said));
    }
    let stage = Stage {
        db: lasting().await,
        vapi: Server::start(world, Settings::default()).await.unwrap(),
        settings: Vec::new(),
    };
    let judge = judge::Settings {
        latency: Duration::from_millis(100),
        ..judge::Settings::default()
    };
    let mut room = Courtroom::of(stage, judge).await.setting("QCI_CONCURRENCY", 2);
    let (deps, now) = (room.deps(), now());
    let scoring = tokio::spawn(async move {
        let context = qci::Context {
            now,
            deadline_at: now + TimeDelta::minutes(15),
            stop: CancellationToken::new(),
        };
        qci::handle(&deps, &by_hand(), &context).await
    });
    while room.judge.requests().len() < 6 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }

    room.stage.db.server().kill().await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    room.stage.db.server().start_again().await.unwrap();
    let report = scoring.await.unwrap().unwrap();

    assert_eq!(report.status, Status::Success, "{:?}", report.reason);
    assert_eq!(report.counters.calls_analyzed, 20);
    assert_eq!(room.judge.requests().len(), 20);
    assert_eq!(room.db().count("judge_requests").await, 20);
    assert_eq!(room.with_status("scored").await, 20);
}
