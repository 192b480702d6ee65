//! Whether the score that somebody asked for is there: `?asked=` says when they did.

use chrono::{DateTime, TimeDelta, Utc};
use shared::store::score::{Paid, Stored};

/// A run that has not come by then does not come soon.
const PATIENCE: TimeDelta = TimeDelta::minutes(10);

/// How a request for a new score stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// No result yet.
    Awaited,
    /// The analysis is newer than the request.
    Done,
    /// The judge was asked, and what it said was of no use; what was there before stays.
    Unchanged,
    /// Nothing came of it in ten minutes.
    Overdue,
}

impl Asked {
    pub(crate) fn at(at: DateTime<Utc>, now: DateTime<Utc>, opinions: &[Stored], paid: &[Paid]) -> Self {
        if opinions.iter().any(|analysis| analysis.analyzed_at > at) {
            Self::Done
        } else if paid
            .iter()
            .any(|request| request.is_closed && request.requested_at > at)
        {
            Self::Unchanged
        } else if (at..at + PATIENCE).contains(&now) {
            Self::Awaited
        } else {
            Self::Overdue
        }
    }
}
