//! Any sequence of versions, with parts removed and added, in any order: each part holds its last value.
//!
//! What a call must come to is worked out a second time, part by part, on values instead of texts.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::domain::call::Call;
use crate::domain::stored_call::{Known, Stored};

use super::{document, read};

/// Parts that are one value: where they stand, and whether they are content.
const PARTS: [(&str, bool); 15] = [
    ("/analysis/summary", true),
    ("/analysis/successEvaluation", true),
    ("/analysis/structuredData/first", true),
    ("/analysis/structuredData/second", true),
    ("/artifact/recordingUrl", true),
    ("/artifact/recording/stereoUrl", true),
    ("/artifact/recording/mono/combinedUrl", true),
    ("/artifact/structuredOutputs/one", true),
    ("/artifact/variables/name", true),
    ("/cost", false),
    ("/costs", false),
    ("/status", false),
    ("/endedReason", false),
    ("/customer/number", false),
    ("/customer/name", false),
];
const MESSAGES: usize = PARTS.len();
const TRANSCRIPT: usize = MESSAGES + 1;
const UPDATED: usize = TRANSCRIPT + 1;

/// A byte for each part, and one for when the call was changed.
type Step = [u8; UPDATED + 1];

/// What Vapi makes of a part in one version.
#[derive(Clone, Copy, PartialEq)]
enum Fate {
    AsBefore,
    Changed(u8),
    Gone(Form),
}

#[derive(Clone, Copy, PartialEq)]
enum Form {
    Absent,
    Null,
    Text,
    Object,
    Array,
}

fn fate(byte: u8) -> Fate {
    match byte % 10 {
        0..=2 => Fate::AsBefore,
        3..=5 => Fate::Changed(byte / 10),
        6 => Fate::Gone(Form::Absent),
        7 => Fate::Gone(Form::Null),
        8 if byte.is_multiple_of(4) => Fate::Gone(Form::Text),
        8 => Fate::Gone(Form::Object),
        _ => Fate::Gone(Form::Array),
    }
}

impl Form {
    fn value(self) -> Option<Value> {
        match self {
            Self::Absent => None,
            Self::Null => Some(Value::Null),
            Self::Text => Some(json!("")),
            Self::Object => Some(json!({})),
            Self::Array => Some(json!([])),
        }
    }
}

/// A part's value: of its type, and a few of them.
fn value(part: usize, choice: u8) -> Value {
    match PARTS[part].0 {
        "/cost" => json!(f64::from(choice) / 4.0),
        "/costs" => (0..=choice % 3)
            .map(|index| json!({"cost": index, "of": choice}))
            .collect(),
        "/analysis/structuredData/first" => json!([choice, false]),
        _ => json!(format!("value {choice}")),
    }
}

/// A list of messages of this length; the bits of the choice are those that say nothing.
fn messages(choice: u8) -> Vec<Value> {
    let texts = usize::from(choice % 5) + 1;
    (0..texts)
        .map(|index| {
            let is_silent = ((choice / 5) >> index) & 1 == 1;
            match (index, is_silent) {
                (2, false) => json!({"role": "tool_calls", "time": index, "toolCalls": [{"id": "t", "function": {"name": format!("tool{}", choice % 3)}}]}),
                (2, true) => json!({"role": "tool_calls", "time": index, "toolCalls": []}),
                (_, false) => json!({"role": "user", "time": index, "message": format!("text {choice}")}),
                (_, true) => json!({"role": "user", "time": index, "message": ""}),
            }
        })
        .collect()
}

fn transcript(choice: u8) -> String {
    let lines = usize::from(choice % 4) + 1;
    let lines: Vec<String> = (0..lines).map(|line| format!("AI: {} {line}\n", choice / 12)).collect();
    lines.concat()
}

fn speaks(message: &Value) -> bool {
    message["message"] != json!("") && message["toolCalls"] != json!([])
}

/// What one version of the call says.
#[derive(Clone, Debug, Default)]
struct Said {
    parts: BTreeMap<usize, Value>,
    messages: Option<Vec<Value>>,
    transcript: Option<String>,
    updated: Option<i64>,
}

