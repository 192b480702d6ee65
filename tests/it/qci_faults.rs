//! A judge that misbehaves: no score is made up, no call is lost, and none sinks the others.

use std::time::Duration;

use serde_json::{Value, json};
use shared::run::Status;
use simulator::judge::{Fault, Limit, Settings};
use tests::{Courtroom, TALK, conversation, talks};

/// A call that says a word that no other says.
fn marked(id: &str, word: &str) -> Value {
    let mut said = TALK;
    let text = format!("Great, thank you, bye, {word}.");
    said[5] = &text;
    conversation(id, &said)
}

/// The analysis holds no number that somebody could take for a score.
fn assert_no_score(row: &Value) {
    for column in [
        "total_score",
        "dynamics_score",
        "objections_score",
        "brand_score",
        "outcome_score",
        "points",
        "call_classification",
    ] {
        assert_eq!(row[column], Value::Null, "{column} of {row}");
    }
}

#[tokio::test]
async fn an_answer_that_cannot_be_used_is_asked_for_once_more_with_the_reason() {
    for (fault, feedback) in [
        (Fault::InvalidJson, "JSON"),
        (Fault::Fenced, "fence"),
        (Fault::UnknownLevel, "level"),
        (Fault::MissingCriterion, "criteria"),
        (Fault::TotalScore, "total_score"),
        (Fault::InventedQuotes, "was not found"),
    ] {
        let room = Courtroom::hearing(&talks(1), Settings::default()).await;
        room.judge.faults().push(fault.clone().once());

        let report = room.score().await;

        assert_eq!(report.counters.calls_analyzed, 1, "{fault:?}");
        let requests = room.judge.requests();
        assert_eq!(requests.len(), 2, "{fault:?}");
        let told = requests[1].body["messages"][3]["content"].as_str().unwrap();
        assert!(told.contains(feedback), "{fault:?}: {told}");
        let row = room.analysis("talk-0").await;
        assert_eq!(row["is_flagged"], false, "{fault:?}");
        assert_eq!(room.db().count("judge_requests").await, 2, "both answers were paid for");
    }
}

#[tokio::test]
async fn an_answer_that_stays_useless_is_no_score_and_the_third_time_parks_the_call() {
    for (fault, outcome, words) in [
        (Fault::Refusal, "refusal", "refused"),
        (Fault::Length, "truncated", "max_tokens"),
        (Fault::ContentFilter, "filtered", "content filter"),
        (Fault::InvalidJson, "invalid_json", "JSON"),
        (Fault::Empty, "empty", "empty"),
        (Fault::UnknownLevel, "schema", "level"),
        (Fault::MissingCriterion, "schema", "criteria"),
    ] {
        let room = Courtroom::hearing(&talks(1), Settings::default()).await;
        room.judge.faults().push(fault.clone().always());

        for attempt in 1..=3 {
            let failure = room.try_score(json!({})).await.unwrap_err().to_string();

            assert!(failure.contains("no call was scored"), "{fault:?}: {failure}");
            let row = room.analysis("talk-0").await;
            assert_no_score(&row);
            assert_eq!(row["attempts"], attempt, "{fault:?}");
            assert_eq!(row["status"], if attempt < 3 { "failed" } else { "parked" });
            assert!(
                row["error_message"].as_str().unwrap().contains(words),
                "{fault:?}: {row}"
            );
        }

        let requests = room.judge.requests().len();
        let fourth = room.score().await;
        assert_eq!(fourth.counters.records_fetched, 0, "{fault:?}: it is parked");
        assert_eq!(room.judge.requests().len(), requests);
        let outcomes = room.db().rows("select distinct outcome from judge_requests").await;
        assert_eq!(outcomes, [json!({"outcome": outcome})], "{fault:?}");
    }
}

#[tokio::test]
async fn quotes_that_are_slightly_off_are_put_right() {
    for fault in [Fault::WrongTurns, Fault::RewordedQuotes] {
        let room = Courtroom::hearing(&talks(1), Settings::default()).await;
        room.judge.faults().push(fault.clone().always());

        room.score().await;

        let row = room.analysis("talk-0").await;
        let criteria = row["criteria"].as_array().unwrap();
        let quotes: Vec<&Value> = criteria
            .iter()
            .flat_map(|criterion| criterion["evidence"].as_array().unwrap())
            .collect();
        assert!(!quotes.is_empty(), "{fault:?}: {row}");
        for quote in quotes {
            let turn = usize::try_from(quote["turn"].as_u64().unwrap()).unwrap();
            assert!(
                TALK[turn - 1].contains(quote["quote"].as_str().unwrap()),
                "{fault:?}: {quote} is not what was said"
            );
        }
    }
}

