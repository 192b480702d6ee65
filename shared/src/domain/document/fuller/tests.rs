//! What two versions come to: cases by hand here, sequences of versions in [`sequences`].

mod sequences;

use serde_json::{Value, json};

use super::*;

fn read(document: &Value) -> Call {
    match call(document.to_string().as_bytes()) {
        Reading::Usable(call, _) => *call,
        other => panic!("{other:?}"),
    }
}

fn version(call: &Call) -> Version<'_> {
    Version {
        document: &call.document,
        transcript: call.transcript.as_deref(),
    }
}

/// What is stored once `base` came after `filler`, and whether content was kept.
fn merged(base: &Value, filler: &Value) -> (Call, bool) {
    let (base, filler) = (read(base), read(filler));
    match fuller(version(&base), version(&filler)) {
        Some(whole) => (*whole.call, whole.content),
        None => (base, false),
    }
}

fn document(call: &Call) -> Value {
    serde_json::from_str(&call.document).unwrap()
}

fn said(texts: &[&str]) -> Value {
    let message = |(time, text): (usize, &&str)| json!({"role": "user", "message": text, "time": time});
    texts.iter().enumerate().map(message).collect()
}

fn full() -> Value {
    json!({
        "id": "c", "status": "ended", "endedReason": "customer-ended-call", "cost": 0.15, "customer": {"number": "+1", "name": "A"},
        "messages": said(&["one", "two", "three"]),
        "analysis": {"summary": "Short.", "successEvaluation": "true", "structuredData": {"a": {"b": [1]}}},
        "artifact": {
            "messages": said(&["one", "two", "three"]), "transcript": "AI: one\nUser: two\n", "nodes": [],
            "recording": {"mono": {"combinedUrl": "https://r"}}, "structuredOutputs": {"x": {"result": 7}},
        },
    })
}

#[test]
fn content_that_is_gone_in_any_form_is_kept_and_changed_facts_are_taken() {
    for gone in [
        json!(null),
        json!(""),
        json!({}),
        json!([]),
        json!(" \n"),
        json!([{}, null]),
    ] {
        let mut hollow = full();
        for name in ["messages", "analysis", "artifact"] {
            hollow[name] = gone.clone();
        }
        hollow["cost"] = json!(0.25);
        hollow["endedReason"] = json!("call-deleted");
        hollow["status"] = json!("deletion-failed");
        let mut expected = full();
        for name in ["cost", "endedReason", "status"] {
            expected[name] = hollow[name].clone();
        }

        let (call, content) = merged(&hollow, &full());

        assert!(content);
        let expected = read(&expected);
        assert_eq!(document(&call), document(&expected), "{gone}");
        assert_eq!(
            (&call.transcript, &call.recording_url),
            (&expected.transcript, &expected.recording_url)
        );
    }
}

#[test]
fn one_member_that_is_gone_is_kept_wherever_it_stands() {
    for pointer in [
        "/artifact/messages",
        "/artifact/transcript",
        "/artifact/recording",
        "/artifact/recording/mono",
        "/artifact/recording/mono/combinedUrl",
        "/artifact/structuredOutputs/x/result",
        "/analysis/summary",
        "/analysis/structuredData/a/b",
        "/customer/name",
        "/cost",
    ] {
        let mut hollow = full();
        *hollow.pointer_mut(pointer).unwrap() = Value::Null;

        let (call, content) = merged(&hollow, &full());

        assert_eq!(document(&call), document(&read(&full())), "{pointer}");
        let is_lost = !["/artifact/messages", "/customer/name", "/cost"].contains(&pointer);
        assert_eq!(content, is_lost, "{pointer}: the messages stand in two places");
    }
}

#[test]
fn a_conversation_whose_texts_are_gone_is_filled_and_a_shorter_one_gives_way() {
    let call = |messages: Value| json!({"id": "c", "artifact": {"messages": messages}});
    let kept = |base: &[&str], filler: &[&str]| {
        let (call, _) = merged(&call(said(base)), &call(said(filler)));
        let messages = document(&call)["artifact"]["messages"].clone();
        let texts: Vec<String> = messages
            .as_array()
            .unwrap()
            .iter()
            .map(|message| message["message"].as_str().unwrap().to_owned())
            .collect();
        texts.join(" ")
    };

    assert_eq!(kept(&["", "", ""], &["one", "two", "three"]), "one two three");
    assert_eq!(kept(&["ONE", "", ""], &["one", "two", "three"]), "ONE two three");
    assert_eq!(kept(&["one"], &["one", "two", "three"]), "one two three");
    assert_eq!(
        kept(&["", "", "", "four"], &["one", "two", "three"]),
        "one two three four"
    );
    assert_eq!(
        kept(&["ONE", "TWO", "THREE"], &["one", "two", "three"]),
        "ONE TWO THREE"
    );
    assert_eq!(kept(&["one", "two"], &["one", ""]), "one two");
    for other in [json!("a text"), json!(7), json!({"a": 1})] {
        let (call, content) = merged(&call(other), &call(said(&["one"])));
        assert_eq!(
            (document(&call)["artifact"]["messages"].clone(), content),
            (said(&["one"]), true)
        );
    }
}

#[test]
fn messages_that_are_of_other_things_do_not_fill_each_other() {
    let list = |role: &str, text: &str| json!({"id": "c", "messages": [{"role": role, "message": text}, {"role": role, "message": "x"}]});

    let (call, _) = merged(&list("bot", ""), &list("user", ""));
    assert_eq!(document(&call)["messages"][0]["message"], "");

    let (call, _) = merged(&list("bot", ""), &list("user", "said"));
    assert_eq!(document(&call), list("user", "said"), "more is said in the other");
}

