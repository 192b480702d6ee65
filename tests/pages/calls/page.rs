//! The page of one call: what was said, what it cost, and asking for a new score.

use chrono::TimeDelta;
use serde_json::json;
use shared::platform::event::Event;
use tests::{TestDb, Visitor};

use super::{Stored, insert, marked, score, turn, unscored};

fn speech() -> serde_json::Value {
    json!([
        {"role": "system", "message": "Be polite.", "secondsFromStart": 0},
        {"role": "bot", "message": "Good morning, this is Fennwick Dental.", "secondsFromStart": 1.2},
        {"role": "user", "message": "I would like an appointment.", "secondsFromStart": 65.0},
        {"role": "tool_calls", "secondsFromStart": 70, "toolCalls": [
            {"function": {"name": "book", "arguments": "{\"at\":\"noon\"}"}},
        ]},
        {"role": "tool_call_result", "name": "book", "result": "booked", "secondsFromStart": 71},
        {"role": "assistant", "message": "Done.", "secondsFromStart": 3700},
    ])
}

#[tokio::test]
async fn messages_are_turns_with_their_number_time_and_speaker() {
    let db = TestDb::new().await;
    let call = json!({"raw_json": {"artifact": {"messages": speech()}}, "transcript": "AI: another text"});
    insert(&db.client().await, &[Stored::new("a", call)]).await;
    let mut visitor = Visitor::signed_in(&db, "UTC").await;

    let page = visitor.page("/admin/calls/a").await;

    for (number, speaker, at, text) in [
        (1, "Agent", "0:01", "Good morning, this is Fennwick Dental."),
        (2, "Caller", "1:05", "I would like an appointment."),
        (3, "Tool used: book", "1:10", "book({&#34;at&#34;:&#34;noon&#34;})"),
        (4, "Tool answered: book", "1:11", "book → booked"),
        (5, "Agent", "1:01:40", "Done."),
    ] {
        let turn = turn(&page, number);
        assert!(turn.contains(&format!("<bdi>{speaker}</bdi>")), "{turn}");
        assert!(turn.contains(&format!(">{at}</span>")), "{turn}");
        assert!(turn.contains(text), "{turn}");
        assert_eq!(turn.contains("<details"), speaker.starts_with("Tool"), "{turn}");
    }
    assert!(page.contains("system prompt)</summary><div class=\"prompt\" dir=\"auto\">Be polite."));
    assert!(!page.contains("another text") && !page.contains("id=\"turn-6\""));
}

#[tokio::test]
async fn a_call_without_messages_shows_its_text_and_one_without_a_text_says_so() {
    let db = TestDb::new().await;
    let text = "AI: Good morning.\nUser: Hello,\nit is me.";
    let calls = [
        Stored::new("text", json!({"transcript": text})),
        Stored::new(
            "none",
            json!({"raw_json": {"artifact": {"messages": "odd"}, "costs": 5}}),
        ),
    ];
    insert(&db.client().await, &calls).await;
    let mut visitor = Visitor::signed_in(&db, "UTC").await;

    let page = visitor.page("/admin/calls/text").await;
    let none = visitor.page("/admin/calls/none").await;

    assert!(turn(&page, 1).contains("Good morning."));
    assert!(turn(&page, 2).contains("<bdi>Caller</bdi>") && turn(&page, 2).contains("Hello, it is me."));
    assert!(page.contains("Only a text of the conversation was kept"));
    assert!(none.contains("There is no transcript of this call."));
    assert!(none.contains("<dt>Recording</dt><dd>none</dd>"));
}

#[tokio::test]
async fn content_that_outlived_vapis_is_said_to_be_kept_and_since_when() {
    let db = TestDb::new().await;
    let client = db.client().await;
    let call = |id| Stored::new(id, json!({"transcript": "AI: Good morning."}));
    insert(&client, &[call("kept"), call("plain")]).await;
    let kept = "update vapi_calls_raw set content_kept_at = '2026-08-03T10:00:00Z' where id = 'kept'";
    client.batch_execute(kept).await.unwrap();
    let mut visitor = Visitor::signed_in(&db, "UTC").await;

    let page = visitor.page("/admin/calls/kept").await;
    let plain = visitor.page("/admin/calls/plain").await;

    assert!(page.contains("Kept by Callmark since <time datetime=\"2026-08-03T10:00:00"));
    assert!(page.contains("Vapi no longer serves all of this call&rsquo;s content."));
    assert!(!plain.contains("Kept by Callmark"));
}

