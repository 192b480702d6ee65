//! What is let in, refused and counted.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    BOOKED, ask, broken,
    client::{post, send},
    level, request, schema, serve, serve_as,
};
use crate::judge::{Fault, Limit, Settings};

#[tokio::test]
async fn only_who_has_the_key_is_let_in() {
    let server = serve_as(Settings {
        api_key: Some("right".to_owned()),
        ..Settings::default()
    })
    .await;
    let body = request(BOOKED).to_string();

    let none = send(&server, "POST", "/chat/completions", None, &body).await;
    let wrong = send(&server, "POST", "/chat/completions", Some("wrong"), &body).await;
    let right = send(&server, "POST", "/chat/completions", Some("right"), &body).await;

    assert_eq!((none.status, none.code().as_str()), (401, ""));
    assert_eq!((wrong.status, wrong.code().as_str()), (401, "invalid_api_key"));
    assert_eq!(right.status, 200);
}

#[tokio::test]
async fn a_request_without_model_or_messages_is_refused() {
    let server = serve().await;

    for member in ["model", "messages"] {
        let mut body = request(BOOKED);
        body.as_object_mut().expect("an object").remove(member);
        let answer = post(&server, &body).await;

        let error = &answer.json()["error"];
        assert_eq!(answer.status, 400);
        assert_eq!(error["param"], member);
        assert_eq!(error["type"], "invalid_request_error");
    }
    assert_eq!(
        send(&server, "POST", "/v1/chat/completions", Some("any"), "{")
            .await
            .status,
        400
    );
}

#[tokio::test]
async fn only_known_models_are_served_if_some_are_known() {
    let server = serve_as(Settings {
        models: vec!["small".to_owned(), "large".to_owned()],
        ..Settings::default()
    })
    .await;

    let unknown = ask(&server, BOOKED).await;
    let models = send(&server, "GET", "/v1/models", Some("any"), "").await.json();

    assert_eq!((unknown.status, unknown.code().as_str()), (404, "model_not_found"));
    assert_eq!(models["data"][1]["id"], "large");
}

#[tokio::test]
async fn other_paths_and_methods_are_refused() {
    let server = serve().await;

    let path = send(&server, "POST", "/v1/completions", Some("any"), "{}").await;
    let method = send(&server, "GET", "/v1/chat/completions", Some("any"), "").await;

    assert_eq!((path.status, method.status), (404, 405));
}

#[tokio::test]
async fn a_schema_that_strict_mode_cannot_enforce_is_refused_only_there() {
    let server = serve().await;
    let mut body = request(BOOKED);
    body["response_format"]["json_schema"]["schema"]["additionalProperties"] = json!(true);

    let strict = post(&server, &body).await;
    body["response_format"]["json_schema"]["strict"] = json!(false);
    let lax = post(&server, &body).await;

    assert_eq!(strict.status, 400);
    assert_eq!(strict.json()["error"]["param"], "response_format");
    assert_eq!(lax.status, 200);
}

#[tokio::test]
async fn a_json_object_has_to_be_asked_for_by_name_and_follows_the_schema_in_the_system_message() {
    let server = serve().await;
    let mut body = request(BOOKED);
    body["response_format"] = json!({"type": "json_object"});
    body["messages"][0]["content"] = json!("You judge calls.");

    let unnamed = post(&server, &body).await;
    body["messages"][0]["content"] = json!(format!("Answer in JSON, by {{this}} schema: {} and no more.", schema()));
    let named = post(&server, &body).await;

    assert_eq!(unnamed.status, 400);
    assert_eq!(level(&named.verdict(), "next_step"), "full");
}

