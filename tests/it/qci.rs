//! What a scoring run comes to when nothing goes wrong, and what stops it before the end.

use std::time::Duration;

use chrono::TimeDelta;
use serde_json::{Value, json};
use shared::platform::event::Event;
use shared::run::Status;
use simulator::judge::{Fault, Settings};
use tests::{Courtroom, Stage, TALK, conversation, talks};

#[tokio::test]
async fn every_call_has_a_score_or_the_reason_why_not_and_a_second_run_spends_nothing() {
    let room = Courtroom::with_calls(300).await;

    let first = room.score().await;

    assert_eq!(first.status, Status::Success, "{:?}", first.reason);
    let (scored, skipped) = (room.with_status("scored").await, room.with_status("skipped").await);
    assert!(scored > 30 && skipped > 100, "{scored} scored, {skipped} skipped");
    assert_eq!(scored + skipped, 300);
    assert_eq!(i64::from(first.counters.calls_analyzed), scored);
    assert_eq!(i64::from(first.counters.records_inserted), 300);
    let asked = room.judge.requests().len();
    let second = room.score().await;
    assert_eq!(second.status, Status::Success);
    assert_eq!(
        (second.counters.records_fetched, second.counters.calls_analyzed),
        (0, 0)
    );
    assert_eq!(second.counters.api_cost, Some(0.into()));
    assert_eq!(room.judge.requests().len(), asked);
}

#[tokio::test]
async fn every_total_is_its_parts_and_every_counted_quote_stands_in_its_turn() {
    let room = Courtroom::with_calls(200).await;
    room.score().await;

    let rows = room
        .db()
        .rows("select * from qci_analyses join vapi_calls_raw on id = call_id where qci_analyses.status = 'scored'")
        .await;

    for row in &rows {
        let parts: f64 = ["dynamics_score", "objections_score", "brand_score", "outcome_score"]
            .iter()
            .filter_map(|part| row[*part].as_f64())
            .sum();
        let total = 100.0 * parts / row["applicable_max"].as_f64().unwrap();
        assert!((total - row["total_score"].as_f64().unwrap()).abs() < 0.0051, "{row}");
        let messages = &row["raw_json"]["artifact"]["messages"];
        for criterion in row["criteria"].as_array().unwrap() {
            assert!(criterion["points"].as_f64().unwrap_or_default() <= criterion["max"].as_f64().unwrap());
            let counts = criterion["standing"] == "counted" && criterion["points"].as_f64() > Some(0.0);
            let quotes = criterion["evidence"].as_array().unwrap();
            assert!(
                !counts || criterion["kind"] == "measured" || !quotes.is_empty(),
                "{criterion}"
            );
            for quote in quotes {
                let place = usize::try_from(quote["message"].as_u64().unwrap()).unwrap();
                let message = messages[place]["message"].as_str().unwrap_or_default();
                let said = message.split_whitespace().collect::<Vec<_>>().join(" ");
                assert!(
                    said.contains(quote["quote"].as_str().unwrap()),
                    "{quote} is not in «{said}»"
                );
            }
        }
    }
    assert!(rows.len() > 20, "{}", rows.len());
}

#[tokio::test]
async fn the_row_says_which_model_scored_and_the_costs_are_right_to_the_micro_dollar() {
    let room = Courtroom::hearing(&talks(4), Settings::default()).await;

    let report = room.score().await;

    let mut sum = 0.0;
    for request in room.judge.requests() {
        let usage = request.usage.unwrap();
        let fresh = f64::from(u32::try_from(usage.prompt_tokens - usage.cached_tokens).unwrap());
        let cached = f64::from(u32::try_from(usage.cached_tokens).unwrap());
        let written = f64::from(u32::try_from(usage.completion_tokens).unwrap());
        sum += ((fresh * 0.40 + cached * 0.10 + written * 1.60).round()) / 1e6;
    }
    let run = &room.db().runs().await[1];
    assert_eq!(run.script_name, "qci-analysis");
    assert!((run.api_cost.unwrap() - sum).abs() < 1e-9, "{:?} {sum}", run.api_cost);
    let spent = "select sum(analysis_cost)::float8 as calls, (select sum(cost_usd)::float8 from judge_requests) as requests from qci_analyses";
    let spent = &room.db().rows(spent).await[0];
    assert!((spent["calls"].as_f64().unwrap() - sum).abs() < 1e-9, "{spent}");
    assert!((spent["requests"].as_f64().unwrap() - sum).abs() < 1e-9, "{spent}");
    let row = room.analysis("talk-0").await;
    assert_eq!(row["analysis_model"], "simulated-judge-1");
    assert_eq!(report.metadata["models"], json!({"simulated-judge-1": 4}));
    assert!(
        row["cached_tokens"].as_i64().is_some() && row["input_tokens"].as_i64() > Some(1000),
        "{row}"
    );
}

