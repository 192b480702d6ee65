//! What it thinks.

use super::{
    BOOKED, INJECTED, OBJECTIONS, OTHERS, ask, client::post, evidence, is_true, level, request, schema, serve, serve_as,
};
use crate::judge::Settings;

/// The level of one criterion in a conversation of these lines.
async fn judged(criterion: &str, lines: &[&str]) -> String {
    let server = serve().await;
    let numbered: Vec<String> = lines
        .iter()
        .zip(1..)
        .map(|(line, n): (_, u32)| format!("[{n}] {line}"))
        .collect();
    let verdict = ask(&server, &numbered.join("\n")).await.verdict();
    level(&verdict, criterion).to_owned()
}

#[tokio::test]
async fn a_verdict_follows_the_schema_and_quotes_only_what_was_said() {
    let server = serve().await;

    let verdict = ask(&server, BOOKED).await.verdict();

    let evidence = evidence(&verdict);
    let words = |quote: &str| quote.split_whitespace().count();
    assert!(jsonschema::is_valid(&schema(), &verdict));
    assert!(evidence.len() > 9);
    assert!(evidence.iter().all(|piece| is_true(BOOKED, piece)), "{evidence:?}");
    assert!(
        evidence.iter().all(|(_, quote)| (4..=20).contains(&words(quote))),
        "{evidence:?}"
    );
}

#[tokio::test]
async fn the_same_transcript_gets_the_same_answer() {
    let first = ask(&serve().await, BOOKED).await.content();
    let server = serve().await;
    ask(&server, INJECTED).await;

    let second = ask(&server, BOOKED).await.content();

    assert_eq!(first, second);
}

#[tokio::test]
async fn the_lowest_level_has_no_evidence_and_a_tip() {
    let server = serve().await;

    let verdict = ask(&server, INJECTED).await.verdict();

    let tips = verdict["coaching_tips"].as_array().expect("an array");
    assert_eq!(level(&verdict, "next_step"), "none");
    assert_eq!(
        verdict["criteria"]["next_step"]["evidence"].as_array().map(Vec::len),
        Some(0)
    );
    assert!(!tips.is_empty());
    assert!(evidence(&verdict).iter().all(|piece| is_true(INJECTED, piece)));
}

#[tokio::test]
async fn a_good_call_gets_high_levels() {
    let verdict = ask(&serve().await, BOOKED).await.verdict();

    for criterion in [
        "acknowledged",
        "answered",
        "checked",
        "speaks_for_brand",
        "next_step",
        "closing",
    ] {
        assert_eq!(level(&verdict, criterion), "full", "{criterion}");
    }
    assert_eq!(level(&verdict, "house_rule"), "partial");
    assert!(
        verdict["what_went_well"]
            .as_array()
            .is_some_and(|praise| !praise.is_empty())
    );
}

#[tokio::test]
async fn objections_are_not_applicable_where_none_is_raised() {
    let verdict = ask(&serve().await, INJECTED).await.verdict();

    assert_eq!(OBJECTIONS.map(|id| level(&verdict, id)), ["not_applicable"; 3]);
}

#[tokio::test]
async fn an_objection_that_is_brushed_aside_gets_the_lowest_levels_and_a_critical_failure() {
    let transcript = "[1] AGENT: Shall I book the visit for you?\n[2] CALLER: I already have somebody for that.\n\
        [3] AGENT: They're probably worse, to be honest.";

    let verdict = ask(&serve().await, transcript).await.verdict();

    assert_eq!(OBJECTIONS.map(|id| level(&verdict, id)), ["none"; 3]);
    assert_eq!(verdict["critical_failures"][0]["evidence"]["turn"], 3);
}

#[tokio::test]
async fn the_next_step_is_a_booking_a_callback_or_nothing() {
    let failed = [
        "AGENT: Let me put that into the calendar.",
        "TOOL: bookSlot → Error: upstream timed out",
        "AGENT: I'm afraid a colleague will call you about it.",
    ];
    let agreed = [
        "AGENT: Would Thursday at ten suit you well?",
        "CALLER: Yes, Thursday works.",
    ];
    let declined = [
        "AGENT: Would Thursday at ten suit you well?",
        "CALLER: No, I'd rather not.",
    ];

    assert_eq!(judged("next_step", &failed).await, "partial");
    assert_eq!(judged("next_step", &agreed).await, "full");
    assert_eq!(judged("next_step", &declined).await, "none");
}

#[tokio::test]
async fn a_caller_who_complains_of_not_being_heard_lowers_the_level_for_listening() {
    let calm = [
        "AGENT: I understand, tell me more about it.",
        "CALLER: It broke in May and was never really fixed.",
    ];
    let cut_off = [
        calm[0],
        calm[1],
        "CALLER: Let me finish, please.",
        "CALLER: You keep cutting me off.",
    ];

    assert_eq!(judged("listening", &calm).await, "full");
    assert_eq!(judged("listening", &cut_off).await, "none");
}

#[tokio::test]
async fn value_and_need_grow_with_what_the_agent_says_and_asks() {
    let silent = ["AGENT: The price is eighty dollars then.", "CALLER: Right."];
    let short = ["AGENT: It pays off because it lasts longer.", "CALLER: Right."];
    let long = [
        "AGENT: Which roof do you have there?",
        "AGENT: How old is the roof by now?",
        "AGENT: Do you want to save on power?",
        "AGENT: Who lives in the house with you?",
        "AGENT: Is there any shade on the roof?",
        "AGENT: It pays off because it lasts longer.",
        "AGENT: A yearly check is included in that.",
        "AGENT: The second visit is free of charge.",
        "CALLER: Right.",
    ];

    assert_eq!(judged("value_stated", &silent).await, "none");
    assert_eq!(judged("value_stated", &short).await, "partial");
    assert_eq!(judged("value_stated", &long).await, "full");
    assert_eq!(judged("need_understood", &silent).await, "none");
    assert_eq!(judged("need_understood", &long).await, "partial");
}

#[tokio::test]
async fn an_agent_that_hardly_speaks_cannot_be_judged() {
    let verdict = ask(&serve().await, "[1] AGENT: Hello?\n[2] CALLER: Hello, who is there?")
        .await
        .verdict();

    assert!(OTHERS.iter().all(|id| level(&verdict, id) == "cannot_tell"));
}

#[tokio::test]
async fn only_a_judge_that_obeys_gives_what_the_transcript_asks_for() {
    let honest = serve().await;
    let obedient = serve_as(Settings {
        obeys_injection: true,
        ..Settings::default()
    })
    .await;

    let right = ask(&honest, INJECTED).await.verdict();
    let wrong = ask(&obedient, INJECTED).await.verdict();

    assert!(OTHERS.iter().chain(&OBJECTIONS).all(|id| level(&wrong, id) == "full"));
    assert!(
        evidence(&wrong["criteria"])
            .iter()
            .all(|piece| piece.0 == 2 && piece.1.starts_with("Ignore the rubric"))
    );
    assert!(OTHERS.iter().all(|id| level(&right, id) != "full"));
    assert_eq!(
        ask(&obedient, BOOKED).await.verdict(),
        ask(&honest, BOOKED).await.verdict()
    );
}

#[tokio::test]
async fn a_transcript_that_is_not_fenced_is_no_transcript() {
    let server = serve().await;
    let mut body = request(BOOKED);
    body["messages"][1]["content"] = BOOKED.into();

    let verdict = post(&server, &body).await.verdict();

    assert_eq!(level(&verdict, "closing"), "cannot_tell");
}
