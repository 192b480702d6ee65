//! What goes wrong on order.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{BOOKED, INJECTED, ask, broken, client::post, evidence, is_true, level, request, schema, serve};
use crate::judge::Fault;

/// The verdict that this fault makes of a good one, and the good one.
async fn spoilt(fault: Fault) -> (Value, Value) {
    let server = broken(fault.once()).await;
    let spoilt = ask(&server, BOOKED).await.verdict();
    (spoilt, ask(&server, BOOKED).await.verdict())
}

/// The good verdict with other evidence is this one.
fn differ_only_in_evidence(one: &Value, other: &Value) -> bool {
    let levels = |verdict: &Value| -> Vec<String> {
        let criteria = verdict["criteria"].as_object().expect("an object");
        criteria
            .values()
            .map(|criterion| criterion["level"].to_string())
            .collect()
    };
    one != other && levels(one) == levels(other) && evidence(one).len() == evidence(other).len()
}

#[tokio::test]
async fn errors_have_their_status_and_code() {
    let faults = [
        (Fault::Status(500), 500, ""),
        (Fault::Status(401), 401, "invalid_api_key"),
        (Fault::QuotaExhausted, 429, "insufficient_quota"),
        (Fault::ContextTooLong, 400, "context_length_exceeded"),
    ];
    for (fault, status, code) in faults {
        let server = broken(fault.once()).await;

        let answer = ask(&server, BOOKED).await;

        assert_eq!((answer.status, answer.code().as_str()), (status, code));
        assert_eq!(ask(&server, BOOKED).await.status, 200);
    }
}

#[tokio::test]
async fn a_429_says_how_long_to_wait_or_does_not() {
    let wait = Some(Duration::from_millis(1200));
    let server = broken(Fault::RateLimited { retry_after: wait }.once()).await;
    server.faults().push(Fault::RateLimited { retry_after: None }.once());

    let with = ask(&server, BOOKED).await;
    let without = ask(&server, BOOKED).await;

    assert_eq!([with.status, without.status], [429, 429]);
    assert_eq!(with.header("retry-after-ms"), Some("1200"));
    assert_eq!(with.header("retry-after"), Some("2"));
    assert_eq!(with.header("x-ratelimit-reset-requests"), Some("1.2s"));
    assert_eq!(
        without
            .header("retry-after")
            .or(without.header("x-ratelimit-limit-requests")),
        None
    );
}

#[tokio::test]
async fn a_gateway_answers_in_html() {
    let server = broken(Fault::HtmlPage(503).once()).await;

    let answer = ask(&server, BOOKED).await;

    assert_eq!(answer.status, 503);
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(answer.body.starts_with("<!DOCTYPE html>"));
}

#[tokio::test]
async fn a_refusal_a_filter_and_a_cut_are_told_apart() {
    let server = broken(Fault::Refusal.once()).await;
    server.faults().push(Fault::ContentFilter.once());
    server.faults().push(Fault::Length.once());

    let refusal = ask(&server, BOOKED).await.choice();
    let filtered = ask(&server, BOOKED).await.choice();
    let cut = ask(&server, BOOKED).await;

    let whole = ask(&server, BOOKED).await.content();
    assert_eq!(refusal["message"]["content"], Value::Null);
    assert!(refusal["message"]["refusal"].is_string());
    assert_eq!(filtered["finish_reason"], "content_filter");
    assert_eq!(filtered["message"]["content"], Value::Null);
    assert_eq!(cut.choice()["finish_reason"], "length");
    assert!(whole.starts_with(&cut.content()) && cut.content().len() < whole.len());
}

#[tokio::test]
async fn content_is_almost_json_or_json_in_a_fence() {
    let server = broken(Fault::InvalidJson.once()).await;
    server.faults().push(Fault::Fenced.once());

    let invalid = ask(&server, BOOKED).await.content();
    let fenced = ask(&server, BOOKED).await.content();

    let whole = ask(&server, BOOKED).await.content();
    assert!(serde_json::from_str::<Value>(&invalid).is_err());
    assert_eq!(fenced, format!("```json\n{whole}\n```"));
}

#[tokio::test]
async fn an_empty_answer_is_still_what_the_schema_asks_for() {
    let (empty, _) = spoilt(Fault::Empty).await;

    assert!(jsonschema::is_valid(&schema(), &empty));
    assert_eq!(level(&empty, "closing"), "cannot_tell");
    assert_eq!(evidence(&empty), []);
    assert_eq!(empty["what_went_well"], json!([]));
}

#[tokio::test]
async fn invented_quotes_stand_in_no_turn() {
    let (invented, good) = spoilt(Fault::InventedQuotes).await;

    assert!(differ_only_in_evidence(&invented, &good));
    assert!(evidence(&invented).iter().all(|(_, quote)| !BOOKED.contains(quote)));
}

