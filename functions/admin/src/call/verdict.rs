//! What a score, or its absence, means in words.

use askama::Template;
use askama::filters::HtmlSafe;

/// A word with a shape that says how good it is.
#[derive(Debug, Template)]
#[template(ext = "html", source = r#"<span class="mark mark-{{ tone }}">{{ text }}</span>"#)]
pub(crate) struct Mark {
    text: String,
    tone: &'static str,
}

impl HtmlSafe for Mark {}

impl Mark {
    pub(crate) fn new(text: impl Into<String>, tone: &'static str) -> Self {
        Self {
            text: text.into(),
            tone,
        }
    }
}

/// The class of a total.
pub(crate) fn class(class: &str) -> Mark {
    let tone = match class {
        "excellent" | "good" => "good",
        "needs_improvement" => "warn",
        "poor" => "bad",
        _ => "plain",
    };
    Mark::new(words(class), tone)
}

/// Why a call has no score, by the status of its analysis; absent where it has one.
pub(crate) fn why_not(status: Option<&str>, skip_reason: Option<&str>) -> Option<String> {
    let why = match status {
        Some("scored") => return None,
        None => "no scoring run has looked at it yet".to_owned(),
        Some("skipped") => skipped(skip_reason.unwrap_or_default()),
        Some("failed") => "scoring it failed, and a later run tries again".to_owned(),
        Some("parked") => "scoring it failed too often, and it is not tried again by itself".to_owned(),
        Some(other) => words(other),
    };
    Some(why)
}

/// A name of ours or of a rubric's, such as `needs_improvement`, as words.
pub(crate) fn words(name: &str) -> String {
    name.replace('_', " ")
}

fn skipped(reason: &str) -> String {
    let known = match reason {
        "not_ended" => "the call had not ended",
        "voicemail" => "it reached voicemail",
        "unanswered" => "nobody answered",
        "no_transcript" => "there is no transcript",
        "too_few_turns" => "the caller spoke fewer than two times",
        "too_short" => "fewer than 100 characters were spoken",
        "" => "it was skipped",
        other => return words(other),
    };
    known.to_owned()
}
