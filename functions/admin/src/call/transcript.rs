//! A call's messages as turns, numbered as the judge saw them, since evidence cites the numbers.
//!
//! A message that nobody can make sense of is counted, and the others are shown.

use serde_json::Value;
use shared::domain::json;

/// A call that lasts longer is not one; a time beyond it is in another unit.
const LONGEST_CALL: f64 = 24.0 * 3600.0;

/// What was said in a call.
#[derive(Debug, Default)]
pub(crate) struct Transcript {
    /// In their order.
    pub(crate) turns: Vec<Turn>,
    /// What the agent was told.
    pub(crate) instructions: Vec<String>,
    /// Messages that could not be read.
    pub(crate) unreadable: usize,
    /// Whether the turns are messages, and not lines of a text.
    pub(crate) has_messages: bool,
}

/// Something said or done.
#[derive(Debug)]
pub(crate) struct Turn {
    /// Its number, from 1; absent where the judge did not see it.
    pub(crate) number: Option<usize>,
    /// Its place in the document's list, from 0; absent where only a text was kept.
    pub(crate) message: Option<usize>,
    /// By whom.
    pub(crate) speaker: Speaker,
    /// On one line, as quotes are looked up in it.
    pub(crate) text: String,
    /// In seconds from the start.
    pub(crate) start: Option<f64>,
}

/// Who did it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Speaker {
    /// The voice agent.
    Agent,
    /// The person at the other end.
    Caller,
    /// The agent used a tool of this name.
    ToolCall(String),
    /// The tool of this name answered.
    ToolResult(String),
    /// A role that we do not know.
    Other(String),
}

impl Transcript {
    /// The first list of messages in which somebody speaks, or else the text.
    pub(crate) fn read(lists: &[Option<String>], text: Option<&str>) -> Self {
        let mut best: Option<Self> = None;
        for transcript in lists.iter().flatten().map(|list| Self::of_messages(list)) {
            if transcript.has_speech() {
                return transcript;
            }
            best = best.or(Some(transcript));
        }
        let silent = best.unwrap_or_default();
        let turns = spoken_lines(text.unwrap_or_default());
        // What tools did says more than nothing.
        if turns.is_empty() {
            return silent;
        }
        Self {
            turns,
            has_messages: false,
            ..silent
        }
    }

    fn of_messages(list: &str) -> Self {
        let list = json::lenient(list);
        let messages = list.as_array().map_or(&[][..], Vec::as_slice);
        let mut transcript = Self {
            has_messages: !messages.is_empty(),
            unreadable: messages.iter().filter(|message| !message.is_object()).count(),
            ..Self::default()
        };
        let began = began(messages.iter());
        for (place, message) in messages.iter().enumerate().filter(|(_, message)| message.is_object()) {
            let by_clock = || within((time(message)? - began?) / 1000.0);
            transcript.take(place, message, seconds_from_start(message).or_else(by_clock));
        }
        transcript.number();
        transcript
    }

    fn take(&mut self, place: usize, message: &Value, start: Option<f64>) {
        let said = message["message"].as_str();
        let mut push = |speaker, text: &str| {
            let text = one_line(text);
            if !text.is_empty() {
                self.turns.push(Turn {
                    number: None,
                    message: Some(place),
                    speaker,
                    text,
                    start,
                });
            }
        };
        match message["role"].as_str().unwrap_or_default() {
            "system" => self.instructions.extend(said.map(str::to_owned)),
            "tool_calls" => {
                for call in message["toolCalls"].as_array().into_iter().flatten() {
                    let name = tool(&call["function"]["name"]);
                    let text = format!("{name}({})", text_of(&call["function"]["arguments"]));
                    push(Speaker::ToolCall(name), &text);
                }
            }
            "tool_call_result" => {
                let name = tool(&message["name"]);
                let text = format!("{name} \u{2192} {}", text_of(&message["result"]));
                push(Speaker::ToolResult(name), &text);
            }
            role => {
                let speaker = speaker(role).unwrap_or_else(|| Speaker::Other(one_line(role)));
                push(speaker, said.unwrap_or_default());
            }
        }
    }

    /// By their start where all have one, since messages arrive late now and then; as the judge had them.
    fn number(&mut self) {
        let mut numbered = self.turns.iter().filter(|turn| turn.is_numbered());
        if numbered.all(|turn| turn.start.is_some()) {
            let mut last = 0.0;
            let mut keyed: Vec<(f64, Turn)> = Vec::with_capacity(self.turns.len());
            for turn in self.turns.drain(..) {
                last = turn.start.unwrap_or(last);
                keyed.push((last, turn));
            }
            keyed.sort_by(|a, b| a.0.total_cmp(&b.0));
            self.turns.extend(keyed.into_iter().map(|(_, turn)| turn));
        }
        let numbered = self.turns.iter_mut().filter(|turn| turn.is_numbered());
        for (turn, number) in numbered.zip(1..) {
            turn.number = Some(number);
        }
    }

    fn has_speech(&self) -> bool {
        let is_spoken = |turn: &Turn| matches!(turn.speaker, Speaker::Agent | Speaker::Caller);
        self.turns.iter().any(is_spoken)
    }
}

impl Turn {
    /// Whether the judge saw it.
    fn is_numbered(&self) -> bool {
        !matches!(self.speaker, Speaker::Other(_))
    }
}

