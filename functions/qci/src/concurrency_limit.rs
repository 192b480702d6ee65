//! How many requests the judge bears at once: halved by a 429, regained by answers.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

/// The pause after a 429 that names none; doubled by each one in a row.
const PAUSE: Duration = Duration::from_millis(500);
/// The longest pause, named or not.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// Lets requests through as the judge bears them.
#[derive(Debug)]
pub(crate) struct Throttle {
    permits: Semaphore,
    most: usize,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Requests at once that are let through.
    limit: usize,
    /// Permits that are in use and are not given back, so that the limit holds.
    debt: usize,
    /// Answers since the limit last changed.
    answers: usize,
    closed_until: Option<Instant>,
    /// Requests that began before this were refused together with the one that halved the limit.
    halved_at: Instant,
    /// Refusals since the last answer.
    refusals: u32,
}

/// One request's turn.
pub(crate) struct Turn<'a> {
    throttle: &'a Throttle,
    permit: Option<SemaphorePermit<'a>>,
    began: Instant,
}

impl Throttle {
    pub(crate) fn new(most: usize) -> Self {
        Self {
            permits: Semaphore::new(most),
            most,
            state: Mutex::new(State {
                limit: most,
                debt: 0,
                answers: 0,
                closed_until: None,
                halved_at: Instant::now(),
                refusals: 0,
            }),
        }
    }

    /// Waits for a turn.
    pub(crate) async fn turn(&self) -> Turn<'_> {
        // The semaphore is never closed.
        let permit = self.permits.acquire().await.ok();
        while let Some(until) = self.closed_until() {
            tokio::time::sleep_until(until).await;
        }
        Turn {
            throttle: self,
            permit,
            began: Instant::now(),
        }
    }

    fn closed_until(&self) -> Option<Instant> {
        self.held().closed_until.filter(|until| *until > Instant::now())
    }

    fn held(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn<'_> {
    /// The judge answered: after as many answers as there are turns, there is one more.
    pub(crate) fn answered(self) {
        let throttle = self.throttle;
        let mut state = throttle.held();
        state.refusals = 0;
        state.answers += 1;
        if state.limit < throttle.most && state.answers >= state.limit {
            state.answers = 0;
            state.limit += 1;
            if state.debt > 0 {
                state.debt -= 1;
            } else {
                throttle.permits.add_permits(1);
            }
        }
    }

    /// The judge is asked too often; it may have said for how long to be quiet.
    pub(crate) fn refused(self, quiet: Option<Duration>) {
        let throttle = self.throttle;
        let mut state = throttle.held();
        let now = Instant::now();
        if self.began >= state.halved_at {
            let fewer = state.limit - (state.limit / 2).max(1);
            state.limit -= fewer;
            state.debt += fewer - throttle.permits.forget_permits(fewer);
            state.answers = 0;
            state.halved_at = now;
            state.refusals = state.refusals.saturating_add(1);
        }
        let until = now + quiet.unwrap_or_else(|| pause(state.refusals)).min(LONGEST_PAUSE);
        state.closed_until = Some(state.closed_until.map_or(until, |earlier| earlier.max(until)));
    }
}

/// How long to be quiet after so many refusals in a row.
fn pause(refusals: u32) -> Duration {
    PAUSE * 2_u32.pow(refusals.saturating_sub(1).min(10))
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut state = self.throttle.held();
        if state.debt > 0
            && let Some(permit) = self.permit.take()
        {
            state.debt -= 1;
            permit.forget();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn refusals_of_one_moment_halve_once_and_close_the_gate_for_as_long_as_was_said() {
        let throttle = Throttle::new(8);
        let mut turns = Vec::new();
        for _ in 0..8 {
            turns.push(throttle.turn().await);
        }

        for turn in turns {
            turn.refused(Some(Duration::from_millis(40)));
        }

        let asked = Instant::now();
        let mut held = Vec::new();
        for _ in 0..4 {
            held.push(throttle.turn().await);
        }
        assert!(asked.elapsed() >= Duration::from_millis(30), "{:?}", asked.elapsed());
        assert_eq!(throttle.permits.available_permits(), 0, "half of eight are let through");
        drop(held);
        assert_eq!(throttle.permits.available_permits(), 4);
    }

    #[tokio::test]
    async fn answers_win_back_every_turn_and_never_more() {
        let throttle = Throttle::new(6);
        for _ in 0..3 {
            throttle.turn().await.refused(Some(Duration::ZERO));
        }
        assert_eq!(throttle.permits.available_permits(), 1);

        for _ in 0..200 {
            throttle.turn().await.answered();
        }

        assert_eq!(throttle.permits.available_permits(), 6);
    }

    #[test]
    fn a_refusal_without_a_pause_waits_longer_each_time() {
        assert_eq!(
            [1, 2, 3, 99].map(|refusals| pause(refusals).as_millis()),
            [500, 1000, 2000, 512_000]
        );
    }
}
