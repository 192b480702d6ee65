//! A world that lives: documents that come at their time, and a clock of its own.

use std::{collections::BTreeMap, sync::Arc};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use super::{
    document::{Document, beginning},
    world::World,
};

/// What is still to come.
#[derive(Debug, Default)]
pub(crate) struct Life {
    serial: u64,
    plans: BTreeMap<(DateTime<Utc>, u64), Value>,
    /// How far the clock is ahead that answers are dated by.
    pub(crate) clock_ahead: TimeDelta,
}

impl World {
    /// From `at` on, by the world's clock, this is the call's document: its first one, or the next version, whose
    /// `updatedAt` does not go back.
    ///
    /// Versions of one call at one instant come in the order in which they were planned.
    pub fn plan(&mut self, at: DateTime<Utc>, call: Value) {
        self.life.serial += 1;
        self.life.plans.insert((at, self.life.serial), call);
    }

    /// Lets time pass: what was planned until `now`, and at it, happens in its order.
    pub fn live_until(&mut self, now: DateTime<Utc>) {
        let later = self.life.plans.split_off(&(now, u64::MAX));
        let due = std::mem::replace(&mut self.life.plans, later);
        self.set_now(now);
        for call in due.into_values() {
            self.deliver_next(Document::read(&call, (beginning(now), beginning(now))));
        }
    }

    /// Sets how far the clock is ahead that answers are dated by; negative where it is behind.
    ///
    /// Their `Date` header says the machine's time, so much later: a client whose own time is simulated measures
    /// the difference, which is all that it can use.
    pub fn set_clock_ahead(&mut self, ahead: TimeDelta) {
        self.life.clock_ahead = ahead;
    }

    /// Takes away the calls created before this, with all that is known of them, as Vapi does after retention.
    pub fn forget_before(&mut self, oldest: DateTime<Utc>) {
        let ids: Vec<String> = self
            .every_call()
            .filter(|call| call.created < oldest)
            .filter_map(|call| call.id.clone())
            .collect();
        for id in ids {
            self.forget(&id);
        }
    }

    /// Every call there is, those that lists hold back among them; in no order.
    pub(crate) fn every_call(&self) -> impl Iterator<Item = &Arc<Document>> {
        self.calls.iter().chain(self.veil.held_back())
    }
}