#[test]
fn a_conversation_stands_once_and_is_read_wherever_each_version_has_it() {
    let at_top =
        |texts: &[&str], transcript: &str| json!({"id": "c", "messages": said(texts), "transcript": transcript});
    let in_artifact = |texts: &[&str], transcript: &str| json!({"id": "c", "artifact": {"messages": said(texts), "transcript": transcript, "logUrl": "l"}});
    let (short, long) = (["one"], ["one", "two"]);
    for (base, filler) in [
        (at_top(&short, "a"), in_artifact(&long, "a b")),
        (in_artifact(&short, "a"), at_top(&long, "a b")),
        (at_top(&long, "a b"), in_artifact(&short, "a")),
        (in_artifact(&long, "a b"), at_top(&short, "a")),
    ] {
        let (call, _) = merged(&base, &filler);

        let document = document(&call);
        assert_eq!(document["artifact"]["messages"], said(&long), "{document}");
        assert_eq!(document.get("messages"), None);
        assert_eq!(call.transcript.as_deref(), Some("a b"));
        assert!(document.get("transcript").is_none() && document["artifact"].get("transcript").is_none());
    }
}

#[test]
fn two_different_conversations_and_transcripts_of_one_call_both_stay() {
    let both = json!({"id": "c", "messages": said(&["one"]), "transcript": "top",
        "artifact": {"messages": said(&["one", "two"]), "transcript": "artifact"}});
    let hollow = json!({"id": "c", "status": "ended", "messages": [], "artifact": {}});

    let (call, content) = merged(&hollow, &both);

    assert!(content);
    let document = document(&call);
    assert_eq!(document["messages"], said(&["one"]));
    assert_eq!(document["artifact"]["messages"], said(&["one", "two"]));
    assert_eq!(
        (&document["transcript"], call.transcript.as_deref()),
        (&json!("top"), Some("artifact"))
    );
}

#[test]
fn a_transcript_that_was_cut_gives_way_and_one_that_says_other_things_holds() {
    let call = |text: &str| json!({"id": "c", "artifact": {"transcript": text}});
    let kept = |base, filler| merged(&call(base), &call(filler)).0.transcript.unwrap();

    assert_eq!(
        kept("AI: Hello.\n", "AI: Hello.\nUser: Hi.\n"),
        "AI: Hello.\nUser: Hi.\n"
    );
    assert_eq!(kept(" \n", "AI: Hello."), "AI: Hello.");
    assert_eq!(kept("AI: Good day.", "AI: Hello.\nUser: Hi.\n"), "AI: Good day.");
    assert_eq!(kept("AI: Hello.", "AI: Hello.\n"), "AI: Hello.");
}

#[test]
fn facts_may_shrink_as_long_as_something_is_left() {
    let (call, content) = merged(
        &json!({"id": "c", "costs": [{"cost": 1}], "costBreakdown": {"llm": 2}}),
        &json!({"id": "c", "costs": [{"cost": 3}, {"cost": 4}], "costBreakdown": {"llm": 1, "stt": 5}}),
    );

    assert_eq!(
        document(&call),
        json!({"id": "c", "costs": [{"cost": 1}], "costBreakdown": {"llm": 2, "stt": 5}})
    );
    assert!(!content);
}

#[test]
fn content_of_another_type_gives_nothing_up_and_breaks_nothing() {
    for odd in ["\"gone\"", "7", "true", "[1, {}]", "1e400", "[[[[]]]]"] {
        for name in ["artifact", "analysis", "messages"] {
            let mut hollow = full();
            hollow[name] = json!("@");
            let text = hollow.to_string().replace("\"@\"", odd);
            let full = read(&full());
            let hollow = match call(text.as_bytes()) {
                Reading::Usable(call, _) => *call,
                other => panic!("{other:?}"),
            };

            for (base, filler) in [(&hollow, &full), (&full, &hollow)] {
                let call = fuller(version(base), version(filler)).map_or_else(|| base.clone(), |fuller| *fuller.call);

                // The odd value stands in place of nothing that can be read from the other version.
                assert!(call.document.contains("three"), "{name} {odd}: {}", call.document);
                assert_eq!(call.transcript, full.transcript, "{name} {odd}");
            }
        }
    }
}

#[test]
fn depth_and_digits_cost_nothing() {
    let deep = [&r#"{"a":"#.repeat(500), "1", &"}".repeat(500)].concat();
    let full = format!(r#"{{"id":"c","cost":0.10000000000000000001,"artifact":{{"variables":{deep},"n":1e400}}}}"#);
    let hollow =
        format!(r#"{{"id":"c","cost":null,"artifact":{{"variables":{{"a":{{}}}}}},"analysis":{{"x":{deep}}}}}"#);
    let [full, hollow] = [full, hollow].map(|text| match call(text.as_bytes()) {
        Reading::Usable(call, _) => *call,
        other => panic!("{other:?}"),
    });

    let call = *fuller(version(&hollow), version(&full)).unwrap().call;

    assert!(call.document.contains("0.10000000000000000001") && call.document.contains("1e400"));
    assert_eq!(call.document.matches(&deep).count(), 2);
}

#[test]
fn a_version_that_lacks_nothing_is_left_as_it_is() {
    let mut newer = full();
    newer["analysis"]["summary"] = json!("Longer than it was.");
    newer["artifact"]["more"] = json!([1]);
    let (base, filler) = (read(&newer), read(&full()));

    assert!(fuller(version(&base), version(&filler)).is_none());
}
