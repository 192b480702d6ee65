//! What callers, models and Vapi may write, and what people may type into the address.

use serde_json::{Value, json};
use tests::{TestDb, Visitor};

use super::{Stored, encoded, ids, insert, link, score, unscored, walk};

const SCRIPT: &str = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>{{ 7 * 7 }}\u{202e}gnp.exe\u{0}🦷";

fn script() -> String {
    SCRIPT.replace('\u{0}', "")
}

fn evidence() -> Value {
    json!({
        "turn": 1, "message": 0, "quote": script(), "verification": script(), "reason": script(), "cited_turn": 1,
        "cited_quote": script(),
    })
}

#[tokio::test]
async fn no_stored_text_becomes_markup() {
    let db = TestDb::new().await;
    let client = db.client().await;
    let text = script();
    let said = |role: &str| json!({"role": role, "message": text});
    let messages = json!([
        said("bot"), said("user"), said("system"), said(&text),
        {"role": "tool_calls", "toolCalls": [{"function": {"name": text, "arguments": {text.clone(): text}}}]},
        {"role": "tool_call_result", "name": text, "result": text},
    ]);
    let call = json!({
        "status": text, "ended_reason": text, "assistant_id": text, "assistant_name": text,
        "customer_phone_number": text, "transcript": text, "recording_url": text,
        "raw_json": {"artifact": {"messages": messages}, "costs": [{"type": text, "provider": text, "cost": text}]},
    });
    let criterion = json!({
        "id": text, "name": text, "block": text, "kind": text, "standing": text, "level": text, "reason": text,
        "evidence": [evidence()], "unverified": [evidence()],
    });
    let tip = json!({"criterion": text, "issue": text, "impact": text, "fix": text, "evidence": evidence()});
    let lists = json!({
        "criteria": [criterion], "facts": {text.clone(): text, "brand_heard_as": [text]}, "coaching_tips": [tip],
        "critical_failures": [{"issue": text, "evidence": evidence()}],
        "what_went_well": [{"what": text, "evidence": evidence()}], "analysis_model": text,
    });
    insert(
        &client,
        &[Stored::new(&text, call.clone()), Stored::new("parked", call)],
    )
    .await;
    score(&client, &text, lists).await;
    let failed = json!({"error_message": text});
    score(&client, "parked", unscored("parked", &failed)).await;
    client
        .execute(
            "insert into judge_requests (id, call_id, framework_id, requested_at, duration_ms, outcome, model)
             select gen_random_uuid(), $1, id, now(), 1, $1, $1 from analysis_frameworks where is_active",
            &[&text],
        )
        .await
        .unwrap();
    client
        .execute(
            "insert into vapi_assistants (assistant_id, name, raw_json, document_hash, synced_at)
             values ($1, $1, '{}', '\\x00', now())",
            &[&text],
        )
        .await
        .unwrap();
    let mut visitor = Visitor::signed_in(&db, "UTC").await;
    let id = encoded(&text);

    for address in [
        "/admin/calls".to_owned(),
        format!("/admin/calls?assistant={id}"),
        "/admin/calls/parked?number=shown".to_owned(),
        format!("/admin/calls/{id}"),
        format!("/admin/calls/{id}?number=shown"),
    ] {
        let page = visitor.page(&address).await;

        assert!(page.contains("&#60;script&#62;alert(1)"), "{address} does not show it");
        assert!(
            !page.contains("<script>alert") && !page.contains("<img src=x"),
            "{address}"
        );
        assert!(
            page.contains("{{ 7 * 7 }}"),
            "{address}: what is written is not worked out"
        );
        assert!(!page.contains(" style="), "{address}");
    }
}

#[tokio::test]
async fn a_call_of_any_id_is_listed_and_opened() {
    let db = TestDb::new().await;
    let names = [
        "a/b/c",
        "a?b=c#d",
        "a%2Fb",
        "a b",
        "a+b",
        "\"quoted\"",
        "it's",
        "ä\u{301}🦷",
        "مكالمة",
        "<b>",
        "a;b",
        "a\\b",
        "a&amp;b",
        "x.csv",
        "..a",
        "a\nb",
    ];
    let calls: Vec<Stored> = names
        .iter()
        .map(|id| Stored::new(id, json!({"transcript": format!("AI: I am {id}")})))
        .collect();
    insert(&db.client().await, &calls).await;
    let mut visitor = Visitor::signed_in(&db, "UTC").await;

    let list = visitor.page("/admin/calls").await;

    let mut listed = ids(&list);
    listed.sort();
    let mut expected = names.map(str::to_owned);
    expected.sort();
    assert_eq!(listed, expected);
    for address in list.split("<td><a href=\"").skip(1) {
        let address = address.split('"').next().unwrap();
        let page = visitor.page(address).await;
        let form = format!("action=\"{address}/score\"");
        assert!(page.contains("I am ") && page.contains(&form), "{address}");
    }
}