/// Vapi: what it has of the call, and how it shows that.
#[derive(Default)]
struct Vapi {
    has: Said,
    clock: i64,
}

impl Vapi {
    /// The next version, and its document.
    fn version(&mut self, step: &Step) -> (Said, Value) {
        let mut document = json!({"id": "c"});
        let mut said = Said::default();
        for (part, (pointer, _)) in PARTS.iter().enumerate() {
            if let Fate::Changed(choice) = fate(step[part]) {
                self.has.parts.insert(part, value(part, choice));
            }
            match (fate(step[part]), self.has.parts.get(&part)) {
                (Fate::Gone(form), _) => put(&mut document, pointer, form.value()),
                (_, value) => {
                    put(&mut document, pointer, value.cloned());
                    said.parts.extend(value.map(|value| (part, value.clone())));
                }
            }
        }
        self.conversation(step, &mut said, &mut document);
        let byte = step[UPDATED];
        said.updated = match byte % 8 {
            0..=2 => Some(self.clock),
            3..=5 => {
                self.clock += 1;
                Some(self.clock)
            }
            6 => Some(self.clock - i64::from(byte / 8 % 4) - 1),
            _ => None,
        };
        put(
            &mut document,
            "/updatedAt",
            said.updated.map(|seconds| json!(instant(seconds).to_rfc3339())),
        );
        (said, document)
    }

    fn conversation(&mut self, step: &Step, said: &mut Said, document: &mut Value) {
        let places = |byte: u8, name: &str| match byte % 3 {
            0 => vec![format!("/{name}")],
            1 => vec![format!("/artifact/{name}")],
            _ => vec![format!("/{name}"), format!("/artifact/{name}")],
        };
        let [byte, text_byte] = [step[MESSAGES], step[TRANSCRIPT]];
        if let Fate::Changed(choice) = fate(byte) {
            self.has.messages = Some(messages(byte ^ choice));
        }
        if let Fate::Changed(choice) = fate(text_byte) {
            self.has.transcript = Some(transcript(text_byte ^ choice));
        }
        let (messages, gone) = match fate(byte) {
            Fate::Gone(form) => (None, form.value()),
            _ => (self.has.messages.clone(), None),
        };
        for place in places(byte, "messages") {
            put(document, &place, messages.clone().map(Value::from).or(gone.clone()));
        }
        said.messages = messages;
        let (transcript, gone) = match fate(text_byte) {
            Fate::Gone(form) => (None, form.value()),
            _ => (self.has.transcript.clone(), None),
        };
        for place in places(text_byte, "transcript") {
            put(document, &place, transcript.clone().map(Value::from).or(gone.clone()));
        }
        said.transcript = transcript;
    }
}

fn put(document: &mut Value, pointer: &str, value: Option<Value>) {
    let Some(value) = value else { return };
    let names: Vec<&str> = pointer[1..].split('/').collect();
    let mut place = document;
    for name in names {
        place = &mut place[name];
    }
    *place = value;
}

fn instant(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
}

impl Said {
    /// What is to be stored when `incoming` comes upon this, and whether content is kept that it lacks.
    fn then(self, incoming: &Self) -> (Self, bool, bool) {
        let is_newer = match (incoming.updated, self.updated) {
            (Some(new), Some(old)) => new >= old,
            (None, Some(_)) => false,
            (_, None) => true,
        };
        let (base, filler) = if is_newer {
            (incoming.clone(), self)
        } else {
            (self, incoming.clone())
        };
        let mut merged = filler.clone();
        merged.parts.extend(base.parts.clone());
        merged.updated = base.updated;
        merged.messages = fuller_messages(base.messages.as_ref(), filler.messages.as_ref());
        merged.transcript = match (&base.transcript, &filler.transcript) {
            (Some(base), Some(filler)) if filler.len() > base.len() && filler.starts_with(base) => Some(filler.clone()),
            (base, filler) => base.clone().or(filler.clone()),
        };
        let took = merged.messages != base.messages
            || merged.transcript != base.transcript
            || merged
                .parts
                .keys()
                .any(|part| PARTS[*part].1 && !base.parts.contains_key(part));
        (merged, is_newer, took)
    }
}

