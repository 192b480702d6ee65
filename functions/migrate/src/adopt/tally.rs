//! What a batch of old rows came to.

use std::collections::BTreeMap;

use shared::store::adoption::Progress;

use super::old::Old;

/// Whether rows are stored together, or each by itself since the database refuses one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Care {
    Together,
    EachAlone,
}

/// What a batch came to.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) taken: u64,
    pub(super) present: u64,
    pub(super) refused: u64,
    pub(super) reasons: BTreeMap<String, u64>,
}

impl Tally {
    /// Notes what is odd about a row.
    pub(super) fn note(&mut self, what: &str) {
        self.note_many(what, 1);
    }

    pub(super) fn note_many(&mut self, what: &str, rows: u64) {
        if rows > 0 {
            *self.reasons.entry(what.to_owned()).or_default() += rows;
        }
    }

    /// Counts rows that cannot be taken.
    pub(super) fn refuse(&mut self, why: &str, rows: u64) {
        self.refused += rows;
        self.note_many(why, rows);
    }

    pub(super) fn add_to(&self, progress: &mut Progress) {
        let counted = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        progress.rows_taken += counted(self.taken);
        progress.rows_present += counted(self.present);
        progress.rows_refused += counted(self.refused);
        for (reason, rows) in &self.reasons {
            *progress.reasons.entry(reason.clone()).or_default() += counted(*rows);
        }
    }
}

/// Rows of a batch that were read together: how many, by their key.
pub(super) fn keys(rows: &[Old]) -> Vec<&str> {
    let mut keys: Vec<&str> = rows.iter().map(Old::key).collect();
    keys.dedup();
    keys
}
