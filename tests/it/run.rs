//! A run is one row, closed whatever happens, and one living run a script.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use chrono::TimeDelta;
use serde_json::{Value, json};
use shared::platform::config::Reader;
use shared::platform::db::Executor as _;
use shared::platform::event::{Bus, Event, Invocation};
use shared::run::{self, Claim, Claimant, Failure, Outcome, Report, Run, RunSpec, RunStore, Status, Step};
use tests::{TestDb, now};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub(crate) const SCRIPT: &str = "throw-away";

/// Generous: the machine may be busy, and nothing may wait for ever.
pub(crate) const BOUND: Duration = Duration::from_mins(1);

/// Where runs are kept, and the events that they publish.
pub(crate) fn ledger(url: &str) -> (RunStore, UnboundedReceiver<Event>) {
    let mut reader = Reader::from_pairs([("DATABASE_URL".to_owned(), url.to_owned())]);
    let pool = shared::platform::db::pool(&reader.database()).unwrap();
    reader.finish().unwrap();
    let (bus, events) = tokio::sync::mpsc::unbounded_channel();
    let bus = Bus::InProcess(bus);
    (RunStore { pool, bus, watch: None }, events)
}

/// Somebody asks, for an event that has this id.
fn event(id: &str) -> Invocation {
    Invocation {
        event_id: Some(id.to_owned()),
        ..Invocation::by_hand("test", json!({}))
    }
}

pub(crate) fn order(invocation: &Invocation, limit: TimeDelta) -> RunSpec<'_> {
    RunSpec {
        script_name: SCRIPT,
        invocation,
        deadline_at: now() + limit,
        stop: CancellationToken::new(),
        metadata: json!({"mode": "test"}),
    }
}

pub(crate) async fn execute<W, F>(ledger: &RunStore, invocation: &Invocation, work: W) -> Result<Report, Failure>
where
    W: FnOnce(Arc<Run>) -> F,
    F: Future<Output = Result<Outcome>>,
{
    let kept = run::execute(ledger, order(invocation, TimeDelta::minutes(15)), now(), work);
    tokio::time::timeout(BOUND, kept).await.unwrap()
}

pub(crate) fn by_hand() -> Invocation {
    Invocation::by_hand("test", json!({}))
}

/// What was published so far: the kind and the detail.
fn published(events: &mut UnboundedReceiver<Event>) -> Vec<(&'static str, Value)> {
    std::iter::from_fn(|| events.try_recv().ok())
        .map(|event| event.document())
        .collect()
}

fn statuses(runs: &[tests::Run]) -> Vec<&str> {
    runs.iter().map(|run| run.status.as_str()).collect()
}