#[tokio::test]
async fn quotes_of_the_wrong_turn_stand_in_another() {
    let (misplaced, good) = spoilt(Fault::WrongTurns).await;

    assert!(differ_only_in_evidence(&misplaced, &good));
    assert!(
        evidence(&misplaced)
            .iter()
            .all(|piece| !is_true(BOOKED, piece) && BOOKED.contains(&piece.1))
    );
}

#[tokio::test]
async fn reworded_quotes_are_close_to_what_was_said() {
    let (reworded, good) = spoilt(Fault::RewordedQuotes).await;

    let pairs = evidence(&reworded).into_iter().zip(evidence(&good));
    assert!(differ_only_in_evidence(&reworded, &good));
    for ((turn, quote), (right_turn, right)) in pairs {
        let kept = quote.split(' ').filter(|word| right.contains(word)).count();
        assert_eq!(turn, right_turn);
        assert!(
            !BOOKED.contains(&quote) && kept + 1 >= right.split(' ').count(),
            "{quote} / {right}"
        );
    }
}

#[tokio::test]
async fn answers_break_the_schema_on_order() {
    let (level, _) = spoilt(Fault::UnknownLevel).await;
    let (missing, _) = spoilt(Fault::MissingCriterion).await;
    let (total, good) = spoilt(Fault::TotalScore).await;

    assert_eq!(level["criteria"]["acknowledged"]["level"], "outstanding");
    assert_eq!(missing["criteria"].get("acknowledged"), None);
    assert_eq!(total["total_score"], 97);
    assert!(
        [level, missing, total]
            .iter()
            .all(|verdict| !jsonschema::is_valid(&schema(), verdict))
    );
    assert!(jsonschema::is_valid(&schema(), &good));
}

#[tokio::test]
async fn top_marks_have_nothing_to_show_for_them() {
    let (top, _) = spoilt(Fault::TopMarks).await;

    assert_eq!(level(&top, "value_stated"), "full");
    assert_eq!(evidence(&top["criteria"]), []);
}

#[tokio::test]
async fn a_dropped_connection_ends_without_an_answer() {
    let server = broken(Fault::Drop.once()).await;

    let answer = ask(&server, BOOKED).await;

    assert_eq!(answer.status, 0);
    assert_eq!(server.requests()[0].status, 0);
    assert_eq!(ask(&server, BOOKED).await.status, 200);
}

#[tokio::test]
async fn a_request_that_hangs_ends_when_the_server_stops() {
    let server = broken(Fault::Hang.once()).await;

    let waited = tokio::time::timeout(Duration::from_millis(200), ask(&server, BOOKED)).await;

    assert!(waited.is_err());
    tokio::time::timeout(Duration::from_secs(5), server.stop())
        .await
        .expect("an end");
}

#[tokio::test]
async fn slowness_comes_on_top_of_another_fault() {
    let server = broken(Fault::Slow(Duration::from_millis(150)).once()).await;
    server.faults().push(Fault::Status(503).once());
    let start = Instant::now();

    let answer = ask(&server, BOOKED).await;

    assert_eq!(answer.status, 503);
    assert!(start.elapsed() >= Duration::from_millis(150));
}

#[tokio::test]
async fn a_fault_can_strike_every_so_often_or_until_it_is_cleared() {
    let server = broken(Fault::Status(500).every(3)).await;
    let mut statuses = Vec::new();
    for _ in 0..6 {
        statuses.push(ask(&server, BOOKED).await.status);
    }

    server.faults().clear();
    server.faults().push(Fault::Status(503).next(2));
    for _ in 0..3 {
        statuses.push(ask(&server, BOOKED).await.status);
    }

    assert_eq!(statuses, [200, 200, 500, 200, 200, 500, 503, 503, 200]);
}

#[tokio::test]
async fn a_fault_can_be_for_one_conversation_and_spare_its_retry() {
    let server = serve().await;
    server
        .faults()
        .push(Fault::Refusal.always().about("my crown came off").on_first_attempts());
    let mut retry = request(BOOKED);
    let messages = retry["messages"].as_array_mut().expect("an array");
    messages.push(json!({"role": "assistant", "content": "{}"}));
    messages.push(json!({"role": "user", "content": "Two quotes were not found. Answer again."}));

    let other = ask(&server, INJECTED).await.choice();
    let first = ask(&server, BOOKED).await.choice();
    let second = post(&server, &retry).await;

    assert!(other["message"]["refusal"].is_null());
    assert!(first["message"]["refusal"].is_string());
    assert_eq!(level(&second.verdict(), "next_step"), "full");
    assert!(server.requests()[2].is_retry());
}
