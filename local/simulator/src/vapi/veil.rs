//! A Vapi that does not say all it has: calls that lists leave out, documents that lack parts for a while.
//!
//! The world stays what it is: what is held back comes back, as it is by then.

use std::{collections::HashMap, sync::Arc};

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use super::{
    document::Document,
    hollow::{Gone, take},
    world::World,
};

/// Where a call is not to be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hidden {
    /// No list has it; its id finds it.
    FromLists,
    /// Its id does not find it either.
    Everywhere,
}

/// What is left of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Left {
    /// Nothing, in this form.
    Nothing(Gone),
    /// The first half of a text or an array; what is neither stays.
    FirstHalf,
}

/// How a document becomes emptier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thinning {
    /// The parts that go, as JSON pointers: `/artifact/messages`. What a document lacks anyway is left alone.
    pub parts: Vec<String>,
    /// What is left of them.
    pub left: Left,
    /// Its `updatedAt`, until a version comes that changed later; `None` leaves it.
    pub updated: Option<DateTime<Utc>>,
    /// Whether the id still finds the whole document: only lists have become slim.
    pub in_lists_only: bool,
}

/// What is held back.
#[derive(Debug, Default)]
pub(crate) struct Veil {
    hidden: HashMap<String, (Hidden, Arc<Document>)>,
    thin: HashMap<String, (Thinning, Arc<Document>)>,
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
    pub fn thin(&mut self, id: &str, thinning: Thinning) -> bool {
        let Some(whole) = self.whole(id).map(Arc::clone) else {
            return false;
        };
        self.veil.thin.insert(id.to_owned(), (thinning, Arc::clone(&whole)));
        self.serve_version(whole);
        true
    }

    /// The call's document is whole again, and its `updatedAt` no earlier than it was said to be. False if it was not hollow.
    pub fn restore(&mut self, id: &str) -> bool {
        let Some((thinning, whole)) = self.veil.thin.remove(id) else {
            return false;
        };
        let later = thinning.updated.and_then(|updated| whole.updated_no_earlier(updated));
        self.serve_version(later.map_or(whole, Arc::new));
        true
    }

    /// The next version of a call, whose `updatedAt` is no earlier than that of the one that is served.
    pub(crate) fn deliver_next(&mut self, document: Document) {
        let served = document.id.as_deref().and_then(|id| {
            let hidden = self.veil.hidden.get(id).map(|(_, call)| call);
            hidden.or_else(|| self.calls.find(id))
        });
        let later = served.and_then(|served| document.updated_no_earlier(served.updated));
        self.deliver(later.unwrap_or(document));
    }

    /// True while parts of this call's document are gone.
    #[must_use]
    pub fn is_thin(&self, id: &str) -> bool {
        self.veil.thin.contains_key(id)
    }

    /// The call's whole document, whatever is held back of it.
    fn whole(&self, id: &str) -> Option<&Arc<Document>> {
        let thin = self.veil.thin.get(id).map(|(_, whole)| whole);
        let hidden = self.veil.hidden.get(id).map(|(_, call)| call);
        thin.or(hidden).or_else(|| self.calls.find(id))
    }

    /// A new version of a call, or a new call, which is held back as the one before.
    pub(crate) fn deliver(&mut self, document: Document) {
        let document = Arc::new(document);
        if let Some(id) = &document.id
            && let Some((_, whole)) = self.veil.thin.get_mut(id)
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
            .thin
            .get(&id)
            .and_then(|(thinning, _)| thinning.applied(&whole))
            .map_or(whole, Arc::new);
        match self.veil.hidden.get_mut(&id) {
            Some((_, hidden)) => *hidden = version,
            None => self.calls.put_back(version),
        }
    }

    /// What a call's id finds.
    pub(crate) fn by_id(&self, id: &str) -> Option<&Arc<Document>> {
        match (self.veil.hidden.get(id), self.veil.thin.get(id)) {
            (Some((Hidden::Everywhere, _)), _) => None,
            (_, Some((thinning, whole))) if thinning.in_lists_only => Some(whole),
            (Some((_, hidden)), _) => Some(hidden),
            (None, _) => self.calls.find(id),
        }
    }

    /// Takes a call away, wherever it stands.
    pub(crate) fn forget(&mut self, id: &str) -> Option<Arc<Document>> {
        self.veil.thin.remove(id);
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

impl Thinning {
    /// The document without its parts; `None` if no [`Value`] can hold it.
    fn applied(&self, whole: &Document) -> Option<Document> {
        let mut value = whole.value()?;
        for part in &self.parts {
            match self.left {
                Left::Nothing(gone) => take(&mut value, part, gone),
                Left::FirstHalf => value.pointer_mut(part).map_or((), halve),
            }
        }
        // A later version says so by itself.
        if let Some(updated) = self.updated.filter(|updated| *updated > whole.updated) {
            update(&mut value, updated);
        }
        Some(Document::read(&value, (whole.created, whole.updated)))
    }
}

impl Document {
    /// The same document, updated at this time; `None` if it says so already, or no [`Value`] can hold it.
    fn updated_no_earlier(&self, updated: DateTime<Utc>) -> Option<Self> {
        if self.never_updated || self.updated >= updated {
            return None;
        }
        let mut value = self.value()?;
        update(&mut value, updated);
        Some(Self::read(&value, (self.created, self.updated)))
    }
}

fn update(call: &mut Value, updated: DateTime<Utc>) {
    call["updatedAt"] = json!(updated.to_rfc3339_opts(SecondsFormat::Millis, true));
}

fn halve(value: &mut Value) {
    match value {
        Value::Array(items) => items.truncate(items.len() / 2),
        Value::String(text) => {
            let half = text.chars().count() / 2;
            *text = text.chars().take(half).collect();
        }
        _ => {}
    }
}
