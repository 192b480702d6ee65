//! Keeps callers waiting for a connection of ours where the server would refuse another one.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use deadpool_postgres::Object;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use super::ConnectError;

/// How long the server's refusal is believed before another connection is tried.
const BELIEVED: Duration = Duration::from_secs(30);
/// How often it is looked where nobody here has a connection to give back.
const LOOK: Duration = Duration::from_millis(250);

/// How many connections are in use here, and how many the server lets in.
#[derive(Debug)]
pub(in crate::platform::db) struct Gate {
    most: usize,
    state: Mutex<State>,
    left: Notify,
    was_said: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    inside: usize,
    /// How many the server let in when it last refused one, and until when that is believed.
    room: Option<(usize, Instant)>,
    /// The fewest that it ever let in.
    fewest: Option<usize>,
}

impl Gate {
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            state: Mutex::default(),
            left: Notify::new(),
            was_said: AtomicBool::new(false),
        }
    }

    /// Opens a connection, or waits for one where the server lets in no more.
    pub(super) async fn pass<F>(&self, patience: Duration, mut open: impl FnMut() -> F) -> Result<Object, ConnectError>
    where
        F: Future<Output = Result<Object, ConnectError>>,
    {
        let until = Instant::now() + patience;
        loop {
            // At the last moment it is tried in any case: the server's own words are the error then.
            let is_last = Instant::now() >= until;
            if self.enter(is_last) {
                let entry = Entry {
                    gate: self,
                    stays: false,
                };
                match open().await {
                    Ok(object) => {
                        entry.stay();
                        return Ok(object);
                    }
                    Err(error) if error.is_full() && !is_last => {
                        drop(entry);
                        self.note_full();
                    }
                    Err(error) => return Err(error),
                }
            }
            // Woken or not, the next round looks.
            drop(timeout_at(until.min(Instant::now() + LOOK), self.left.notified()).await);
        }
    }

    /// A connection of ours is back in the pool, or gone.
    pub(in crate::platform::db) fn left(&self) {
        self.held().inside -= 1;
        self.left.notify_one();
    }

    pub(super) fn shortage(&self) -> Option<String> {
        let fewest = self.held().fewest?;
        Some(format!(
            "the database let in only {fewest} connections at once, and DATABASE_POOL is {}: the others were waited for",
            self.most
        ))
    }

    /// Whether the server may let another one in; if so, it counts as inside.
    fn enter(&self, in_any_case: bool) -> bool {
        let mut state = self.held();
        let now = Instant::now();
        let is_full = state
            .room
            .is_some_and(|(room, until)| now < until && state.inside >= room);
        let enters = in_any_case || !is_full;
        state.inside += usize::from(enters);
        enters
    }

    fn note_full(&self) {
        let mut state = self.held();
        let room = state.inside.max(1);
        state.room = Some((room, Instant::now() + BELIEVED));
        state.fewest = Some(state.fewest.map_or(room, |fewest| fewest.min(room)));
        drop(state);
        if !self.was_said.swap(true, Ordering::Relaxed)
            && let Some(shortage) = self.shortage()
        {
            tracing::warn!("{shortage}");
        }
    }

    fn held(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One that is inside, until its connection is dropped; or at once, where it got none.
struct Entry<'a> {
    gate: &'a Gate,
    stays: bool,
}

impl Entry<'_> {
    fn stay(mut self) {
        self.stays = true;
    }
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        if !self.stays {
            self.gate.left();
        }
    }
}
