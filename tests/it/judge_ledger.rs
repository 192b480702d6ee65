//! What is asked of a judge is on record before it is known what it cost, and counts until then.

use chrono::TimeDelta;
use serde_json::json;
use shared::run::Status;
use shared::store::score::ledger;
use simulator::judge::{Fault, Settings};
use tests::{Courtroom, now, talks};
use uuid::Uuid;

/// A request about the first call that a run has in this state.
async fn asked(room: &Courtroom, run: Option<Uuid>, state: &str, estimate: &str, cost: &str) {
    let run = run.map_or("null".to_owned(), |run| format!("'{run}'"));
    let insert = format!(
        "insert into judge_requests
             (id, call_id, framework_id, run_id, requested_at, duration_ms, outcome, state, estimated_usd, cost_usd)
         select gen_random_uuid(), 'talk-0', id, {run}, now(), 1, 'open', '{state}', {estimate}, {cost}
         from analysis_frameworks limit 1"
    );
    room.db().client().await.batch_execute(&insert).await.unwrap();
}

#[tokio::test]
async fn what_is_open_or_unknown_counts_at_its_estimate_and_what_is_closed_at_its_cost() {
    let room = Courtroom::hearing(&talks(1), Settings::default()).await;
    let run = room.db().only_run().await.id;
    for (state, estimate, cost) in [
        ("closed", "16", "1"),
        ("open", "2", "null"),
        ("unknown", "4", "null"),
        ("closed", "32", "0"),
    ] {
        asked(&room, Some(run), state, estimate, cost).await;
    }
    let client = room.db().connect().await;

    let since = ledger::spent_since(&client, now() - TimeDelta::hours(1)).await.unwrap();
    let by_run = ledger::spent_by(&client, &[run]).await.unwrap();

    assert_eq!(since.to_string(), "7.000000");
    let by_run: Vec<_> = by_run
        .into_iter()
        .map(|(run, usd)| (run, usd.map(|usd| usd.to_string())))
        .collect();
    assert_eq!(by_run, [(run, Some("7.000000".to_owned()))]);
}

#[tokio::test]
async fn what_a_dead_run_had_asked_for_counts_for_the_budget_of_the_day() {
    let room = Courtroom::hearing(&talks(3), Settings::default())
        .await
        .setting("QCI_MAX_USD_PER_DAY", "0.5");
    asked(&room, None, "open", "0.4999", "null").await;

    let report = room.score().await;

    assert_eq!((report.status, report.counters.calls_analyzed), (Status::Partial, 0));
    assert!(report.reason.unwrap().contains("QCI_MAX_USD_PER_DAY"));
    assert_eq!(room.judge.requests().len(), 0);
    assert_eq!(room.db().count("judge_requests where state = 'unknown'").await, 1);
    let said = "logs where message like '1 requests to the judge were under way when a run died%'";
    assert_eq!(room.db().count(said).await, 1);
}

#[tokio::test]
async fn an_answer_that_never_comes_stays_unknown_and_uses_up_the_budget_of_the_run() {
    let calm = Courtroom::hearing(&talks(2), Settings::default()).await;
    let estimate = calm.try_score(json!({"estimate": true})).await.unwrap();
    let guess = estimate.metadata["estimate"]["usd"].as_f64().unwrap() / 2.0;
    let cost: f64 = calm
        .score()
        .await
        .counters
        .api_cost
        .unwrap()
        .to_string()
        .parse()
        .unwrap();
    // Enough for both calls, but not for one more request that may have been paid for.
    let budget = format!("{:.6}", cost / 2.0 + guess * 1.5);
    let room = Courtroom::hearing(&talks(2), Settings::default())
        .await
        .setting("OPENAI_TIMEOUT_SECONDS", 1)
        .setting("QCI_CONCURRENCY", 1)
        .setting("QCI_MAX_USD_PER_RUN", budget);
    room.judge.faults().push(Fault::Hang.once());

    let report = room.score().await;

    assert_eq!(
        (report.status, report.counters.calls_analyzed),
        (Status::Partial, 1),
        "{:?}",
        report.reason
    );
    assert!(report.reason.unwrap().contains("QCI_MAX_USD_PER_RUN"));
    let states = room
        .db()
        .rows("select state from judge_requests order by attempt")
        .await;
    assert_eq!(states, [json!({"state": "unknown"}), json!({"state": "closed"})]);
}

#[tokio::test]
async fn a_request_that_the_judge_refused_is_taken_back() {
    let room = Courtroom::hearing(&talks(2), Settings::default()).await;
    room.judge.faults().push(Fault::Status(401).every(1));

    let failure = room.try_score(json!({})).await.unwrap_err().to_string();

    assert!(failure.contains("401"), "{failure}");
    assert!(!room.judge.requests().is_empty());
    assert_eq!(room.db().count("judge_requests").await, 0);
}

#[tokio::test]
async fn what_a_run_gives_up_at_its_end_is_unknown_and_not_left_open() {
    let room = Courtroom::hearing(&talks(2), Settings::default())
        .await
        .setting("OPENAI_TIMEOUT_SECONDS", 600);
    room.judge.faults().push(Fault::Hang.every(1));

    let report = room.score_within(TimeDelta::seconds(12), json!({})).await.unwrap();

    assert_eq!(report.status, Status::Partial, "{:?}", report.reason);
    let asked = i64::try_from(room.judge.requests().len()).unwrap();
    assert_eq!(asked, 2);
    assert_eq!(room.db().count("judge_requests where state = 'unknown'").await, asked);
}
