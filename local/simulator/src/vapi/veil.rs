//! A Vapi that does not say all it has: calls that lists leave out, lists without a row, documents
//! of which parts are gone.
//!
//! The world stays what it is: what is held back comes back, as it is by then, when it is shown again.

use std::{collections::HashMap, sync::Arc};

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use super::{document::Document, world::World};

/// Where a call is not to be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hidden {
    /// No list has it; its id finds it.
    FromLists,
    /// Its id does not find it either.
    Everywhere,
}

/// What is left in the place of a part that is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Form {
    /// No member.
    Absent,
    /// `null`.
    Null,
    /// `""`.
    EmptyText,
    /// `{}`.
    EmptyObject,
    /// `[]`.
    EmptyArray,
    /// The first half of a text or an array; what is neither stays.
    FirstHalf,
}

/// How a document becomes emptier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hollowing {
    /// The parts that go, as JSON pointers: `/artifact/messages`. What a document lacks anyway is left alone.
    pub parts: Vec<String>,
    /// What is left of them.
    pub form: Form,
    /// Its `updatedAt` from then on; `None` leaves it.
    pub updated: Option<DateTime<Utc>>,
    /// Whether the id still finds the whole document: only lists have become slim.
    pub in_lists_only: bool,
}

/// What is held back.
#[derive(Debug, Default)]
pub(crate) struct Veil {
    hidden: HashMap<String, (Hidden, Arc<Document>)>,
    hollow: HashMap<String, (Hollowing, Arc<Document>)>,
}

impl Form {
    /// Those of a part that is gone altogether.
    pub const GONE: [Self; 5] = [
        Self::Absent,
        Self::Null,
        Self::EmptyText,
        Self::EmptyObject,
        Self::EmptyArray,
    ];

    /// What is left of a value.
    fn left_of(self, value: Value) -> Option<Value> {
        match (self, value) {
            (Self::Absent, _) => None,
            (Self::Null, _) => Some(Value::Null),
            (Self::EmptyText, _) => Some(json!("")),
            (Self::EmptyObject, _) => Some(json!({})),
            (Self::EmptyArray, _) => Some(json!([])),
            (Self::FirstHalf, Value::Array(mut items)) => {
                items.truncate(items.len() / 2);
                Some(Value::Array(items))
            }
            (Self::FirstHalf, Value::String(text)) => {
                let half = text.chars().count() / 2;
                Some(text.chars().take(half).collect::<String>().into())
            }
            (Self::FirstHalf, other) => Some(other),
        }
    }
}

impl World {
    /// From now on the call is left out, until it is shown. False if there is none.
    pub fn hide(&mut self, id: &str, from: Hidden) -> bool {
        if let Some((hidden, _)) = self.veil.hidden.get_mut(id) {
            *hidden = from;
            return true;
        }
        let Some(call) = self.calls.take(id) else {
            return false;
        };
        self.veil.hidden.insert(id.to_owned(), (from, call));
        true
    }

    /// Lists have the call again. False if none was hidden.
    pub fn show(&mut self, id: &str) -> bool {
        let Some((_, call)) = self.veil.hidden.remove(id) else {
            return false;
        };
        self.calls.put_back(call);
        true
    }

    /// Lists have every call again.
    pub fn show_all(&mut self) {
        for (_, (_, call)) in std::mem::take(&mut self.veil.hidden) {
            self.calls.put_back(call);
        }
    }

    /// True while lists leave this call out.
    #[must_use]
    pub fn is_hidden(&self, id: &str) -> bool {
        self.veil.hidden.contains_key(id)
    }

    /// Takes parts of a call's document away, and of each later version of it, until it is restored. False if there is no such call.
    pub fn hollow(&mut self, id: &str, hollowing: Hollowing) -> bool {
        let Some(whole) = self.whole(id).map(Arc::clone) else {
            return false;
        };
        self.veil.hollow.insert(id.to_owned(), (hollowing, Arc::clone(&whole)));
        self.serve_version(whole);
        true
    }

    /// The call's document is whole again. False if it was not hollow.
    pub fn restore(&mut self, id: &str) -> bool {
        let Some((_, whole)) = self.veil.hollow.remove(id) else {
            return false;
        };
        self.serve_version(whole);
        true
    }

    /// True while parts of this call's document are gone.
    #[must_use]
    pub fn is_hollow(&self, id: &str) -> bool {
        self.veil.hollow.contains_key(id)
    }

    /// The call's whole document, whatever is held back of it.
    fn whole(&self, id: &str) -> Option<&Arc<Document>> {
        let hollow = self.veil.hollow.get(id).map(|(_, whole)| whole);
        let hidden = self.veil.hidden.get(id).map(|(_, call)| call);
        hollow.or(hidden).or_else(|| self.calls.find(id))
    }

    /// A new version of a call, or a new call, which is held back as the one before.
    pub(crate) fn deliver(&mut self, document: Document) {
        let document = Arc::new(document);
        if let Some(id) = &document.id
            && let Some((_, whole)) = self.veil.hollow.get_mut(id)
        {
            *whole = Arc::clone(&document);
        }
        self.serve_version(document);
    }

    /// Serves a version of a call in the place, and as hollow, as it is served by now.
    fn serve_version(&mut self, whole: Arc<Document>) {
        let Some(id) = whole.id.clone() else {
            self.calls.put_back(whole);
            return;
        };
        let version = self
            .veil
            .hollow
            .get(&id)
            .and_then(|(hollowing, _)| hollowing.applied(&whole))
            .map_or(whole, Arc::new);
        match self.veil.hidden.get_mut(&id) {
            Some((_, hidden)) => *hidden = version,
            None => self.calls.put_back(version),
        }
    }

    /// What a call's id finds.
    pub(crate) fn by_id(&self, id: &str) -> Option<&Arc<Document>> {
        match (self.veil.hidden.get(id), self.veil.hollow.get(id)) {
            (Some((Hidden::Everywhere, _)), _) => None,
            (_, Some((hollowing, whole))) if hollowing.in_lists_only => Some(whole),
            (Some((_, hidden)), _) => Some(hidden),
            (None, _) => self.calls.find(id),
        }
    }

    /// Takes a call away, wherever it stands.
    pub(crate) fn forget(&mut self, id: &str) -> Option<Arc<Document>> {
        self.veil.hollow.remove(id);
        let hidden = self.veil.hidden.remove(id).map(|(_, call)| call);
        self.calls.take(id).or(hidden)
    }
}

impl Veil {
    /// Calls that lists leave out.
    pub(crate) fn held_back(&self) -> impl Iterator<Item = &Arc<Document>> {
        self.hidden.values().map(|(_, call)| call)
    }
}

impl Hollowing {
    /// The document without its parts; `None` if no [`Value`] can hold it.
    fn applied(&self, whole: &Document) -> Option<Document> {
        let mut value = whole.value()?;
        for part in &self.parts {
            remove(&mut value, part, self.form);
        }
        if let Some(updated) = self.updated {
            value["updatedAt"] = json!(updated.to_rfc3339_opts(SecondsFormat::Millis, true));
        }
        Some(Document::read(&value, (whole.created, whole.updated)))
    }
}

fn remove(value: &mut Value, part: &str, form: Form) {
    let Some((parent, name)) = part.rsplit_once('/') else {
        return;
    };
    let Some(members) = value.pointer_mut(parent).and_then(Value::as_object_mut) else {
        return;
    };
    let left = members.remove(name).and_then(|value| form.left_of(value));
    if let Some(left) = left {
        members.insert(name.to_owned(), left);
    }
}
