//! All calls and assistants of one organisation, open to change at any time.

use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde_json::Value;

use super::{
    document::{Document, beginning},
    generate,
    shelf::Shelf,
    spec::Spec,
};

/// What a [`Server`](super::Server) serves.
#[derive(Debug)]
pub struct World {
    now: DateTime<Utc>,
    spec: Spec,
    planted: u64,
    pub(crate) calls: Shelf,
    pub(crate) assistants: Shelf,
}

impl World {
    /// A world as large as the spec says. The same spec gives the same bytes.
    #[must_use]
    pub fn generate(spec: &Spec) -> Self {
        let mut world = Self::empty(spec.now);
        world.spec = spec.clone();
        for document in generate::assistants(spec) {
            world.assistants.put(document);
        }
        for document in generate::calls(spec) {
            world.calls.put(document);
        }
        world
    }

    /// A world with nothing in it yet.
    #[must_use]
    pub fn empty(now: DateTime<Utc>) -> Self {
        Self {
            now,
            spec: Spec {
                calls: 0,
                ..Spec::new(now)
            },
            planted: 0,
            calls: Shelf::default(),
            assistants: Shelf::default(),
        }
    }

    /// The world's clock, from which retention counts. It stands still until it is set.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.now
    }

    /// Sets the world's clock.
    pub fn set_now(&mut self, now: DateTime<Utc>) {
        self.now = now;
    }

    /// How many calls there are, those with an unusable id among them.
    #[must_use]
    pub fn len(&self) -> usize {
        self.calls.len()
    }

    /// True if there is no call.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Every call, newest first, but for those whose text no [`Value`] can hold.
    #[must_use]
    pub fn calls(&self) -> Vec<Value> {
        self.calls.iter().filter_map(|call| call.value()).collect()
    }

    /// The usable ids of all calls, newest first.
    #[must_use]
    pub fn call_ids(&self) -> Vec<String> {
        self.calls.iter().filter_map(|call| call.id.clone()).collect()
    }

    /// Every call's text as served, newest first.
    pub fn call_texts(&self) -> impl Iterator<Item = &Bytes> {
        self.calls.iter().map(|call| &call.text)
    }

    /// One call.
    #[must_use]
    pub fn call(&self, id: &str) -> Option<Value> {
        self.calls.find(id)?.value()
    }

    /// One call's text as served.
    #[must_use]
    pub fn call_text(&self, id: &str) -> Option<Bytes> {
        Some(self.calls.find(id)?.text.clone())
    }

    /// Adds a call, in place of one with the same id.
    pub fn insert(&mut self, call: &Value) {
        insert(&mut self.calls, call, self.now);
    }

    /// Changes a call. False if there is none, or none that a [`Value`] can hold.
    pub fn update(&mut self, id: &str, change: impl FnOnce(&mut Value)) -> bool {
        update(&mut self.calls, id, change)
    }

    /// Takes a call away, as Vapi does when it is deleted or retention ends.
    pub fn remove(&mut self, id: &str) -> Option<Value> {
        self.calls.take(id)?.value()
    }

    /// Every assistant, newest first.
    #[must_use]
    pub fn assistants(&self) -> Vec<Value> {
        self.assistants
            .iter()
            .filter_map(|assistant| assistant.value())
            .collect()
    }

    /// One assistant.
    #[must_use]
    pub fn assistant(&self, id: &str) -> Option<Value> {
        self.assistants.find(id)?.value()
    }

    /// Adds an assistant, in place of one with the same id.
    pub fn insert_assistant(&mut self, assistant: &Value) {
        insert(&mut self.assistants, assistant, self.now);
    }

    /// Changes an assistant. False if there is none.
    pub fn update_assistant(&mut self, id: &str, change: impl FnOnce(&mut Value)) -> bool {
        update(&mut self.assistants, id, change)
    }

    /// Takes an assistant away, as its owner deletes it.
    pub fn remove_assistant(&mut self, id: &str) -> Option<Value> {
        self.assistants.take(id)?.value()
    }

    /// Adds a fresh ended conversation, created at this instant, and returns its id.
    pub fn plant_call(&mut self, created: DateTime<Utc>) -> String {
        self.planted += 1;
        let document = generate::planted(&self.spec, self.planted, created);
        let id = document.id.clone().unwrap_or_default();
        self.calls.put(document);
        id
    }

    /// Adds `n` fresh conversations that were all created in the same millisecond.
    pub fn plant_same_instant(&mut self, n: usize, created: DateTime<Utc>) -> Vec<String> {
        (0..n).map(|_| self.plant_call(created)).collect()
    }
}

fn insert(shelf: &mut Shelf, value: &Value, now: DateTime<Utc>) {
    shelf.put(Document::read(value, (beginning(now), beginning(now))));
}

fn update(shelf: &mut Shelf, id: &str, change: impl FnOnce(&mut Value)) -> bool {
    let Some((before, mut value)) = shelf.find(id).and_then(|old| Some((Arc::clone(old), old.value()?))) else {
        return false;
    };
    change(&mut value);
    shelf.take(id);
    shelf.put(Document::read(&value, (before.created, before.updated)));
    true
}