#[tokio::test]
async fn what_it_cost_is_itemised_and_the_recording_says_that_it_leaves() {
    let db = TestDb::new().await;
    let costs = json!([
        {"type": "voice", "voice": {"provider": "deepgram", "voiceId": "asteria"}, "characters": 838, "cost": 0.0184},
    ]);
    let call = json!({
        "cost": 0.1512, "duration_seconds": 122, "raw_json": {"costs": costs},
        "recording_url": "https://storage.example/a.wav?x=1&y=2",
    });
    let script = json!({"recording_url": "javascript://storage.example/%0aalert(1)"});
    insert(
        &db.client().await,
        &[Stored::new("a", call), Stored::new("script", script)],
    )
    .await;
    let mut visitor = Visitor::signed_in(&db, "UTC").await;

    let page = visitor.page("/admin/calls/a").await;
    let script = visitor.page("/admin/calls/script").await;

    assert!(page.contains("<dt>Vapi charged</dt><dd>$0.1512</dd>") && page.contains("2 min 02 s"));
    assert!(page.contains("<bdi>Voice</bdi>") && page.contains("deepgram asteria, 838 characters"));
    assert!(page.contains("$0.0184"));
    assert!(page.contains("<a href=\"https://storage.example/a.wav?x=1&#38;y=2\" rel=\"noreferrer noopener\""));
    assert!(page.contains("leaves Callmark"));
    assert!(!script.contains("javascript:"));
}

#[tokio::test]
async fn a_call_that_is_not_there_is_not_found() {
    let db = TestDb::new().await;
    let mut visitor = Visitor::signed_in(&db, "UTC").await;

    for id in ["nothing", "%00", "a%00b", "%FF%FE", "'%20or%201=1", "%2e%2e%2fcalls"] {
        let answer = visitor.get(&format!("/admin/calls/{id}")).await;

        assert_eq!(answer.status.as_u16(), 404, "{id}");
        assert!(answer.body.contains("There is no call of this id."), "{id}");
    }
}

#[tokio::test]
async fn a_new_score_is_awaited_until_it_is_there() {
    let db = TestDb::new().await;
    let client = db.client().await;
    insert(&client, &[Stored::new("a", json!({}))]).await;
    score(&client, "a", json!({"analyzed_at": tests::now() - TimeDelta::hours(1)})).await;
    let mut visitor = Visitor::signed_in(&db, "UTC").await;
    for absurd in [
        "8210266876799999999",
        "-9223372036854775808",
        "9223372036854775807",
        "1e3",
        "never",
    ] {
        let answer = visitor.get(&format!("/admin/calls/a?asked={absurd}")).await;
        assert_eq!(answer.status, 400, "{absurd}");
        assert!(answer.body.contains("asked"), "{}", answer.body);
    }
    let asked = |minutes| (tests::now() - TimeDelta::minutes(minutes)).timestamp_micros();
    let address = format!("/admin/calls/a?asked={}", asked(1));

    let quiet = visitor.page("/admin/calls/a").await;
    let awaited = visitor.page(&address).await;
    let overdue = visitor.page(&format!("/admin/calls/a?asked={}", asked(11))).await;
    client
        .execute(
            "insert into judge_requests (id, call_id, framework_id, requested_at, duration_ms, outcome)
             select gen_random_uuid(), 'a', id, now(), 1, 'empty' from analysis_frameworks where is_active",
            &[],
        )
        .await
        .unwrap();
    let unchanged = visitor.page(&address).await;
    client
        .execute("update qci_analyses set analyzed_at = now()", &[])
        .await
        .unwrap();
    let done = visitor.page(&address).await;

    assert!(!quiet.contains("data-poll") && !quiet.contains("id=\"asked\""));
    assert!(awaited.contains("data-poll") && awaited.contains("This page shows it as soon as it is there."));
    assert!(!overdue.contains("data-poll") && overdue.contains("/admin/execution-logs?script=qci-analysis"));
    assert!(!unchanged.contains("data-poll") && unchanged.contains("gave no answer of use"));
    assert!(!done.contains("data-poll") && done.contains("The call was looked at again."));
}

#[tokio::test]
async fn the_button_asks_for_this_call() {
    let db = TestDb::new().await;
    let client = db.client().await;
    insert(&client, &[Stored::new("a/b", json!({})), Stored::new("c", json!({}))]).await;
    score(&client, "c", unscored("skipped", &json!({"skip_reason": "voicemail"}))).await;
    let mut visitor = Visitor::signed_in(&db, "UTC").await;

    let new = visitor.page("/admin/calls/a%2Fb").await;
    let again = visitor.page("/admin/calls/c").await;

    assert!(new.contains("action=\"/admin/calls/a%2Fb/score\"") && new.contains("<button>Score now</button>"));
    assert!(again.contains("<button>Score again</button>"));
    let csrf = visitor.csrf("/admin/calls/c").await;
    assert!(csrf.len() > 8 && again.contains(&format!("name=\"csrf\" value=\"{csrf}\"")));
    let nothing: Option<Event> = visitor.asked.try_recv().ok();
    assert!(nothing.is_none(), "looking asks for nothing");
}

