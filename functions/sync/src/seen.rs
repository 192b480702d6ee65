//! Which calls this run has read, and in what version: the same document is taken once.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Utc};
use xxhash_rust::xxh3::xxh3_128;

/// The calls read so far by all walkers of a run. 40 bytes a call.
#[derive(Debug, Default)]
pub(crate) struct Seen(Mutex<HashMap<u128, i64>>);

/// What a call is to this run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sight {
    /// It was not read before.
    New,
    /// It was read before in an older version.
    Newer,
    /// It was read before.
    Same,
}

/// A call's id, in sixteen bytes whatever its form.
pub(crate) fn key(id: &str) -> u128 {
    xxh3_128(id.as_bytes())
}

impl Seen {
    /// Notes a call and says what it is.
    pub(crate) fn sight(&self, id: &str, updated_at: Option<DateTime<Utc>>) -> Sight {
        let version = updated_at.map_or(i64::MIN, |instant| instant.timestamp_micros());
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match seen.entry(key(id)) {
            Entry::Vacant(entry) => {
                entry.insert(version);
                Sight::New
            }
            Entry::Occupied(mut entry) if *entry.get() < version => {
                entry.insert(version);
                Sight::Newer
            }
            Entry::Occupied(_) => Sight::Same,
        }
    }

    /// Whether a call was read.
    pub(crate) fn contains(&self, id: &str) -> bool {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .contains_key(&key(id))
    }
}
