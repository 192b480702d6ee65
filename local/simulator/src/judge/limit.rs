//! Lets in so many requests per period, and says in headers how many are left.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use super::settings::Limit;

/// The requests of the last period.
#[derive(Debug, Default)]
pub(crate) struct Gate(VecDeque<Instant>);

/// What a limit says about one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Allowance {
    pub(crate) limit: usize,
    pub(crate) remaining: usize,
    /// Until nothing of the limit is used any more.
    pub(crate) reset: Duration,
    /// How long a request that was not let in has to wait.
    pub(crate) wait: Option<Duration>,
}

impl Gate {
    pub(crate) fn admit(&mut self, limit: Limit, now: Instant) -> Allowance {
        while self.0.front().is_some_and(|at| now.duration_since(*at) >= limit.per) {
            self.0.pop_front();
        }
        let until_free = |at: &Instant| limit.per.saturating_sub(now.duration_since(*at));
        let wait = (self.0.len() >= limit.requests).then(|| self.0.front().map_or(limit.per, until_free));
        if wait.is_none() {
            self.0.push_back(now);
        }
        Allowance {
            limit: limit.requests,
            remaining: limit.requests.saturating_sub(self.0.len()),
            reset: self.0.back().map_or(Duration::ZERO, until_free),
            wait,
        }
    }
}

impl Allowance {
    /// A limit that is used up until `wait` is over.
    pub(crate) fn used_up(wait: Duration) -> Self {
        Self {
            limit: 60,
            remaining: 0,
            reset: wait,
            wait: Some(wait),
        }
    }

    pub(crate) fn headers(&self) -> Vec<(&'static str, String)> {
        let mut headers = vec![
            ("x-ratelimit-limit-requests", self.limit.to_string()),
            ("x-ratelimit-remaining-requests", self.remaining.to_string()),
            ("x-ratelimit-reset-requests", printed(self.reset)),
        ];
        if let Some(wait) = self.wait {
            let milliseconds = wait.as_micros().div_ceil(1000);
            headers.push(("retry-after-ms", milliseconds.to_string()));
            headers.push(("retry-after", milliseconds.div_ceil(1000).to_string()));
        }
        headers
    }
}

/// As the API prints durations: `250ms`, `1.5s`, `6m0s`.
fn printed(duration: Duration) -> String {
    let milliseconds = duration.as_micros().div_ceil(1000);
    let (minutes, rest) = (milliseconds / 60_000, milliseconds % 60_000);
    let seconds = match (rest / 1000, rest % 1000) {
        (whole, 0) => whole.to_string(),
        (whole, part) => format!("{whole}.{part:03}").trim_end_matches('0').to_owned(),
    };
    match minutes {
        0 if milliseconds < 1000 => format!("{milliseconds}ms"),
        0 => format!("{seconds}s"),
        _ => format!("{minutes}m{seconds}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Limit = Limit {
        requests: 2,
        per: Duration::from_secs(10),
    };

    #[test]
    fn a_request_beyond_the_limit_waits_until_the_oldest_is_a_period_old() {
        let mut gate = Gate::default();
        let start = Instant::now();

        let first = gate.admit(LIMIT, start);
        let second = gate.admit(LIMIT, start + Duration::from_secs(4));
        let third = gate.admit(LIMIT, start + Duration::from_secs(6));
        let fourth = gate.admit(LIMIT, start + Duration::from_secs(10));

        assert_eq!((first.wait, first.remaining), (None, 1));
        assert_eq!((second.wait, second.remaining), (None, 0));
        assert_eq!(third.wait, Some(Duration::from_secs(4)));
        assert_eq!(fourth.wait, None);
    }

    #[test]
    fn durations_are_printed_as_the_api_does() {
        let printed = [250, 1000, 1500, 360_000].map(|milliseconds| printed(Duration::from_millis(milliseconds)));

        assert_eq!(printed, ["250ms", "1s", "1.5s", "6m0s"]);
    }
}
