//! Where a conversation is played: who said what, and when.
//!
//! Times are seconds from the start of the call; a line's length follows from its words.

use serde_json::Value;

use super::{dice::Dice, phrase::say, scene::Scene};

/// One thing that happened in a call.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) at: f64,
    pub(crate) what: What,
}

#[derive(Clone, Debug)]
pub(crate) enum What {
    Agent {
        text: String,
        ends: f64,
        spoken: f64,
    },
    Caller {
        text: String,
        ends: f64,
        spoken: f64,
    },
    Tool {
        id: String,
        name: &'static str,
        arguments: Value,
    },
    Result {
        id: String,
        name: &'static str,
        result: String,
    },
    /// Another assistant of the squad takes over.
    Handoff,
}

/// How long each component took before the agent spoke, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turn {
    pub(crate) model: f64,
    pub(crate) voice: f64,
    pub(crate) transcriber: f64,
    pub(crate) endpointing: f64,
}

impl Turn {
    /// The whole wait, in milliseconds.
    pub(crate) fn total(self) -> f64 {
        self.model + self.voice + self.transcriber + self.endpointing
    }
}

/// A conversation while it is played.
#[derive(Debug)]
pub(crate) struct Stage<'a> {
    pub(crate) dice: &'a mut Dice,
    pub(crate) scene: Scene,
    pub(crate) lines: Vec<Line>,
    pub(crate) turns: Vec<Turn>,
    /// The agent began while the caller spoke.
    pub(crate) agent_cut_in: u32,
    /// The caller began while the agent spoke.
    pub(crate) caller_cut_in: u32,
    /// When the last line ended.
    clock: f64,
    /// Slow models make slow agents: 1 is ordinary.
    pub(crate) slowness: f64,
    tools: u32,
}

impl<'a> Stage<'a> {
    pub(crate) fn new(scene: Scene, dice: &'a mut Dice) -> Self {
        let clock = dice.real(0.4, 1.6);
        let slowness = dice.weighted(&[(0.8, 30), (1.0, 50), (1.6, 15), (2.6, 5)]);
        Self {
            dice,
            scene,
            lines: Vec::new(),
            turns: Vec::new(),
            agent_cut_in: 0,
            caller_cut_in: 0,
            clock,
            slowness,
            tools: 0,
        }
    }

    /// The agent answers, after thinking.
    pub(crate) fn agent(&mut self, template: &str) {
        let turn = self.think();
        let wait = if self.lines.is_empty() {
            0.0
        } else {
            turn.total() / 1000.0
        };
        if matches!(self.lines.last().map(|line| &line.what), Some(What::Caller { .. })) {
            self.turns.push(turn);
        }
        self.agent_at(self.clock + wait, template);
    }

    /// The agent begins before the caller has finished.
    pub(crate) fn agent_cuts_in(&mut self, template: &str) {
        self.agent_cut_in += 1;
        let overlap = self.dice.real(0.5, 1.8);
        self.agent_at((self.clock - overlap).max(0.1), template);
    }

    /// The caller answers.
    pub(crate) fn caller(&mut self, template: &str) {
        let wait = self.dice.real(0.3, 1.9);
        self.caller_at(self.clock + wait, template);
    }

    /// The caller begins before the agent has finished.
    pub(crate) fn caller_cuts_in(&mut self, template: &str) {
        self.caller_cut_in += 1;
        let overlap = self.dice.real(0.6, 2.2);
        self.caller_at((self.clock - overlap).max(0.1), template);
    }

    /// Nobody says a word.
    pub(crate) fn silence(&mut self, least: f64, most: f64) {
        self.clock += self.dice.real(least, most);
    }

    /// The agent calls a tool, and gets an answer after between `least` and `most` seconds.
    pub(crate) fn tool(&mut self, name: &'static str, arguments: Value, result: impl Into<String>, wait: (f64, f64)) {
        self.tools += 1;
        let id = format!("call_{}", self.dice.hex(24));
        self.clock += self.dice.real(0.2, 0.8);
        self.lines.push(Line {
            at: self.clock,
            what: What::Tool {
                id: id.clone(),
                name,
                arguments,
            },
        });
        self.clock += self.dice.real(wait.0, wait.1);
        self.lines.push(Line {
            at: self.clock,
            what: What::Result {
                id,
                name,
                result: result.into(),
            },
        });
    }

    /// The agent calls a tool that never answers.
    pub(crate) fn tool_without_answer(&mut self, name: &'static str, arguments: Value) {
        self.tools += 1;
        let id = format!("call_{}", self.dice.hex(24));
        self.clock += self.dice.real(0.2, 0.8);
        self.lines.push(Line {
            at: self.clock,
            what: What::Tool { id, name, arguments },
        });
        self.clock += self.dice.real(2.0, 6.0);
    }

    /// From here on another assistant speaks.
    pub(crate) fn handoff(&mut self) {
        self.lines.push(Line {
            at: self.clock,
            what: What::Handoff,
        });
    }

    /// True if the agent's last line is a question.
    pub(crate) fn asked(&self) -> bool {
        matches!(self.lines.last().map(|line| &line.what), Some(What::Agent { text, .. }) if text.ends_with('?'))
    }

    /// How long the call has lasted, in seconds.
    pub(crate) fn length(&self) -> f64 {
        self.clock
    }

    fn agent_at(&mut self, at: f64, template: &str) {
        let text = say(template, &self.scene, self.dice);
        let (ends, spoken) = self.speak(at, &text, 2.9);
        self.lines.push(Line {
            at,
            what: What::Agent { text, ends, spoken },
        });
    }

    fn caller_at(&mut self, at: f64, template: &str) {
        let text = say(template, &self.scene, self.dice);
        let (ends, spoken) = self.speak(at, &text, 2.5);
        self.lines.push(Line {
            at,
            what: What::Caller { text, ends, spoken },
        });
    }

    /// Moves the clock past a text: when it ends, and how much of that was speech.
    fn speak(&mut self, at: f64, text: &str, words_a_second: f64) -> (f64, f64) {
        let words = text.split(' ').count();
        let seconds = f64::from(u32::try_from(words).unwrap_or(u32::MAX)) / words_a_second + 0.4;
        let seconds = seconds * self.dice.real(0.85, 1.2);
        self.clock = at + seconds;
        (self.clock, seconds * self.dice.real(0.88, 1.0))
    }

    fn think(&mut self) -> Turn {
        let slow = self.slowness;
        Turn {
            model: (self.dice.real(320.0, 980.0) * slow).round(),
            voice: self.dice.real(110.0, 320.0).round(),
            transcriber: self.dice.real(90.0, 280.0).round(),
            endpointing: self.dice.real(100.0, 620.0).round(),
        }
    }
}
