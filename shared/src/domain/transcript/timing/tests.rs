use serde_json::{Value, json};

use crate::domain::transcript::Transcript;
use crate::domain::transcript::tests::{EPOCH, message, read, system, with, without};

/// The first turn's start, end and speech.
fn moment(transcript: &Transcript) -> (Option<f64>, Option<f64>, Option<f64>) {
    let turn = &transcript.turns[0];
    (turn.start, turn.end, turn.speech)
}

#[test]
fn times_are_seconds_from_the_start() {
    let transcript = read(&[system(), with(message("bot", "Hello!", 1.28, 4.68), "duration", 3000.5)]);

    let (start, end, speech) = moment(&transcript);
    assert_eq!((start, speech), (Some(1.28), Some(3.0005)));
    assert!((end.unwrap() - 4.68).abs() < 1e-3);
}

#[test]
fn an_absolute_or_missing_start_is_counted_from_the_first_message() {
    let hello = message("bot", "Hello!", 1.5, 2.5);
    let missing = without(hello.clone(), "secondsFromStart");

    for absolute in [EPOCH, EPOCH / 1000.0, -1.0] {
        let transcript = read(&[system(), with(hello.clone(), "secondsFromStart", absolute)]);
        assert_eq!(moment(&transcript), (Some(1.5), Some(2.5), Some(1.0)));
    }
    assert_eq!(
        moment(&read(&[without(system(), "secondsFromStart"), missing.clone()])).0,
        Some(1.5)
    );
    assert_eq!(moment(&read(&[missing])).0, Some(0.0));
}

#[test]
fn a_turn_without_an_end_ends_when_it_was_spoken() {
    let transcript = read(&[without(message("bot", "Hello!", 1.0, 3.5), "endTime")]);

    assert_eq!(moment(&transcript), (Some(1.0), Some(3.5), Some(2.5)));
}

#[test]
fn a_turn_with_neither_end_nor_duration_has_a_start_only() {
    let transcript = read(&[without(
        without(message("bot", "Hello!", 1.0, 3.5), "endTime"),
        "duration",
    )]);

    assert_eq!(moment(&transcript), (Some(1.0), None, None));
    assert!(transcript.has_timing(), "nothing comes after it");
}

#[test]
fn without_a_duration_the_whole_turn_was_speech() {
    let transcript = read(&[without(message("bot", "Hello!", 1.0, 3.5), "duration")]);

    assert_eq!(moment(&transcript).2, Some(2.5));
}

#[test]
fn speech_is_never_longer_than_its_turn() {
    let transcript = read(&[with(message("bot", "Hello!", 1.0, 3.5), "duration", 9000)]);

    assert_eq!(moment(&transcript), (Some(1.0), Some(3.5), Some(2.5)));
}

#[test]
fn the_unit_of_the_durations_is_decided_for_the_whole_call() {
    let spoken = |duration: [f64; 3]| {
        let turns = [(1.0, 3.0), (4.0, 8.0), (9.0, 10.0)];
        let messages: Vec<Value> = turns
            .iter()
            .zip(duration)
            .map(|((start, end), duration)| with(message("bot", "Well.", *start, *end), "duration", duration))
            .collect();
        let transcript = read(&messages);
        transcript
            .turns
            .iter()
            .filter_map(|turn| turn.speech)
            .collect::<Vec<f64>>()
    };

    assert_eq!(spoken([1500.0, 4000.0, 900.0]), [1.5, 4.0, 0.9]);
    assert_eq!(spoken([1.5, 4.0, 0.9]), [1.5, 4.0, 0.9]);
    assert_eq!(
        spoken([250.0, 300.0, 120.0]),
        [0.25, 0.3, 0.12],
        "short words in long turns"
    );
    assert_eq!(
        spoken([1500.0, 2.0, 900.0]),
        [1.5, 0.002, 0.9],
        "one small number is not another unit"
    );
    assert_eq!(
        spoken([1.5, 4000.0, 0.9]),
        [1.5, 4.0, 0.9],
        "one large number is not either"
    );
}

#[test]
fn without_ends_small_durations_are_seconds() {
    let transcript = read(&[with(
        without(message("bot", "Hello!", 1.0, 3.0), "endTime"),
        "duration",
        2.5,
    )]);

    assert_eq!(moment(&transcript), (Some(1.0), Some(3.5), Some(2.5)));
}

#[test]
fn absurd_times_are_unknown() {
    let hello = message("bot", "Hello!", 1.0, 3.0);

    for (field, value) in [("endTime", EPOCH), ("endTime", EPOCH + 1e9), ("endTime", -1.0)] {
        let transcript = read(&[without(with(hello.clone(), field, value), "duration")]);
        assert_eq!(moment(&transcript), (Some(1.0), None, None), "{field} {value}");
    }
    for duration in [-5.0, 1e12] {
        let transcript = read(&[with(hello.clone(), "duration", duration)]);
        assert_eq!(
            moment(&transcript),
            (Some(1.0), Some(3.0), Some(2.0)),
            "duration {duration}"
        );
    }
    let nothing = json!({"role": "user", "message": "Hi", "time": "now", "secondsFromStart": null, "duration": []});
    assert_eq!(moment(&read(&[nothing])), (None, None, None));
}

#[test]
fn an_end_at_the_start_is_wrong_where_something_was_spoken() {
    let transcript = read(&[with(message("bot", "Hello!", 1.0, 3.0), "endTime", EPOCH + 1000.0)]);

    assert_eq!(moment(&transcript), (Some(1.0), Some(3.0), Some(2.0)));
}
