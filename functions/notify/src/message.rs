//! A message to people, whatever brings it to them. Nothing enters it unscrubbed or longer than it may be.

use chrono::{DateTime, Utc};
use url::Url;

use crate::scrub;

/// The longest title: Slack refuses a header beyond 150 characters.
const TITLE: usize = 140;
/// The longest value of a fact.
const FACT: usize = 300;
/// The longest quotation of an error.
const QUOTE: usize = 600;

/// How a message is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    /// Something went wrong.
    Bad,
    /// It is over.
    Good,
    /// It is neither.
    Neutral,
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) tone: Tone,
    pub(crate) title: String,
    /// What it is about, with labels.
    pub(crate) facts: Vec<(&'static str, Fact)>,
    /// The line of an error.
    pub(crate) quote: Option<String>,
    /// Where to read on.
    pub(crate) link: Option<(&'static str, Url)>,
    /// Which installation says so.
    pub(crate) sender: String,
}

/// What is said under a label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fact {
    /// A text.
    Text(String),
    /// A time, which a channel may show in its reader's zone, and a remark.
    Instant(DateTime<Utc>, String),
}

impl Message {
    pub(crate) fn new(tone: Tone, title: &str, stack: Option<&str>) -> Self {
        Self {
            tone,
            title: scrub::line(title, TITLE),
            facts: Vec::new(),
            quote: None,
            link: None,
            sender: scrub::line(
                &stack.map_or("Callmark".to_owned(), |stack| format!("Callmark, stack {stack}")),
                FACT,
            ),
        }
    }

    pub(crate) fn text(&mut self, label: &'static str, text: &str) {
        self.facts.push((label, Fact::Text(scrub::line(text, FACT))));
    }

    pub(crate) fn instant(&mut self, label: &'static str, at: DateTime<Utc>, remark: &str) {
        self.facts.push((label, Fact::Instant(at, scrub::line(remark, FACT))));
    }

    pub(crate) fn quote(&mut self, error: &str) {
        self.quote = Some(scrub::line(error, QUOTE)).filter(|quote| !quote.is_empty());
    }

    /// All of it as plain text.
    pub(crate) fn plain(&self) -> String {
        let mut lines = vec![self.title.clone(), String::new()];
        for (label, fact) in &self.facts {
            lines.push(format!("{label}: {}", fact.plain()));
        }
        if let Some(quote) = &self.quote {
            lines.extend([String::new(), format!("    {quote}")]);
        }
        if let Some((label, url)) = &self.link {
            lines.extend([String::new(), format!("{label}: {url}")]);
        }
        lines.extend([String::new(), self.sender.clone()]);
        lines.join("\n")
    }

    /// The few words that must arrive.
    pub(crate) fn minimal(&self) -> String {
        let quote = self
            .quote
            .as_deref()
            .map(|quote| format!(": {}", scrub::clamped(quote, TITLE)));
        let link = self.link.as_ref().map(|(_, url)| format!(" {url}"));
        format!(
            "{}{}{}",
            self.title,
            quote.unwrap_or_default(),
            link.unwrap_or_default()
        )
    }
}

impl Fact {
    pub(crate) fn plain(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Instant(at, remark) => with_remark(&utc(*at), remark),
        }
    }
}

/// A time for who has no zone of their own here.
pub(crate) fn utc(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M UTC").to_string()
}

pub(crate) fn with_remark(text: &str, remark: &str) -> String {
    if remark.is_empty() {
        text.to_owned()
    } else {
        format!("{text} ({remark})")
    }
}
