use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use shared::domain::transcript::Speaker::{Agent, Caller, Other, ToolCall, ToolResult};
use shared::domain::transcript::Turn;

/// A call from who spoke, from when to when, and what; tools only have a start.
pub(super) fn call(turns: &[(Speaker, f64, f64, &str)]) -> Transcript {
    let turns = turns.iter().zip(1..).map(|((speaker, start, end, text), number)| Turn {
        number: Some(number),
        message: Some(number),
        speaker: *speaker,
        name: text
            .split(['(', ' '])
            .next()
            .filter(|_| speaker.is_tool())
            .map(str::to_owned),
        text: (*text).to_owned(),
        start: Some(*start),
        end: speaker.is_voice().then_some(*end),
        speech: speaker.is_voice().then_some(end - start),
    });
    Transcript {
        turns: turns.collect(),
        ..Transcript::default()
    }
}

fn untimed(mut transcript: Transcript) -> Transcript {
    for turn in &mut transcript.turns {
        (turn.start, turn.end, turn.speech) = (None, None, None);
    }
    transcript
}

pub(super) fn facts(transcript: &Transcript) -> Facts {
    Facts::of(transcript, None, &[])
}

fn fennwick() -> Brand {
    Brand {
        name: "Fennwick Dental".to_owned(),
        aliases: Vec::new(),
    }
}

#[test]
fn talk_is_shared_by_seconds_of_speech() {
    let mut transcript = call(&[(Agent, 0.0, 6.0, "one two"), (Caller, 7.0, 12.0, "three four five six")]);
    transcript.turns[1].speech = Some(2.0);

    let facts = facts(&transcript);

    assert_eq!(
        (facts.agent_speech_seconds, facts.caller_speech_seconds),
        (Some(6.0), Some(2.0))
    );
    assert_eq!(
        (facts.agent_talk_share, facts.talk_share_by),
        (Some(0.75), Some(TalkShareBy::Seconds))
    );
    assert_eq!(
        (facts.agent_words, facts.caller_words, facts.agent_talk_share_by_words),
        (2, 4, Some(0.333))
    );
    assert_eq!(facts.measure(Measure::AgentTalkShare), Some(0.75));
}

#[test]
fn talk_is_shared_by_words_where_the_speech_of_one_turn_is_unknown() {
    let mut transcript = call(&[(Agent, 0.0, 6.0, "one two three"), (Caller, 7.0, 12.0, "four")]);
    transcript.turns[1].speech = None;

    let facts = facts(&transcript);

    assert_eq!(
        (facts.agent_speech_seconds, facts.caller_speech_seconds),
        (Some(6.0), None)
    );
    assert_eq!(
        (facts.agent_talk_share, facts.talk_share_by),
        (None, Some(TalkShareBy::Words))
    );
    assert_eq!(facts.measure(Measure::AgentTalkShare), Some(0.75));
}

#[test]
fn a_percentile_is_one_of_the_numbers() {
    let twenty: Vec<f64> = (1..=20).map(f64::from).collect();

    assert_eq!(
        (percentile(&twenty, 50), percentile(&twenty, 95)),
        (Some(10.0), Some(19.0))
    );
    assert_eq!((percentile(&[7.0], 50), percentile(&[7.0], 95)), (Some(7.0), Some(7.0)));
    assert_eq!(percentile(&[], 50), None);
}

#[test]
fn value_is_found_word_by_word_in_what_the_agent_says() {
    let transcript = call(&[
        (Caller, 0.0, 1.0, "Do you save me money?"),
        (Agent, 2.0, 3.0, "We have safe money boxes."),
        (Agent, 4.0, 5.0, "You\u{2019}ll SAVE, money — every month."),
        (Agent, 6.0, 7.0, "You'll save money!"),
    ]);

    let facts = Facts::of(&transcript, None, &["youll save money".to_owned(), "…".to_owned()]);

    assert_eq!(
        (facts.time_to_value_seconds, facts.value_statements),
        (Some(4.0), Some(2))
    );
    assert_eq!(facts.measure(Measure::TimeToValue), Some(4.0));
}

