//! Of two versions of a call, one document that lacks nothing that either of them has.
//!
//! `base` is the version that counts: whatever it says holds. Where it is silent, `filler` speaks, member by member. A
//! conversation stands once, wherever the versions have it, and the one in which more is said stays.

mod conversation;

use std::borrow::Cow;

use serde_json::Value;
use serde_json::value::RawValue;

use super::empty::is_empty;
use super::members::Members;
use super::{Reading, call, object};
use crate::domain::call::Call;

/// Members at the top of a call that hold what was said in it, or what was made of that. All others are facts.
const CONTENT: [&str; 8] = [
    "artifact",
    "analysis",
    "messages",
    "transcript",
    "summary",
    "recordingUrl",
    "stereoRecordingUrl",
    "videoRecordingUrl",
];
/// Objects within objects that are looked into; deeper ones are taken as a whole.
const DEEPEST: usize = 32;

/// A call as it is stored: its document, and the transcript that is kept apart from it.
#[derive(Clone, Copy, Debug)]
pub struct Version<'a> {
    /// The redacted document as JSON text.
    pub document: &'a str,
    /// The transcript.
    pub transcript: Option<&'a str>,
}

/// A version that another one made fuller.
#[derive(Debug)]
pub struct Fuller {
    /// The call, read from the fuller document.
    pub call: Box<Call>,
    /// Whether content was added, and not facts alone.
    pub content: bool,
}

/// `base` with all that only `filler` has; `None` where it lacks nothing.
#[must_use]
pub fn fuller(base: Version<'_>, filler: Version<'_>) -> Option<Fuller> {
    let mut merge = Merge::default();
    let text = merge.versions(base, filler)?;
    if !merge.filled {
        return None;
    }
    match call(text.as_bytes()) {
        Reading::Usable(call, _) => Some(Fuller {
            call,
            content: merge.content,
        }),
        Reading::Unusable(_) | Reading::Malformed(_) => None,
    }
}

/// The members of two objects of one thing that is no call; what `base` says holds. `None` where one is no object.
#[must_use]
pub fn union(base: &str, filler: &str) -> Option<String> {
    let (base, filler) = (Members::parse(base).ok()?, Members::parse(filler).ok()?);
    Some(text_of(&Merge::default().members(
        base,
        filler,
        Some(Part::Fact),
        DEEPEST,
    )))
}

/// What a member of a document is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Fact,
    Content,
}

/// Members of an object on their way into a text.
type Filled<'a> = Vec<(Cow<'a, str>, Cow<'a, str>)>;

