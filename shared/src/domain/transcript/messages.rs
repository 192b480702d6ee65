//! Reads the messages of a call. They are told apart by their role; every other field may be missing or wrong.

use serde_json::Value;

use super::timing::{Clock, Moment};
use super::{Speaker, Transcript, Turn, one_line};

/// The turns in the order of their messages; the numbers are given later.
pub(super) fn read(messages: &[Value]) -> Transcript {
    let clock = Clock::of(messages);
    let mut transcript = Transcript {
        has_messages: !messages.is_empty(),
        unreadable: messages.iter().filter(|message| !message.is_object()).count(),
        ..Transcript::default()
    };
    for (place, message) in messages.iter().enumerate() {
        if message["role"] == "system" {
            transcript
                .instructions
                .extend(message["message"].as_str().map(str::to_owned));
            continue;
        }
        let moment = clock.moment(message);
        transcript
            .turns
            .extend(said(message).into_iter().filter_map(|said| said.turn(place, moment)));
    }
    transcript
}

struct Said {
    speaker: Speaker,
    name: Option<String>,
    text: String,
}

fn said(message: &Value) -> Vec<Said> {
    let role = message["role"].as_str().unwrap_or_default();
    match role {
        "tool_calls" => calls(message),
        "tool_call_result" => vec![result(message)],
        _ => {
            let speaker = Speaker::called(role);
            vec![Said {
                speaker: speaker.unwrap_or(Speaker::Other),
                name: speaker.is_none().then(|| one_line(role)),
                text: message["message"].as_str().unwrap_or_default().to_owned(),
            }]
        }
    }
}

/// One message may call several tools; each call is a turn, so that its result can be told apart.
fn calls(message: &Value) -> Vec<Said> {
    let calls = message["toolCalls"].as_array().into_iter().flatten();
    calls
        .map(|call| {
            let name = tool(&call["function"]["name"]);
            Said {
                speaker: Speaker::ToolCall,
                text: format!("{name}({})", text(&call["function"]["arguments"])),
                name: Some(name),
            }
        })
        .collect()
}

fn result(message: &Value) -> Said {
    let name = tool(&message["name"]);
    Said {
        speaker: Speaker::ToolResult,
        text: format!("{name} → {}", text(&message["result"])),
        name: Some(name),
    }
}

impl Said {
    fn turn(self, place: usize, moment: Moment) -> Option<Turn> {
        let text = one_line(&self.text);
        (!text.is_empty()).then_some(Turn {
            number: None,
            message: Some(place),
            speaker: self.speaker,
            name: self.name,
            text,
            start: moment.start,
            end: moment.end,
            speech: moment.speech,
        })
    }
}

fn tool(name: &Value) -> String {
    let name = name.as_str().map(one_line).unwrap_or_default();
    if name.is_empty() { "tool".to_owned() } else { name }
}

/// A text as it is, anything else as JSON.
fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
