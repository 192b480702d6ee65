//! The score on the page of a call: its parts, its evidence, and links both ways.

use serde_json::{Value, json};
use tests::{Courtroom, TestDb, Visitor};

use super::{Stored, element, escaped, insert, marked, score, turn};

const CALL: [&str; 3] = [
    "Good morning, this is Fennwick Dental, how can I help you today?",
    "I think it is too expensive.",
    "I understand. The first visit is free.",
];

async fn stored(lists: Value) -> (TestDb, Visitor) {
    let db = TestDb::new().await;
    let client = db.client().await;
    let roles = ["bot", "user", "bot"].into_iter().zip(CALL);
    let messages: Vec<Value> = roles
        .map(|(role, text)| json!({"role": role, "message": text}))
        .collect();
    let call = json!({"raw_json": {"artifact": {"messages": messages}}});
    insert(&client, &[Stored::new("a", call)]).await;
    score(&client, "a", lists).await;
    let visitor = Visitor::signed_in(&db, "UTC").await;
    (db, visitor)
}

fn judged(id: &str, evidence: &Value) -> Value {
    json!({
        "id": id, "name": format!("Name of {id}"), "block": "outcome", "kind": "judged", "standing": "counted",
        "level": "in_passing", "fact": null, "points": 3, "max": 8, "reason": "Since it did.",
        "evidence": evidence, "unverified": [],
    })
}

/// Labels can be configured, so that any two will do: whoever reads them, a turn has one number.
#[tokio::test]
async fn quotes_of_a_call_that_is_stored_as_a_text_are_shown_at_their_turns_whatever_its_labels() {
    let said = [
        (
            "Front desk",
            "Good morning, this is Fennwick Dental, this is Mira speaking.",
        ),
        ("Front desk", "How can I help you today?"),
        (
            "Mr. Smith",
            "Hi Mira, I would like an appointment for a cleaning next week, please.",
        ),
        (
            "Front desk",
            "Of course: Tuesday at ten or Thursday at three. Which one suits you better?",
        ),
        (
            "Mr. Smith",
            "I think it is too expensive for me, to be honest with you.",
        ),
        (
            "Front desk",
            "I understand. The first visit is free, and you pay nothing until you decide.",
        ),
        ("Mr. Smith", "Then Tuesday at ten works for me, thank you very much."),
        ("Front desk", "Great, I have booked Tuesday at ten for you. Goodbye!"),
    ];
    let lines: Vec<String> = said.iter().map(|(label, text)| format!("{label}: {text}")).collect();
    let mut call = tests::conversation("text", &[]);
    call["artifact"] = json!({"transcript": format!("Call of today\n{}", lines.join("\n"))});
    let room = Courtroom::hearing(&[call], simulator::judge::Settings::default()).await;

    room.score().await;
    let mut visitor = Visitor::signed_in(room.db(), "UTC").await;
    let page = visitor.page("/admin/calls/text").await;

    for (number, (label, text)) in (1..).zip(&said) {
        let speaker = if *label == "Front desk" { "Agent" } else { "Caller" };
        let turn = turn(&page, number);
        assert!(turn.contains(&format!("<bdi>{speaker}</bdi>")), "{turn}");
        assert!(
            turn.replace("<mark>", "")
                .replace("</mark>", "")
                .contains(&escaped(text)),
            "{turn}"
        );
    }
    let analysis = &room.analysis("text").await;
    assert_eq!(analysis["status"], "scored", "{analysis}");
    let mut quotes = 0;
    for criterion in analysis["criteria"].as_array().unwrap() {
        for quote in criterion["evidence"].as_array().unwrap() {
            let number = quote["turn"].as_i64().unwrap();
            let words = quote["quote"].as_str().unwrap();
            assert!(said[usize::try_from(number).unwrap() - 1].1.contains(words), "{quote}");
            assert!(
                marked(turn(&page, number)).concat().contains(&escaped(words)),
                "{quote}"
            );
            quotes += 1;
        }
    }
    assert!(quotes > 2, "{quotes} quotes");
}

