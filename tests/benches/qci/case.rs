//! What is timed, and the time that it would take if only the judge took any.

use std::fmt::{self, Display};
use std::time::Duration;

use simulator::judge::Limit;

/// How long the judge thinks.
pub(crate) const LATENCY: Duration = Duration::from_millis(400);

/// A scoring run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    pub(crate) calls: usize,
    /// Requests to the judge at once, at most.
    pub(crate) concurrency: usize,
    /// Requests in any second that the judge lets in; all, where there is none.
    pub(crate) limit: Option<usize>,
}

/// A judge's limit of so many requests a second.
pub(crate) fn limit(requests: usize) -> Limit {
    Limit {
        requests,
        per: Duration::from_secs(1),
    }
}

impl Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} calls, {} at once", self.calls, self.concurrency)?;
        self.limit
            .map_or(Ok(()), |requests| write!(f, ", {requests} a second let in"))
    }
}

impl Case {
    /// The time for one request a call, each begun as soon as concurrency and limit allow. Without a limit it is the
    /// latency as often as concurrency goes into the calls, rounded up.
    pub(crate) fn ideal(&self) -> Duration {
        let limit = self.limit.map(limit);
        let mut begun: Vec<Duration> = Vec::with_capacity(self.calls);
        for call in 0..self.calls {
            let earlier = |distance: usize| call.checked_sub(distance).map(|earlier| begun[earlier]);
            let free = earlier(self.concurrency).map(|begun| begun + LATENCY);
            let let_in = limit.and_then(|limit| Some(earlier(limit.requests)? + limit.per));
            begun.push(free.max(let_in).unwrap_or_default());
        }
        begun.last().map_or(Duration::ZERO, |last| *last + LATENCY)
    }
}
