//! What a generated world holds.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use simulator::vapi::{Size, Spec, World};

use crate::client::now;

fn natural(calls: usize) -> World {
    World::generate(&Spec {
        calls,
        ..Spec::new(now())
    })
}

/// Ended, with at least two turns of the caller and a hundred characters, and no voicemail.
fn is_worth_scoring(call: &Value) -> bool {
    let turns = call["messages"]
        .as_array()
        .map_or(0, |messages| messages.iter().filter(|m| m["role"] == "user").count());
    let transcript = call["artifact"]["transcript"].as_str().unwrap_or("");
    call["status"] == "ended" && turns >= 2 && transcript.len() >= 100 && call["endedReason"] != "voicemail"
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_gives_others() {
    let texts = |seed| {
        let world = World::generate(&Spec {
            seed,
            calls: 120,
            ..Spec::new(now())
        });
        let texts: Vec<_> = world.call_texts().cloned().collect();
        (texts, world.assistants())
    };

    assert_eq!(texts(1), texts(1));
    assert_ne!(texts(1).0, texts(2).0);
    assert_ne!(texts(1).1, texts(2).1);
}

#[test]
fn the_demo_has_926_calls_of_which_291_are_conversations_and_seven_in_ten_lack_a_start() {
    let calls = natural(926).calls();

    assert_eq!(calls.len(), 926);
    assert_eq!(calls.iter().filter(|call| call.get("startedAt").is_none()).count(), 648);
    assert_eq!(calls.iter().filter(|call| is_worth_scoring(call)).count(), 291);
    assert!(
        calls
            .iter()
            .any(|call| is_worth_scoring(call) && call.get("startedAt").is_none())
    );
}

#[test]
fn every_type_and_status_is_there() {
    let calls = natural(926).calls();
    let all = |key: &str| {
        calls
            .iter()
            .filter_map(|call| call[key].as_str())
            .collect::<BTreeSet<_>>()
    };

    assert_eq!(
        all("type").into_iter().collect::<Vec<_>>(),
        ["inboundPhoneCall", "outboundPhoneCall", "vapi.websocketCall", "webCall"]
    );
    assert_eq!(
        all("status").into_iter().collect::<Vec<_>>(),
        [
            "deletion-failed",
            "ended",
            "forwarding",
            "in-progress",
            "not-found",
            "queued",
            "ringing",
            "scheduled"
        ]
    );
    assert!(all("endedReason").len() > 100);
}

#[test]
fn a_large_world_ends_in_hundreds_of_ways() {
    let reasons: BTreeSet<String> = natural(8_000)
        .calls()
        .iter()
        .filter_map(|call| call["endedReason"].as_str().map(str::to_owned))
        .collect();

    assert!(reasons.len() > 250, "{}", reasons.len());
}

#[test]
fn conversations_are_about_thirty_kilobytes_and_no_two_read_the_same() {
    let world = World::generate(&Spec {
        calls: 1500,
        size: Size::Conversations,
        ..Spec::new(now())
    });
    let mut sizes: Vec<usize> = world.call_texts().map(bytes_of).collect();
    sizes.sort_unstable();
    let mean = sizes.iter().sum::<usize>() / sizes.len();
    let calls = world.calls();
    let transcripts: BTreeSet<&str> = calls
        .iter()
        .filter_map(|call| call["artifact"]["transcript"].as_str())
        .collect();

    assert!((27_000..33_000).contains(&mean), "mean {mean}");
    assert!((24_000..29_000).contains(&sizes[750]), "median {}", sizes[750]);
    assert!(
        sizes[0] < 12_000 && sizes[1499] > 80_000,
        "{} to {}",
        sizes[0],
        sizes[1499]
    );
    assert_eq!(transcripts.len(), 1500);
    assert!(calls.iter().all(is_worth_scoring));
}

fn bytes_of(text: &bytes::Bytes) -> usize {
    text.len()
}

#[test]
fn messages_stand_twice_and_once_more_as_a_chat() {
    let calls = natural(300).calls();
    let talks: Vec<&Value> = calls.iter().filter(|call| is_worth_scoring(call)).collect();

    for call in talks {
        assert_eq!(call["messages"], call["artifact"]["messages"]);
        let prompt = &call["messages"][0]["message"];
        assert_eq!(&call["artifact"]["messagesOpenAIFormatted"][0]["content"], prompt);
        assert!(
            !call["artifact"]["transcript"]
                .as_str()
                .unwrap()
                .contains(['{', '[', '|'])
        );
    }
}

#[test]
fn times_of_messages_agree_in_their_three_units() {
    for call in natural(300).calls().iter().filter(|call| is_worth_scoring(call)) {
        let messages = call["messages"].as_array().unwrap();
        let began = messages[0]["time"].as_f64().unwrap();
        for message in &messages[1..] {
            let (time, at) = (
                message["time"].as_f64().unwrap(),
                message["secondsFromStart"].as_f64().unwrap(),
            );
            assert!((time - began - at * 1000.0).abs() < 1.1, "{message}");
            if let (Some(end), Some(duration)) = (message["endTime"].as_f64(), message["duration"].as_f64()) {
                assert!(duration > 0.0 && duration <= end - time + 1.1, "{message}");
            }
        }
    }
}

#[test]
fn tools_fail_succeed_at_the_second_try_and_sometimes_never_answer() {
    let calls = natural(926).calls();
    let (mut failed, mut unanswered, mut retried) = (0, 0, 0);
    for call in calls.iter().filter(|call| is_worth_scoring(call)) {
        let messages = call["messages"].as_array().unwrap();
        let of = |role: &str| {
            messages
                .iter()
                .filter(|message| message["role"] == role)
                .collect::<Vec<_>>()
        };
        let (asked, answered) = (of("tool_calls"), of("tool_call_result"));
        unanswered += asked.len() - answered.len();
        let outcomes: Vec<bool> = answered
            .iter()
            .filter(|answer| answer["name"] == "bookSlot")
            .map(|answer| answer["result"].as_str().unwrap().contains("bookingId"))
            .collect();
        failed += outcomes.iter().filter(|well| !**well).count();
        retried += usize::from(outcomes == [false, true]);
    }

    assert!(
        failed > 10 && unanswered > 0 && retried > 5,
        "{failed} {unanswered} {retried}"
    );
}

#[test]
fn numbers_and_names_are_nobodys() {
    let text: Vec<String> = natural(926).calls().iter().map(Value::to_string).collect();
    let text = text.join("\n");

    for (at, _) in text.match_indices("+1") {
        let digits: String = text[at + 1..].chars().take_while(char::is_ascii_digit).collect();
        assert!(digits.len() != 11 || digits[4..].starts_with("55501"), "{digits}");
    }
    assert!(text.contains("Test Customer ") && text.contains("Demo Caller ") && text.contains("Sample Person "));
}

#[test]
fn a_few_calls_and_assistants_hold_secrets() {
    let world = natural(926);
    let calls = world
        .calls()
        .iter()
        .filter(|call| call.to_string().contains("SECRET-"))
        .count();
    let assistants = world
        .assistants()
        .iter()
        .filter(|assistant| assistant.to_string().contains("SECRET-"))
        .count();

    assert!((15..60).contains(&calls), "{calls}");
    assert!((2..5).contains(&assistants), "{assistants}");
}

#[test]
fn assistants_have_a_brand_and_a_short_name_and_one_has_none() {
    let assistants = natural(1).assistants();
    let names: Vec<&str> = assistants
        .iter()
        .filter_map(|assistant| assistant["name"].as_str())
        .collect();

    assert_eq!((assistants.len(), names.len()), (13, 12));
    assert!(names.iter().all(|name| name.chars().count() <= 40));
    assert!(assistants.iter().all(|assistant| {
        assistant["model"]["messages"][0]["content"]
            .as_str()
            .unwrap()
            .contains("You are ")
    }));
}

#[test]
fn some_calls_share_a_millisecond_and_all_lie_in_the_worlds_days() {
    let calls = natural(926).calls();
    let mut by_instant: BTreeMap<&str, usize> = BTreeMap::new();
    for call in &calls {
        *by_instant.entry(call["createdAt"].as_str().unwrap()).or_default() += 1;
        assert!(call["updatedAt"].as_str() >= call["createdAt"].as_str());
        assert!(call["updatedAt"].as_str().unwrap() <= "2026-09-14T09:00:00.000Z");
    }

    assert!(by_instant.values().filter(|n| **n > 1).count() > 10);
    assert!(*by_instant.keys().next().unwrap() >= "2026-08-31T09:00:00.000Z");
}

#[test]
fn brands_are_misheard_in_some_calls() {
    let variants = [
        "Finwick",
        "Penwick",
        "Fennec",
        "Ken Wick",
        "Spindlewood",
        "Brindle Wood",
        "Kindle Wood",
        "Bringle",
        "Hal Sierra",
        "Halcyon",
        "Al Cyra",
        "Health Sierra",
        "Narrow Gate",
        "Marigate",
        "Marrow Great",
        "Barrow Gate",
        "Solvent is",
        "Sol Vantage",
        "Salvantis",
        "So Vantis",
        "Tarot Bay",
        "Harrowby",
        "Tarry By",
        "Narrow B",
        "Oyster Mere",
        "Austin Mere",
        "Ostrich",
        "Oster Meer",
        "This'll",
        "Missile",
        "Thistle Pint",
        "Whistle",
        "Kilmark",
        "Quill Marquee",
        "Will Mark",
        "Quailmark",
        "Falcona",
        "Vel Kona",
        "Bell Corner",
        "Volcano",
        "Christine",
        "Kestrel",
        "Chest Rain",
        "Kestrene",
        "Pendulum",
        "Pen Drill",
        "Pendle",
        "Bend Rail",
        "Donovan",
        "Dove and",
        "Devonelle",
        "Tova",
    ];
    let calls = natural(926).calls();
    let misheard = calls.iter().filter(|call| {
        let transcript = call["artifact"]["transcript"].as_str().unwrap_or("");
        variants.iter().any(|variant| transcript.contains(variant))
    });

    assert!((10..40).contains(&misheard.count()));
}

#[test]
fn small_worlds_hold_exactly_as_many_calls_as_asked() {
    for calls in [0, 1, 2, 3, 10, 47] {
        assert_eq!(natural(calls).len(), calls);
    }
}