#[tokio::test]
async fn invented_quotes_count_for_nothing_and_show() {
    let room = Courtroom::hearing(&talks(1), Settings::default()).await;
    room.judge.faults().push(Fault::InventedQuotes.always());

    let ended = room.try_score(json!({})).await;

    let row = room.analysis("talk-0").await;
    assert_eq!(room.judge.requests().len(), 2, "one retry");
    // Either nothing that was judged could be counted, or what could needs no quote.
    if ended.is_err() {
        assert_no_score(&row);
    } else {
        assert_eq!(row["is_flagged"], true);
        for criterion in row["criteria"].as_array().unwrap() {
            let judged = criterion["kind"] == "judged" && criterion["standing"] == "counted";
            assert!(!judged || criterion["points"] == 0, "{criterion}");
        }
    }
    let sums = room
        .db()
        .rows("select sum(quotes_total) as total, sum(quotes_verified) as verified from judge_requests")
        .await;
    assert!(
        sums[0]["total"].as_i64() > Some(0) && sums[0]["verified"] == 0,
        "{sums:?}"
    );
}

#[tokio::test]
async fn top_marks_without_evidence_score_nothing() {
    let room = Courtroom::hearing(&talks(1), Settings::default()).await;
    room.judge.faults().push(Fault::TopMarks.always());

    let failure = room.try_score(json!({})).await.unwrap_err().to_string();

    assert!(failure.contains("no judged criterion could be counted"), "{failure}");
    assert_no_score(&room.analysis("talk-0").await);
}

#[tokio::test]
async fn one_bad_call_does_not_sink_the_others() {
    let mut calls = talks(6);
    calls.push(marked("bad", "marmalade"));
    let room = Courtroom::hearing(&calls, Settings::default()).await;
    room.judge.faults().push(Fault::Refusal.always().about("marmalade"));

    let report = room.score().await;

    assert_eq!(report.status, Status::Partial);
    assert_eq!((report.counters.calls_analyzed, report.counters.records_failed), (6, 1));
    assert_eq!(room.analysis("bad").await["status"], "failed");
}

#[tokio::test]
async fn a_call_that_the_judge_breaks_on_counts_its_tries_while_others_are_answered() {
    let mut calls = talks(8);
    calls.push(marked("aaa-bad", "marmalade"));
    let room = Courtroom::hearing(&calls, Settings::default())
        .await
        .setting("QCI_CONCURRENCY", 2);
    for _ in 0..3 {
        room.judge.faults().clear();
        room.judge
            .faults()
            .push(Fault::ContextTooLong.always().about("marmalade"));
        room.db()
            .client()
            .await
            .batch_execute("delete from qci_analyses where call_id <> 'aaa-bad'")
            .await
            .unwrap();
        let report = room.score().await;
        assert_eq!(report.counters.calls_analyzed, 8, "{report:?}");
    }

    let row = room.analysis("aaa-bad").await;

    assert_eq!(
        (&row["status"], &row["attempts"]),
        (&json!("parked"), &json!(3)),
        "{row}"
    );
}

#[tokio::test]
async fn a_call_that_is_too_long_is_parked_even_if_it_is_the_only_one() {
    let room = Courtroom::hearing(&talks(1), Settings::default()).await;
    room.judge.faults().push(Fault::ContextTooLong.always());

    for _ in 0..3 {
        let failure = room.try_score(json!({})).await.unwrap_err().to_string();
        assert!(failure.contains("too long"), "{failure}");
    }

    assert_eq!(room.analysis("talk-0").await["status"], "parked");
    assert_eq!(room.score().await.counters.records_fetched, 0);
}

#[tokio::test]
async fn a_judge_that_is_not_there_fails_the_run_and_no_call() {
    let room = Courtroom::hearing(&talks(9), Settings::default()).await;
    let nowhere = Courtroom {
        settings: vec![("OPENAI_BASE_URL", "http://127.0.0.1:9/v1".to_owned())],
        ..room
    };

    let failure = nowhere.try_score(json!({})).await.unwrap_err().to_string();

    assert!(failure.contains("the judge did not answer"), "{failure}");
    assert_eq!(nowhere.db().count("qci_analyses").await, 0);
    let back = Courtroom {
        settings: Vec::new(),
        ..nowhere
    };
    assert_eq!(back.score().await.counters.calls_analyzed, 9);
}

#[tokio::test]
async fn a_judge_that_only_fails_is_not_asked_about_every_call() {
    let room = Courtroom::hearing(&talks(60), Settings::default())
        .await
        .setting("QCI_CONCURRENCY", 2);
    room.judge.faults().push(Fault::Status(500).always());

    let failure = room.try_score(json!({})).await.unwrap_err().to_string();

    assert!(failure.contains("unavailable"), "{failure}");
    // Five calls and those beside them, two tries each.
    let asked = room.judge.requests().len();
    assert!(asked <= 2 * (5 + 4), "{asked} requests");
}

