//! What can go wrong on the wire, and when it does.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::requests::Kind;

/// One way to spoil an answer. Most replace or break it; the last six change which
/// rows a list holds, and can be combined with each other and with one of the rest.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// 429, with `Retry-After` in seconds or without.
    RateLimited {
        /// The header's value.
        retry_after: Option<u32>,
    },
    /// This status with an ordinary JSON error body: 500, 503, 401, 403 …
    Status(u16),
    /// A gateway's HTML page with this status, which may be 200.
    HtmlPage(u16),
    /// A body that ends early.
    CutShort(Cut),
    /// A body with stray characters in its middle.
    BrokenJson,
    /// A list in which one row is not JSON, and a document that stops half-way.
    BrokenRow,
    /// A list, valid as JSON, in which one row is not an object.
    ForeignRow,
    /// A whole body that arrives in pieces with a pause before each.
    Drip {
        /// Into how many pieces the body is cut.
        pieces: usize,
        /// Waited before each piece.
        pause: Duration,
    },
    /// No answer, ever, until the client gives up or the server stops.
    Hang,
    /// An answer that stands still in the middle of its body.
    Stall,
    /// The connection is reset before an answer.
    Reset,
    /// The connection is closed in good order, but before an answer.
    Close,
    /// A 400 as for a bound beyond retention, whatever was asked.
    BeyondRetention,
    /// A list of at most this many rows, and at least one.
    PageCap(usize),
    /// A list that names some of its rows twice.
    DuplicatedRows,
    /// A list whose rows are in no order.
    ShuffledRows,
    /// A list without a row, although there are some.
    EmptyList,
    /// A list that lacks the documents with these ids.
    OmittedRows(Vec<String>),
}

/// How a body ends early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Before as many bytes came as `Content-Length` promised.
    BeforeContentLength,
    /// Before the last chunk of a chunked body.
    BeforeLastChunk,
    /// In good order, but the JSON text is not complete.
    InsideJson,
}

/// A fault, the requests it is for, and how often it strikes.
#[derive(Clone, Debug)]
pub struct Rule {
    fault: Fault,
    kind: Option<Kind>,
    spare: u32,
    when: When,
}

#[derive(Clone, Debug)]
enum When {
    Next(u32),
    Every { period: u32, seen: u32 },
    Chance { probability: f64, rng: Box<ChaCha8Rng> },
}

impl Fault {
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

    /// Strikes each request with this probability, the same ones for the same seed.
    #[must_use]
    pub fn by_chance(self, probability: f64, seed: u64) -> Rule {
        let rng = Box::new(ChaCha8Rng::seed_from_u64(seed));
        self.when(When::Chance { probability, rng })
    }

    fn when(self, when: When) -> Rule {
        Rule {
            fault: self,
            kind: None,
            spare: 0,
            when,
        }
    }

    /// True for faults that change rows, and so can be combined.
    pub(crate) fn is_about_rows(&self) -> bool {
        matches!(
            self,
            Self::PageCap(_) | Self::DuplicatedRows | Self::ShuffledRows | Self::EmptyList | Self::OmittedRows(_)
        )
    }
}

impl Rule {
    /// Only for requests of this kind.
    #[must_use]
    pub fn on(mut self, kind: Kind) -> Self {
        self.kind = Some(kind);
        self
    }

    /// Lets the first `n` requests of its kind pass.
    #[must_use]
    pub fn after(mut self, n: u32) -> Self {
        self.spare = n;
        self
    }

    /// True if this request is one of those that pass.
    fn spares(&mut self) -> bool {
        let spares = self.spare > 0;
        self.spare = self.spare.saturating_sub(1);
        spares
    }

    fn strikes(&mut self) -> bool {
        match &mut self.when {
            When::Next(left) => {
                let strikes = *left > 0;
                *left = left.saturating_sub(1);
                strikes
            }
            When::Every { period, seen } => {
                *seen += 1;
                *seen % *period == 0
            }
            When::Chance { probability, rng } => rng.random_bool(probability.clamp(0.0, 1.0)),
        }
    }
}

/// The faults in force; a handle that can be cloned and used while the server runs.
#[derive(Clone, Debug, Default)]
pub struct Faults(Arc<Mutex<Vec<Rule>>>);

impl Faults {
    /// Puts one more rule in force. Of several rules that would strike one request, those about
    /// rows all do, and of the others the one pushed first.
    pub fn push(&self, rule: Rule) {
        self.rules().push(rule);
    }

    /// Puts all rules out of force.
    pub fn clear(&self) {
        self.rules().clear();
    }

    /// The faults that strike this request.
    pub(crate) fn strike(&self, kind: Kind) -> Vec<Fault> {
        let mut struck: Vec<Fault> = Vec::new();
        for rule in self.rules().iter_mut() {
            let wanted = rule.kind.is_none_or(|wanted| wanted == kind);
            let wanted = wanted && !rule.spares();
            let free = rule.fault.is_about_rows() || struck.iter().all(Fault::is_about_rows);
            if wanted && free && rule.strikes() {
                struck.push(rule.fault.clone());
            }
        }
        struck
    }

    fn rules(&self) -> MutexGuard<'_, Vec<Rule>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
