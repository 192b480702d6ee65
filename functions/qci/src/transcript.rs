//! A call as turns of speech: who said what, and when.
//!
//! document ─▶ [`Transcript`] ─▶ [`measure`](crate::measure), the judge's prompt, [`evidence`](crate::evidence)

mod labels;
mod messages;
mod timing;

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use shared::domain::json;

/// Who spoke.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Speaker {
    /// The voice agent.
    Agent,
    /// The person at the other end.
    Caller,
    /// A tool that the agent used: what it was called with, or what it answered.
    Tool,
}

/// One message of a call.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Turn {
    /// Its number, from 1; the judge cites it.
    pub(crate) number: usize,
    /// Its place in the document's list of messages, from 0; absent where only a text was kept.
    pub(crate) message: Option<usize>,
    /// Who spoke.
    pub(crate) speaker: Speaker,
    /// What was said, on one line.
    pub(crate) text: String,
    /// When it began, in seconds from the start of the call.
    pub(crate) start: Option<f64>,
    /// When it ended, in seconds from the start of the call; never before `start`.
    pub(crate) end: Option<f64>,
    /// How long was spoken, in seconds; at most `end - start`, often less.
    pub(crate) speech: Option<f64>,
}

/// The turns of a call, in their order.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Transcript {
    /// The turns; number `n` stands at `n - 1`.
    pub(crate) turns: Vec<Turn>,
}

impl Transcript {
    /// The turns of the first list of messages in which somebody speaks, or else of the `transcript`.
    #[must_use]
    pub(crate) fn read(lists: &[Option<String>], transcript: Option<&str>) -> Self {
        let turns = lists
            .iter()
            .flatten()
            .filter_map(|list| Some(messages::read(json::lenient(list).as_array()?)))
            .find(|turns| turns.iter().any(Turn::is_spoken))
            .unwrap_or_else(|| labels::read(transcript.unwrap_or_default()));
        Self::numbered(turns)
    }

    /// How often the caller spoke.
    #[must_use]
    pub(crate) fn user_turns(&self) -> usize {
        self.turns.iter().filter(|turn| turn.speaker == Speaker::Caller).count()
    }

    /// How many characters were spoken, by both.
    #[must_use]
    pub(crate) fn characters(&self) -> usize {
        self.spoken().map(|turn| turn.text.chars().count()).sum()
    }

    /// What the agent and the caller said, without the tools.
    pub(crate) fn spoken(&self) -> impl Iterator<Item = &Turn> {
        self.turns.iter().filter(|turn| turn.is_spoken())
    }

    /// Whether it is known when everybody spoke: each spoken turn has its start, and its end unless it is the last.
    #[must_use]
    pub(crate) fn has_timing(&self) -> bool {
        self.timed().is_some()
    }

    /// The spoken turns by their start, if [`has_timing`](Self::has_timing).
    pub(crate) fn timed(&self) -> Option<Vec<&Turn>> {
        let mut spoken: Vec<(f64, &Turn)> = self
            .spoken()
            .map(|turn| Some((turn.start?, turn)))
            .collect::<Option<_>>()?;
        spoken.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (_, before) = spoken.split_last()?;
        before
            .iter()
            .all(|(_, turn)| turn.end.is_some())
            .then(|| spoken.iter().map(|(_, turn)| *turn).collect())
    }

    /// The turns as the judge reads them: one line each, with its number and who speaks.
    #[must_use]
    pub(crate) fn for_judge(&self) -> String {
        let mut lines = String::new();
        for turn in &self.turns {
            let speaker = match turn.speaker {
                Speaker::Agent => "AGENT",
                Speaker::Caller => "CALLER",
                Speaker::Tool => "TOOL",
            };
            // A line that began inside a text could pass for another speaker's.
            let text = one_line(&turn.text);
            let _ = writeln!(lines, "[{}] {speaker}: {text}", turn.number);
        }
        lines
    }

    /// In order of their start where all have one: messages arrive late now and then.
    fn numbered(mut turns: Vec<Turn>) -> Self {
        if turns.iter().all(|turn| turn.start.is_some()) {
            turns.sort_by(|a, b| a.start.unwrap_or_default().total_cmp(&b.start.unwrap_or_default()));
        }
        for (turn, number) in turns.iter_mut().zip(1..) {
            turn.number = number;
        }
        Self { turns }
    }
}

impl Turn {
    fn is_spoken(&self) -> bool {
        self.speaker != Speaker::Tool
    }

    /// The tool's name, if this turn is its answer and not its call.
    pub(crate) fn tool_that_answered(&self) -> Option<&str> {
        let (name, _) = self.text.split_once(" →")?;
        (self.speaker == Speaker::Tool && !name.contains('(')).then_some(name)
    }
}

/// A text without line breaks and other control characters, each run of blanks as one.
fn one_line(text: &str) -> String {
    text.split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// Who a role or a label stands for, where it is one that is generally used.
fn speaker_called(name: &str) -> Option<Speaker> {
    match name.trim().to_lowercase().as_str() {
        "ai" | "assistant" | "agent" | "bot" => Some(Speaker::Agent),
        "user" | "customer" | "caller" | "client" | "human" => Some(Speaker::Caller),
        _ => None,
    }
}

#[cfg(test)]
pub(crate) mod tests;
