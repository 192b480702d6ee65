//! Which calls this run has read, and what of them: the same document is taken once.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Utc};
use shared::domain::call::DocumentHash;
use xxhash_rust::xxh3::xxh3_128;

/// The calls read so far by all walkers of a run. 48 bytes a call.
#[derive(Debug, Default)]
pub(crate) struct Dedup(Mutex<HashMap<u128, Version>>);

/// What was read last of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Version {
    /// In microseconds; the least where Vapi does not say.
    updated_at: i64,
    /// The document's hash, cut.
    document: [u8; 8],
}

/// What a document is to this run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sighting {
    /// Its call was not read before.
    New,
    /// Its call was read before in an older version, or in a newer one that may lack something.
    Other,
    /// Its call was read before in another version that Vapi changed at the same time: the one read later holds.
    Later,
    /// It was read before.
    Same,
}

/// A call's id, in sixteen bytes whatever its form.
pub(crate) fn key(id: &str) -> u128 {
    xxh3_128(id.as_bytes())
}

impl Dedup {
    /// Notes a document and says what it is.
    pub(crate) fn sight(&self, id: &str, updated_at: Option<DateTime<Utc>>, hash: DocumentHash) -> Sighting {
        let version = Version {
            updated_at: updated_at.map_or(i64::MIN, |instant| instant.timestamp_micros()),
            document: std::array::from_fn(|index| hash[index]),
        };
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut entry = match seen.entry(key(id)) {
            Entry::Vacant(entry) => {
                entry.insert(version);
                return Sighting::New;
            }
            Entry::Occupied(entry) => entry,
        };
        let last = *entry.get();
        if last == version {
            return Sighting::Same;
        }
        if last.updated_at <= version.updated_at {
            entry.insert(version);
        }
        if last.updated_at == version.updated_at {
            Sighting::Later
        } else {
            Sighting::Other
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_taken_again_only_if_it_is_another_one() {
        let seen = Dedup::default();
        let at = |seconds| DateTime::from_timestamp(seconds, 0);
        let sight = |seconds, hash| seen.sight("c", at(seconds), [hash; 16]);

        assert_eq!(sight(2, 1), Sighting::New);
        assert_eq!(sight(2, 1), Sighting::Same);
        assert_eq!(sight(2, 2), Sighting::Later);
        assert_eq!(sight(1, 3), Sighting::Other);
        assert_eq!(sight(2, 2), Sighting::Same);
        assert_eq!(sight(3, 2), Sighting::Other);
        assert_eq!(sight(3, 2), Sighting::Same);
        assert!(seen.contains("c") && !seen.contains("d"));
    }
}
