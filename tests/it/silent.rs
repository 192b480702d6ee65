//! A reply of PostgreSQL that never comes, at each statement in turn: nobody waits for long, and nothing is lost.

mod doubt;
mod frozen;
mod later;
mod watched;

use std::time::{Duration, Instant};

use futures::stream::{self, StreamExt as _};
use serde_json::json;
use shared::platform::config::{Database, Reader};
use shared::run::Status;
use tests::{Courtroom, Mischief, Proxy, Stage, TestDb, Visitor};
use tokio::sync::Semaphore;

use crate::run::{BOUND, by_hand};

/// Cases of one test at once: each mostly waits.
const AT_ONCE: usize = 16;
/// Cases of all tests at once: each has connections of its own, and the server has only so many.
static ROOM: Semaphore = Semaphore::const_new(3 * AT_ONCE);
/// What a sync of the stage is about.
const CALLS: usize = 120;

/// Settings that wait two seconds for an answer, in place of the usual fifteen.
pub(crate) fn in_a_hurry(url: &str) -> Database {
    let pairs = [("DATABASE_URL", url), ("DATABASE_TIMEOUT_SECONDS", "2")];
    let mut reader = Reader::from_pairs(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let settings = reader.database();
    reader.finish().unwrap();
    settings
}

/// Plays a case for each of so many answers. Says how often something happened to one, and the longest that a case took.
pub(crate) async fn for_each_answer<F>(answers: usize, case: impl Fn(usize) -> F)
where
    F: Future<Output = (usize, Duration)>,
{
    let case = &case;
    let cases: Vec<(usize, Duration)> = stream::iter(0..answers)
        .map(|number| async move {
            let _room = ROOM.acquire().await.unwrap();
            let ended = tokio::time::timeout(BOUND, case(number)).await;
            ended
                .unwrap_or_else(|_| panic!("answer {number} was lost, and after {BOUND:?} somebody still waits for it"))
        })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let struck: usize = cases.iter().map(|(struck, _)| struck).sum();
    let longest = cases.iter().map(|(_, took)| *took).max().unwrap_or_default();
    println!("{answers} answers, {struck} of them struck; the longest case took {longest:?}");
    // Work at once does not always come to the same number of statements.
    assert!(
        struck * 10 >= answers * 8,
        "only {struck} of {answers} answers were struck"
    );
    assert!(longest < BOUND, "{longest:?}");
}

async fn sync_stage() -> (Stage, Proxy) {
    let (stage, proxy) = Stage::with_calls(CALLS).await.behind_proxy().await;
    (stage, proxy)
}

/// A sync that meets this must store everything, count it once and succeed.
async fn sync_that_meets(arm: impl FnOnce(&Proxy)) -> (usize, Duration) {
    let (stage, proxy) = sync_stage().await;
    arm(&proxy);
    let begun = Instant::now();

    let report = stage.sync().await;

    let took = begun.elapsed();
    assert_eq!(report.status, Status::Success, "{:?}", report.reason);
    assert_eq!(
        (report.counters.records_inserted, report.counters.records_updated),
        (120, 0),
        "counted wrong"
    );
    stage.assert_equal().await;
    let row = stage.db.only_run().await;
    assert_eq!((row.status.as_str(), row.records_inserted), ("success", 120));
    assert!(!row.metadata.to_string().contains("log_lines_lost"), "{}", row.metadata);
    assert_eq!(stage.db.count("sync_windows").await, 0);
    assert_eq!(stage.db.count("sync_state where watermark is not null").await, 1);
    assert_eq!(
        stage.db.count("vapi_assistants").await,
        row.metadata["assistants"]["inserted"].as_i64().unwrap()
    );
    (proxy.struck(), took)
}

/// How many answers an undisturbed sync gets.
async fn answers_of_a_sync() -> usize {
    let (stage, proxy) = sync_stage().await;
    stage.sync().await;
    proxy.answers()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_survives_a_lost_reply_to_any_statement() {
    let answers = answers_of_a_sync().await;

    for_each_answer(answers, |number| {
        sync_that_meets(move |proxy| proxy.on_answer(number, Mischief::Swallow))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_survives_a_restart_at_any_statement() {
    let answers = answers_of_a_sync().await;

    for_each_answer(answers, |number| {
        sync_that_meets(move |proxy| proxy.on_answer(number, Mischief::Restart(Duration::from_secs(2))))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_of_ten_seconds_does_not_fail_a_sync() {
    let answers = answers_of_a_sync().await;
    let some = [2, answers / 2, answers - 4];

    let cases = some.map(|number| {
        sync_that_meets(move |proxy| proxy.on_answer(number, Mischief::Restart(Duration::from_secs(10))))
    });
    for (struck, took) in futures::future::join_all(cases).await {
        assert_eq!(struck, 1);
        assert!(took >= Duration::from_secs(10) && took < BOUND, "{took:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scoring_run_survives_a_lost_reply_to_any_statement_and_pays_once() {
    async fn room() -> (Courtroom, Proxy) {
        let room = Courtroom::with_calls(12).await;
        let (proxy, url) = room.db().through_proxy().await;
        let room = room
            .setting("DATABASE_URL", url)
            .setting("DATABASE_TIMEOUT_SECONDS", 2)
            .setting("QCI_CONCURRENCY", 2);
        (room, proxy)
    }
    async fn facts(room: &Courtroom) -> (i64, i64, i64, usize) {
        let db = room.db();
        let analyses = db.count("qci_analyses").await;
        let attempts = db.count("qci_analyses where attempts > 0").await;
        (
            analyses,
            attempts,
            db.count("judge_requests").await,
            room.judge.requests().len(),
        )
    }
    let (undisturbed, proxy) = room().await;
    let expected = undisturbed.score().await.counters;
    let (answers, truth) = (proxy.answers(), facts(&undisturbed).await);

    for_each_answer(answers, |number| async move {
        let (room, proxy) = room().await;
        proxy.on_answer(number, Mischief::Swallow);
        let begun = Instant::now();

        let report = room.score().await;

        let took = begun.elapsed();
        let counters = report.counters;
        assert_eq!(report.status, Status::Success, "{:?}", report.reason);
        // Worlds differ a little from one another in what is worth a score; the tables and the counts do not.
        let (analyses, attempts, paid, asked) = facts(&room).await;
        assert_eq!(
            usize::try_from(paid).unwrap(),
            asked,
            "an answer was paid for and is not on record"
        );
        assert_eq!(attempts, 0);
        assert_eq!(
            i64::from(counters.records_inserted + counters.records_updated),
            analyses
        );
        assert_eq!(i64::from(counters.records_fetched), analyses);
        assert_eq!((analyses, truth.1), (truth.0, 0));
        assert_eq!(counters.records_fetched, expected.records_fetched);
        (proxy.struck(), took)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn migrations_survive_a_lost_reply_to_any_statement_and_block_nobody() {
    async fn bare() -> (TestDb, Proxy, String) {
        let db = TestDb::new().await;
        let start_over = "drop schema public cascade; create schema public";
        db.client().await.batch_execute(start_over).await.unwrap();
        let (proxy, url) = db.through_proxy().await;
        (db, proxy, url)
    }
    let (_db, proxy, url) = bare().await;
    let migrations = shared::platform::db::migrate(&in_a_hurry(&url)).await.unwrap().len();
    let answers = proxy.answers();

    for_each_answer(answers, |number| async move {
        let (db, proxy, url) = bare().await;
        proxy.on_answer(number, Mischief::Swallow);
        let begun = Instant::now();

        let ended = shared::platform::db::migrate(&in_a_hurry(&url)).await;
        let (took, next_begun) = (begun.elapsed(), Instant::now());
        let next = shared::platform::db::migrate(&in_a_hurry(&db.url()))
            .await
            .unwrap()
            .len();

        assert!(next_begun.elapsed() < Duration::from_secs(20), "the lock was held");
        match ended {
            Ok(applied) => assert_eq!((applied.len(), next), (migrations, 0)),
            Err(error) => {
                let error = format!("{:#}", anyhow::Error::new(error));
                assert!(error.contains("127.0.0.1:"), "it does not name the database: {error}");
            }
        }
        assert_eq!(
            db.count("refinery_schema_history").await,
            i64::try_from(migrations).unwrap()
        );
        (proxy.struck(), took)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_is_shown_although_one_reply_is_lost() {
    let db = TestDb::new().await;
    let cookie = Visitor::signed_in(&db, "UTC").await.cookie().map(str::to_owned);
    for address in [
        "/admin/execution-logs",
        "/admin/calls",
        "/admin/assistants",
        "/admin/alerts",
    ] {
        let (proxy, url) = db.through_proxy().await;
        let mut visitor = Visitor::by(&in_a_hurry(&url));
        visitor.set_cookie(cookie.clone());
        visitor.page(address).await;
        let (db, cookie) = (&db, &cookie);

        for_each_answer(proxy.answers(), |number| async move {
            let (proxy, url) = db.through_proxy().await;
            proxy.on_answer(number, Mischief::Swallow);
            let mut visitor = Visitor::by(&in_a_hurry(&url));
            visitor.set_cookie(cookie.clone());
            let begun = Instant::now();

            visitor.page(address).await;

            (proxy.struck(), begun.elapsed())
        })
        .await;
    }
}

#[tokio::test]
async fn every_page_is_content_with_one_connection() {
    let room = Courtroom::with_calls(12).await;
    room.score().await;
    let db = room.db();
    let cookie = Visitor::signed_in(db, "UTC").await.cookie().map(str::to_owned);
    let only = async |query: &str| db.rows(query).await[0]["id"].as_str().unwrap().to_owned();
    let call = only("select call_id as id from qci_analyses limit 1").await;
    let run = only("select id from runs limit 1").await;
    let assistant = only("select assistant_id as id from vapi_assistants limit 1").await;
    let mut settings = in_a_hurry(&db.url());
    settings.pool = 1;
    let mut visitor = Visitor::by(&settings);
    visitor.set_cookie(cookie);

    for address in [
        "/admin/execution-logs".to_owned(),
        "/admin/execution-logs.csv".to_owned(),
        format!("/admin/execution-logs/{run}"),
        format!("/admin/execution-logs/{run}/logs.ndjson"),
        "/admin/calls".to_owned(),
        "/admin/calls.csv".to_owned(),
        "/admin/calls.ndjson".to_owned(),
        format!("/admin/calls/{call}"),
        "/admin/assistants".to_owned(),
        format!("/admin/assistants/{assistant}"),
        "/admin/alerts".to_owned(),
    ] {
        let page = tokio::time::timeout(BOUND, visitor.page(&address)).await;
        assert!(page.is_ok(), "{address} waits for a second connection");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_stays_silent_is_named_with_the_statement_and_the_time() {
    let (stage, proxy) = sync_stage().await;
    for number in 10..400 {
        proxy.on_answer(number, Mischief::Swallow);
    }
    let begun = Instant::now();

    let failure = stage.try_sync(json!({})).await.unwrap_err().to_string();

    assert!(begun.elapsed() < BOUND, "{:?}", begun.elapsed());
    assert!(failure.contains(&format!("127.0.0.1:{}", proxy.port())), "{failure}");
    assert!(failure.contains("the database"), "{failure}");
}

/// With the usual time limit.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_reply_costs_a_sync_less_than_a_minute() {
    let (mut stage, proxy) = sync_stage().await;
    stage.settings.retain(|(name, _)| *name != "DATABASE_TIMEOUT_SECONDS");
    proxy.on_answer(7, Mischief::Swallow);
    let begun = Instant::now();

    let report = stage.sync().await;

    let took = begun.elapsed();
    assert_eq!((report.status, proxy.struck()), (Status::Success, 1));
    assert!(
        took >= Duration::from_secs(2) && took < Duration::from_secs(40),
        "{took:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_lands_without_an_answer_is_counted_once() {
    let (stage, proxy) = sync_stage().await;
    stage.sync().await;
    let commits = proxy.commits();
    // The claim, the plan, the assistants, a batch, the end.
    assert!(commits >= 5, "{commits}");

    for mischief in [Mischief::Swallow, Mischief::Cut] {
        for_each_answer(commits, |number| {
            sync_that_meets(move |proxy| proxy.on_commit(number, mischief))
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_may_open_few_connections_is_met_by_waiting_and_said_once() {
    let stage = Stage::with_calls(CALLS).await;
    let role = format!("few_{}", uuid::Uuid::new_v4().simple());
    let database = stage.db.rows("select current_database() as name").await[0]["name"].clone();
    let database = database.as_str().unwrap();
    let create = format!(
        "create role {role} login bypassrls connection limit 3;
         grant pg_read_all_data, pg_write_all_data to {role};
         grant all on schema public to {role};
         grant temporary on database {database} to {role}"
    );
    stage.db.client().await.batch_execute(&create).await.unwrap();
    let url = stage.db.url().replace("postgres@", &format!("{role}@"));
    let stage = stage
        .setting("DATABASE_URL", url)
        .setting("DATABASE_POOL", 8)
        .setting("VAPI_DOWNLOADS", 8);
    let deps = stage.deps();
    let pool = deps.ledger.pool.clone();

    let crowd = (0..8).map(|_| async {
        let client = shared::platform::db::connect(&pool).await.unwrap();
        shared::platform::db::Executor::batch_execute(&client, "select pg_sleep(0.3)")
            .await
            .unwrap();
    });
    futures::future::join_all(crowd).await;
    let shortage = pool.shortage().unwrap();
    let context = sync::Context {
        now: tests::now(),
        deadline_at: tests::now() + chrono::TimeDelta::minutes(15),
        stop: tokio_util::sync::CancellationToken::new(),
    };
    let report = sync::handle(&deps, &by_hand(), &context).await.unwrap();

    let lines = stage.db.logs(report.run_id).await;
    let said: Vec<_> = lines.iter().filter(|line| line.message == shortage).collect();
    assert_eq!(said.len(), 1, "{lines:#?}");
    assert_eq!(said[0].level, "WARNING");
    assert!(
        shortage.contains("only 3 connections") && shortage.contains("DATABASE_POOL is 8"),
        "{shortage}"
    );
    assert_eq!(report.status, Status::Success, "{:?}", report.reason);
    stage.assert_equal().await;
}