/// What the merged call has for an artifact.
enum Artifact<'a> {
    Members(Filled<'a>),
    /// Vapi gave something that is no object.
    Other(Cow<'a, str>),
    Absent,
}

/// What was taken from the filler so far.
#[derive(Debug, Default)]
struct Merge {
    filled: bool,
    content: bool,
}

impl Merge {
    /// The text of the merged call, as Vapi would send it; `None` where one of the two is no object.
    fn versions<'a>(&mut self, base: Version<'a>, filler: Version<'a>) -> Option<String> {
        let (mut base_top, mut filler_top) = (
            Members::parse(base.document).ok()?,
            Members::parse(filler.document).ok()?,
        );
        for name in CONTENT {
            self.drop_blank(&mut base_top, &filler_top, name);
        }
        let (base_artifact, filler_artifact) = (base_top.take("artifact"), filler_top.take("artifact"));
        let mut in_artifact = [base_artifact, filler_artifact].map(members_of);
        let [base_members, filler_members] = &mut in_artifact;
        for name in ["messages", "transcript"] {
            self.drop_blank(base_members, filler_members, name);
        }
        let lists = conversation::Lists {
            artifact: in_artifact.each_mut().map(|members| members.take("messages")),
            top: [base_top.take("messages"), filler_top.take("messages")],
        };
        let (artifact_messages, top_messages) = self.lists(lists);
        let mut top = self.members(base_top, filler_top, None, DEEPEST);
        let mut artifact = self.artifact(base_artifact, filler_artifact, in_artifact);
        if let Some(messages) = artifact_messages {
            artifact.push("messages", messages);
        }
        top.extend(top_messages.map(|messages| ("messages".into(), messages)));
        if let Some(transcript) = self.transcript(base.transcript, filler.transcript) {
            place_transcript(&mut top, &mut artifact, transcript);
        }
        match artifact {
            Artifact::Members(members) => top.push(("artifact".into(), text_of(&members).into())),
            Artifact::Other(text) => top.push(("artifact".into(), text)),
            Artifact::Absent => {}
        }
        Some(text_of(&top))
    }

    fn artifact<'a>(
        &mut self,
        base: Option<&'a str>,
        filler: Option<&'a str>,
        [base_members, filler_members]: [Members<'a>; 2],
    ) -> Artifact<'a> {
        let is_object = |text: Option<&str>| text.is_some_and(|text| text.starts_with('{'));
        // An object is never given up for a mere text.
        if is_object(base) || (is_object(filler) && !filler.is_none_or(is_empty)) {
            return Artifact::Members(self.members(base_members, filler_members, Some(Part::Content), DEEPEST));
        }
        match (base, filler) {
            (Some(base), Some(filler)) => Artifact::Other(self.value(base, filler, Part::Content, DEEPEST)),
            (Some(text), None) => Artifact::Other(text.into()),
            (None, Some(text)) => Artifact::Other(self.taken(text, Part::Content)),
            (None, None) => Artifact::Absent,
        }
    }

    /// The union of two objects. Without a `part`, each name says what it is.
    fn members<'a>(
        &mut self,
        base: Members<'a>,
        mut filler: Members<'a>,
        part: Option<Part>,
        deepest: usize,
    ) -> Filled<'a> {
        let mut union = Filled::new();
        for (name, text) in base.into_distinct() {
            let part = part_of(&name, part);
            let value = match filler.take(&name) {
                Some(other) if name == conversation::OPENAI_FORM => self.list(text, other, part),
                Some(other) => self.value(text, other, part, deepest),
                None => text.into(),
            };
            union.push((name, value));
        }
        for (name, text) in filler.into_distinct() {
            let value = self.taken(text, part_of(&name, part));
            union.push((name, value));
        }
        union
    }

    fn value<'a>(&mut self, base: &'a str, filler: &'a str, part: Part, deepest: usize) -> Cow<'a, str> {
        let is = |text: &str, bracket| text.starts_with(bracket);
        if is_empty(base) {
            return self.taken(filler, part);
        }
        if is_empty(filler) {
            return base.into();
        }
        if is(base, '{') && is(filler, '{') && deepest > 0 {
            let (Ok(base), Ok(filler)) = (Members::parse(base), Members::parse(filler)) else {
                return base.into();
            };
            return text_of(&self.members(base, filler, Some(part), deepest - 1)).into();
        }
        if part == Part::Fact {
            return base.into();
        }
        if is(base, '[') && is(filler, '[') {
            return self.elements(base, filler, deepest).unwrap_or(base.into());
        }
        let is_plain = |text: &str| !is(text, '{') && !is(text, '[');
        if is_plain(base) && !is_plain(filler) {
            return self.taken(filler, part);
        }
        base.into()
    }

    /// The elements of two arrays of one length, each filled; `None` where they are not of the same things.
    fn elements<'a>(&mut self, base: &'a str, filler: &'a str, deepest: usize) -> Option<Cow<'a, str>> {
        let (base, filler) = (array(base)?, array(filler)?);
        (base.len() == filler.len()).then_some(())?;
        let elements = self.side_by_side(&base, &filler, deepest)?;
        Some(array_of(&elements).into())
    }

    /// The elements of `base`, each filled by the one at its place in `filler`; `None` where two are not of the same thing.
    fn side_by_side<'a>(&mut self, base: &[&'a str], filler: &[&'a str], deepest: usize) -> Option<Vec<Cow<'a, str>>> {
        let pairs = || base.iter().zip(filler);
        pairs()
            .all(|(base, filler)| conversation::agree(base, filler))
            .then_some(())?;
        let mut elements: Vec<Cow<'a, str>> = pairs()
            .map(|(base, filler)| self.value(base, filler, Part::Content, deepest.saturating_sub(1)))
            .collect();
        let rest = base.iter().skip(filler.len());
        elements.extend(rest.map(|text| Cow::Borrowed(*text)));
        Some(elements)
    }

    /// A transcript that only lacks the end of the other is a part of it.
    fn transcript<'a>(&mut self, base: Option<&'a str>, filler: Option<&'a str>) -> Option<&'a str> {
        let said = |text: &&str| !text.trim().is_empty();
        let Some(filler) = filler.filter(said) else {
            return base;
        };
        let is_whole = base.filter(said).is_some_and(|base| {
            let (base, filler) = (base.trim_end(), filler.trim_end());
            base.len() >= filler.len() || !filler.starts_with(base)
        });
        if is_whole {
            return base;
        }
        self.take(Part::Content);
        Some(filler)
    }

    /// That content is not there is nothing new where the filler does not have it either, or has it elsewhere.
    fn drop_blank(&mut self, base: &mut Members<'_>, filler: &Members<'_>, name: &str) {
        if base.text(name).is_some_and(is_empty) && filler.text(name).is_none() {
            base.take(name);
            self.filled = true;
        }
    }

    /// What only the filler has. An empty value is nothing taken, but it stays as it was written.
    fn taken<'a>(&mut self, filler: &'a str, part: Part) -> Cow<'a, str> {
        if !is_empty(filler) {
            self.take(part);
        }
        filler.into()
    }

    fn take(&mut self, part: Part) {
        self.filled = true;
        self.content |= part == Part::Content;
    }
}