#[tokio::test]
async fn the_cost_of_an_unknown_model_is_unknown_and_said_so() {
    let settings = Settings {
        model: "brand-new-model".to_owned(),
        ..Settings::default()
    };
    let room = Courtroom::hearing(&talks(2), settings)
        .await
        .setting("OPENAI_MODEL", "brand-new-model");

    let report = room.score().await;

    assert_eq!((report.status, report.counters.api_cost), (Status::Success, None));
    assert_eq!(room.analysis("talk-0").await["analysis_cost"], Value::Null);
    assert_eq!(room.db().runs().await[1].api_cost, None);
    let logs = room.db().logs(report.run_id).await;
    let warned = |line: &&tests::LogLine| line.level == "WARNING" && line.message.contains("brand-new-model");
    assert!(logs.iter().find(warned).is_some(), "{logs:?}");
}

#[tokio::test]
async fn the_model_that_answered_decides_the_cost_and_not_the_one_that_was_asked() {
    let settings = Settings {
        model: "substitute".to_owned(),
        ..Settings::default()
    };
    let room = Courtroom::hearing(&talks(1), settings).await;

    let report = room.score().await;

    let row = room.analysis("talk-0").await;
    assert_eq!(
        (&row["analysis_model"], &row["analysis_cost"]),
        (&json!("substitute"), &Value::Null)
    );
    assert_eq!(report.counters.api_cost, None);
    let logs = room.db().logs(report.run_id).await;
    assert!(
        logs.iter()
            .any(|line| line.level == "WARNING" && line.message.contains("substitute")),
        "{logs:?}"
    );
}

#[tokio::test]
async fn a_used_up_budget_stops_the_run_and_what_remains_is_counted() {
    let room = Courtroom::hearing(&talks(12), Settings::default())
        .await
        .setting("QCI_MAX_USD_PER_RUN", "0.012")
        .setting("QCI_CONCURRENCY", 2);

    let report = room.score().await;

    assert_eq!(report.status, Status::Partial);
    let left = 12 - report.counters.calls_analyzed;
    assert!((1..12).contains(&left), "{left} are left");
    let reason = report.reason.unwrap();
    assert!(
        reason.contains("QCI_MAX_USD_PER_RUN") && reason.contains(&format!("{left} calls are left")),
        "{reason}"
    );
    assert!(report.counters.api_cost.unwrap() <= "0.012".parse().unwrap());
    let second = room.score().await;
    assert!(second.counters.calls_analyzed > 0, "a new run has a budget of its own");
}

#[tokio::test]
async fn what_was_spent_today_counts_for_the_budget_of_the_day() {
    let room = Courtroom::hearing(&talks(3), Settings::default())
        .await
        .setting("QCI_MAX_USD_PER_DAY", "0.5");
    let spent = "insert into judge_requests (id, call_id, framework_id, requested_at, duration_ms, outcome, cost_usd)
                 select gen_random_uuid(), 'talk-0', id, now(), 1, 'answered', 0.4999 from analysis_frameworks";
    room.db().client().await.batch_execute(spent).await.unwrap();

    let report = room.score().await;

    assert_eq!((report.status, report.counters.calls_analyzed), (Status::Partial, 0));
    assert!(report.reason.unwrap().contains("QCI_MAX_USD_PER_DAY"));
    assert_eq!(room.judge.requests().len(), 0);
}