#[tokio::test]
async fn every_score_of_a_run_is_shown_with_its_parts_and_its_evidence_at_its_turn() {
    let room = Courtroom::with_calls(150).await;
    room.score().await;
    let mut visitor = Visitor::signed_in(room.db(), "UTC").await;
    let scored = room
        .db()
        .rows("select * from qci_analyses where status = 'scored'")
        .await;
    let (mut quotes, mut inapplicable) = (0, 0);

    for analysis in &scored {
        let id = analysis["call_id"].as_str().unwrap();
        let page = visitor.page(&format!("/admin/calls/{id}")).await;

        let number = |name: &str| format!("{:.2}", analysis[name].as_f64().unwrap());
        assert!(page.contains(&format!(
            "<dt>QCI</dt><dd>{} <small>of 100</small>",
            number("total_score")
        )));
        for (block, name, max) in [
            ("dynamics", "Dynamics", 30),
            ("objections", "Objections", 20),
            ("brand", "Brand", 20),
            ("outcome", "Outcome", 30),
        ] {
            let column = format!("{block}_score");
            let shown = if analysis[&column].is_null() {
                inapplicable += 1;
                format!("<h2><bdi>{name}</bdi>: does not apply</h2>")
            } else {
                format!("<h2><bdi>{name}</bdi>: {} / {max}</h2>", number(&column))
            };
            assert!(page.contains(&shown), "{id}: {shown}");
        }
        assert!(
            !page.contains("do not add up") && !page.contains("cannot be read"),
            "{id}"
        );
        for criterion in analysis["criteria"].as_array().unwrap() {
            let name = criterion["id"].as_str().unwrap();
            let shown = element(&page, &format!("criterion-{name}"));
            let points = criterion["points"]
                .as_u64()
                .map_or("–".to_owned(), |points| points.to_string());
            assert!(shown.contains(&format!(
                "<span class=\"points\">{points} / {}</span>",
                criterion["max"]
            )));
            for evidence in criterion["evidence"].as_array().unwrap() {
                let number = evidence["turn"].as_i64().unwrap();
                let turn = turn(&page, number);
                let quote = escaped(evidence["quote"].as_str().unwrap());
                assert!(
                    marked(turn).iter().any(|marked| marked.contains(&quote)) || turn.contains("in other words"),
                    "{id}: {quote}: {turn}"
                );
                assert!(
                    turn.contains(&format!("<a href=\"#criterion-{name}\">")),
                    "{id}: {turn}"
                );
                assert!(
                    shown.contains(&format!("<a href=\"#turn-{number}\">Turn {number}</a>")),
                    "{id}: {shown}"
                );
                quotes += 1;
            }
        }
    }
    assert!(
        quotes > 100 && inapplicable > 0,
        "{quotes} quotes, {inapplicable} blocks that do not apply"
    );
}