/// The turns of a text such as "AI: …" and "User: …", a line or several each. A text without such labels is one turn.
fn spoken_lines(text: &str) -> Vec<Turn> {
    let mut said: Vec<(Option<Speaker>, String)> = Vec::new();
    for line in text.lines() {
        let labelled = line
            .split_once(':')
            .and_then(|(label, rest)| Some((speaker(label)?, rest)));
        match (labelled, said.last_mut()) {
            (Some((speaker, rest)), _) => said.push((Some(speaker), rest.to_owned())),
            (None, Some((_, text))) => {
                text.push(' ');
                text.push_str(line);
            }
            (None, None) => said.push((None, line.to_owned())),
        }
    }
    let mut turns = Vec::new();
    let mut numbers = 1..;
    for (speaker, text) in said {
        let text = one_line(&text);
        if !text.is_empty() {
            turns.push(Turn {
                number: speaker.as_ref().and_then(|_| numbers.next()),
                message: None,
                speaker: speaker.unwrap_or(Speaker::Other(String::new())),
                text,
                start: None,
            });
        }
    }
    turns
}

fn speaker(name: &str) -> Option<Speaker> {
    match name.trim().to_lowercase().as_str() {
        "ai" | "assistant" | "agent" | "bot" => Some(Speaker::Agent),
        "user" | "customer" | "caller" | "client" | "human" => Some(Speaker::Caller),
        _ => None,
    }
}

fn tool(name: &Value) -> String {
    let name = name.as_str().map(one_line).unwrap_or_default();
    if name.is_empty() { "tool".to_owned() } else { name }
}

/// A text as it is, anything else as JSON.
fn text_of(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Without line breaks and other control characters, each run of blanks as one.
fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    let words = text.split(|c: char| c.is_whitespace() || c.is_control());
    for word in words.filter(|word| !word.is_empty()) {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    line
}

/// When the call began, in milliseconds since 1970: by a message that has both times, or else the earliest.
fn began<'a>(messages: impl Iterator<Item = &'a Value> + Clone) -> Option<f64> {
    let said = messages
        .clone()
        .find_map(|message| Some(time(message)? - seconds_from_start(message)? * 1000.0));
    said.or_else(|| messages.filter_map(time).min_by(f64::total_cmp))
}

fn seconds_from_start(message: &Value) -> Option<f64> {
    within(message["secondsFromStart"].as_f64()?)
}

fn time(message: &Value) -> Option<f64> {
    message["time"].as_f64().filter(|time| *time > 0.0)
}

fn within(seconds: f64) -> Option<f64> {
    (0.0..LONGEST_CALL).contains(&seconds).then_some(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(transcript: &Transcript) -> Vec<(Option<usize>, Speaker, &str)> {
        let turns = transcript.turns.iter();
        turns
            .map(|turn| (turn.number, turn.speaker.clone(), turn.text.as_str()))
            .collect()
    }

    #[test]
    fn messages_are_numbered_as_the_judge_saw_them() {
        let messages = serde_json::json!([
            {"role": "system", "message": "Be polite.", "secondsFromStart": 0},
            {"role": "user", "message": "Second.", "secondsFromStart": 3.0},
            {"role": "bot", "message": "First.\nAnd more.", "secondsFromStart": 1.0},
            {"role": "narrator", "message": "It rains.", "secondsFromStart": 3.5},
            {"role": "tool_calls", "secondsFromStart": 4, "toolCalls": [
                {"function": {"name": "book", "arguments": "{}"}}, {},
            ]},
            {"role": "tool_call_result", "name": "book", "result": {"ok": true}, "secondsFromStart": 5},
            {"role": "bot", "message": " ", "secondsFromStart": 6},
            7,
        ]);

        let transcript = Transcript::read(&[Some(messages.to_string()), None], Some("AI: the text"));

        assert_eq!(
            said(&transcript),
            [
                (Some(1), Speaker::Agent, "First. And more."),
                (Some(2), Speaker::Caller, "Second."),
                (None, Speaker::Other("narrator".to_owned()), "It rains."),
                (Some(3), Speaker::ToolCall("book".to_owned()), "book({})"),
                (Some(4), Speaker::ToolCall("tool".to_owned()), "tool()"),
                (
                    Some(5),
                    Speaker::ToolResult("book".to_owned()),
                    "book \u{2192} {\"ok\":true}"
                ),
            ]
        );
        assert_eq!(transcript.instructions, ["Be polite."]);
    }

    #[test]
    fn a_text_is_read_where_nobody_speaks_in_the_messages() {
        let system = serde_json::json!([{"role": "system", "message": "Be polite."}]);
        let lists = [Some(system.to_string()), Some("{}".to_owned())];

        let transcript = Transcript::read(&lists, Some("AI: Hello.\nUser: Hi,\n I: am here\nSo."));
        let bare = Transcript::read(&[], Some("no label"));

        assert_eq!(
            said(&transcript),
            [
                (Some(1), Speaker::Agent, "Hello."),
                (Some(2), Speaker::Caller, "Hi, I: am here So."),
            ]
        );
        assert!(!transcript.has_messages && transcript.instructions.len() == 1);
        assert_eq!(said(&bare), [(None, Speaker::Other(String::new()), "no label")]);
        assert!(Transcript::read(&[None], None).turns.is_empty());
    }

    #[test]
    fn a_message_that_cannot_be_read_costs_no_other() {
        let deep = format!("{}{}", "[".repeat(500), "]".repeat(500));
        let list = format!(
            r#"[{{"role": "bot", "message": "Hello."}}, {{"role": "user", "message": "Hi.", "time": 1e999, "a": {deep}}}, {deep}]"#
        );

        let transcript = Transcript::read(&[Some(list)], None);

        assert_eq!((transcript.turns.len(), transcript.unreadable), (2, 1));
    }
}
