//! Sorts the calls of a batch by what the table has of them: new ones, changed ones, and those that are as they were.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use shared::domain::call::Call;
use shared::domain::stored_call::{Change, Known};
use shared::platform::db::{DbError, Executor};
use shared::store::call::{self, Look};

/// The calls of a batch, by what is to be done.
#[derive(Default)]
pub(crate) struct Sorted<'a> {
    pub(crate) new: Vec<&'a Call>,
    pub(crate) changed: Vec<Change<'a>>,
    pub(crate) unchanged: u64,
}

/// Tells new calls from changed ones and from those that are as the table has them.
///
/// What came into the table since `known` was read shows as a collision, and what left it as a new call.
pub(crate) async fn sort<'a>(
    db: &impl Executor,
    calls: &[&'a Call],
    known: &HashMap<String, Known>,
    look: Look,
    now: DateTime<Utc>,
) -> Result<Sorted<'a>, DbError> {
    let mut sorted = Sorted::default();
    let mut suspects: Vec<(&'a Call, Known)> = Vec::new();
    for call in calls {
        match known.get(&call.id) {
            None => sorted.new.push(call),
            Some(known) if known.shows(call) => sorted.unchanged += 1,
            Some(known) => suspects.push((call, *known)),
        }
    }
    if suspects.is_empty() {
        return Ok(sorted);
    }
    let stored = call::stored(db, &suspects, look).await?;
    for (call, _) in suspects {
        match stored.get(&call.id).map(|stored| stored.change(call, now)) {
            None => sorted.new.push(call),
            Some(None) => sorted.unchanged += 1,
            Some(Some(change)) => sorted.changed.push(change),
        }
    }
    Ok(sorted)
}

impl Sorted<'_> {
    /// How many rows change; of others, the hash may.
    pub(crate) fn updated(&self) -> u64 {
        self.changed.iter().filter(|change| !change.is_same).count() as u64
    }

    /// Calls whose content outlives Vapi's from now on.
    pub(crate) fn kept(&self) -> Vec<String> {
        let changed = self.changed.iter().filter(|change| change.keeps_content);
        // Vapi may have sent two versions of a new call.
        let new = self.new.iter().filter(|call| call.content_kept_at.is_some());
        let kept = changed.map(|change| change.call.as_ref()).chain(new.copied());
        kept.map(|call| call.id.clone()).collect()
    }
}