#[tokio::test]
async fn a_criterion_says_who_answered_it_how_and_why() {
    let measured = json!({
        "id": "response_latency", "name": "Speed of answers", "block": "dynamics", "kind": "measured",
        "standing": "counted", "fact": 1.827, "points": 6, "max": 6,
    });
    let never = json!({
        "id": "brand_named", "name": "Brand named early", "block": "brand", "kind": "measured", "standing": "counted",
        "fact": null, "points": 0, "max": 6, "reason": "never in this call",
    });
    let level = json!({
        "id": "answered", "name": "Objection answered", "block": "objections", "kind": "judged", "standing": "not_applicable",
        "max": 10, "reason": "There was none.",
    });
    let unclear = json!({
        "id": "closing", "name": "Closing", "block": "outcome", "kind": "judged", "standing": "indeterminable",
        "level": "polite", "max": 8,
        "unverified": [{"turn": 7, "quote": "Never said.", "verification": "unverified", "reason": "not_found"}],
    });
    let (_db, mut visitor) = stored(json!({
        "criteria": [measured, never, level, unclear, judged("next_step", &json!([]))], "is_flagged": true,
    }))
    .await;

    let page = visitor.page("/admin/calls/a").await;

    let shown = element(&page, "criterion-response_latency");
    assert!(
        shown.contains("measured</span>: <b dir=\"auto\">1.8 s to answer, 95th percentile</b>"),
        "{shown}"
    );
    assert!(shown.contains(">6 / 6<") && shown.contains(">counted<"));
    assert!(element(&page, "criterion-brand_named").contains("never in this call"));
    let shown = element(&page, "criterion-answered");
    assert!(
        shown.contains("does not apply, not counted") && shown.contains(">– / 10<"),
        "{shown}"
    );
    assert!(shown.contains("There was none."));
    let shown = element(&page, "criterion-closing");
    assert!(shown.contains("cannot be told, not counted") && shown.contains(">polite<"));
    assert!(shown.contains("Quotes that do not count") && shown.contains("Never said."));
    assert!(
        shown.contains("Turn 7, which is not in the transcript; nobody said this; not counted."),
        "{shown}"
    );
    assert!(
        shown.contains("A courteous goodbye that neither sums up"),
        "the rubric says what the level means: {shown}"
    );
    let shown = element(&page, "criterion-next_step");
    assert!(shown.contains("judged</span>: <b dir=\"auto\">in passing</b>") && shown.contains("Since it did."));
    assert!(page.contains(">flagged</span> Some of the judge"));
    assert!(page.contains("Objections</bdi>: does not apply") && page.contains("is not part of the total"));
    assert!(page.contains("<dt>Framework</dt><dd><bdi>QCI Standard@1</bdi></dd>"));
    assert_eq!(marked(&page), Vec::<&str>::new());
}

#[tokio::test]
async fn quotes_are_marked_where_they_stand_and_lead_there_and_back() {
    let evidence = json!([
        {"turn": 1, "message": 0, "quote": "this is Fennwick Dental", "verification": "exact"},
        {"turn": 1, "message": 0, "quote": "Fennwick Dental, how can I", "verification": "exact"},
        {"turn": 3, "message": 2, "quote": "the first visit is free", "verification": "normalised"},
    ]);
    let repaired = json!([{
        "turn": 2, "message": 1, "quote": "too expensive", "verification": "repaired", "cited_turn": 3,
        "cited_quote": "too costly",
    }]);
    let tip = json!([{
        "criterion": "one", "issue": "It was late.", "impact": "He waited.", "fix": "Be early.",
        "evidence": {"turn": 3, "message": 2, "quote": "I understand.", "verification": "exact"},
    }]);
    let (_db, mut visitor) = stored(json!({
        "criteria": [judged("one", &evidence), judged("two", &repaired)], "coaching_tips": tip,
        "critical_failures": [{"issue": "It lied.", "evidence": {"turn": 9, "quote": "x", "verification": "unverified"}}],
        "what_went_well": [{"what": "It was kind.", "evidence": {"turn": 1, "message": 0, "quote": "Good morning", "verification": "exact"}}],
    }))
    .await;

    let page = visitor.page("/admin/calls/a").await;

    assert_eq!(
        marked(turn(&page, 1)),
        ["Good morning", "this is Fennwick Dental, how can I"]
    );
    assert_eq!(marked(turn(&page, 2)), ["too expensive"]);
    assert_eq!(marked(turn(&page, 3)), [CALL[2]]);
    assert!(turn(&page, 3).contains("in other words"));
    for (number, anchor) in [
        (1, "criterion-one"),
        (2, "criterion-two"),
        (3, "criterion-one"),
        (3, "tip-1"),
        (1, "strength-1"),
    ] {
        assert!(
            turn(&page, number).contains(&format!("<a href=\"#{anchor}\">")),
            "{anchor}"
        );
        assert!(
            element(&page, anchor).contains(&format!("<a href=\"#turn-{number}\">")),
            "{anchor}"
        );
    }
    assert_eq!(turn(&page, 1).matches("<a href=\"#criterion-one\">").count(), 1);
    let two = element(&page, "criterion-two");
    assert!(
        two.contains("the judge cited turn 3") && two.contains("too costly"),
        "{two}"
    );
    let tip = element(&page, "tip-1");
    assert!(tip.contains("He waited.") && tip.contains("Be early.") && tip.contains("<a href=\"#criterion-one\">"));
    assert!(element(&page, "failure-1").contains("It lied.") && element(&page, "failure-1").contains("not counted"));
}

