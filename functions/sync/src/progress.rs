//! How much of a window is stored, while its batches commit in any order.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The batches of one window.
#[derive(Debug)]
pub(crate) struct Progress {
    /// The window's row; a dry run and a re-read by id have none.
    pub(crate) window: Option<i64>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The number of the next batch.
    next: u64,
    /// Every batch before this one is committed.
    contiguous: u64,
    /// Committed ones beyond.
    ahead: BTreeSet<u64>,
    walked: bool,
}

impl Progress {
    /// Nothing is stored yet.
    pub(crate) fn of(window: Option<i64>) -> Self {
        Self {
            window,
            state: Mutex::default(),
        }
    }

    /// Numbers a batch.
    pub(crate) fn begin(&self) -> u64 {
        let mut state = self.held();
        state.next += 1;
        state.next - 1
    }

    /// Whether every batch before this one is committed, so that its place may be kept with it.
    pub(crate) fn is_contiguous(&self, batch: u64) -> bool {
        self.held().contiguous == batch
    }

    /// A batch is committed; returns the window to close if that was the last of it.
    pub(crate) fn committed(&self, batch: u64) -> Option<i64> {
        let mut state = self.held();
        state.ahead.insert(batch);
        while let Some(first) = state.ahead.first().copied().filter(|first| *first == state.contiguous) {
            state.ahead.remove(&first);
            state.contiguous += 1;
        }
        self.complete(&state)
    }

    /// There will be no more batches; returns the window to close if all are committed.
    pub(crate) fn walked(&self) -> Option<i64> {
        let mut state = self.held();
        state.walked = true;
        self.complete(&state)
    }

    fn complete(&self, state: &State) -> Option<i64> {
        self.window.filter(|_| state.walked && state.contiguous == state.next)
    }

    fn held(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_kept_only_when_everything_before_it_is_stored() {
        let progress = Progress::of(Some(7));
        let [first, second, third] = [progress.begin(), progress.begin(), progress.begin()];

        assert!(progress.is_contiguous(first) && !progress.is_contiguous(second));
        assert_eq!(progress.committed(second), None);
        assert!(!progress.is_contiguous(third));
        assert_eq!(progress.committed(first), None);
        assert!(progress.is_contiguous(third));
    }

    #[test]
    fn a_window_is_closed_once_it_is_walked_and_stored() {
        let progress = Progress::of(Some(7));
        let batch = progress.begin();

        assert_eq!(progress.walked(), None);
        assert_eq!(progress.committed(batch), Some(7));
        assert_eq!(Progress::of(Some(8)).walked(), Some(8));
        assert_eq!(Progress::of(None).walked(), None);
    }
}
