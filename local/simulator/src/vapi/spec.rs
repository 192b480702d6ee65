//! What a generated world holds.

use chrono::{DateTime, Utc};

/// How big a world to generate, and from which seed. The same spec gives the same bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    /// Chooses every word, number and instant.
    pub seed: u64,
    /// How many calls.
    pub calls: usize,
    /// How many assistants they belong to, at most [`Spec::MOST_ASSISTANTS`].
    pub assistants: usize,
    /// The newest instant of the world.
    pub now: DateTime<Utc>,
    /// Calls lie between `now` and this many days before.
    pub days: u32,
    /// Which calls they are, and so how large.
    pub size: Size,
}

/// Which calls a world holds, and so how large its documents are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// As an outbound team's account looks: most calls are never answered.
    Natural,
    /// Every call is a conversation, about 30 KB on average; for benchmarks.
    Conversations,
}

impl Spec {
    /// There are this many invented businesses to be an assistant of.
    pub const MOST_ASSISTANTS: usize = 13;

    /// The demo's world: 926 calls of 13 assistants over 14 days, seed 1.
    #[must_use]
    pub fn new(now: DateTime<Utc>) -> Self {
        Self {
            seed: 1,
            calls: 926,
            assistants: Self::MOST_ASSISTANTS,
            now,
            days: 14,
            size: Size::Natural,
        }
    }
}