#[tokio::test]
async fn stored_lists_of_an_unexpected_form_cost_nothing_but_themselves() {
    for (lists, named) in [
        (
            json!({"criteria": {"a": 1}, "coaching_tips": [{"issue": "It was late."}]}),
            "criteria",
        ),
        (
            json!({"criteria": [7, null, [1], {"id": 5, "evidence": "x", "points": -1}], "coaching_tips": [{"issue": "It was late."}]}),
            "criteria",
        ),
        (
            json!({"facts": [1], "coaching_tips": [{"issue": "It was late.", "evidence": [3]}]}),
            "facts",
        ),
        (
            json!({"critical_failures": "x", "what_went_well": 5, "coaching_tips": [{"issue": "It was late."}]}),
            "critical_failures, what_went_well",
        ),
    ] {
        let (_db, mut visitor) = stored(lists).await;

        let page = visitor.page("/admin/calls/a").await;

        assert!(
            page.contains(&format!("is left out here: {named}."))
                || page.contains(&format!("are left out here: {named}.")),
            "{named}"
        );
        assert!(page.contains("It was late.") && page.contains("50.00 <small>of 100"));
        assert!(turn(&page, 3).contains("The first visit is free."));
    }
}

#[tokio::test]
async fn criteria_that_do_not_make_the_score_are_told_apart() {
    let (_db, mut visitor) = stored(json!({"criteria": [judged("next_step", &json!([]))]})).await;

    let page = visitor.page("/admin/calls/a").await;

    assert!(page.contains("Outcome</bdi>: 15.00 / 30</h2>"));
    assert!(page.contains("The criteria shown do not add up to this score."));
}

#[tokio::test]
async fn facts_have_units_and_requests_their_cost() {
    let (db, mut visitor) =
        stored(json!({"facts": {"agent_talk_share": 0.687, "dead_air_seconds": 3.27, "moon": "full"}})).await;
    db.client()
        .await
        .execute(
            "insert into judge_requests (id, call_id, framework_id, requested_at, duration_ms, model, outcome,
                 input_tokens, output_tokens, cost_usd)
             select gen_random_uuid(), 'a', id, now(), 2150, 'a-model', 'no_longer_valid', 5000, 300, 0.0004
             from analysis_frameworks where is_active",
            &[],
        )
        .await
        .unwrap();

    let page = visitor.page("/admin/calls/a").await;

    assert!(page.contains("by time</bdi></dt><dd dir=\"auto\">68.7 %</dd>"));
    assert!(page.contains("together</bdi></dt><dd dir=\"auto\">3.3 s</dd>"));
    assert!(page.contains("<bdi>moon</bdi></dt><dd dir=\"auto\">full</dd>"));
    assert!(page.contains("<td>no longer valid</td>") && page.contains("2.1 s") && page.contains("5,000"));
    assert!(page.contains("Together $0.0004"));
}

#[tokio::test]
async fn another_frameworks_opinion_is_a_link_away() {
    let (db, mut visitor) = stored(json!({})).await;
    let client = db.client().await;
    client
        .batch_execute(
            "insert into analysis_frameworks (name, version, rubric, prompt_template, model_config)
             select name, 2, rubric, prompt_template, model_config from analysis_frameworks where is_active;
             insert into qci_analyses (call_id, framework_id, status, skip_reason, call_hash, analyzed_at)
             select 'a', id, 'skipped', 'voicemail', '', now() from analysis_frameworks where version = 2",
        )
        .await
        .unwrap();
    let other = db
        .rows("select id::text as id from analysis_frameworks where version = 2")
        .await;
    let other = other[0]["id"].as_str().unwrap();

    let page = visitor.page("/admin/calls/a").await;
    let second = visitor.page(&format!("/admin/calls/a?framework={other}")).await;

    assert!(page.contains("50.00 <small>of 100") && page.contains(&format!("/admin/calls/a?framework={other}\"")));
    assert!(second.contains("it reached voicemail") && second.contains("no longer active"));
    assert!(second.contains(": 50.00") && second.contains("(active)"));
}