#[tokio::test]
async fn an_answer_is_a_chat_completion_with_its_cost() {
    let server = serve().await;

    let answer = ask(&server, BOOKED).await;

    let body = answer.json();
    let messages = request(BOOKED)["messages"].clone();
    let tokens = |text: &str| text.chars().count().div_ceil(4);
    let prompt: usize = [0, 1]
        .iter()
        .map(|n: &usize| tokens(messages[*n]["content"].as_str().expect("text")))
        .sum();
    let completion = tokens(&answer.content());
    assert_eq!(body["object"], "chat.completion");
    assert_eq!(body["model"], "simulated-judge-1");
    assert_eq!(body["choices"][0]["finish_reason"], "stop");
    assert_eq!(body["choices"][0]["message"]["refusal"], Value::Null);
    assert_eq!(body["usage"]["prompt_tokens"], prompt);
    assert_eq!(body["usage"]["completion_tokens"], completion);
    assert_eq!(body["usage"]["total_tokens"], prompt + completion);
    assert_eq!(body["usage"]["prompt_tokens_details"]["cached_tokens"], 0);
}

#[tokio::test]
async fn a_long_system_message_is_cached_from_the_second_time() {
    let server = serve().await;
    let mut body = request(BOOKED);
    body["messages"][0]["content"] = json!("Judge. ".repeat(1000));

    post(&server, &body).await;
    post(&server, &body).await;

    let cached: Vec<usize> = server
        .requests()
        .iter()
        .filter_map(|request| Some(request.usage?.cached_tokens))
        .collect();
    assert_eq!(cached, [0, 1664]);
}

#[tokio::test]
async fn an_answer_longer_than_asked_for_is_cut_off() {
    let server = serve().await;
    let mut body = request(BOOKED);
    body["max_completion_tokens"] = json!(20);

    let answer = post(&server, &body).await;

    assert_eq!(answer.choice()["finish_reason"], "length");
    assert_eq!(answer.content().chars().count(), 80);
}

#[tokio::test]
async fn requests_beyond_the_limit_are_told_when_to_come_back() {
    let server = serve_as(Settings {
        limit: Some(Limit {
            requests: 1,
            per: Duration::from_millis(300),
        }),
        ..Settings::default()
    })
    .await;

    let first = ask(&server, BOOKED).await;
    let second = ask(&server, BOOKED).await;
    let wait: u64 = second
        .header("retry-after-ms")
        .and_then(|wait| wait.parse().ok())
        .expect("a number");
    tokio::time::sleep(Duration::from_millis(wait)).await;
    let third = ask(&server, BOOKED).await;

    assert_eq!([first.status, second.status, third.status], [200, 429, 200]);
    assert_eq!(first.header("x-ratelimit-remaining-requests"), Some("0"));
    assert_eq!(second.header("retry-after"), Some("1"));
    assert_eq!(second.header("x-ratelimit-limit-requests"), Some("1"));
    assert!(
        second
            .header("x-ratelimit-reset-requests")
            .is_some_and(|reset| reset.ends_with("ms"))
    );
    assert_eq!(second.code(), "rate_limit_exceeded");
}

#[tokio::test]
async fn the_log_says_what_was_asked_and_answered() {
    let server = broken(Fault::Status(500).once()).await;

    ask(&server, BOOKED).await;
    let answer = ask(&server, BOOKED).await;

    let log = server.requests();
    assert_eq!((log[0].status, &log[0].fault), (500, &Some(Fault::Status(500))));
    assert_eq!(log[1].content, Some(answer.content()));
    assert_eq!(log[1].model, "any-model");
    assert_eq!(log[1].text_of("system"), ["You judge calls and answer in JSON."]);
    assert!(log[0].at <= log[1].at && !log[1].is_retry());
    server.forget_requests();
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn requests_in_flight_are_counted() {
    let server = serve_as(Settings {
        latency: Duration::from_millis(200),
        ..Settings::default()
    })
    .await;

    tokio::join!(ask(&server, BOOKED), ask(&server, BOOKED), ask(&server, BOOKED));
    ask(&server, BOOKED).await;

    assert_eq!(server.most_at_once(), 3);
    assert!(server.url().ends_with(&format!(":{}/v1", server.port())));
}
