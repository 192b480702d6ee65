use shared::domain::rubric::Measure;

use crate::measure::tests::{call, facts};
use shared::domain::transcript::Speaker::{Agent, Caller, ToolCall, ToolResult};

#[test]
fn only_silence_of_more_than_three_seconds_is_dead_air() {
    let transcript = call(&[
        (Agent, 0.0, 2.0, "a"),
        (Caller, 5.0, 6.0, "b"),
        (Agent, 9.5, 11.0, "c"),
        (Caller, 12.0, 13.0, "d"),
        (Agent, 18.0, 19.0, "e"),
    ]);

    let facts = facts(&transcript);

    assert_eq!((facts.dead_air_seconds, facts.dead_air_count), (Some(8.5), Some(2)));
    assert_eq!(facts.longest_silence_seconds, Some(5.0));
    assert_eq!(facts.tool_wait_seconds, Some(0.0));
}

#[test]
fn three_seconds_are_three_whatever_the_arithmetic_makes_of_them() {
    let facts = facts(&call(&[(Agent, 0.0, 1.1, "a"), (Caller, 4.100_000_000_1, 5.0, "b")]));

    assert_eq!(
        (facts.dead_air_seconds, facts.longest_silence_seconds),
        (Some(0.0), Some(3.0))
    );
}

#[test]
fn silence_begins_when_the_last_of_both_has_ended() {
    let facts = facts(&call(&[
        (Agent, 0.0, 10.0, "a"),
        (Caller, 2.0, 3.0, "b"),
        (Agent, 14.0, 15.0, "c"),
    ]));

    assert_eq!(
        (facts.dead_air_seconds, facts.longest_silence_seconds),
        (Some(4.0), Some(4.0))
    );
}

#[test]
fn the_wait_for_a_tool_is_dead_air_and_told_apart() {
    let transcript = call(&[
        (Agent, 0.0, 2.0, "Let me look."),
        (ToolCall, 2.5, 0.0, "find({})"),
        (ToolCall, 3.0, 0.0, "book({\"a → b\": 1})"),
        (ToolResult, 6.0, 0.0, "find → none"),
        (ToolResult, 7.0, 0.0, "book → done"),
        (Agent, 8.0, 9.0, "Done."),
        (ToolCall, 9.5, 0.0, "lost({})"),
        (Caller, 13.5, 14.0, "Hello?"),
        (ToolCall, 14.5, 0.0, "quick()"),
        (ToolResult, 15.0, 0.0, "quick → ok"),
        (Agent, 16.0, 17.0, "Yes."),
    ]);

    let facts = facts(&transcript);

    assert_eq!(
        (facts.dead_air_seconds, facts.dead_air_count),
        (Some(6.0 + 4.5), Some(2))
    );
    assert_eq!(facts.tool_wait_seconds, Some(4.5 + 4.0));
}

#[test]
fn the_wait_for_a_tool_is_unknown_without_its_time() {
    let mut transcript = call(&[
        (Agent, 0.0, 2.0, "a"),
        (ToolCall, 2.5, 0.0, "find({})"),
        (Agent, 8.0, 9.0, "b"),
    ]);
    transcript.turns[1].start = None;

    let facts = facts(&transcript);

    assert_eq!((facts.dead_air_seconds, facts.tool_wait_seconds), (Some(6.0), None));
}

#[test]
fn an_interruption_is_a_start_within_the_others_turn() {
    let transcript = call(&[
        (Caller, 0.0, 5.0, "a"),
        (Agent, 4.0, 8.0, "cuts in"),
        (Caller, 7.0, 9.0, "cuts in"),
        (Agent, 8.8, 10.0, "overlaps by no more than people do"),
        (Agent, 11.0, 14.0, "b"),
        (Caller, 12.0, 13.0, "cuts in"),
        (Caller, 13.9, 16.0, "overlaps a little"),
        (Caller, 20.0, 22.0, "c"),
        (Agent, 20.0, 21.0, "begins together"),
    ]);

    let facts = facts(&transcript);

    assert_eq!(
        (facts.agent_interruptions, facts.caller_interruptions),
        (Some(1), Some(2))
    );
    assert_eq!(facts.measure(Measure::AgentInterruptions), Some(1.0));
}

#[test]
fn latency_is_from_the_end_of_the_caller_to_the_answer() {
    let transcript = call(&[
        (Caller, 0.0, 1.0, "a"),
        (Agent, 2.0, 3.0, "after 1"),
        (Caller, 4.0, 5.0, "b"),
        (Agent, 9.0, 10.0, "after 4"),
        (Agent, 15.0, 16.0, "answers nobody"),
        (Caller, 17.0, 18.0, "c"),
        (ToolCall, 18.5, 0.0, "find({})"),
        (Agent, 20.0, 21.0, "after 2, with a tool"),
        (Caller, 22.0, 24.0, "d"),
        (Agent, 23.0, 25.0, "cuts in"),
    ]);

    let facts = facts(&transcript);

    assert_eq!(facts.response_count, 3);
    assert_eq!(
        (facts.response_latency_p50_seconds, facts.response_latency_p95_seconds),
        (Some(2.0), Some(4.0))
    );
    assert_eq!(facts.measure(Measure::ResponseLatencyP95), Some(4.0));
}