#[tokio::test]
async fn a_megabyte_and_ten_thousand_turns_are_folded_and_fast() {
    let db = TestDb::new().await;
    let long = "word ".repeat(200_000);
    let turns: Vec<_> = (0..10_000)
        .map(|n| json!({"role": "bot", "message": format!("Turn number {n} is here."), "secondsFromStart": n}))
        .collect();
    let criteria: Vec<_> = (0..200)
        .map(|n| {
            let turn = n * 50 + 1;
            json!({"id": format!("c{n}"), "block": "outcome", "kind": "judged", "standing": "counted",
                   "evidence": [{"turn": turn, "message": turn - 1, "quote": "is here", "verification": "exact"}]})
        })
        .collect();
    let client = db.client().await;
    let of = |messages| json!({"raw_json": {"artifact": {"messages": messages}}});
    let one = json!([{"role": "bot", "message": format!("{long}and the end")}]);
    insert(
        &client,
        &[Stored::new("long", of(one)), Stored::new("many", of(json!(turns)))],
    )
    .await;
    score(&client, "many", json!({"criteria": criteria})).await;
    let end =
        json!([{"issue": "x", "evidence": {"turn": 1, "message": 0, "quote": "and the end", "verification": "exact"}}]);
    score(&client, "long", json!({"coaching_tips": end})).await;
    let mut visitor = Visitor::signed_in(&db, "UTC").await;

    let began = std::time::Instant::now();
    let long = visitor.page("/admin/calls/long").await;
    let many = visitor.page("/admin/calls/many").await;
    let took = began.elapsed();

    assert!(long.contains("The text is long: the other 998,011 characters"));
    assert_eq!(marked(turn(&long, 1)), ["and the end"]);
    assert!(
        turn(&long, 1).contains("<details class=\"rest\" open>"),
        "what is marked is not folded away"
    );
    assert!(many.contains("<details open><summary>The transcript is long: the other 9500 turns</summary>"));
    assert_eq!(marked(&many).len(), 200);
    assert!(turn(&many, 9951).contains("<mark>is here</mark>"));
    assert!(took.as_millis() < 3000, "{took:?}");
}

#[tokio::test]
async fn an_earlier_analysis_is_shown_as_unverified_with_its_parts_tips_and_model() {
    let db = TestDb::new().await;
    insert(
        &db.client().await,
        &[Stored::new("a", json!({"customer_phone_number": "+15550142"}))],
    )
    .await;
    let earlier = "insert into analysis_frameworks
                       (name, version, framework_type, rubric, prompt_template, model_config)
                   values ('QCI Standard (earlier)', 1, 'earlier', '{}', 'x', '{\"model\": \"m\"}');
                   insert into earlier_analyses (call_id, framework_id, total_score, dynamics_score, objections_score,
                       brand_score, outcome_score, coaching_tips, key_issues, call_classification, analysis_model)
                   select 'a', id, 78, 20, 15, 16, 20, '[\"Ask <b>once</b>; call +15550142.\"]',
                          '[{\"issue\": \"Too fast\", \"severity\": \"high\"}]', 'good', 'gpt-4o-mini'
                   from analysis_frameworks where framework_type = 'earlier'";
    db.client().await.batch_execute(earlier).await.unwrap();
    let mut visitor = Visitor::signed_in(&db, "UTC").await;

    let page = visitor.page("/admin/calls/a").await;

    for text in [
        "Earlier analysis, unverified",
        "<dt>Dynamics</dt><dd>20</dd>",
        "The parts come to 71, and the total says 78.",
        "QCI Standard (earlier)",
        "gpt-4o-mini",
        "Ask &#60;b&#62;once&#60;/b&#62;; call ••• 42.",
        "Too fast (severity: high)",
        "Not scored: no scoring run has looked at it yet.",
    ] {
        assert!(page.contains(text), "{text}: {page}");
    }
    let active = "update analysis_frameworks set is_active = true where framework_type = 'earlier'";
    let refusal = db.client().await.batch_execute(active).await.unwrap_err();
    assert!(
        format!("{refusal:?}").contains("analysis_frameworks_earlier_is_never_active"),
        "{refusal:?}"
    );
}
