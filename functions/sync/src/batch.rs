//! Calls of one window on their way into the table.

use chrono::{DateTime, Utc};
use shared::domain::call::Call;
use shared::domain::reject::Reject;

/// A batch is sent when its documents reach this size, in bytes: large enough to amortise four round
/// trips, small enough that a dozen in memory do not matter.
const BATCH_BYTES: usize = 3_000_000;
/// … or this number of calls.
const BATCH_CALLS: usize = 500;
/// What is stored together.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) calls: Vec<Call>,
    pub(crate) rejects: Vec<Reject>,
    bytes: usize,
    /// An earlier batch may hold an earlier reading of one of these calls, which must be stored first.
    pub(crate) comes_after: bool,
}

impl Batch {
    pub(crate) fn push(&mut self, call: Call) {
        self.bytes += call.size();
        self.calls.push(call);
    }

    /// A call of which this batch may hold another version: a statement cannot change one row twice.
    pub(crate) fn push_again(&mut self, call: Call, now: DateTime<Utc>) {
        match self.calls.iter_mut().find(|earlier| earlier.id == call.id) {
            Some(earlier) => *earlier = call.after(earlier, now),
            None => self.push(call),
        }
    }

    /// A call that was read before in a version of the same time: which one holds is decided by their order alone.
    pub(crate) fn push_later(&mut self, call: Call, now: DateTime<Utc>) {
        self.comes_after |= !self.calls.iter().any(|earlier| earlier.id == call.id);
        self.push_again(call, now);
    }

    pub(crate) fn is_full(&self) -> bool {
        self.bytes >= BATCH_BYTES || self.calls.len() >= BATCH_CALLS
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.calls.is_empty() && self.rejects.is_empty()
    }
}
