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
use serde_json::{Value, json};
use shared::run::Status;
use simulator::judge;
use simulator::vapi::{Settings, Spec, World};
use tests::{Courtroom, Run, Stage, TestDb, conversation, now};
use tokio::process::{Child, Command};

const CALLS: i64 = 900;

/// Calls that are worth a score, and calls that are not.
const TALKS: usize = 24;
const HANG_UPS: usize = 6;
/// Requests to the judge at once.
const AT_ONCE: usize = 4;
/// How long the judge thinks; much longer than storing what it says takes.
const THOUGHT: Duration = Duration::from_millis(300);

const TALK: [&str; 4] = [
    "Thanks for calling Quillmere Bakery, this is Nell. How can I help you today?",
    "Hi, I would like to order a cake for Saturday, for about twenty people.",
    "A cake for twenty on Saturday, with pleasure. I have booked it for ten o'clock.",
    "Great, thank you, bye.",
];

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

/// Conversations and hang-ups, and a judge that takes its time.
async fn courtroom() -> Courtroom {
    let talks = (0..TALKS).map(|index| conversation(&format!("talk-{index}"), &TALK));
    let hang_ups = (0..HANG_UPS).map(|index| conversation(&format!("hang-up-{index}"), &TALK[..1]));
    let calls: Vec<Value> = talks.chain(hang_ups).collect();
    let slow = judge::Settings {
        latency: THOUGHT,
        ..judge::Settings::default()
    };
    Courtroom::hearing(&calls, slow)
        .await
        .setting("QCI_CONCURRENCY", AT_ONCE)
}