fn fuller_messages(base: Option<&Vec<Value>>, filler: Option<&Vec<Value>>) -> Option<Vec<Value>> {
    let (Some(base), Some(filler)) = (base, filler) else {
        return base.or(filler).cloned();
    };
    let whole: Vec<Value> = base
        .iter()
        .enumerate()
        .map(|(index, message)| {
            let other = filler.get(index);
            if speaks(message) {
                message
            } else {
                other.unwrap_or(message)
            }
            .clone()
        })
        .collect();
    let spoken = |list: &[Value]| list.iter().filter(|message| speaks(message)).count();
    Some(if spoken(&whole) < spoken(filler) {
        filler.clone()
    } else {
        whole
    })
}

/// The row as the table gives it back: members in another order, and the document only where it is asked for.
fn stored(row: &Call, incoming: &Call) -> Stored {
    let known = Known {
        updated_at: row.updated_at,
        document_hash: row.document_hash,
        source_hash: row.source_hash,
        content_shape: Some(row.content_shape),
    };
    let is_harmless = row.content_shape == incoming.content_shape;
    Stored {
        known,
        content_kept_at: row.content_kept_at,
        document: (!is_harmless).then(|| (document(row).to_string(), row.transcript.clone())),
    }
}

fn check(steps: &[Step]) -> Result<(), TestCaseError> {
    let mut vapi = Vapi::default();
    let mut state: Option<(Call, Said, bool)> = None;
    for (step, second) in steps.iter().zip(0..) {
        let (said, sent) = vapi.version(step);
        let incoming = read(&sent);
        let Some((row, expected, is_kept)) = state.take() else {
            state = Some((incoming, said, false));
            continue;
        };
        let (expected, is_newer, took) = expected.then(&said);
        let is_kept = took || (is_kept && !is_newer);
        let now = instant(second);
        let table = stored(&row, &incoming);
        let row = if table.known.shows(&incoming) {
            row
        } else {
            table
                .change(&incoming, now)
                .map_or(row, |change| change.call.into_owned())
        };
        prop_assert_eq!(row.content_kept_at.is_some(), is_kept, "{:?}", &expected);
        holds(&row, &expected)?;
        if is_newer {
            let again = stored(&row, &incoming);
            prop_assert!(
                again.known.shows(&incoming) || again.change(&incoming, now).is_none(),
                "written again: {}",
                sent
            );
        }
        state = Some((row, expected, is_kept));
    }
    Ok(())
}

/// The row holds each part, and its columns are those of its document.
fn holds(row: &Call, expected: &Said) -> Result<(), TestCaseError> {
    let mut found = document(row);
    for (part, value) in &expected.parts {
        prop_assert_eq!(found.pointer(PARTS[*part].0), Some(value), "{}", &found);
    }
    let lists = [found.pointer("/artifact/messages"), found.pointer("/messages")];
    let lists: Vec<&Vec<Value>> = lists
        .into_iter()
        .flatten()
        .filter_map(Value::as_array)
        .filter(|list| !list.is_empty())
        .collect();
    prop_assert_eq!(lists, Vec::from_iter(&expected.messages), "{}", &found);
    let transcript = row.transcript.clone().filter(|text| !text.is_empty());
    prop_assert_eq!(&transcript, &expected.transcript);
    prop_assert_eq!(row.updated_at, expected.updated.map(instant));
    let place = if found.get("artifact").is_some_and(Value::is_object) {
        "/artifact/transcript"
    } else {
        "/transcript"
    };
    put(&mut found, place, transcript.map(Value::from));
    let whole = Call {
        document: String::new(),
        document_hash: row.document_hash,
        source_hash: row.source_hash,
        content_kept_at: row.content_kept_at,
        content_shape: row.content_shape,
        // Read from the document, a blank one is blank, and not absent.
        transcript: row.transcript.clone(),
        ..read(&found)
    };
    prop_assert_eq!(
        &Call {
            document: String::new(),
            ..row.clone()
        },
        &whole
    );
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]
    #[test]
    fn each_part_holds_its_last_value_whatever_vapi_leaves_out(steps in prop::collection::vec(any::<Step>(), 2..8)) {
        check(&steps)?;
    }
}