#[test]
fn what_nobody_looked_for_is_unknown() {
    let facts = Facts::of(&call(&[(Agent, 0.0, 1.0, "Fennwick Dental")]), None, &["—".to_owned()]);

    assert_eq!(
        (facts.value_statements, facts.measure(Measure::TimeToValue)),
        (None, None)
    );
    assert_eq!(
        (facts.brand_mentions, facts.measure(Measure::BrandMentions)),
        (None, None)
    );
    assert_eq!(facts.measure(Measure::BrandFirstMention), None);
}

#[test]
fn what_never_came_in_a_timed_call_is_infinitely_late_and_written_as_null() {
    let transcript = call(&[
        (Agent, 0.0, 1.0, "Hello."),
        (Caller, 2.0, 3.0, "Is that Fennwick Dental? Save money?"),
    ]);

    let facts = Facts::of(&transcript, Some(&fennwick()), &["save money".to_owned()]);

    assert_eq!(facts.measure(Measure::BrandFirstMention), Some(f64::INFINITY));
    assert_eq!(facts.measure(Measure::TimeToValue), Some(f64::INFINITY));
    assert_eq!(facts.measure(Measure::BrandMentions), Some(0.0));
    let written = serde_json::to_value(&facts).unwrap();
    assert_eq!(
        (&written["brand_first_mention_seconds"], &written["brand_mentions"]),
        (&Value::Null, &json!(0))
    );
    assert_eq!(
        (&written["time_to_value_seconds"], &written["talk_share_by"]),
        (&Value::Null, &json!("seconds"))
    );
}

#[test]
fn the_brand_is_counted_in_every_spelling() {
    let transcript = call(&[
        (Agent, 1.5, 3.0, "Hello."),
        (Agent, 4.0, 6.0, "Finwick Dental, or finwick dental. Yes."),
        (Agent, 7.0, 8.0, "Fennwick Dental."),
    ]);

    let facts = Facts::of(&transcript, Some(&fennwick()), &[]);

    assert_eq!(
        (facts.brand_first_mention_seconds, facts.brand_mentions),
        (Some(4.0), Some(3))
    );
    assert_eq!(facts.brand_heard_as, ["Finwick Dental", "Fennwick Dental"]);
}

#[test]
fn a_sentence_said_again_is_a_repeat_each_time() {
    let transcript = call(&[
        (
            Agent,
            0.0,
            1.0,
            "What is your date of birth? It costs $3.50 a day. Okay.",
        ),
        (Caller, 2.0, 3.0, "What is your date of birth?"),
        (
            Agent,
            4.0,
            5.0,
            "Okay. \u{201c}What is your date of birth?\u{201d} It costs $3.40 a day.",
        ),
        (Agent, 6.0, 7.0, "What is YOUR date of birth?! Okay."),
    ]);

    let facts = facts(&transcript);

    assert_eq!(facts.repeated_phrases, 2);
    assert_eq!(facts.repeated, ["\u{201c}What is your date of birth?\u{201d}"]);
    assert_eq!(facts.measure(Measure::RepeatedPhrases), Some(2.0));
}

#[test]
fn at_most_five_repeated_sentences_are_kept() {
    let sentences: Vec<String> = (0..7).map(|n| format!("We are open at {n} today.")).collect();
    let text = sentences.join(" ");

    let facts = facts(&call(&[(Agent, 0.0, 1.0, &text), (Agent, 2.0, 3.0, &text)]));

    assert_eq!((facts.repeated_phrases, facts.repeated.len()), (7, 5));
    assert_eq!(facts.repeated[0], "We are open at 0 today.");
}

