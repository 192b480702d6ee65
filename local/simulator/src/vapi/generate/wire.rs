//! The large parts of a call as Vapi writes them. What is small is written as a [`Value`].

use serde::{Serialize, Serializer};
use serde_json::{Map, Value, value::RawValue};

/// A call: its small parts, and the messages that it holds three times.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Call<'a> {
    #[serde(flatten)]
    pub(crate) facts: &'a Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) messages: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) artifact: Option<Artifact<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Artifact<'a> {
    pub(crate) messages: &'a RawValue,
    #[serde(rename = "messagesOpenAIFormatted")]
    pub(crate) messages_openai_formatted: Vec<OpenAi<'a>>,
    pub(crate) transcript: &'a str,
    #[serde(flatten)]
    pub(crate) facts: &'a Map<String, Value>,
}

#[derive(Serialize)]
pub(crate) struct OpenAi<'a> {
    pub(crate) role: &'static str,
    pub(crate) content: Option<&'a str>,
}

/// One element of `messages`.
#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum Message<'a> {
    Spoken(Spoken<'a>),
    Calls(ToolCalls<'a>),
    Result(CallResult<'a>),
}

/// What the system prompt, the agent or the caller says.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Spoken<'a> {
    pub(crate) role: &'static str,
    pub(crate) message: &'a str,
    pub(crate) time: Number,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) end_time: Option<Number>,
    pub(crate) seconds_from_start: Number,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) duration: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) source: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) assistant_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) assistant_name: Option<&'a str>,
    #[serde(flatten)]
    pub(crate) heard: Option<Heard>,
}

/// What only speech-to-text adds.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Heard {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) confidence: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) confidence_source: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) speaker_label: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) metadata: Option<Words>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Words {
    pub(crate) word_level_confidence: Vec<Word>,
}

#[derive(Serialize)]
pub(crate) struct Word {
    #[serde(rename = "word")]
    pub(crate) text: String,
    pub(crate) start: Number,
    pub(crate) end: Number,
    pub(crate) confidence: Number,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ToolCalls<'a> {
    pub(crate) role: &'static str,
    pub(crate) message: &'static str,
    pub(crate) time: Number,
    pub(crate) seconds_from_start: Number,
    #[serde(rename = "toolCalls")]
    pub(crate) calls: [ToolCall<'a>; 1],
}

#[derive(Serialize)]
pub(crate) struct ToolCall<'a> {
    pub(crate) id: &'a str,
    pub(crate) r#type: &'static str,
    pub(crate) function: Function<'a>,
}

#[derive(Serialize)]
pub(crate) struct Function<'a> {
    pub(crate) name: &'a str,
    /// JSON inside a text, as the model wrote it.
    pub(crate) arguments: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CallResult<'a> {
    pub(crate) role: &'static str,
    pub(crate) tool_call_id: &'a str,
    pub(crate) name: &'a str,
    pub(crate) result: &'a str,
    pub(crate) time: Number,
    pub(crate) seconds_from_start: Number,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) warnings: Option<Value>,
}

/// A number as JavaScript prints it: whole ones without a fraction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Number(f64);

impl Number {
    /// Rounded to this many decimal places.
    pub(crate) fn new(value: f64, places: i32) -> Self {
        let scale = 10_f64.powi(places);
        Self((value * scale).round() / scale)
    }

    fn whole(self) -> Option<i64> {
        #[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
        (self.0.fract() == 0.0 && self.0.abs() < 9e15).then_some(self.0 as i64)
    }
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.whole() {
            Some(whole) => serializer.serialize_i64(whole),
            None => serializer.serialize_f64(self.0),
        }
    }
}

impl From<Number> for Value {
    fn from(number: Number) -> Self {
        number.whole().map_or_else(|| Self::from(number.0), Self::from)
    }
}
