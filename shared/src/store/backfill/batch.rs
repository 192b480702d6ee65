//! A batch of a backfill: how much it may take, and what it came to.

use serde_json::Value;

/// What a batch may come to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Batch {
    /// Rows that are looked at.
    pub(crate) read: i64,
    /// Rows that are changed.
    pub(crate) changed: i64,
}

/// What a batch came to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ended {
    pub(crate) read: i64,
    pub(crate) changed: i64,
    /// The key of the last row that was looked at; none where there are no more.
    pub(crate) last_key: Option<Value>,
}