#[test]
fn nothing_is_measured_in_time_where_there_is_none() {
    let transcript = untimed(call(&[
        (Agent, 0.0, 1.0, "Fennwick Dental, you save money."),
        (Caller, 5.0, 6.0, "Good."),
    ]));

    let named = Facts::of(&transcript, Some(&fennwick()), &["save money".to_owned()]);
    let unnamed = Facts::of(
        &transcript,
        Some(&Brand {
            name: "Velkona".to_owned(),
            ..fennwick()
        }),
        &["no".to_owned()],
    );

    let only_words = Facts {
        agent_words: 5,
        caller_words: 1,
        agent_talk_share_by_words: Some(0.833),
        talk_share_by: Some(TalkShareBy::Words),
        value_statements: Some(1),
        brand_mentions: Some(1),
        brand_heard_as: vec!["Fennwick Dental".to_owned()],
        ..Facts::default()
    };
    assert_eq!(named, only_words);
    assert_eq!(named.measure(Measure::BrandFirstMention), None);
    assert_eq!(
        (unnamed.brand_mentions, unnamed.measure(Measure::BrandFirstMention)),
        (Some(0), None)
    );
    assert_eq!(unnamed.measure(Measure::TimeToValue), None);
}

#[test]
fn without_any_times_not_even_silence_is_known() {
    let untimed = facts(&untimed(call(&[(Agent, 0.0, 1.0, "Hello?")])));
    let timed = facts(&call(&[(Agent, 0.0, 1.0, "Hello?")]));

    assert_eq!((untimed.caller_speech_seconds, untimed.dead_air_seconds), (None, None));
    assert_eq!(
        (timed.caller_speech_seconds, timed.agent_talk_share),
        (Some(0.0), Some(1.0))
    );
    let written = serde_json::to_string(&timed).unwrap();
    assert!(written.contains("\"dead_air_seconds\":0.0"), "{written}");
}

#[test]
fn an_empty_call_has_no_facts() {
    assert_eq!(facts(&Transcript::default()), Facts::default());
}

/// Turns as a reader can make them: times are known or not, and a turn ends after it began.
fn turns() -> impl Strategy<Value = Vec<Turn>> {
    let speaker = proptest::sample::select(vec![Agent, Caller, Agent, Caller, ToolCall, ToolResult, Other]);
    let time = || proptest::option::weighted(0.8, 0.0..200.0);
    let turn = (speaker, time(), time(), 0.0..=1.0, "[a-zA-Z '.,?]{0,60}|\\PC{0,20}");
    let turn = turn.prop_map(
        |(speaker, start, length, spoken, text): (_, Option<f64>, Option<f64>, f64, _)| Turn {
            speaker,
            name: Some("book".to_owned()).filter(|_| speaker.is_tool()),
            text,
            start,
            end: start.zip(length).map(|(start, length)| start + length),
            speech: length.map(|length| length * spoken),
            ..Turn::default()
        },
    );
    proptest::collection::vec(turn, 0..14)
}

proptest! {
    #[test]
    fn facts_stay_within_their_bounds(turns in turns()) {
        let transcript = Transcript { turns, ..Transcript::default() };

        let facts = Facts::of(&transcript, Some(&fennwick()), &["a".to_owned()]);

        for share in [facts.agent_talk_share, facts.agent_talk_share_by_words].into_iter().flatten() {
            prop_assert!((0.0..=1.0).contains(&share));
        }
        let seconds = [
            facts.response_latency_p50_seconds, facts.response_latency_p95_seconds, facts.dead_air_seconds,
            facts.tool_wait_seconds, facts.longest_silence_seconds, facts.time_to_value_seconds,
        ];
        prop_assert!(seconds.into_iter().flatten().all(|seconds| seconds.is_finite() && seconds >= 0.0));
        prop_assert!(facts.tool_wait_seconds <= facts.dead_air_seconds.map(|dead| dead + 0.001));
        prop_assert!(facts.dead_air_seconds.is_some() == facts.timed);
        prop_assert!(serde_json::to_string(&facts).is_ok());
    }
}