/// A run that began a while ago and says nothing any more.
async fn silent_run(db: &TestDb, began: TimeDelta, deadline: TimeDelta) -> Uuid {
    let id = Uuid::new_v4();
    let insert = "insert into runs (id, script_name, status, triggered_by, batch_id, started_at, deadline_at)
                  values ($1, $2, 'running', 'test', $1, $3, $4)";
    let client = db.client().await;
    let (began, deadline) = (now() - began, now() - deadline);
    client
        .execute(insert, &[&id, &SCRIPT, &began, &deadline])
        .await
        .unwrap();
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn of_twenty_claims_at_once_one_runs_and_the_others_say_who_does() {
    let db = TestDb::new().await;
    let release = CancellationToken::new();
    let mut claims = JoinSet::new();
    for _ in 0..20 {
        let ((ledger, _events), release) = (ledger(&db.url()), release.clone());
        claims.spawn(async move {
            execute(&ledger, &by_hand(), |_| async move {
                release.cancelled().await;
                Ok(Outcome::Done)
            })
            .await
            .unwrap()
        });
    }

    let mut skipped = Vec::new();
    while skipped.len() < 19 {
        let report = tokio::time::timeout(BOUND, claims.join_next()).await;
        skipped.push(report.expect("more than one holds the lease").unwrap().unwrap());
    }
    release.cancel();
    let winner = claims.join_next().await.unwrap().unwrap();

    assert_eq!(winner.status, Status::Success);
    assert!(skipped.iter().all(|report| report.status == Status::Skipped));
    let runs = db.runs().await;
    assert_eq!(runs.len(), 20);
    for run in runs.iter().filter(|run| run.id != winner.run_id) {
        assert_eq!(run.status, "skipped");
        let reason = run.metadata["reason"].as_str().unwrap();
        let expected = format!("run {} holds the lease of throw-away until ", winner.run_id);
        assert!(reason.starts_with(&expected), "{reason}");
    }
}

#[tokio::test]
async fn a_run_silent_beyond_deadline_and_grace_is_lost_to_the_next_claim() {
    let db = TestDb::new().await;
    let lost = silent_run(&db, TimeDelta::minutes(5), TimeDelta::seconds(16)).await;
    let (ledger, mut events) = ledger(&db.url());

    let report = execute(&ledger, &by_hand(), |_| async { Ok(Outcome::Done) })
        .await
        .unwrap();

    let runs = db.runs().await;
    assert_eq!(statuses(&runs), ["error", "success"]);
    assert_eq!(runs[0].id, lost);
    assert_eq!(
        runs[0].error_message.as_deref(),
        Some("lost: no result before its deadline")
    );
    assert_eq!(runs[0].finished_at, Some(runs[0].deadline_at));
    let lines = db.logs(report.run_id).await;
    assert!(
        lines
            .iter()
            .any(|line| line.level == "WARNING" && line.meta["lost_run_id"] == json!(lost)),
        "{lines:#?}"
    );
    let told: Vec<_> = std::iter::from_fn(|| events.try_recv().ok())
        .filter_map(|event| match event {
            Event::Finished(finished) => Some((finished.run_id, finished.status)),
            _ => None,
        })
        .collect();
    assert_eq!(
        told,
        [(lost, "error".to_owned()), (report.run_id, "success".to_owned())]
    );
}

#[tokio::test]
async fn a_run_silent_within_the_grace_may_still_be_alive() {
    let db = TestDb::new().await;
    silent_run(&db, TimeDelta::minutes(5), TimeDelta::seconds(5)).await;
    let (ledger, _events) = ledger(&db.url());

    let report = execute(&ledger, &by_hand(), |_| async { Ok(Outcome::Done) })
        .await
        .unwrap();

    assert_eq!(report.status, Status::Skipped);
    assert_eq!(statuses(&db.runs().await), ["running", "skipped"]);
}

#[tokio::test]
async fn a_run_lost_months_ago_does_not_stand_in_the_way() {
    let db = TestDb::new().await;
    silent_run(&db, TimeDelta::days(90), TimeDelta::days(90) - TimeDelta::minutes(15)).await;
    let (ledger, _events) = ledger(&db.url());

    let report = execute(&ledger, &by_hand(), |_| async { Ok(Outcome::Done) })
        .await
        .unwrap();

    assert_eq!(report.status, Status::Success);
    assert_eq!(db.runs().await[0].duration_ms, Some(15 * 60 * 1000));
}

#[tokio::test]
async fn another_script_has_a_lease_of_its_own() {
    let db = TestDb::new().await;
    let (ledger, _events) = ledger(&db.url());
    let invocation = by_hand();

    let outer = execute(&ledger, &by_hand(), |_| async {
        let other = RunSpec {
            script_name: "another",
            ..order(&invocation, TimeDelta::minutes(1))
        };
        let report = run::execute(&ledger, other, now(), |_| async { Ok(Outcome::Done) }).await;
        assert_eq!(report.map_err(|failure| failure.0)?.status, Status::Success);
        Ok(Outcome::Done)
    })
    .await;

    assert_eq!(outer.unwrap().status, Status::Success);
}

#[tokio::test]
async fn a_claim_whose_answer_was_lost_may_be_made_again() {
    let db = TestDb::new().await;
    let mut client = shared::platform::db::connect(&db.pool()).await.unwrap();
    let claimant = |id| Claimant {
        id,
        script_name: SCRIPT,
        triggered_by: "test",
        batch_id: id,
        event_id: None,
        deadline_at: now() + TimeDelta::minutes(1),
        metadata: json!({}),
    };
    let (first, second) = (claimant(Uuid::now_v7()), claimant(Uuid::now_v7()));
    let mut claims = Vec::new();

    for claimant in [&first, &first, &second, &second] {
        let transaction = client.transaction().await.unwrap();
        claims.push(run::claim(&transaction, claimant, now()).await.unwrap());
        transaction.commit().await.unwrap();
    }

    let granted = Claim::Granted {
        id: first.id,
        lost: Vec::new(),
    };
    assert_eq!([&claims[0], &claims[1]], [&granted, &granted]);
    assert!(matches!(&claims[2], Claim::Skipped { id, .. } if *id == second.id));
    assert_eq!(claims[2], claims[3]);
    assert_eq!(statuses(&db.runs().await), ["running", "skipped"]);
}

#[tokio::test]
async fn an_event_delivered_again_while_it_is_handled_is_skipped() {
    let db = TestDb::new().await;
    let (ledger, _events) = ledger(&db.url());

    execute(&ledger, &event("e"), |first| {
        let (ledger, db) = (&ledger, &db);
        async move {
            let second = execute(ledger, &event("e"), |_| async { Ok(Outcome::Done) }).await;
            let expected = format!("this event is handled by run {} (running)", first.id);
            assert_eq!(second.map_err(|failure| failure.0)?.reason, Some(expected));
            assert_eq!(statuses(&db.runs().await), ["running", "skipped"]);
            Ok(Outcome::Done)
        }
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn an_event_that_was_handled_well_or_in_part_is_not_handled_again() {
    let db = TestDb::new().await;
    let (ledger, _events) = ledger(&db.url());
    let left = Outcome::Left {
        reason: "time".to_owned(),
        continue_with: None,
    };
    for (id, outcome, status) in [("done", Outcome::Done, "success"), ("left", left, "partial")] {
        let first = execute(&ledger, &event(id), |_| async { Ok(outcome) }).await.unwrap();

        let second = execute(&ledger, &event(id), |_| async { panic!("it was handled twice") })
            .await
            .unwrap();

        assert_eq!(second.status, Status::Skipped);
        let expected = format!("this event is handled by run {} ({status})", first.run_id);
        assert_eq!(second.reason, Some(expected));
    }
}

#[tokio::test]
async fn an_event_whose_run_failed_is_attempted_again_in_a_row_of_its_own() {
    let db = TestDb::new().await;
    let (ledger, _events) = ledger(&db.url());
    execute(&ledger, &event("e"), |_| async { Err(anyhow!("no luck")) })
        .await
        .unwrap_err();

    execute(&ledger, &event("e"), |_| async { Ok(Outcome::Done) })
        .await
        .unwrap();

    let runs = db.runs().await;
    assert_eq!(statuses(&runs), ["error", "success"]);
    assert_eq!(
        [&runs[0].metadata["attempt"], &runs[1].metadata["attempt"]],
        [&json!(1), &json!(2)]
    );
    assert_eq!(runs[1].metadata["event_id"], "e");
}

#[tokio::test]
async fn a_success_leaves_what_it_counted_and_noted() {
    let db = TestDb::new().await;
    let (ledger, _events) = ledger(&db.url());

    let report = execute(&ledger, &by_hand(), |run| async move {
        run.count(|counters| counters.records_fetched = 5);
        run.count(|counters| {
            counters.records_inserted += 1;
            counters.records_updated += 2;
            counters.records_failed += 3;
            counters.calls_analyzed += 4;
        });
        run.note("watermark", "today");
        for gap in 0..25 {
            run.note_one_more("gaps", json!(gap));
        }
        Ok(Outcome::Done)
    })
    .await
    .unwrap();

    let row = db.only_run().await;
    assert_eq!(
        (report.run_id, row.status.as_str(), &row.error_message),
        (row.id, "success", &None)
    );
    assert_eq!(
        (
            row.records_fetched,
            row.records_inserted,
            row.records_updated,
            row.records_failed,
            row.calls_analyzed
        ),
        (5, 1, 2, 3, 4)
    );
    assert_eq!(row.metadata["mode"], "test", "what stood there from the start stays");
    assert_eq!(row.metadata["watermark"], "today");
    assert_eq!(row.metadata["gaps"].as_array().unwrap().len(), 20);
    assert_eq!(row.metadata["gaps_total"], 25);
    assert!(row.finished_at.is_some() && row.duration_ms.is_some());
}

#[tokio::test]
async fn work_that_is_left_makes_a_run_partial_and_the_row_says_why() {
    let db = TestDb::new().await;
    let (ledger, _events) = ledger(&db.url());

    let report = execute(&ledger, &by_hand(), |_| async {
        Ok(Outcome::Left {
            reason: "the budget is spent".to_owned(),
            continue_with: None,
        })
    })
    .await
    .unwrap();

    let row = db.only_run().await;
    assert_eq!((report.status, row.status.as_str()), (Status::Partial, "partial"));
    assert_eq!(row.error_message.as_deref(), Some("the budget is spent"));
}

#[tokio::test]
async fn an_error_reaches_the_row_and_the_caller_with_its_whole_chain() {
    let db = TestDb::new().await;
    let (ledger, _events) = ledger(&db.url());

    let failure = execute(&ledger, &by_hand(), |run| async move {
        run.count(|counters| counters.records_fetched = 7);
        Err(anyhow!("the disk is full")).context("storing calls")
    })
    .await
    .unwrap_err();

    let row = db.only_run().await;
    assert_eq!(failure.to_string(), "storing calls: the disk is full");
    assert_eq!(row.status, "error");
    assert_eq!(row.error_message.as_deref(), Some("storing calls: the disk is full"));
    assert_eq!(row.records_fetched, 7, "what was done before it failed still counts");
    let last = db.logs(row.id).await.pop().unwrap();
    assert_eq!(
        (last.level.as_str(), last.step.as_str(), last.message.as_str()),
        ("ERROR", "ERROR", "storing calls: the disk is full")
    );
}

#[tokio::test]
async fn a_panic_closes_the_run_with_its_message() {
    let db = TestDb::new().await;
    let (ledger, _events) = ledger(&db.url());

    let in_work = execute(&ledger, &by_hand(), |_| async {
        panic!("index {} is out of bounds", 9)
    })
    .await;
    let before_work = execute(&ledger, &by_hand(), |_| -> std::future::Ready<Result<Outcome>> {
        panic!("no work")
    })
    .await;

    assert_eq!(in_work.unwrap_err().to_string(), "panicked: index 9 is out of bounds");
    assert_eq!(before_work.unwrap_err().to_string(), "panicked: no work");
    let runs = db.runs().await;
    assert_eq!(statuses(&runs), ["error", "error"]);
    assert_eq!(
        runs[0].error_message.as_deref(),
        Some("panicked: index 9 is out of bounds")
    );
}

#[tokio::test]
async fn a_host_that_is_told_to_stop_ends_the_run_as_an_error() {
    let db = TestDb::new().await;
    let (ledger, _events) = ledger(&db.url());
    let invocation = by_hand();
    let order = order(&invocation, TimeDelta::minutes(15));
    let stop = order.stop.clone();

    let failure = run::execute(&ledger, order, now(), |_| async move {
        stop.cancel();
        std::future::pending().await
    })
    .await
    .unwrap_err();

    assert_eq!(failure.to_string(), "cancelled: stopped by Ctrl-C or a signal");
    let row = db.only_run().await;
    assert_eq!(
        (row.status.as_str(), row.error_message),
        ("error", Some(failure.to_string()))
    );
}

#[tokio::test]
async fn work_that_ends_as_the_host_stops_has_ended() {
    let db = TestDb::new().await;
    let (ledger, _events) = ledger(&db.url());
    let invocation = by_hand();
    for _ in 0..20 {
        let order = order(&invocation, TimeDelta::minutes(15));
        let stop = order.stop.clone();
        stop.cancel();

        let report = run::execute(&ledger, order, now(), |_| async { Ok(Outcome::Done) }).await;

        assert_eq!(report.unwrap().status, Status::Success);
    }
}

#[tokio::test]
async fn a_run_that_its_host_drops_half_way_is_closed_logged_and_announced() {
    let db = TestDb::new().await;
    let (ledger, mut events) = ledger(&db.url());
    let invocation = by_hand();
    let begun = CancellationToken::new();
    let kept = execute(&ledger, &invocation, |run| {
        let begun = begun.clone();
        async move {
            run.info(Step::Process, "half-way", json!({}));
            begun.cancel();
            std::future::pending().await
        }
    });

    tokio::select! {
        _ = kept => panic!("it never ends"),
        () = begun.cancelled() => {}
    }

    let finished = tokio::time::timeout(Duration::from_secs(30), events.recv()).await;
    let row = db.only_run().await;
    assert_eq!(row.status, "error");
    assert_eq!(row.error_message.as_deref(), Some("cancelled: its host dropped it"));
    assert!(matches!(finished, Ok(Some(Event::Finished(finished))) if finished.status == "error"));
    let mut messages = Vec::new();
    for _ in 0..100 {
        messages = db.logs(row.id).await.into_iter().map(|line| line.message).collect();
        if messages.len() == 3 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(messages[1..], ["half-way", "cancelled: its host dropped it"]);
}

#[tokio::test]
async fn work_that_ignores_its_deadline_is_cut_and_the_row_closed_before_it() {
    let db = TestDb::new().await;
    let (ledger, _events) = ledger(&db.url());
    let invocation = by_hand();

    let order = order(&invocation, TimeDelta::seconds(8));
    let failure = run::execute(&ledger, order, now(), |_| std::future::pending())
        .await
        .unwrap_err();

    assert_eq!(
        failure.to_string(),
        "out of time: no checkpoint was reached before the deadline"
    );
    let row = db.only_run().await;
    assert_eq!(row.status, "error");
    assert!(row.finished_at.unwrap() < row.deadline_at, "{row:#?}");
}

#[tokio::test]
async fn a_statement_that_is_stuck_does_not_keep_the_row_from_being_closed() {
    let db = TestDb::new().await;
    let (ledger, _events) = ledger(&db.url());
    let (invocation, pool) = (by_hand(), ledger.pool.clone());

    let order = order(&invocation, TimeDelta::seconds(8));
    let kept = run::execute(&ledger, order, now(), |_| async move {
        let stuck: Vec<_> = (0..8).map(|_| shared::platform::db::connect(&pool)).collect();
        let mut waiting = Vec::new();
        for client in stuck {
            waiting.push(client.await?);
        }
        let sleeps = waiting
            .iter()
            .map(|client| client.batch_execute("select pg_sleep(600)"));
        futures::future::try_join_all(sleeps).await?;
        Ok(Outcome::Done)
    });
    let ended = tokio::time::timeout(BOUND, kept).await;

    let failure = ended.expect("the run hangs").unwrap_err();
    assert!(failure.to_string().starts_with("out of time"), "{failure}");
    assert_eq!(db.only_run().await.status, "error");
}

#[tokio::test]
async fn a_row_that_the_database_does_not_close_at_once_is_closed_a_moment_later() {
    let db = TestDb::new().await;
    let (ledger, _events) = ledger(&db.url());

    execute(&ledger, &by_hand(), |_| async {
        let not_yet = "create table until as select clock_timestamp() + interval '1 second' as at;
                       create function not_yet() returns trigger language plpgsql as $$
                       begin
                           if clock_timestamp() < (select at from until) then
                               raise exception 'not yet' using errcode = 'serialization_failure';
                           end if;
                           return new;
                       end $$;
                       create trigger not_yet before update on runs for each row execute function not_yet()";
        db.client().await.batch_execute(not_yet).await?;
        Ok(Outcome::Done)
    })
    .await
    .unwrap();

    assert_eq!(db.only_run().await.status, "success");
}

#[tokio::test]
async fn a_run_that_was_taken_for_lost_cannot_claim_success() {
    let db = TestDb::new().await;
    let (ledger, mut events) = ledger(&db.url());

    let failure = execute(&ledger, &by_hand(), |_| async {
        let take = "update runs set status = 'error', finished_at = started_at, error_message = 'lost'";
        db.client().await.batch_execute(take).await?;
        Ok(Outcome::Done)
    })
    .await
    .unwrap_err();

    assert!(
        failure.to_string().ends_with("somebody took the run for lost"),
        "{failure}"
    );
    assert_eq!(db.only_run().await.error_message.as_deref(), Some("lost"));
    let events = published(&mut events);
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].1["status"], "error");
}

#[tokio::test]
async fn log_lines_stand_in_the_table_in_the_order_in_which_they_were_said() {
    let db = TestDb::new().await;
    let (ledger, _events) = ledger(&db.url());

    let report = execute(&ledger, &by_hand(), |run| async move {
        for number in 0..1_000 {
            run.info(Step::Process, format!("line {number}"), json!({"number": number}));
        }
        Ok(Outcome::Done)
    })
    .await
    .unwrap();

    let lines = db.logs(report.run_id).await;
    let said: Vec<String> = (0..1_000).map(|number| format!("line {number}")).collect();
    let messages: Vec<&str> = lines.iter().map(|line| line.message.as_str()).collect();
    assert_eq!(messages[0], "throw-away started, triggered by test");
    assert_eq!(messages[1..1_001], said);
    assert_eq!(lines[1_001].step, "END");
    assert_eq!(lines[7].meta["number"], 6);
    let inserts = db.rows("select count(distinct xmin::text) as inserts from logs").await;
    assert!(inserts[0]["inserts"].as_i64().unwrap() <= 10, "{inserts:?}");
}

#[tokio::test]
async fn nul_characters_anywhere_lose_neither_lines_nor_the_row() {
    let db = TestDb::new().await;
    let (ledger, _events) = ledger(&db.url());
    let invocation = Invocation {
        event_id: Some("event\0".to_owned()),
        ..Invocation::by_hand("some\0body", json!({"call_id": "a\0b"}))
    };

    execute(&ledger, &invocation, |run| async move {
        run.info(Step::Process, "one\0line", json!({"na\0me": ["val\0ue"]}));
        run.note("no\0te", "val\0ue");
        Err(anyhow!("it said «\0»"))
    })
    .await
    .unwrap_err();

    let row = db.only_run().await;
    assert_eq!(row.error_message.as_deref(), Some("it said «\u{fffd}»"));
    assert_eq!(row.metadata["no\u{fffd}te"], "val\u{fffd}ue");
    let lines = db.logs(row.id).await;
    assert_eq!(lines.len(), 3);
    assert_eq!(lines[1].message, "one\u{fffd}line");
    assert_eq!(lines[1].meta, json!({"na\u{fffd}me": ["val\u{fffd}ue"]}));
}

#[tokio::test]
async fn a_line_that_the_database_refuses_does_not_keep_the_others_out() {
    let db = TestDb::new().await;
    let (ledger, _events) = ledger(&db.url());
    let refuse = "alter table logs add constraint no_such_line check (message <> 'refuse me')";
    db.client().await.batch_execute(refuse).await.unwrap();

    let report = execute(&ledger, &by_hand(), |run| async move {
        for message in ["before", "refuse me", "after"] {
            run.info(Step::Process, message, json!({}));
        }
        Ok(Outcome::Done)
    })
    .await
    .unwrap();

    let messages: Vec<String> = db
        .logs(report.run_id)
        .await
        .into_iter()
        .map(|line| line.message)
        .collect();
    assert_eq!(messages[1..3], ["before", "after"]);
    assert_eq!(messages.len(), 4);
    let lost = db.only_run().await.metadata["log_lines_lost"].to_string();
    assert!(lost.contains("1 log lines are on standard output only"), "{lost}");
}

#[tokio::test]
async fn old_log_lines_are_pruned_and_young_ones_stay() {
    let db = TestDb::new().await;
    let run = silent_run(&db, TimeDelta::minutes(1), TimeDelta::zero()).await;
    let client = db.client().await;
    let lines = "insert into logs (id, run_id, timestamp, level, step, message)
                 select gen_random_uuid(), $1, now() - make_interval(days => age), 'INFO', 'PROCESS', 'line'
                 from generate_series(1, 12001) as line, unnest(case line when 1 then array[89, 91] else array[91] end) as age";
    client.execute(lines, &[&run]).await.unwrap();

    let pruned = run::prune(&db.pool(), now() - TimeDelta::days(90)).await.unwrap();

    assert_eq!((pruned, db.logs(run).await.len()), (12_001, 1));
}

#[tokio::test]
async fn work_that_is_left_is_continued_in_its_batch_one_hop_further() {
    let db = TestDb::new().await;
    let (ledger, mut events) = ledger(&db.url());
    let invocation = Invocation {
        hop: 19,
        batch_id: Some(Uuid::from_u128(7)),
        ..by_hand()
    };

    execute(&ledger, &invocation, |_| async {
        Ok(Outcome::Left {
            reason: "time".to_owned(),
            continue_with: Some(json!({"mode": "full"})),
        })
    })
    .await
    .unwrap();

    let events = published(&mut events);
    assert_eq!([events[0].0, events[1].0], ["Run Requested", "Run Finished"]);
    assert_eq!(
        events[0].1,
        json!({
            "script_name": SCRIPT, "triggered_by": "continuation", "batch_id": Uuid::from_u128(7),
            "input": {"mode": "full"}, "hop": 20,
        })
    );
    assert_eq!(events[1].1["batch_id"], json!(Uuid::from_u128(7)));
}

#[tokio::test]
async fn after_twenty_continuations_the_run_says_that_it_gives_up() {
    let db = TestDb::new().await;
    let (ledger, mut events) = ledger(&db.url());
    let invocation = Invocation { hop: 20, ..by_hand() };

    let report = execute(&ledger, &invocation, |_| async {
        Ok(Outcome::Left {
            reason: "time".to_owned(),
            continue_with: Some(json!({})),
        })
    })
    .await
    .unwrap();

    let kinds: Vec<_> = published(&mut events).into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds, ["Run Finished"]);
    let lines = db.logs(report.run_id).await;
    assert!(
        lines
            .iter()
            .any(|line| line.level == "WARNING" && line.message.starts_with("not continued: 20")),
        "{lines:#?}"
    );
}

#[tokio::test]
async fn every_end_is_announced_once() {
    let db = TestDb::new().await;
    let (ledger, mut events) = ledger(&db.url());
    let left = Outcome::Left {
        reason: "time".to_owned(),
        continue_with: None,
    };
    let long = "x".repeat(300_000);

    execute(&ledger, &by_hand(), |_| async { Ok(Outcome::Done) })
        .await
        .unwrap();
    execute(&ledger, &by_hand(), |_| async { Ok(left) }).await.unwrap();
    execute(&ledger, &by_hand(), |_| async { Err(anyhow!(long)) })
        .await
        .unwrap_err();
    execute(&ledger, &by_hand(), |_| async { panic!("no") })
        .await
        .unwrap_err();
    execute(&ledger, &event("e"), |_| async { Ok(Outcome::Done) })
        .await
        .unwrap();
    execute(&ledger, &event("e"), |_| async { Ok(Outcome::Done) })
        .await
        .unwrap();

    let events = published(&mut events);
    let ends: Vec<_> = events
        .iter()
        .map(|(kind, detail)| (*kind, detail["status"].as_str().unwrap()))
        .collect();
    let expected = ["success", "partial", "error", "error", "success", "skipped"];
    assert_eq!(ends, expected.map(|status| ("Run Finished", status)));
    let ids: Vec<&Value> = events.iter().map(|(_, detail)| &detail["run_id"]).collect();
    let rows: Vec<Value> = db.runs().await.iter().map(|run| json!(run.id)).collect();
    assert_eq!(ids, rows.iter().collect::<Vec<_>>());
    assert_eq!(events[1].1["error_message"], "time");
    let size = events[2].1.to_string().len();
    assert!(size < 100_000, "the bus refuses events of {size} bytes");
}

#[tokio::test]
async fn a_bus_that_is_gone_does_not_fail_a_run() {
    let db = TestDb::new().await;
    let (ledger, events) = ledger(&db.url());
    drop(events);

    let report = execute(&ledger, &by_hand(), |_| async { Ok(Outcome::Done) })
        .await
        .unwrap();

    assert_eq!(report.status, Status::Success);
}

#[tokio::test]
async fn the_checkpoint_comes_thirty_seconds_before_the_deadline_or_at_three_quarters_of_a_short_one() {
    let db = TestDb::new().await;
    let (ledger, _events) = ledger(&db.url());
    let invocation = by_hand();
    for (limit, expected) in [(900, 870), (120, 90), (60, 45), (8, 6)] {
        let started_at = now();
        let order = RunSpec {
            deadline_at: started_at + TimeDelta::seconds(limit),
            ..order(&invocation, TimeDelta::zero())
        };

        run::execute(&ledger, order, started_at, |run| async move {
            assert_eq!(
                run.checkpoint_at() - started_at,
                TimeDelta::seconds(expected),
                "of {limit} s"
            );
            assert!(!run.is_out_of_time());
            Ok(Outcome::Done)
        })
        .await
        .unwrap();
    }
}

#[tokio::test]
async fn a_run_past_its_checkpoint_is_out_of_time() {
    let db = TestDb::new().await;
    let (ledger, _events) = ledger(&db.url());
    let invocation = by_hand();

    let order = order(&invocation, TimeDelta::seconds(20));
    let began = now() - TimeDelta::minutes(14);

    run::execute(&ledger, order, began, |run| async move {
        assert!(run.is_out_of_time());
        Ok(Outcome::Done)
    })
    .await
    .unwrap();
}
