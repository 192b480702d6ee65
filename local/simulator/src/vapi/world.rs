//! All calls and assistants of one organisation, open to change at any time.

use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, SubsecRound, TimeDelta, Utc};
use serde_json::{Value, json};

use super::{
    document::{Document, beginning},
    generate,
    life::Life,
    oddity::{self, Oddity},
    shelf::Shelf,
    spec::Spec,
    veil::Veil,
};

/// How `POST /analytics` is answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Counting {
    /// By what the world holds.
    #[default]
    Truthful,
    /// Not at all, with this status: 401, 403, 404, 503 …
    Refused(u16),
    /// Each count with so many more, or fewer, than there are.
    Off(i64),
}

/// What a [`Server`](super::Server) serves.
#[derive(Debug)]
pub struct World {
    now: DateTime<Utc>,
    spec: Spec,
    planted: u64,
    pub(crate) counting: Counting,
    pub(crate) calls: Shelf,
    pub(crate) assistants: Shelf,
    pub(crate) life: Life,
    pub(crate) veil: Veil,
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
            counting: Counting::default(),
            calls: Shelf::default(),
            assistants: Shelf::default(),
            life: Life::default(),
            veil: Veil::default(),
        }
    }

    /// The brand that each generated assistant speaks for, by the assistant's id. Vapi has no such thing; a team knows it.
    #[must_use]
    pub fn brands(&self) -> Vec<(String, &'static str)> {
        generate::brands(&self.spec)
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

    /// Sets how calls are counted from now on.
    pub fn set_counting(&mut self, counting: Counting) {
        self.counting = counting;
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
        let document = Document::read(call, (beginning(self.now), beginning(self.now)));
        self.deliver(document);
    }

    /// Changes a call. False if there is none, or none that a [`Value`] can hold.
    pub fn update(&mut self, id: &str, change: impl FnOnce(&mut Value)) -> bool {
        update(&mut self.calls, id, change)
    }

    /// Takes a call away, as Vapi does when it is deleted or retention ends.
    pub fn remove(&mut self, id: &str) -> Option<Value> {
        self.forget(id)?.value()
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
        let document = Document::read(assistant, (beginning(self.now), beginning(self.now)));
        self.assistants.put(document);
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
        let document = generate::planted(&self.spec, self.planted, created, self.now);
        let id = document.id.clone().unwrap_or_default();
        self.calls.put(document);
        id
    }

    /// Adds an odd call, created an hour ago by the world's clock, and returns its id; none if
    /// that is what is odd about it.
    pub fn plant(&mut self, oddity: Oddity) -> Option<String> {
        let created = self.now - TimeDelta::hours(1) - TimeDelta::seconds(i64::try_from(self.planted).unwrap_or(0));
        self.plant_at(oddity, created)
    }

    /// Adds an odd call, created at this instant.
    pub fn plant_at(&mut self, oddity: Oddity, created: DateTime<Utc>) -> Option<String> {
        self.planted += 1;
        let document = oddity::write(oddity, &self.spec, self.planted, created, self.now);
        let id = document.id.clone();
        self.calls.put(document);
        id
    }

    /// Adds `n` fresh conversations that were all created in the same millisecond.
    pub fn plant_same_instant(&mut self, n: usize, created: DateTime<Utc>) -> Vec<String> {
        (0..n).map(|_| self.plant_call(created)).collect()
    }

    /// Adds `n` conversations in one millisecond such that a page of `page` rows, newest first,
    /// ends in their midst.
    pub fn plant_across_page_edge(&mut self, n: usize, page: usize) -> Vec<String> {
        let before = page.saturating_sub(n / 2);
        let neighbour = self.calls.iter().nth(before).map_or(self.now, |call| call.created);
        self.plant_same_instant(n, neighbour.trunc_subsecs(3) + TimeDelta::milliseconds(1))
    }

    /// Adds `n` conversations that were all created in one millisecond and last updated in another.
    pub fn plant_same_instants(&mut self, n: usize, created: DateTime<Utc>, updated: DateTime<Utc>) -> Vec<String> {
        let ids = self.plant_same_instant(n, created);
        for id in &ids {
            self.touch(id, updated);
        }
        ids
    }

    /// Sets when a call was last updated, and nothing else. False if there is none.
    pub fn touch(&mut self, id: &str, updated: DateTime<Utc>) -> bool {
        let updated = updated.to_rfc3339_opts(SecondsFormat::Millis, true);
        self.update(id, |call| call["updatedAt"] = json!(updated))
    }
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
