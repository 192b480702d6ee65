//! How fast Vapi is asked: a token bucket shared by every request, slower after a 429.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// What a rate is multiplied by when Vapi says it is too fast.
const SLOW_DOWN: f64 = 0.5;
/// What it gains, as a share of the full rate, with every answer that is not a refusal.
const RECOVER: f64 = 0.05;
/// The slowest that we get, as a share of the full rate.
const FLOOR: f64 = 0.02;
/// Seconds' worth of requests that may be sent at once after a pause.
const BURST_SECONDS: f64 = 2.0;

/// Lets requests through at the rate that Vapi bears.
#[derive(Debug)]
pub(crate) struct Pace {
    full_rate: f64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    rate: f64,
    tokens: f64,
    filled_at: Instant,
    closed_until: Option<Instant>,
}

impl Pace {
    /// At most `rate` requests a second in the long run.
    pub(crate) fn new(rate: f64) -> Self {
        let state = State {
            rate,
            tokens: burst(rate),
            filled_at: Instant::now(),
            closed_until: None,
        };
        Self {
            full_rate: rate,
            state: Mutex::new(state),
        }
    }

    /// Waits for this request's turn.
    pub(crate) async fn turn(&self) {
        while let Some(wait) = self.try_turn(Instant::now()) {
            tokio::time::sleep(wait).await;
        }
    }

    /// Vapi said that it is asked too often, and perhaps for how long to be quiet.
    pub(crate) fn too_fast(&self, quiet: Option<Duration>) {
        let mut state = self.held();
        state.rate = (state.rate * SLOW_DOWN).max(self.full_rate * FLOOR);
        state.tokens = state.tokens.min(0.0);
        if let Some(quiet) = quiet {
            let until = Instant::now() + quiet;
            state.closed_until = Some(state.closed_until.map_or(until, |earlier| earlier.max(until)));
        }
    }

    /// Vapi answered.
    pub(crate) fn answered(&self) {
        let mut state = self.held();
        state.rate = (state.rate + self.full_rate * RECOVER).min(self.full_rate);
    }

    /// `None` if the request may go now, else how long to wait before asking again.
    fn try_turn(&self, now: Instant) -> Option<Duration> {
        let mut state = self.held();
        if let Some(until) = state.closed_until {
            if until > now {
                return Some(until - now);
            }
            state.closed_until = None;
        }
        let elapsed = now.saturating_duration_since(state.filled_at).as_secs_f64();
        state.tokens = (state.tokens + elapsed * state.rate).min(burst(state.rate));
        state.filled_at = now;
        if state.tokens >= 1.0 {
            state.tokens -= 1.0;
            return None;
        }
        // A millisecond on top: a wait that is rounded down would only be followed by another.
        Some(Duration::from_secs_f64((1.0 - state.tokens) / state.rate) + Duration::from_millis(1))
    }

    fn held(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn burst(rate: f64) -> f64 {
    (rate * BURST_SECONDS).max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_the_rate_holds() {
        let pace = Pace::new(2.0);
        let now = Instant::now();

        let passed = (0..10).filter(|_| pace.try_turn(now).is_none()).count();

        assert_eq!(passed, 4);
        assert!(pace.try_turn(now + Duration::from_millis(400)).is_some());
        assert!(pace.try_turn(now + Duration::from_millis(510)).is_none());
    }

    #[test]
    fn a_refusal_halves_the_rate_and_closes_the_gate_for_as_long_as_vapi_says() {
        let pace = Pace::new(2.0);

        pace.too_fast(Some(Duration::from_secs(3)));
        let now = Instant::now();

        assert!(pace.try_turn(now + Duration::from_millis(2900)).is_some());
        assert!((pace.held().rate - 1.0).abs() < 1e-9);
        assert!(pace.try_turn(now + Duration::from_millis(4100)).is_none());
    }

    #[test]
    fn the_rate_recovers_with_good_answers_and_never_stops() {
        let pace = Pace::new(2.0);

        for _ in 0..50 {
            pace.too_fast(None);
        }
        assert!(pace.held().rate > 0.0);
        for _ in 0..50 {
            pace.answered();
        }
        assert!((pace.held().rate - 2.0).abs() < 1e-9);
    }
}
