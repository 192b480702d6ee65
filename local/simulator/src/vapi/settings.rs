//! How a [`Server`](super::Server) behaves when nothing is broken.

use std::time::Duration;

use chrono::TimeDelta;

/// How the server behaves. [`Settings::default`] is the API as documented.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Port on loopback; 0 takes any free one.
    pub port: u16,
    /// The only bearer token let in; `None` lets in any, but there must be one.
    pub api_key: Option<String>,
    /// Most rows on a page, whatever `limit` asks for. The limit itself may be at most 1000.
    pub page_cap: usize,
    /// How long calls are served; `None` serves all.
    pub retention: Option<Retention>,
    /// Compresses bodies for clients that accept gzip.
    pub gzip: bool,
    /// Filters compare an instant that is up to a millisecond later than the one printed.
    pub sub_millisecond: bool,
    /// What orders rows when an `updatedAt` filter is given, which nobody documents.
    pub order: Order,
    /// What happens to a query parameter that the API does not know.
    pub unknown_parameters: Unknown,
    /// Waited before each answer.
    pub latency: Duration,
    /// How far the clock that answers are dated by is ahead; negative where it is behind.
    pub clock_ahead: TimeDelta,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            port: 0,
            api_key: None,
            page_cap: 1000,
            retention: None,
            gzip: false,
            sub_millisecond: false,
            order: Order::CreatedDescending,
            unknown_parameters: Unknown::Ignored,
            latency: Duration::ZERO,
            clock_ahead: TimeDelta::zero(),
        }
    }
}

/// How long calls are served, and what a question about older ones gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Calls older than this, by the world's clock, are not served.
    pub period: Duration,
    /// The answer to a `createdAt` bound older than that.
    pub refusal: Refusal,
}

/// The answer to a question about calls beyond retention.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A 400 that names the oldest instant served.
    BadRequest400,
    /// A page without the rows, as if they had never been.
    EmptyList,
}

/// What orders rows when an `updatedAt` filter is given, which nobody documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Newest created first, as with all other filters.
    CreatedDescending,
    /// Newest updated first.
    UpdatedDescending,
    /// No order that a client could rely on, yet the same one each time.
    Unsorted,
}

/// What happens to a query parameter that the API does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// It filters nothing, and nobody notices.
    Ignored,
    /// A 400 that names it.
    Refused,
}
