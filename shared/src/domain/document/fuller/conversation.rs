//! The messages of a call: in its artifact, at its top, or in both places.

use std::borrow::Cow;

use serde_json::Value;

use super::{DEEPEST, Merge, Part, array, array_of};
use crate::domain::document::empty::{has_words, is_empty};
use crate::domain::document::members::Members;

/// The dialogue as `OpenAI` has it.
pub(super) const OPENAI_FORM: &str = "messagesOpenAIFormatted";

/// What tells one element of a list from another.
const IDENTITY: [&str; 5] = ["role", "id", "toolCallId", "time", "secondsFromStart"];
/// What is about a message and not said in it.
const ABOUT: [&str; 11] = [
    "role",
    "id",
    "toolCallId",
    "time",
    "endTime",
    "secondsFromStart",
    "duration",
    "source",
    "type",
    "name",
    "metadata",
];

/// The lists of messages, base before filler.
#[derive(Clone, Copy)]
pub(super) struct Lists<'a> {
    pub(super) artifact: [Option<&'a str>; 2],
    pub(super) top: [Option<&'a str>; 2],
}

impl Merge {
    /// The list for the artifact and the one for the top.
    ///
    /// Where each version has one at most, it is the same conversation and stands once. It stands in the artifact if
    /// it did in either version, since that is where it is looked for first.
    pub(super) fn lists<'a>(&mut self, lists: Lists<'a>) -> (Option<Cow<'a, str>>, Option<Cow<'a, str>>) {
        let Lists {
            artifact: [base_artifact, filler_artifact],
            top: [base_top, filler_top],
        } = lists;
        let full = |text: Option<&'a str>| text.filter(|text| !is_empty(text));
        let has_two = |artifact, top| full(artifact).is_some() && full(top).is_some();
        if has_two(base_artifact, base_top) || has_two(filler_artifact, filler_top) {
            let artifact = self.place(base_artifact, filler_artifact);
            let top = self.place(base_top, filler_top);
            let top = top.filter(|top| !artifact.as_ref().is_some_and(|artifact| is_same(artifact, top)));
            return (artifact, top);
        }
        let base = full(base_artifact).or(full(base_top));
        let filler = full(filler_artifact).or(full(filler_top));
        let Some(list) = self.place(base, filler) else {
            return (
                filler_artifact.or(base_artifact).map(Cow::Borrowed),
                filler_top.or(base_top).map(Cow::Borrowed),
            );
        };
        // Where the list does not stand, the fuller version says how that is written.
        let blank = |base: Option<&'a str>, other: Option<&'a str>| {
            let written = if filler.is_some() { other } else { base };
            written.filter(|text| is_empty(text)).map(Cow::Borrowed)
        };
        if full(base_artifact).or(full(filler_artifact)).is_some() {
            self.filled |= full(base_top).is_some();
            (Some(list), blank(base_top, filler_top))
        } else {
            (blank(base_artifact, filler_artifact), Some(list))
        }
    }

    fn place<'a>(&mut self, base: Option<&'a str>, filler: Option<&'a str>) -> Option<Cow<'a, str>> {
        match (base, filler) {
            (Some(base), Some(filler)) => Some(self.list(base, filler, Part::Content)),
            (Some(list), None) => Some(list.into()),
            (None, Some(list)) => Some(self.taken(list, Part::Content)),
            (None, None) => None,
        }
    }

    /// One of two lists of messages: `base` with its gaps filled, unless less is said in it even so.
    pub(super) fn list<'a>(&mut self, base: &'a str, filler: &'a str, part: Part) -> Cow<'a, str> {
        if is_empty(base) {
            return self.taken(filler, part);
        }
        let Some(filler_elements) = array(filler) else {
            return base.into();
        };
        let base_elements = array(base).unwrap_or_default();
        let mut gaps = Self::default();
        let without_gaps = gaps.side_by_side(&base_elements, &filler_elements, DEEPEST);
        let said = match &without_gaps {
            Some(elements) => elements.iter().filter(|message| says_something(message)).count(),
            None => base_elements.iter().filter(|message| says_something(message)).count(),
        };
        if said < filler_elements.iter().filter(|message| says_something(message)).count() {
            return self.taken(filler, part);
        }
        match without_gaps.filter(|_| gaps.filled) {
            Some(elements) => {
                self.take(part);
                array_of(&elements).into()
            }
            None => base.into(),
        }
    }
}

/// Whether two elements may be the same thing: nothing that tells things apart says otherwise.
pub(super) fn agree(base: &str, filler: &str) -> bool {
    let (Ok(base), Ok(filler)) = (Members::parse(base), Members::parse(filler)) else {
        return true;
    };
    IDENTITY.iter().all(|name| match (base.get(name), filler.get(name)) {
        (Some(base), Some(filler)) => is_empty(base) || is_empty(filler) || is_same(base, filler),
        _ => true,
    })
}

fn says_something(message: &str) -> bool {
    match Members::parse(message) {
        Ok(members) => members
            .iter()
            .any(|(name, text)| !ABOUT.contains(&name) && has_words(text)),
        Err(_) => has_words(message),
    }
}

/// Whether two texts are the same JSON.
pub(super) fn is_same(one: &str, other: &str) -> bool {
    let parse = |text: &str| serde_json::from_str::<Value>(text).ok();
    one == other || parse(one).is_some_and(|one| Some(one) == parse(other))
}
