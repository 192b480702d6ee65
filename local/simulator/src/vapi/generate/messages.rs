//! Turns a played conversation into messages, a transcript and latencies.

use chrono::{DateTime, Utc};
use serde_json::{Value, json, value::RawValue};

use super::{
    dice::Dice,
    stage::{Line, Turn, What},
    wire::{CallResult, Function, Heard, Message, Number, OpenAi, Spoken, ToolCall, ToolCalls, Word, Words},
};

/// How one call's messages are written.
pub(crate) struct Manner<'a> {
    pub(crate) began: DateTime<Utc>,
    pub(crate) prompt: &'a str,
    /// `bot`, or `assistant` as some payloads have it.
    pub(crate) agent_role: &'static str,
    /// Times have a fraction of a millisecond.
    pub(crate) fractional: bool,
    pub(crate) assistant: Option<(&'a str, &'a str)>,
    /// Every caller's line has a confidence.
    pub(crate) confidence: bool,
    /// Every word has one as well.
    pub(crate) words: bool,
}

/// `messages`, as text.
pub(crate) fn messages(lines: &[Line], manner: &Manner<'_>, dice: &mut Dice) -> serde_json::Result<Box<RawValue>> {
    let system = Spoken {
        role: "system",
        message: manner.prompt,
        time: manner.time(0.0),
        end_time: None,
        seconds_from_start: Number::new(0.0, 0),
        duration: None,
        source: None,
        assistant_id: None,
        assistant_name: None,
        heard: None,
    };
    let mut messages = vec![Message::Spoken(system)];
    let mut handed_over = false;
    for Line { at, what } in lines {
        messages.push(match what {
            What::Agent { text, ends, spoken } => Message::Spoken(manner.agent(*at, text, *ends, *spoken, handed_over)),
            What::Caller { text, ends, spoken } => Message::Spoken(manner.caller(*at, text, *ends, *spoken, dice)),
            What::Tool { id, name, arguments } => Message::Calls(ToolCalls {
                role: "tool_calls",
                message: "",
                time: manner.time(*at),
                seconds_from_start: manner.seconds(*at),
                calls: [ToolCall { id, r#type: "function", function: Function { name, arguments: arguments.to_string() } }],
            }),
            What::Result { id, name, result } => Message::Result(CallResult {
                role: "tool_call_result",
                tool_call_id: id,
                name,
                result,
                time: manner.time(*at),
                seconds_from_start: manner.seconds(*at),
                warnings: dice.chance(0.01).then(
                    || json!([{"type": "oversized-tool-response", "tokenCount": dice.between(4001, 9000), "threshold": 4000}]),
                ),
            }),
            What::Handoff => {
                handed_over = true;
                continue;
            }
        });
    }
    serde_json::value::to_raw_value(&messages)
}

impl<'a> Manner<'a> {
    fn agent(&self, at: f64, text: &'a str, ends: f64, spoken: f64, handed_over: bool) -> Spoken<'a> {
        let assistant = if handed_over {
            Some((BILLING, "Billing"))
        } else {
            self.assistant
        };
        Spoken {
            source: Some(""),
            assistant_id: assistant.map(|(id, _)| id),
            assistant_name: assistant.map(|(_, name)| name),
            ..self.said(self.agent_role, at, text, ends, spoken)
        }
    }

    fn caller(&self, at: f64, text: &'a str, ends: f64, spoken: f64, dice: &mut Dice) -> Spoken<'a> {
        let heard = self.confidence.then(|| Heard {
            confidence: Some(Number::new(dice.real(0.62, 1.0), 4)),
            confidence_source: Some(if self.words { "provider" } else { "derived" }),
            speaker_label: None,
            metadata: self.words.then(|| words(at, text, spoken, dice)),
        });
        Spoken {
            heard,
            ..self.said("user", at, text, ends, spoken)
        }
    }

    fn said(&self, role: &'static str, at: f64, text: &'a str, ends: f64, spoken: f64) -> Spoken<'a> {
        Spoken {
            role,
            message: text,
            time: self.time(at),
            end_time: Some(self.time(ends)),
            seconds_from_start: self.seconds(at),
            duration: Some(Number::new(spoken * 1000.0, if self.fractional { 2 } else { 0 })),
            source: None,
            assistant_id: None,
            assistant_name: None,
            heard: None,
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "an epoch in milliseconds has 13 digits")]
    fn time(&self, at: f64) -> Number {
        let began = self.began.timestamp_millis() as f64;
        Number::new(began + at * 1000.0, if self.fractional { 2 } else { 0 })
    }

    fn seconds(&self, at: f64) -> Number {
        Number::new(at, if self.fractional { 6 } else { 3 })
    }
}

/// The assistant that takes over when it is about money.
pub(crate) const BILLING: &str = "0b9d3c52-7a1e-4f6f-8d2b-51a0e6c4f3b1";

fn words(at: f64, text: &str, spoken: f64, dice: &mut Dice) -> Words {
    let count = text.split(' ').count();
    let each = spoken / f64::from(u32::try_from(count).unwrap_or(1));
    let mut start = at;
    let word = |word: &str| {
        let end = start + each;
        let heard = Word {
            text: word.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase(),
            start: Number::new(start, 3),
            end: Number::new(end - 0.02, 3),
            confidence: Number::new(dice.real(0.5, 1.0), 6),
        };
        start = end;
        heard
    };
    Words {
        word_level_confidence: text.split(' ').map(word).collect(),
    }
}

/// The same conversation as a chat.
pub(crate) fn openai<'a>(prompt: &'a str, lines: &'a [Line]) -> Vec<OpenAi<'a>> {
    let spoken = lines.iter().filter_map(|line| match &line.what {
        What::Agent { text, .. } => Some(OpenAi {
            role: "assistant",
            content: Some(text),
        }),
        What::Caller { text, .. } => Some(OpenAi {
            role: "user",
            content: Some(text),
        }),
        What::Tool { .. } => Some(OpenAi {
            role: "assistant",
            content: None,
        }),
        What::Result { result, .. } => Some(OpenAi {
            role: "tool",
            content: Some(result),
        }),
        What::Handoff => None,
    });
    std::iter::once(OpenAi {
        role: "system",
        content: Some(prompt),
    })
    .chain(spoken)
    .collect()
}

/// The same conversation as text.
pub(crate) fn transcript(lines: &[Line]) -> String {
    let mut transcript = String::new();
    for line in lines {
        let (speaker, text) = match &line.what {
            What::Agent { text, .. } => ("AI", text),
            What::Caller { text, .. } => ("User", text),
            _ => continue,
        };
        for part in [speaker, ": ", text, "\n"] {
            transcript.push_str(part);
        }
    }
    transcript
}

/// `performanceMetrics`.
pub(crate) fn performance(turns: &[Turn], agent_cut_in: u32, caller_cut_in: u32, dice: &mut Dice) -> Value {
    let number = |value: f64| Value::from(Number::new(value, 2));
    let average = |of: fn(Turn) -> f64| {
        let count = f64::from(u32::try_from(turns.len().max(1)).unwrap_or(1));
        number(turns.iter().map(|turn| of(*turn)).sum::<f64>() / count)
    };
    let each: Vec<Value> = turns
        .iter()
        .map(|turn| {
            json!({
                "modelLatency": number(turn.model), "voiceLatency": number(turn.voice),
                "transcriberLatency": number(turn.transcriber), "endpointingLatency": number(turn.endpointing),
                "turnLatency": number(turn.total()),
            })
        })
        .collect();
    json!({
        "turnLatencies": each,
        "modelLatencyAverage": average(|turn| turn.model),
        "voiceLatencyAverage": average(|turn| turn.voice),
        "transcriberLatencyAverage": average(|turn| turn.transcriber),
        "endpointingLatencyAverage": average(|turn| turn.endpointing),
        "turnLatencyAverage": average(Turn::total),
        "fromTransportLatencyAverage": number(dice.real(20.0, 90.0)),
        "toTransportLatencyAverage": number(dice.real(5.0, 40.0)),
        // In Vapi's words: the assistant interrupted the user, and the other way round.
        "numUserInterrupted": agent_cut_in,
        "numAssistantInterrupted": caller_cut_in,
    })
}