#[tokio::test]
async fn an_estimate_says_what_it_would_cost_and_asks_nobody() {
    let mut calls = talks(3);
    calls.push(conversation("brief", &TALK[..2]));
    let room = Courtroom::hearing(&calls, Settings::default()).await;

    let report = room.try_score(json!({"estimate": true})).await.unwrap();

    let estimate = &report.metadata["estimate"];
    assert_eq!(
        (&estimate["calls"], &estimate["skipped"]),
        (&json!(3), &json!({"too_few_turns": 1}))
    );
    let guessed = estimate["usd"].as_f64().unwrap();
    assert_eq!(room.judge.requests().len(), 0);
    assert_eq!(room.db().count("qci_analyses").await, 0);
    let spent: f64 = room
        .score()
        .await
        .counters
        .api_cost
        .unwrap()
        .to_string()
        .parse()
        .unwrap();
    assert!(spent / guessed > 0.3 && spent / guessed < 1.5, "{spent} of {guessed}");
}

#[tokio::test]
async fn a_limit_takes_the_oldest_and_named_calls_are_the_only_ones() {
    let room = Courtroom::hearing(&talks(6), Settings::default()).await;

    let limited = room.try_score(json!({"limit": 2})).await.unwrap();
    let named = room
        .try_score(json!({"call_ids": ["talk-5", "talk-0", "no-such-call"]}))
        .await
        .unwrap();

    assert_eq!(limited.counters.calls_analyzed, 2);
    // All were created at the same instant, and so the first id comes first.
    assert_eq!(room.analysis("talk-0").await["status"], "scored");
    assert_eq!(named.counters.calls_analyzed, 1);
    assert_eq!(room.with_status("scored").await, 3);
    let logs = room.db().logs(named.run_id).await;
    assert!(
        logs.iter()
            .any(|line| line.level == "WARNING" && line.meta["call_ids"] == json!(["no-such-call"])),
        "{logs:?}"
    );
    let unknown = room.try_score(json!({"call_ids": ["no-such-call"]})).await.unwrap_err();
    assert!(unknown.to_string().contains("`call_ids`"), "{unknown}");
}

#[tokio::test]
async fn force_scores_again_and_a_failure_then_leaves_the_score() {
    let room = Courtroom::hearing(&talks(2), Settings::default()).await;
    room.score().await;
    let before = room.analysis("talk-0").await;

    let again = room
        .try_score(json!({"call_ids": ["talk-0"], "force": true}))
        .await
        .unwrap();
    room.judge.faults().push(Fault::Refusal.always());
    let failed = room.try_score(json!({"call_ids": ["talk-0"], "force": true})).await;

    assert_eq!((again.counters.calls_analyzed, again.counters.records_updated), (1, 1));
    assert!(failed.unwrap_err().to_string().contains("refused to answer"));
    let after = room.analysis("talk-0").await;
    assert_eq!(after["status"], "scored");
    assert_eq!(after["total_score"], before["total_score"]);
    assert_ne!(after["analyzed_at"], before["analyzed_at"]);
}

#[tokio::test]
async fn a_skipped_call_is_looked_at_again_when_it_has_changed_and_a_scored_one_is_not() {
    let live = {
        let mut call = conversation("live", &TALK);
        call["status"] = json!("in-progress");
        call
    };
    let room = Courtroom::hearing(&[live, conversation("done", &TALK)], Settings::default()).await;
    room.score().await;
    assert_eq!(room.analysis("live").await["skip_reason"], "not_ended");
    for id in ["live", "done"] {
        room.stage.vapi.world().update(id, |call| {
            call["status"] = json!("ended");
            call["cost"] = json!(0.5);
            call["updatedAt"] = json!(shared::platform::clock::rfc3339(tests::now()));
        });
    }
    room.stage.sync().await;
    let asked = room.judge.requests().len();

    let report = room.score().await;

    assert_eq!(
        (report.counters.records_fetched, report.counters.calls_analyzed),
        (1, 1)
    );
    assert_eq!(room.analysis("live").await["status"], "scored");
    assert_eq!(room.judge.requests().len(), asked + 1);
}

