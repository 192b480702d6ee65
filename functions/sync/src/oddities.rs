//! What is odd about the documents of a run: told once a kind, however many calls it concerns.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use serde_json::json;
use shared::domain::document::Oddity;
use shared::run::{Run, Step};

/// What is odd about the documents of a run, by kind: how often, and one example.
#[derive(Debug, Default)]
pub(crate) struct Oddities(Mutex<BTreeMap<Oddity, (u64, String)>>);

impl Oddities {
    /// Notes what is odd about a call.
    pub(crate) fn note(&self, id: &str, odd: &[Oddity]) {
        if odd.is_empty() {
            return;
        }
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for oddity in odd {
            noted.entry(*oddity).or_insert_with(|| (0, id.to_owned())).0 += 1;
        }
    }

    /// One warning a kind, however many calls it concerns.
    pub(crate) fn report(&self, run: &Run) {
        for (oddity, (count, example)) in self.0.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            let meta = json!({"calls": count, "example_call_id": example});
            run.warn(
                Step::Validate,
                format!("{count} calls: {oddity} (such as {example})"),
                meta,
            );
        }
    }
}
