//! What is stored of a call, and what is to be stored once Vapi has sent another version.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use crate::domain::call::{Call, DocumentHash};
use crate::domain::document::{Version, fuller};

/// What tells whether a call has changed, without its document.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// Its version.
    pub updated_at: Option<DateTime<Utc>>,
    /// The hash of its document.
    pub document_hash: DocumentHash,
    /// The hash of Vapi's last document, where the stored one holds more.
    pub source_hash: Option<DocumentHash>,
    /// Which parts it has; `None` in rows of earlier versions of this program.
    pub content_shape: Option<i64>,
}

/// A stored call, while nobody else may change it.
#[derive(Clone, Debug, Default)]
pub struct Stored {
    /// Its version and hashes.
    pub known: Known,
    /// Since when it holds content that Vapi's last document lacks.
    pub content_kept_at: Option<DateTime<Utc>>,
    /// Its document and transcript; absent where the other version lacks nothing.
    pub document: Option<(String, Option<String>)>,
}

/// What the table is to hold instead.
#[derive(Clone, Debug)]
pub struct Change<'a> {
    /// The call.
    pub call: Cow<'a, Call>,
    /// Whether its content outlives Vapi's from now on.
    pub keeps_content: bool,
    /// Whether the documents are equal, and only their text differs: the hash is all there is to write.
    pub is_same: bool,
}

impl Known {
    /// Whether this document is the one that the row was written from last.
    #[must_use]
    pub fn shows(&self, call: &Call) -> bool {
        let is_whole = call.source_hash.is_none();
        self.source_hash.unwrap_or(self.document_hash) == call.vapis_hash()
            && (is_whole || self.document_hash == call.document_hash)
    }

    /// Whether neither document lacks a part of the other.
    #[must_use]
    pub fn has_shape_of(&self, call: &Call) -> bool {
        self.content_shape == Some(call.content_shape)
    }
}

impl Stored {
    /// What this version of the call changes; `None` if nothing.
    ///
    /// The version that counts is the one that Vapi changed later; of equals, the one read later. What it lacks, the
    /// other one fills.
    #[must_use]
    pub fn change<'a>(&self, call: &'a Call, now: DateTime<Utc>) -> Option<Change<'a>> {
        self.change_by(call, call.counts_over(self.known.updated_at), now)
    }

    /// What a version changes that was read before the stored one: of equals, the stored one counts.
    #[must_use]
    pub fn change_by_earlier<'a>(&self, call: &'a Call, now: DateTime<Utc>) -> Option<Change<'a>> {
        let is_newer = call.updated_at.is_some() && call.updated_at > self.known.updated_at;
        self.change_by(call, is_newer, now)
    }

    fn change_by<'a>(&self, call: &'a Call, is_newer: bool, now: DateTime<Utc>) -> Option<Change<'a>> {
        let Some((document, transcript)) = &self.document else {
            return is_newer.then(|| self.changed(Cow::Borrowed(call), call.content_kept_at));
        };
        let ours = Version {
            document,
            transcript: transcript.as_deref(),
        };
        let (base, filler) = if is_newer {
            (call.version(), ours)
        } else {
            (ours, call.version())
        };
        let Some(merged) = fuller(base, filler) else {
            return if is_newer { self.replaced(call, ours) } else { None };
        };
        let kept_before = call.content_kept_at.or(self.content_kept_at.filter(|_| !is_newer));
        let kept_at = kept_before.or(merged.content.then_some(now));
        let source = if is_newer { call.vapis_hash() } else { self.vapis_hash() };
        match Likeness::of(merged.call.version(), ours) {
            Likeness::Different => {
                let call = Call {
                    source_hash: Some(source),
                    ..*merged.call
                };
                Some(self.changed(Cow::Owned(call), kept_at))
            }
            // An older version that fills nothing.
            _ if !is_newer => None,
            _ => self
                .as_it_is(call, ours, kept_at)
                .filter(|change| self.differs_from(&change.call)),
        }
    }

    /// What a version changes that lacks nothing.
    fn replaced<'a>(&self, call: &'a Call, ours: Version<'_>) -> Option<Change<'a>> {
        let whole = || Some(self.changed(Cow::Borrowed(call), call.content_kept_at));
        match Likeness::of(call.version(), ours) {
            Likeness::Same if self.content_kept_at != call.content_kept_at => whole(),
            Likeness::Same => Some(Change {
                call: Cow::Borrowed(call),
                keeps_content: false,
                is_same: true,
            }),
            // What is not there is written in another way: that is nothing new.
            Likeness::ButForBlanks if self.content_kept_at == call.content_kept_at => self
                .as_it_is(call, ours, call.content_kept_at)
                .filter(|change| self.differs_from(&change.call)),
            _ => whole(),
        }
    }

    /// The stored document with nothing new but when Vapi changed it. What was said of the call holds, and so its hash stays.
    fn as_it_is<'a>(&self, call: &Call, ours: Version<'_>, kept_at: Option<DateTime<Utc>>) -> Option<Change<'a>> {
        let updated_at = serde_json::from_str::<Map<String, Value>>(&call.document)
            .ok()
            .and_then(|mut members| members.remove("updatedAt"));
        let updated = Version {
            document: &json!({"updatedAt": updated_at}).to_string(),
            transcript: None,
        };
        let same = Call {
            document_hash: self.known.document_hash,
            source_hash: Some(call.vapis_hash()),
            ..*fuller(updated, ours)?.call
        };
        Some(self.changed(Cow::Owned(same), kept_at))
    }

    fn changed<'a>(&self, call: Cow<'a, Call>, kept_at: Option<DateTime<Utc>>) -> Change<'a> {
        let keeps_content = kept_at.is_some() && self.content_kept_at.is_none();
        // The first time counts.
        let kept_at = kept_at.map(|now| self.content_kept_at.unwrap_or(now));
        let call = if call.content_kept_at == kept_at {
            call
        } else {
            Cow::Owned(Call {
                content_kept_at: kept_at,
                ..call.into_owned()
            })
        };
        Change {
            call,
            keeps_content,
            is_same: false,
        }
    }

    fn differs_from(&self, call: &Call) -> bool {
        self.known.updated_at != call.updated_at || self.differs_in_marks(call)
    }

    fn differs_in_marks(&self, call: &Call) -> bool {
        self.content_kept_at != call.content_kept_at || self.known.source_hash.is_some() != call.source_hash.is_some()
    }

    fn vapis_hash(&self) -> DocumentHash {
        self.known.source_hash.unwrap_or(self.known.document_hash)
    }
}