#[tokio::test]
async fn to_be_asked_for_patience_uses_up_no_try() {
    let room = Courtroom::hearing(&talks(1), Settings::default()).await;
    let patience = Fault::RateLimited {
        retry_after: Some(Duration::from_millis(5)),
    };
    room.judge.faults().push(patience.next(12));

    let report = room.score().await;

    assert_eq!(report.counters.calls_analyzed, 1);
    assert_eq!(room.judge.requests().len(), 13);
}

#[tokio::test]
async fn a_judge_that_leaves_half_way_leaves_the_rest_for_later() {
    let mut calls = talks(4);
    calls.extend((0..8).map(|index| marked(&format!("then-{index}"), "marmalade")));
    let room = Courtroom::hearing(&calls, Settings::default())
        .await
        .setting("QCI_CONCURRENCY", 2);
    room.judge.faults().push(Fault::Status(500).always().about("marmalade"));

    let report = room.score().await;

    assert_eq!(report.status, Status::Partial);
    assert_eq!(report.counters.calls_analyzed, 4);
    assert!(report.reason.unwrap().contains("unavailable"));
    assert_eq!(room.with_status("failed").await, 0, "it is not the calls that are bad");
    room.judge.faults().clear();
    assert_eq!(room.score().await.counters.calls_analyzed, 8);
}

#[tokio::test]
async fn a_refused_key_and_an_unknown_model_name_the_setting() {
    let settings = Settings {
        api_key: Some("another-key".to_owned()),
        models: vec!["known".to_owned()],
        ..Settings::default()
    };
    let room = Courtroom::hearing(&talks(3), settings).await;

    let key = room.try_score(json!({})).await.unwrap_err().to_string();
    let with_key = room.setting("OPENAI_API_KEY", "another-key");
    let model = with_key.try_score(json!({})).await.unwrap_err().to_string();

    assert!(key.contains("OPENAI_API_KEY") && !key.contains("test-key"), "{key}");
    assert!(model.contains("OPENAI_MODEL"), "{model}");
    assert_eq!(with_key.db().count("qci_analyses").await, 0);
}

#[tokio::test]
async fn an_account_that_is_used_up_stops_the_run_at_once() {
    let room = Courtroom::hearing(&talks(30), Settings::default()).await;
    room.judge.faults().push(Fault::QuotaExhausted.always());

    let failure = room.try_score(json!({})).await.unwrap_err().to_string();

    assert!(failure.contains("used up"), "{failure}");
    assert!(room.judge.requests().len() < 30, "{}", room.judge.requests().len());
}

#[tokio::test]
async fn a_storm_of_429s_slows_it_down_and_loses_nothing() {
    let settings = Settings {
        limit: Some(Limit {
            requests: 12,
            per: Duration::from_millis(400),
        }),
        latency: Duration::from_millis(20),
        ..Settings::default()
    };
    let room = Courtroom::hearing(&talks(80), settings).await;
    room.judge
        .faults()
        .push(Fault::RateLimited { retry_after: None }.every(9));

    let report = room.score().await;

    assert_eq!(report.status, Status::Success, "{:?}", report.reason);
    assert_eq!(
        (report.counters.calls_analyzed, report.counters.records_failed),
        (80, 0)
    );
    let refused = room
        .judge
        .requests()
        .iter()
        .filter(|request| request.status == 429)
        .count();
    assert!(refused > 0, "there was no storm");
    assert_eq!(room.db().count("judge_requests").await, 80, "a refusal is not paid for");
}

#[tokio::test]
async fn what_passes_by_itself_is_tried_again_and_shows_nowhere() {
    for fault in [
        Fault::Status(500),
        Fault::HtmlPage(503),
        Fault::Drop,
        Fault::RateLimited {
            retry_after: Some(Duration::from_millis(100)),
        },
    ] {
        let room = Courtroom::hearing(&talks(3), Settings::default()).await;
        room.judge.faults().push(fault.clone().once());

        let report = room.score().await;

        assert_eq!(report.status, Status::Success, "{fault:?}: {:?}", report.reason);
        assert_eq!(room.with_status("scored").await, 3, "{fault:?}");
    }
}

#[tokio::test]
async fn an_answer_that_never_comes_is_given_up_and_asked_for_again() {
    let room = Courtroom::hearing(&talks(2), Settings::default())
        .await
        .setting("OPENAI_TIMEOUT_SECONDS", 1);
    room.judge.faults().push(Fault::Hang.once());

    let report = room.score().await;

    assert_eq!(report.counters.calls_analyzed, 2);
}