impl<'a> Artifact<'a> {
    fn push(&mut self, name: &'static str, value: Cow<'a, str>) {
        match self {
            Self::Members(members) => members.push((name.into(), value)),
            Self::Other(_) | Self::Absent => *self = Self::Members(vec![(name.into(), value)]),
        }
    }
}

fn part_of(name: &str, part: Option<Part>) -> Part {
    match part {
        // The messages say the same, and they are what is kept.
        _ if name == conversation::OPENAI_FORM => Part::Fact,
        Some(part) => part,
        None if CONTENT.contains(&name) => Part::Content,
        None => Part::Fact,
    }
}

fn members_of(artifact: Option<&str>) -> Members<'_> {
    artifact.and_then(|text| Members::parse(text).ok()).unwrap_or_default()
}

/// Puts the transcript where reading the call finds it before any other.
fn place_transcript<'a>(top: &mut Filled<'a>, artifact: &mut Artifact<'a>, transcript: &str) {
    let has_another = |members: &Filled<'_>| {
        members
            .iter()
            .any(|(name, text)| name == "transcript" && !is_empty(text))
    };
    let text = Cow::Owned(Value::from(transcript).to_string());
    let is_first_in_artifact = match artifact {
        Artifact::Members(members) => !has_another(members),
        Artifact::Other(_) => false,
        Artifact::Absent => has_another(top),
    };
    if is_first_in_artifact {
        if let Artifact::Members(members) = artifact {
            members.retain(|(name, _)| name != "transcript");
        }
        artifact.push("transcript", text);
    } else {
        top.retain(|(name, _)| name != "transcript");
        top.push(("transcript".into(), text));
    }
}

fn text_of(members: &Filled<'_>) -> String {
    object(members.iter().map(|(name, text)| (name.as_ref(), text.as_ref())))
}

fn array(text: &str) -> Option<Vec<&str>> {
    let elements: Vec<&RawValue> = serde_json::from_str(text).ok()?;
    Some(elements.into_iter().map(RawValue::get).collect())
}

fn array_of(elements: &[Cow<'_, str>]) -> String {
    format!("[{}]", elements.join(","))
}

#[cfg(test)]
mod tests;
