//! What can go wrong with an answer, and when it does.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// One way in which a request for a completion goes wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// 429, too many requests.
    RateLimited {
        /// What the headers ask to wait; without it there are no such headers.
        retry_after: Option<Duration>,
    },
    /// 429 because the account has no money left; waiting does not help.
    QuotaExhausted,
    /// This status with an ordinary JSON error body: 500, 503, 401, 403 …
    Status(u16),
    /// A gateway's HTML page with this status, which may be 200.
    HtmlPage(u16),
    /// 400 because the messages are too long for the model.
    ContextTooLong,
    /// The model declines: a refusal in place of content.
    Refusal,
    /// The answer is cut off in its middle, and says so.
    Length,
    /// The provider's filter withholds the answer.
    ContentFilter,
    /// The content is almost JSON.
    InvalidJson,
    /// The content is right, but inside a Markdown code fence.
    Fenced,
    /// Allowed by the schema and worthless: no opinion, no evidence, nothing to coach.
    Empty,
    /// Quotes of what nobody said.
    InventedQuotes,
    /// Quotes of what somebody said, but in another turn.
    WrongTurns,
    /// Quotes in slightly other words.
    RewordedQuotes,
    /// A level that the schema does not offer.
    UnknownLevel,
    /// No opinion about one of the criteria.
    MissingCriterion,
    /// A total that nobody asked for.
    TotalScore,
    /// The highest level everywhere, and no evidence for any.
    TopMarks,
    /// No answer, ever, until the client gives up or the server stops.
    Hang,
    /// The connection is reset before an answer.
    Drop,
    /// The answer comes this much later. Adds to any other fault.
    Slow(Duration),
}

/// A fault, the requests it is for, and how often it strikes.
#[derive(Clone, Debug)]
pub struct Rule {
    fault: Fault,
    about: Option<String>,
    first_attempts_only: bool,
    when: When,
}

#[derive(Clone, Debug)]
enum When {
    Always,
    Next(u32),
    Every { period: u32, seen: u32 },
}

impl Fault {
    /// Strikes the next request, so that a retry can do better.
    #[must_use]
    pub fn once(self) -> Rule {
        self.next(1)
    }

    /// Strikes the next `n` requests.
    #[must_use]
    pub fn next(self, n: u32) -> Rule {
        self.when(When::Next(n))
    }

    /// Strikes every `k`-th request: the `k`-th from now is the first.
    #[must_use]
    pub fn every(self, k: u32) -> Rule {
        self.when(When::Every {
            period: k.max(1),
            seen: 0,
        })
    }

    /// Strikes each request.
    #[must_use]
    pub fn always(self) -> Rule {
        self.when(When::Always)
    }

    fn when(self, when: When) -> Rule {
        Rule {
            fault: self,
            about: None,
            first_attempts_only: false,
            when,
        }
    }
}

impl Rule {
    /// Only for requests whose transcript has this text.
    #[must_use]
    pub fn about(mut self, text: &str) -> Self {
        self.about = Some(text.to_owned());
        self
    }

    /// Only for requests that do not show the model an earlier answer of its own.
    #[must_use]
    pub fn on_first_attempts(mut self) -> Self {
        self.first_attempts_only = true;
        self
    }

    fn is_for(&self, transcript: &str, is_retry: bool) -> bool {
        let about = self.about.as_ref().is_none_or(|text| transcript.contains(text));
        about && !(self.first_attempts_only && is_retry)
    }

    fn strikes(&mut self) -> bool {
        match &mut self.when {
            When::Always => true,
            When::Next(left) => {
                let strikes = *left > 0;
                *left = left.saturating_sub(1);
                strikes
            }
            When::Every { period, seen } => {
                *seen += 1;
                *seen % *period == 0
            }
        }
    }
}

/// What strikes one request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Struck {
    pub(crate) fault: Option<Fault>,
    pub(crate) delay: Duration,
}

/// The faults in force; a handle that can be cloned and used while the server runs.
#[derive(Clone, Debug, Default)]
pub struct Faults(Arc<Mutex<Vec<Rule>>>);

impl Faults {
    /// Puts one more rule in force. Of several rules that would strike one request, the one
    /// pushed first does; slowness comes on top.
    pub fn push(&self, rule: Rule) {
        self.rules().push(rule);
    }

    /// Puts all rules out of force.
    pub fn clear(&self) {
        self.rules().clear();
    }

    pub(crate) fn strike(&self, transcript: &str, is_retry: bool) -> Struck {
        let mut struck = Struck::default();
        for rule in self.rules().iter_mut().filter(|rule| rule.is_for(transcript, is_retry)) {
            if let Fault::Slow(delay) = rule.fault {
                struck.delay += if rule.strikes() { delay } else { Duration::ZERO };
            } else if struck.fault.is_none() && rule.strikes() {
                struck.fault = Some(rule.fault.clone());
            }
        }
        struck
    }

    fn rules(&self) -> MutexGuard<'_, Vec<Rule>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
