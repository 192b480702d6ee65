//! What a document becomes, and what becomes of a strange one.

use crate::domain::call::Call;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn read(call: &Value) -> (Call, Vec<Oddity>) {
    match super::call(call.to_string().as_bytes()) {
        Reading::Usable(call, odd) => (*call, odd),
        other => panic!("{other:?}"),
    }
}

fn with_tool(name: &str, result: &str) -> Value {
    json!({
        "id": "c", "createdAt": "2026-08-03T10:00:00.000Z", "updatedAt": "2026-08-03T10:00:00.000Z",
        "artifact": {"messages": [
            {"role": "tool_calls", "toolCalls": [{"id": "t", "function": {"name": name}}]},
            {"role": "tool_call_result", "toolCallId": "t", "name": name, "result": result},
        ]},
    })
}

#[test]
fn a_booking_is_a_booking_tool_that_answered_without_an_error() {
    let booked = |name, result| read(&with_tool(name, result)).0.has_calendar_booking;

    assert!(booked("bookSlot", r#"{"ok": true, "ref": "LB-0099"}"#));
    assert!(booked("create_appointment", "confirmed"));
    assert!(!booked("bookSlot", "Error: upstream timeout after 2500ms"));
    assert!(!booked("bookSlot", r#"{"ok": false}"#));
    assert!(!booked("findBookableSlots", "09:00, 10:00"));
    assert!(!booked("cancelAppointment", "done"));
    assert!(!booked("lookUpPrice", "12 dollars"));
}

#[test]
fn a_booking_that_failed_and_then_worked_is_one() {
    let mut call = with_tool("bookSlot", "Error: slow");
    let messages = call["artifact"]["messages"].as_array_mut().unwrap();
    messages.push(json!({"role": "tool_calls", "toolCalls": [{"id": "u", "function": {"name": "bookSlot"}}]}));
    messages.push(json!({"role": "tool_call_result", "toolCallId": "u", "result": "{\"ok\": true}"}));

    let (call, _) = read(&call);

    assert!(call.has_calendar_booking && call.has_tool_calls);
    assert_eq!(call.tool_names, ["bookSlot"]);
}

#[test]
fn a_copy_is_left_out_only_where_it_is_one() {
    let messages = json!([{"role": "user", "message": "hello"}]);
    let mut call = json!({"id": "c", "messages": messages, "transcript": "User: hello\n",
        "artifact": {"messages": messages, "transcript": "User: hello\n", "messagesOpenAIFormatted": [{"role": "user"}], "logUrl": "l"}});

    let stored: Value = serde_json::from_str(&read(&call).0.document).unwrap();
    assert_eq!(
        stored,
        json!({"id": "c", "artifact": {"messages": messages, "logUrl": "l"}})
    );

    call["messages"] = json!([{"role": "user", "message": "hello there"}]);
    call["transcript"] = json!("another transcript");
    let stored: Value = serde_json::from_str(&read(&call).0.document).unwrap();
    assert_eq!(
        (&stored["messages"], &stored["transcript"]),
        (&call["messages"], &call["transcript"])
    );
}

#[test]
fn signed_urls_and_their_absence_are_the_same_document() {
    let plain = json!({"id": "c", "status": "queued"});
    let signed = json!({"id": "c", "status": "queued", "artifact": {"presignedMonoUrl": "https://a", "presignedUrlsExpiresAt": "x"}});

    assert_eq!(read(&plain).0.document_hash, read(&signed).0.document_hash);
}

#[test]
fn a_transcript_that_changes_changes_the_hash_although_it_is_not_in_the_document() {
    let call = |transcript| read(&json!({"id": "c", "artifact": {"transcript": transcript}})).0;

    assert_eq!(call("a").document, call("b").document);
    assert_ne!(call("a").document_hash, call("b").document_hash);
}

#[test]
fn a_cost_is_kept_to_the_digit() {
    let cost = |text: &str| match super::call(format!("{{\"id\":\"c\",\"cost\":{text}}}").as_bytes()) {
        Reading::Usable(call, _) => call.cost.map(|cost| cost.to_string()),
        other => panic!("{other:?}"),
    };

    assert_eq!(cost("0.1532").as_deref(), Some("0.1532"));
    assert_eq!(cost("1.5e-3").as_deref(), Some("0.0015"));
    assert_eq!(cost("1e400"), None);
    assert_eq!(cost("\"0.15\""), None);
}

#[test]
fn what_is_not_json_is_told_from_what_is_no_call() {
    assert!(matches!(super::call(b"{\"id\": \"c\", "), Reading::Malformed(_)));
    assert!(matches!(super::call(b"{\"id\": \"c\" x}"), Reading::Malformed(_)));
    assert!(matches!(super::call(b"[1]"), Reading::Unusable(_)));
    assert!(matches!(super::call(b"{\"id\": \"  \"}"), Reading::Unusable(_)));
}

#[test]
fn a_text_that_is_not_utf8_is_stored_with_replacements() {
    let Reading::Usable(call, odd) = super::call(b"{\"id\": \"c\", \"endedReason\": \"a\xFFb\"}") else {
        panic!()
    };

    assert_eq!(call.ended_reason.as_deref(), Some("a\u{fffd}b"));
    assert!(odd.contains(&Oddity::Repaired));
}

#[test]
fn an_assistant_is_another_version_when_its_prompt_model_voice_or_tools_change_and_only_then() {
    let version = |pointer: &str, value: Value| {
        let mut assistant = json!({
            "id": "a", "name": "Front desk", "createdAt": "2026-05-01T08:00:00.000Z", "updatedAt": "2026-05-01T08:00:00.000Z",
            "model": {"model": "m", "toolIds": ["t"], "temperature": 0.3, "messages": [{"role": "system", "content": "Be kind."}]},
            "voice": {"voiceId": "v"},
        });
        if !pointer.is_empty() {
            *assistant.pointer_mut(pointer).unwrap() = value;
        }
        match super::assistant(assistant.to_string().as_bytes()) {
            Reading::Usable(assistant, _) => assistant.version_hash,
            other => panic!("{other:?}"),
        }
    };
    let first = version("", Value::Null);

    for pointer in ["/model/messages/0/content", "/model/model", "/voice/voiceId"] {
        assert_ne!(version(pointer, json!("another")), first, "{pointer}");
    }
    assert_ne!(version("/model/toolIds", json!(["t", "u"])), first);
    assert_eq!(version("/name", json!("another")), first);
    assert_eq!(version("/updatedAt", json!("2026-09-01T08:00:00.000Z")), first);
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = super::call(&bytes);
        let _ = super::assistant(&bytes);
    }

    #[test]
    fn no_text_around_a_call_makes_it_panic(text in "[\\[\\]{}\",:\\\\u0-9a-f ]{0,80}") {
        let _ = super::call(format!("{{\"id\":\"c\",\"x\":{text}}}").as_bytes());
    }
}