#[tokio::test]
async fn pages_of_hostile_ids_are_walked_to_the_end() {
    let db = TestDb::new().await;
    let calls: Vec<Stored> = (0..120)
        .map(|n| {
            Stored::new(
                &format!("{n}.'\"&=%/?#+🦷"),
                json!({"created_at": "2026-01-01T00:00:00Z"}),
            )
        })
        .collect();
    insert(&db.client().await, &calls).await;
    let mut visitor = Visitor::signed_in(&db, "UTC").await;

    let (pages, last) = walk(&mut visitor, "/admin/calls?from=2025-12-31&to=2026-01-02", "next").await;

    let mut all = pages.concat();
    all.sort();
    all.dedup();
    assert_eq!((all.len(), pages.len()), (120, 3));
    assert!(link(&visitor.page(&last).await, "prev").is_some());
}

#[tokio::test]
async fn sql_in_a_parameter_is_text() {
    let db = TestDb::new().await;
    let client = db.client().await;
    insert(&client, &[Stored::new("a", json!({"assistant_id": "x"}))]).await;
    score(&client, "a", json!({})).await;
    let mut visitor = Visitor::signed_in(&db, "UTC").await;
    let attacks = [
        "' or '1'='1",
        "'; drop table runs; --",
        "x') or true --",
        "$1",
        "%",
        "\\",
        "null",
        "{}",
    ];

    for attack in attacks {
        let value = encoded(attack);
        for name in [
            "assistant",
            "quality",
            "from",
            "to",
            "run",
            "before",
            "after",
            "number",
            "asked",
            "framework",
            "unknown",
        ] {
            for path in [
                "/admin/calls",
                "/admin/calls.csv",
                "/admin/calls.ndjson",
                "/admin/calls/a",
            ] {
                let answer = visitor.get(&format!("{path}?{name}={value}")).await;
                let status = answer.status.as_u16();
                assert!(status == 200 || status == 400, "{path}?{name}={attack}: {status}");
            }
        }
        let none = visitor.page(&format!("/admin/calls?assistant={value}")).await;
        assert!(ids(&none).is_empty(), "{attack}");
        let path = format!("/admin/calls/{value}");
        assert_eq!(visitor.get(&path).await.status.as_u16(), 404, "{attack}");
    }
    assert_eq!((db.count("vapi_calls_raw").await, db.count("runs").await), (1, 0));
}

#[tokio::test]
async fn a_parameter_that_cannot_be_used_is_named() {
    let db = TestDb::new().await;
    insert(&db.client().await, &[Stored::new("a", json!({}))]).await;
    let mut visitor = Visitor::signed_in(&db, "UTC").await;
    let long = "x".repeat(300);

    for (address, name) in [
        ("/admin/calls?quality=best".to_owned(), "quality"),
        ("/admin/calls?from=yesterday".to_owned(), "from"),
        ("/admin/calls?to=2026-13-01".to_owned(), "to"),
        ("/admin/calls?from=2026-02-02&to=2026-01-01".to_owned(), "from"),
        ("/admin/calls?run=7".to_owned(), "run"),
        ("/admin/calls?before=x".to_owned(), "before"),
        ("/admin/calls?after=99999999999999999999.x".to_owned(), "after"),
        (format!("/admin/calls?assistant={long}"), "assistant"),
        ("/admin/calls?assistant=%00".to_owned(), "assistant"),
        ("/admin/calls.csv?run=7".to_owned(), "run"),
        ("/admin/calls.ndjson?quality=best".to_owned(), "quality"),
        ("/admin/calls/a?number=seen".to_owned(), "number"),
        ("/admin/calls/a?asked=now".to_owned(), "asked"),
        ("/admin/calls/a?asked=9223372036854775807".to_owned(), "asked"),
        ("/admin/calls/a?framework=7".to_owned(), "framework"),
    ] {
        let answer = visitor.get(&address).await;

        assert_eq!(answer.status.as_u16(), 400, "{address}");
        assert!(
            answer.body.contains(&format!("\u{201c}{name}\u{201d} is not usable")),
            "{address}: {}",
            answer.body
        );
    }
}