impl Call {
    /// This version and another one that this run has read before it, as one.
    #[must_use]
    pub fn after(self, earlier: &Self, now: DateTime<Utc>) -> Self {
        let is_newer = self.counts_over(earlier.updated_at);
        let (base, filler) = if is_newer { (&self, earlier) } else { (earlier, &self) };
        let kept_before = base.content_kept_at;
        match fuller(base.version(), filler.version()) {
            Some(merged) => Self {
                source_hash: Some(base.vapis_hash()),
                content_kept_at: kept_before.or(merged.content.then_some(now)),
                ..*merged.call
            },
            None if is_newer => self,
            None => earlier.clone(),
        }
    }

    fn version(&self) -> Version<'_> {
        Version {
            document: &self.document,
            transcript: self.transcript.as_deref(),
        }
    }

    /// Whether this version counts, and not the one that was read before it.
    fn counts_over(&self, updated_at: Option<DateTime<Utc>>) -> bool {
        match (self.updated_at, updated_at) {
            (Some(ours), Some(theirs)) => theirs <= ours,
            (None, Some(_)) => false,
            (_, None) => true,
        }
    }

    /// The hash of the document that Vapi sent.
    fn vapis_hash(&self) -> DocumentHash {
        self.source_hash.unwrap_or(self.document_hash)
    }
}

/// How like each other two documents are, whatever the order of their members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Likeness {
    Same,
    /// Apart from when Vapi changed it.
    ButForItsUpdate,
    /// Apart from that, and from how it is written that something is not there.
    ButForBlanks,
    Different,
}

impl Likeness {
    fn of(one: Version<'_>, other: Version<'_>) -> Self {
        let parse = |text| serde_json::from_str::<Map<String, Value>>(text).ok();
        let (Some(mut first), Some(mut second)) = (parse(one.document), parse(other.document)) else {
            return Self::Different;
        };
        if one.transcript != other.transcript {
            return Self::Different;
        }
        let is_same_update = first.remove("updatedAt") == second.remove("updatedAt");
        if first == second {
            return if is_same_update {
                Self::Same
            } else {
                Self::ButForItsUpdate
            };
        }
        let [first, second] = [first, second].map(|members| {
            let mut document = Value::Object(members);
            leave_blanks_out(&mut document);
            document
        });
        if first == second {
            Self::ButForBlanks
        } else {
            Self::Different
        }
    }
}

/// Takes out members that say nothing; elements of arrays keep their places.
fn leave_blanks_out(value: &mut Value) {
    match value {
        Value::Array(elements) => elements.iter_mut().for_each(leave_blanks_out),
        Value::Object(members) => {
            members.values_mut().for_each(leave_blanks_out);
            members.retain(|_, value| !is_blank(value));
        }
        _ => {}
    }
}

fn is_blank(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        Value::Array(elements) => elements.iter().all(is_blank),
        Value::Object(members) => members.values().all(is_blank),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests;