/// The real program.
fn callmark(command: &str, settings: &[(&str, &str)]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_callmark"))
        .args(["--quiet", command])
        .env_clear()
        .envs(settings.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

/// It syncs on this stage.
fn sync(stage: &Stage) -> Child {
    callmark(
        "sync",
        &[
            ("DATABASE_URL", &stage.db.url()),
            ("VAPI_BASE_URL", &stage.vapi.url()),
            ("VAPI_API_KEY", "test-key"),
            ("VAPI_RATE", "5000"),
        ],
    )
}

/// It scores the calls of this room.
fn qci(room: &Courtroom) -> Child {
    callmark(
        "qci",
        &[
            ("DATABASE_URL", &room.db().url()),
            ("OPENAI_BASE_URL", &room.judge.url()),
            ("OPENAI_API_KEY", "test-key"),
            ("OPENAI_MODEL", judge::MODEL),
            ("QCI_CONCURRENCY", &AT_ONCE.to_string()),
        ],
    )
}

/// What is left behind, and what the next run makes of it once the dead one's time is up.
async fn completes_what_was_left(stage: &Stage, what: &str) {
    let dead = stage.db.only_run().await;
    assert_eq!(dead.status, "running", "{what}: it ended before it was killed");
    let stored = stage.db.count("vapi_calls_raw").await;
    let while_leased = stage.sync().await;
    assert_eq!(while_leased.status, Status::Skipped, "{what}");
    an_hour_passes(&stage.db).await;

    let report = stage.sync().await;

    assert_eq!(report.status, Status::Success, "{what}: {:?}", report.reason);
    assert_eq!(
        stored + i64::from(report.counters.records_inserted),
        CALLS,
        "{what}: rows were inserted again"
    );
    assert_eq!(report.counters.records_updated, 0, "{what}");
    stage.assert_equal().await;
    assert_lost(&stage.db, &dead, what).await;
}

/// The same of scoring: no call is lost, none has its score stored again, and only `lost` answers are asked for again.
async fn scores_what_was_left(room: &Courtroom, lost: usize, what: &str) {
    until_quiet(room.db()).await;
    let dead = room.db().runs().await.pop().unwrap();
    assert_eq!(
        (dead.script_name.as_str(), dead.status.as_str()),
        (qci::SCRIPT, "running"),
        "{what}"
    );
    let (stored, asked) = (room.db().count("qci_analyses").await, room.judge.requests().len());
    // Killed between writing a row and sending its request, it leaves a row that no judge saw; never the reverse.
    let written = usize::try_from(room.db().count("judge_requests").await).unwrap();
    assert!(
        (asked..=asked + AT_ONCE).contains(&written),
        "{what}: {written} rows for {asked} requests that the judge saw"
    );
    assert_counted(room, what).await;
    let while_leased = room.score().await;
    assert_eq!(while_leased.status, Status::Skipped, "{what}");
    assert_eq!(room.judge.requests().len(), asked, "{what}");
    an_hour_passes(room.db()).await;

    let report = room.score().await;

    assert_eq!(report.status, Status::Success, "{what}: {:?}", report.reason);
    let calls = i64::try_from(TALKS + HANG_UPS).unwrap();
    assert_eq!(stored + i64::from(report.counters.records_inserted), calls, "{what}");
    assert_eq!(report.counters.records_updated, 0, "{what}");
    assert_all_scored(room, what).await;
    let asked = room.judge.requests().len();
    assert!(asked <= TALKS + lost, "{what}: {asked} requests for {TALKS} calls");
    assert_lost(room.db(), &dead, what).await;
    // What it spent, at a guess where nobody knows, stands in its row.
    let differing = "select id, api_cost
                     from runs
                     where api_cost is distinct from (
                         select sum(case when state = 'closed' then cost_usd else estimated_usd end)
                         from judge_requests
                         where run_id = runs.id
                     ) and script_name = 'qci-analysis' and status = 'error'";
    assert_eq!(room.db().rows(differing).await, [] as [Value; 0], "{what}");
}

/// What is under way counts at its estimate in the budget of the day.
async fn assert_counted(room: &Courtroom, what: &str) {
    let open =
        "select count(*) as requests, count(estimated_usd) as estimated, coalesce(sum(estimated_usd), 0)::text as usd
                from judge_requests where state = 'open'";
    let open = &room.db().rows(open).await[0];
    assert_eq!(open["requests"], open["estimated"], "{what}");
    let known = "select coalesce(sum(cost_usd), 0)::text as usd from judge_requests where state = 'closed'";
    let known = &room.db().rows(known).await[0];
    let usd = |row: &Value| row["usd"].as_str().unwrap().parse::<rust_decimal::Decimal>().unwrap();
    let midnight = now() - chrono::TimeDelta::days(1);
    let client = shared::platform::db::connect(&room.db().pool()).await.unwrap();
    let spent = shared::store::score::ledger::spent_since(&client, midnight)
        .await
        .unwrap();
    assert_eq!(spent, usd(open) + usd(known), "{what}");
}

/// Each call has its one analysis, and each score the one answer that it was made of.
async fn assert_all_scored(room: &Courtroom, what: &str) {
    let numbers = "select count(*) filter (where status = 'scored') as scored,
                          count(*) filter (where status = 'skipped') as skipped,
                          count(distinct call_id) as calls,
                          (select count(*) from judge_requests where state = 'closed') as answers,
                          (select count(distinct call_id) from judge_requests where state = 'closed') as answered,
                          (select count(*) from judge_requests where state = 'open') as open
                   from qci_analyses";
    let expected = json!({
        "scored": TALKS, "skipped": HANG_UPS, "calls": TALKS + HANG_UPS, "answers": TALKS, "answered": TALKS,
        "open": 0
    });
    assert_eq!(room.db().rows(numbers).await, [expected], "{what}");
}

async fn assert_lost(db: &TestDb, dead: &Run, what: &str) {
    let runs = db.runs().await;
    let lost = runs.iter().find(|run| run.id == dead.id).unwrap();
    let expected = ("error", Some("lost: no result before its deadline"));
    assert_eq!(
        (lost.status.as_str(), lost.error_message.as_deref()),
        expected,
        "{what}"
    );
}

/// The lease of whoever died is over.
async fn an_hour_passes(db: &TestDb) {
    let an_hour_later =
        "update runs set started_at = started_at - interval '1 hour', deadline_at = deadline_at - interval '1 hour'";
    db.client().await.batch_execute(an_hour_later).await.unwrap();
}

/// What a dead process had sent is done.
async fn until_quiet(db: &TestDb) {
    let busy = "select from pg_stat_activity where datname = current_database() and application_name = 'callmark'";
    while !db.rows(busy).await.is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Each of these rows takes a while to commit, and says so where we can see it.
async fn store_slowly(db: &TestDb, rows: &str) {
    let slowly = format!(
        "create sequence writes;
         create function wait_a_moment() returns trigger language plpgsql as $$
         begin
             perform nextval('writes'), pg_sleep(0.25);
             return null;
         end $$;
         create trigger slowly after insert on {rows} execute function wait_a_moment();"
    );
    db.client().await.batch_execute(&slowly).await.unwrap();
}

/// As many writes as that have begun.
async fn until_written(db: &TestDb, writes: i64) {
    let begun = "select last_value * is_called::int as n from writes";
    while db.rows(begun).await[0]["n"].as_i64() < Some(writes) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn until_asked(room: &Courtroom, requests: usize) {
    while room.judge.requests().len() < requests {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
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
        store_slowly(&stage.db, "vapi_calls_raw for each statement").await;
        let mut child = sync(&stage);
        until_written(&stage.db, batch).await;

        child.kill().await.unwrap();

        until_quiet(&stage.db).await;
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

#[tokio::test]
async fn killed_at_any_request_to_the_judge_the_next_run_scores_the_rest_and_only_that() {
    for request in [1, 4, 5, 13, 19] {
        let room = courtroom().await;
        let mut child = qci(&room);
        until_asked(&room, request).await;
        // What was answered before is stored by now; only what is being asked is lost.
        tokio::time::sleep(THOUGHT / 2).await;

        child.kill().await.unwrap();

        until_quiet(room.db()).await;
        let seen = i64::try_from(room.judge.requests().len()).unwrap();
        assert_eq!(
            room.db().count("judge_requests").await,
            seen,
            "killed at request {request}"
        );
        scores_what_was_left(&room, AT_ONCE, &format!("killed at request {request}")).await;
    }
}

#[tokio::test]
async fn killed_while_scores_are_stored_the_next_run_scores_the_rest_and_only_that() {
    for score in [1, 6, 15] {
        let room = courtroom().await;
        let scored = "qci_analyses for each row when (new.status = 'scored')";
        store_slowly(room.db(), scored).await;
        let mut child = qci(&room);
        until_written(room.db(), score).await;

        child.kill().await.unwrap();

        until_quiet(room.db()).await;
        let at_once = "drop trigger slowly on qci_analyses";
        room.db().client().await.batch_execute(at_once).await.unwrap();
        // As many answers as are asked for may wait to be stored.
        scores_what_was_left(&room, 2 * AT_ONCE, &format!("killed at score {score}")).await;
    }
}

#[tokio::test]
async fn killed_again_and_again_scoring_comes_to_its_end_nevertheless() {
    let kills = 3;
    let room = courtroom().await;
    for _ in 0..kills {
        let asked = room.judge.requests().len();
        let mut child = qci(&room);
        until_asked(&room, asked + AT_ONCE + 1).await;
        tokio::time::sleep(THOUGHT / 2).await;
        child.kill().await.unwrap();
        until_quiet(room.db()).await;
        an_hour_passes(room.db()).await;
    }

    let last = qci(&room).wait().await.unwrap();

    assert!(last.success(), "{last}");
    assert_all_scored(&room, "killed thrice").await;
    let asked = room.judge.requests().len();
    assert!(asked <= TALKS + kills * AT_ONCE, "{asked} requests for {TALKS} calls");
    let runs = room.db().runs().await.into_iter();
    let runs = runs.filter(|run| run.script_name == qci::SCRIPT);
    let statuses: Vec<_> = runs.map(|run| run.status).collect();
    assert_eq!(statuses, ["error", "error", "error", "success"]);
}

#[tokio::test]
async fn of_two_scoring_runs_at_once_one_scores_and_the_other_is_skipped() {
    let room = courtroom().await;
    let (mut first, mut second) = (qci(&room), qci(&room));

    let (first, second) = tokio::join!(first.wait(), second.wait());

    assert!(first.unwrap().success() && second.unwrap().success());
    let runs = room.db().runs().await.into_iter();
    let mut statuses: Vec<_> = runs.skip(1).map(|run| run.status).collect();
    statuses.sort();
    assert_eq!(statuses, ["skipped", "success"]);
    assert_eq!(room.judge.requests().len(), TALKS);
    assert_all_scored(&room, "two at once").await;
}

fn kill_child(victim: &AtomicU32) {
    if let Ok(pid) = i32::try_from(victim.load(Ordering::SeqCst)) {
        kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
    }
}

/// A process that is frozen in the middle of a `COPY` holds its rows for as long as it is frozen: PostgreSQL has no
/// time limit for a client that does not go on.
#[tokio::test(flavor = "multi_thread")]
async fn a_sync_frozen_in_a_copy_keeps_nobody_waiting() {
    let stage = Stage::of(
        World::generate(&Spec {
            calls: 6_000,
            ..Spec::new(now())
        }),
        Settings::default(),
    )
    .await
    .setting("DATABASE_TIMEOUT_SECONDS", 2);
    let mut frozen = sync(&stage);
    let process = Pid::from_raw(i32::try_from(frozen.id().unwrap()).unwrap());
    freeze_in_a_copy(&stage.db, process).await;
    an_hour_passes(&stage.db).await;
    let begun = std::time::Instant::now();

    let report = stage.sync().await;

    assert!(begun.elapsed() < Duration::from_secs(50), "{:?}", begun.elapsed());
    assert_eq!(report.status, Status::Success, "{:?}", report.reason);
    stage.assert_equal().await;
    kill(process, Signal::SIGKILL).unwrap();
    frozen.wait().await.unwrap();
}

/// Stops the process once a `COPY` of its waits for the rest of the rows.
async fn freeze_in_a_copy(db: &TestDb, process: Pid) {
    let client = db.client().await;
    let copies = |is_waiting: bool| {
        let and = if is_waiting {
            "and wait_event = 'ClientRead'"
        } else {
            ""
        };
        format!(
            "select count(*) from pg_stat_activity
             where state = 'active' and query like 'copy vapi_calls_raw%' and datname = current_database() {and}"
        )
    };
    let begun = std::time::Instant::now();
    while begun.elapsed() < Duration::from_mins(1) {
        if client.query_one(&copies(false), &[]).await.unwrap().get::<_, i64>(0) == 0 {
            continue;
        }
        kill(process, Signal::SIGSTOP).unwrap();
        tokio::time::sleep(Duration::from_millis(300)).await;
        if client.query_one(&copies(true), &[]).await.unwrap().get::<_, i64>(0) > 0 {
            return;
        }
        kill(process, Signal::SIGCONT).unwrap();
    }
    panic!("it was never in a COPY");
}

#[tokio::test]
async fn a_run_whose_process_was_killed_gives_its_lease_to_the_next_on_this_machine_at_once() {
    let stage = stage().await;
    let victim = Arc::new(AtomicU32::new(0));
    let at_page = Arc::clone(&victim);
    stage.vapi.on_page(3, move |_| kill_child(&at_page));
    let mut child = sync(&stage);
    victim.store(child.id().unwrap(), Ordering::SeqCst);
    child.wait().await.unwrap();
    assert_eq!(stage.db.only_run().await.status, "running");

    let next = sync(&stage).wait().await.unwrap();

    assert!(next.success(), "{next}");
    let runs = stage.db.runs().await;
    let ended: Vec<_> = runs
        .iter()
        .map(|run| (run.status.as_str(), run.error_message.as_deref()))
        .collect();
    let gone = Some("lost: its process ended without a result");
    assert_eq!(ended, [("error", gone), ("success", None)]);
    let unannounced = "runs where metadata ? 'unannounced'";
    assert_eq!(stage.db.count(unannounced).await, 0, "nobody was told");
    stage.assert_equal().await;
}

#[tokio::test]
async fn a_look_closes_the_run_of_a_process_that_was_killed_here_and_no_other() {
    let stage = stage().await;
    let victim = Arc::new(AtomicU32::new(0));
    let at_page = Arc::clone(&victim);
    stage.vapi.on_page(3, move |_| kill_child(&at_page));
    let mut child = sync(&stage);
    victim.store(child.id().unwrap(), Ordering::SeqCst);
    child.wait().await.unwrap();
    let look = || async {
        let looked = callmark("watchdog", &[("DATABASE_URL", &stage.db.url())])
            .wait()
            .await
            .unwrap();
        assert!(looked.success(), "{looked}");
        let run = stage.db.only_run().await;
        (run.status, run.error_message)
    };
    let holder = |change: &str| format!("update runs set metadata = jsonb_set(metadata, '{{holder}}', {change})");
    let known = stage.db.only_run().await.metadata["holder"].to_string();
    let client = stage.db.client().await;

    for elsewhere in [
        "(metadata -> 'holder') || '{\"boot\": \"another-machine\"}'",
        "(metadata -> 'holder') || '{\"pid_namespace\": \"pid:[1]\"}'",
        "'{}'",
    ] {
        client.batch_execute(&holder(elsewhere)).await.unwrap();
        assert_eq!(look().await, ("running".to_owned(), None), "{elsewhere}");
        client.batch_execute(&holder(&format!("'{known}'"))).await.unwrap();
    }
    let gone = "lost: its process ended without a result".to_owned();
    assert_eq!(look().await, ("error".to_owned(), Some(gone)));
}

/// A server that accepts, and never says a word.
async fn silent() -> (tokio::net::TcpListener, String) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener, address)
}

#[tokio::test]
async fn sigterm_ends_every_command_within_ten_seconds_whatever_is_silent() {
    let stage = stage().await;
    let (_listener, address) = silent().await;
    let (database, vapi) = (stage.db.url(), stage.vapi.url());
    let silent_database = format!("postgres://u@{address}/d");
    let silent_http = format!("http://{address}");
    let settings = |database: &str, http: &str, slack: &str| {
        [
            ("DATABASE_URL", database.to_owned()),
            ("VAPI_BASE_URL", http.to_owned()),
            ("OPENAI_BASE_URL", http.to_owned()),
            ("VAPI_API_KEY", "test-key".to_owned()),
            ("OPENAI_API_KEY", "test-key".to_owned()),
            ("SLACK_WEBHOOK_URL", slack.to_owned()),
        ]
    };
    let webhook = format!("http://{address}/hook");
    for (what, settings) in [
        ("the database", settings(&silent_database, &vapi, &webhook)),
        ("Vapi and the judge", settings(&database, &silent_http, &webhook)),
    ] {
        let settings: Vec<(&str, &str)> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
        for command in ["sync", "qci", "migrate", "watchdog", "admin", "serve"] {
            let mut child = callmark(command, &settings);
            tokio::time::sleep(Duration::from_millis(1500)).await;
            let Some(id) = child.id() else { continue };
            let began = tokio::time::Instant::now();
            kill(Pid::from_raw(i32::try_from(id).unwrap()), Signal::SIGTERM).ok();
            let ended = tokio::time::timeout(Duration::from_secs(10), child.wait()).await;
            assert!(
                ended.is_ok(),
                "{command} goes on after {:?}, while {what} is silent",
                began.elapsed()
            );
        }
    }
}

#[tokio::test]
async fn sigterm_ends_what_has_a_message_under_way_to_a_channel_that_is_silent() {
    let stage = stage().await;
    let lost = r"
        insert into runs (id, script_name, status, triggered_by, batch_id, started_at, deadline_at)
        values (gen_random_uuid(), 'qci-analysis', 'running', 'schedule', gen_random_uuid(),
                now() - interval '9 hours', now() - interval '8 hours')
    ";
    for command in ["sync", "watchdog", "serve"] {
        let (listener, address) = silent().await;
        stage.db.client().await.batch_execute(lost).await.unwrap();
        let mut child = callmark(
            command,
            &[
                ("DATABASE_URL", &stage.db.url()),
                // Refused: the sync fails, and people are told.
                ("VAPI_BASE_URL", "http://127.0.0.1:1"),
                ("VAPI_ATTEMPTS", "1"),
                ("VAPI_API_KEY", "test-key"),
                ("SLACK_WEBHOOK_URL", &format!("http://{address}/hook")),
            ],
        );
        let told = tokio::time::timeout(Duration::from_secs(30), listener.accept()).await;
        let _connection = told.unwrap_or_else(|_| panic!("{command} told nobody")).unwrap();
        tokio::time::sleep(Duration::from_millis(300)).await;

        let began = tokio::time::Instant::now();
        kill(
            Pid::from_raw(i32::try_from(child.id().unwrap()).unwrap()),
            Signal::SIGTERM,
        )
        .unwrap();
        let ended = tokio::time::timeout(Duration::from_secs(10), child.wait()).await;

        assert!(ended.is_ok(), "{command} goes on after {:?}", began.elapsed());
        stage
            .db
            .client()
            .await
            .batch_execute("truncate runs, alerts, incidents, notifications cascade")
            .await
            .unwrap();
    }
}
