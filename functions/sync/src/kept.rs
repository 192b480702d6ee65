//! Calls whose content outlives Vapi's since this run: counted, and told once.

use std::sync::{Mutex, PoisonError};

use serde_json::json;
use shared::run::{Run, Step};

/// More are counted, but not named.
const MOST_NAMED: usize = 20;

/// The calls of a run that Vapi served without content that is stored.
#[derive(Debug, Default)]
pub(crate) struct Kept(Mutex<Count>);

#[derive(Debug, Default)]
struct Count {
    calls: u64,
    named: Vec<String>,
}

impl Kept {
    /// Adds the calls of a batch.
    pub(crate) fn add(&self, ids: Vec<String>) {
        let mut count = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        count.calls += ids.len() as u64;
        let room = MOST_NAMED.saturating_sub(count.named.len());
        count.named.extend(ids.into_iter().take(room));
    }

    /// Notes how many there are, and warns of them in one line.
    pub(crate) fn report(&self, run: &Run) {
        let count = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(example) = count.named.first() else { return };
        run.note("content_kept", count.calls);
        let text = format!(
            "{} calls: Vapi no longer serves all of their content; Callmark keeps what it has (such as {example})",
            count.calls
        );
        run.warn(Step::Save, text, json!({"calls": count.calls, "call_ids": count.named}));
    }
}
