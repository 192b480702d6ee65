//! What the listings of a run held, counted: a listing without a new call may be the truth, or none.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use chrono::{DateTime, TimeDelta, Utc};
use shared::domain::call::Call;

/// A call that was created during the run is none of the future, whatever the clocks do.
const SLACK: TimeDelta = TimeDelta::minutes(1);

/// What was listed so far.
#[derive(Debug)]
pub(crate) struct Listing {
    /// Calls created since then are new to us; all are, where absent.
    fresh_from: Option<DateTime<Utc>>,
    /// The start of the run, by Vapi's clock.
    vapi_now: DateTime<Utc>,
    begun: Instant,
    all: AtomicU64,
    fresh: AtomicU64,
    future: AtomicU64,
    /// Milliseconds of which it was told that calls may be missing.
    told: Mutex<BTreeSet<DateTime<Utc>>>,
}

impl Listing {
    /// `ahead` is how far Vapi's clock is ahead.
    pub(crate) fn new(fresh_from: Option<DateTime<Utc>>, now: DateTime<Utc>, ahead: TimeDelta) -> Self {
        Self {
            fresh_from,
            vapi_now: now + ahead,
            begun: Instant::now(),
            all: AtomicU64::new(0),
            fresh: AtomicU64::new(0),
            future: AtomicU64::new(0),
            told: Mutex::default(),
        }
    }

    /// Counts a call of a page.
    pub(crate) fn count(&self, call: &Call) {
        self.all.fetch_add(1, Ordering::Relaxed);
        let is_fresh = self
            .fresh_from
            .is_none_or(|from| call.created_at.is_some_and(|at| at >= from));
        if is_fresh {
            self.fresh.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Counts a call that this run had not read before.
    pub(crate) fn count_first(&self, call: &Call) {
        let elapsed = TimeDelta::from_std(self.begun.elapsed()).unwrap_or_default();
        if call.created_at.is_some_and(|at| at > self.vapi_now + elapsed + SLACK) {
            self.future.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// From when on calls are new to us; all are, where absent.
    pub(crate) fn fresh_from(&self) -> Option<DateTime<Utc>> {
        self.fresh_from
    }

    /// Whether no page held a call.
    pub(crate) fn is_empty(&self) -> bool {
        self.all.load(Ordering::Relaxed) == 0
    }

    /// Whether no page held a call that is new to us.
    pub(crate) fn has_nothing_fresh(&self) -> bool {
        self.fresh.load(Ordering::Relaxed) == 0
    }

    /// Calls whose creation Vapi dates later than its own time.
    pub(crate) fn of_the_future(&self) -> u64 {
        self.future.load(Ordering::Relaxed)
    }

    /// Whether it is told for the first time that calls of a millisecond may be missing: it may be walked twice.
    pub(crate) fn is_news(&self, instant: DateTime<Utc>) -> bool {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).insert(instant)
    }
}
