//! A call as turns of speech: who said what, and when. Scoring and the pages read it here, so that a turn has one number.
//!
//! A list of messages is read by their roles, a text by its labels. What cannot be read is counted, and the rest is there.

mod labels;
mod messages;
mod timing;

use std::fmt::Write as _;

use crate::domain::json;

/// The judge sees this many characters of what a tool was given or answered; the beginning says enough.
const LONGEST_TOOL_TEXT: usize = 300;

/// Who spoke, or what was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Speaker {
    /// The voice agent.
    Agent,
    /// The person at the other end.
    Caller,
    /// The agent used a tool.
    ToolCall,
    /// A tool answered.
    ToolResult,
    /// A role that we do not know, or text without a speaker. The judge does not see it.
    #[default]
    Other,
}

/// Something said or done.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Turn {
    /// Its number, from 1, which the judge cites; absent where the judge does not see it.
    pub number: Option<usize>,
    /// Its place in the document's list of messages, from 0; absent where only a text was kept.
    pub message: Option<usize>,
    /// Who spoke.
    pub speaker: Speaker,
    /// The name of the tool, or the role that we do not know.
    pub name: Option<String>,
    /// What was said, on one line.
    pub text: String,
    /// When it began, in seconds from the start of the call.
    pub start: Option<f64>,
    /// When it ended, in seconds from the start of the call; never before `start`.
    pub end: Option<f64>,
    /// How long was spoken, in seconds; at most `end - start`, often less.
    pub speech: Option<f64>,
}

/// What was said in a call.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Transcript {
    /// In their order.
    pub turns: Vec<Turn>,
    /// What the agent was told.
    pub instructions: Vec<String>,
    /// Messages that cannot be read.
    pub unreadable: usize,
    /// Whether the turns are messages, and not lines of a text.
    pub has_messages: bool,
}

impl Transcript {
    /// Reads the first of these lists, each a JSON text, in which somebody speaks, or else the `transcript`.
    #[must_use]
    pub fn read(lists: &[Option<String>], transcript: Option<&str>) -> Self {
        let mut silent: Option<Self> = None;
        for list in lists.iter().flatten() {
            let read = messages::read(json::lenient(list).as_array().map_or(&[][..], Vec::as_slice));
            if read.spoken().next().is_some() {
                return read.numbered();
            }
            silent = silent.or(Some(read));
        }
        let silent = silent.unwrap_or_default();
        let turns = labels::read(transcript.unwrap_or_default());
        // What tools did says more than nothing.
        let read = if turns.is_empty() {
            silent
        } else {
            Self {
                turns,
                has_messages: false,
                ..silent
            }
        };
        read.numbered()
    }

    /// The turns that the judge sees.
    pub fn judged(&self) -> impl Iterator<Item = &Turn> {
        self.turns.iter().filter(|turn| turn.speaker != Speaker::Other)
    }

    /// What the agent and the caller said, without the tools.
    pub fn spoken(&self) -> impl Iterator<Item = &Turn> {
        self.turns.iter().filter(|turn| turn.speaker.is_voice())
    }

    /// How often the caller spoke.
    #[must_use]
    pub fn user_turns(&self) -> usize {
        self.turns.iter().filter(|turn| turn.speaker == Speaker::Caller).count()
    }

    /// How many characters were spoken, by both.
    #[must_use]
    pub fn characters(&self) -> usize {
        self.spoken().map(|turn| turn.text.chars().count()).sum()
    }

    /// Whether it is known when everybody spoke: each spoken turn has its start, and its end unless it is the last.
    #[must_use]
    pub fn has_timing(&self) -> bool {
        self.timed().is_some()
    }

    /// The spoken turns by their start, if [`has_timing`](Self::has_timing).
    #[must_use]
    pub fn timed(&self) -> Option<Vec<&Turn>> {
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
    pub fn for_judge(&self) -> String {
        let mut lines = String::new();
        for turn in &self.turns {
            let (Some(number), Some(speaker)) = (turn.number, turn.speaker.for_judge()) else {
                continue;
            };
            // A line that began inside a text could pass for another speaker's.
            let mut text = one_line(&turn.text);
            if turn.speaker.is_tool() {
                cut(&mut text);
            }
            let _ = writeln!(lines, "[{number}] {speaker}: {text}");
        }
        lines
    }

    /// In order of their start where all have one: messages arrive late now and then. Turns that the judge does not see
    /// stay behind the one before them.
    fn numbered(mut self) -> Self {
        if self.judged().all(|turn| turn.start.is_some()) {
            let mut last = 0.0;
            let mut keyed: Vec<(f64, Turn)> = Vec::with_capacity(self.turns.len());
            for turn in self.turns {
                last = turn.start.unwrap_or(last);
                keyed.push((last, turn));
            }
            keyed.sort_by(|a, b| a.0.total_cmp(&b.0));
            self.turns = keyed.into_iter().map(|(_, turn)| turn).collect();
        }
        let judged = self.turns.iter_mut().filter(|turn| turn.speaker != Speaker::Other);
        for (turn, number) in judged.zip(1..) {
            turn.number = Some(number);
        }
        self
    }
}

impl Speaker {
    /// The agent or the caller.
    #[must_use]
    pub fn is_voice(self) -> bool {
        matches!(self, Self::Agent | Self::Caller)
    }

    /// Something that a tool was given or answered.
    #[must_use]
    pub fn is_tool(self) -> bool {
        matches!(self, Self::ToolCall | Self::ToolResult)
    }

    /// Whom a role or a label stands for, where it is one in general use.
    fn called(name: &str) -> Option<Self> {
        match name.trim().to_lowercase().as_str() {
            "ai" | "assistant" | "agent" | "bot" => Some(Self::Agent),
            "user" | "customer" | "caller" | "client" | "human" => Some(Self::Caller),
            _ => None,
        }
    }

    fn for_judge(self) -> Option<&'static str> {
        match self {
            Self::Agent => Some("AGENT"),
            Self::Caller => Some("CALLER"),
            Self::ToolCall | Self::ToolResult => Some("TOOL"),
            Self::Other => None,
        }
    }
}

/// A text without line breaks and other control characters, each run of blanks as one.
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

fn cut(line: &mut String) {
    if line.chars().count() > LONGEST_TOOL_TEXT {
        *line = line.chars().take(LONGEST_TOOL_TEXT - 1).chain(['…']).collect();
    }
}

#[cfg(test)]
mod tests;