#[tokio::test]
async fn out_of_time_the_run_keeps_what_it_has_and_continues() {
    let room = Courtroom::hearing(
        &talks(20),
        Settings {
            latency: Duration::from_millis(500),
            ..Settings::default()
        },
    )
    .await
    .setting("QCI_CONCURRENCY", 2);
    let (bus, mut inbox) = tokio::sync::mpsc::unbounded_channel();
    let mut deps = room.deps();
    deps.ledger.bus = shared::platform::event::Bus::InProcess(bus);
    let now = tests::now();
    let context = qci::Context {
        now,
        deadline_at: now + TimeDelta::seconds(4),
        stop: tokio_util::sync::CancellationToken::new(),
    };
    let invocation = shared::platform::event::Invocation::by_hand("test", json!({}));

    let report = qci::handle(&deps, &invocation, &context).await.unwrap();

    assert_eq!(report.status, Status::Partial, "{:?}", report.reason);
    assert!((4..20).contains(&report.counters.calls_analyzed), "{report:?}");
    let Some(Event::Requested(request)) = inbox.recv().await else {
        panic!("no continuation")
    };
    assert_eq!(
        (request.script_name.as_str(), request.batch_id),
        (qci::SCRIPT, Some(report.batch_id))
    );
    let rest = room.try_score(request.input).await.unwrap();
    assert_eq!(rest.counters.calls_analyzed + report.counters.calls_analyzed, 20);
    let asked = room.judge.requests().len();
    assert!(asked <= 22, "{asked} requests for 20 calls");
}

#[tokio::test]
async fn of_two_runs_at_once_one_scores_and_the_other_is_skipped() {
    let room = Courtroom::hearing(
        &talks(5),
        Settings {
            latency: Duration::from_millis(200),
            ..Settings::default()
        },
    )
    .await;

    let (one, other) = tokio::join!(room.score(), room.score());

    let mut ends = [one.status, other.status].map(Status::as_str);
    ends.sort_unstable();
    assert_eq!(ends, ["skipped", "success"]);
    assert_eq!(room.judge.requests().len(), 5);
}

#[tokio::test]
async fn an_endpoint_that_knows_no_schemas_is_given_it_in_the_prompt() {
    let room = Courtroom::hearing(&talks(1), Settings::default())
        .await
        .setting("OPENAI_RESPONSE_FORMAT", "json_object");

    let report = room.score().await;

    assert_eq!(report.counters.calls_analyzed, 1);
    let request = &room.judge.requests()[0];
    assert_eq!(request.body["response_format"], json!({"type": "json_object"}));
    assert!(
        request
            .text_of("system")
            .concat()
            .contains("\"additionalProperties\":false")
    );
}

#[tokio::test]
async fn the_part_that_never_changes_comes_first_and_the_transcript_last() {
    let room = Courtroom::with_calls(60).await;
    room.score().await;

    let requests = room.judge.requests();

    let first = &requests[0].body["messages"][0];
    assert!(requests.len() > 5, "{}", requests.len());
    for request in &requests {
        assert_eq!(&request.body["messages"][0], first);
        assert!(request.text_of("user").concat().trim_end().ends_with(">>>"));
    }
    let cached = requests
        .iter()
        .filter(|request| request.usage.is_some_and(|usage| usage.cached_tokens > 0));
    assert!(cached.count() >= requests.len() / 2);
}

#[tokio::test]
async fn bad_input_is_refused_by_name_and_leaves_no_run() {
    let stage = Stage::with_calls(0).await;
    let room = Courtroom::of(stage, Settings::default()).await;
    let runs = room.db().count("runs").await;

    let error = room
        .try_score(json!({"call_ids": "all"}))
        .await
        .unwrap_err()
        .to_string();

    assert!(error.contains("`call_ids` must be a list"), "{error}");
    assert_eq!(room.db().count("runs").await, runs);
}
