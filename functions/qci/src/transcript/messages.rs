//! Reads the messages of a call. They are told apart by their role; every other field may be missing or wrong.

use serde_json::Value;

use super::timing::Clock;
use super::{Speaker, Turn, one_line, speaker_called};

/// What a tool was given and what it answered can be long; the beginning says enough.
const LONGEST_TOOL_TEXT: usize = 300;

/// The turns in the order of their messages; the numbers are given later.
pub(super) fn read(messages: &[Value]) -> Vec<Turn> {
    let clock = Clock::of(messages);
    let mut turns = Vec::new();
    for (place, message) in messages.iter().enumerate() {
        for (speaker, text) in said(message) {
            let moment = clock.moment(message);
            turns.push(Turn {
                number: 0,
                message: Some(place),
                speaker,
                text,
                start: moment.start,
                end: moment.end,
                speech: moment.speech,
            });
        }
    }
    turns
}

fn said(message: &Value) -> Vec<(Speaker, String)> {
    let role = message["role"].as_str().unwrap_or_default();
    let said = match role {
        "tool_calls" => calls(message),
        "tool_call_result" => vec![(Speaker::Tool, result(message))],
        _ => speaker_called(role)
            .zip(message["message"].as_str())
            .map(|(speaker, text)| (speaker, one_line(text)))
            .into_iter()
            .collect(),
    };
    said.into_iter().filter(|(_, text)| !text.is_empty()).collect()
}

/// One message may call several tools; each call is a turn, so that its result can be told apart.
fn calls(message: &Value) -> Vec<(Speaker, String)> {
    let calls = message["toolCalls"].as_array().map_or(&[][..], Vec::as_slice);
    calls
        .iter()
        .map(|call| {
            let name = name(&call["function"]["name"]);
            (
                Speaker::Tool,
                cut(&format!("{name}({})", text(&call["function"]["arguments"]))),
            )
        })
        .collect()
}

fn result(message: &Value) -> String {
    cut(&format!("{} → {}", name(&message["name"]), text(&message["result"])))
}

fn name(value: &Value) -> &str {
    value.as_str().filter(|name| !name.trim().is_empty()).unwrap_or("tool")
}

/// A text as it is, anything else as JSON.
fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn cut(text: &str) -> String {
    let line = one_line(text);
    match line.char_indices().nth(LONGEST_TOOL_TEXT) {
        Some(_) => line.chars().take(LONGEST_TOOL_TEXT - 1).chain(['…']).collect(),
        None => line,
    }
}
