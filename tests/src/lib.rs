//! What the integration tests stand on: a database of their own and what they read from it.
//!
//! The tests are in `it/`, a module a subject; this crate holds no test and no code that ships.

#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a test whose scene cannot be set fails right there"
)]

mod beside;
mod browser;
mod courtroom;
mod database;
mod expected;
mod proxy;
mod row;
mod site;
mod stage;
mod visitor;
mod webhook;

pub use beside::{again_and_again, longest_wait};
pub use browser::{Browser, Look};
pub use courtroom::{Courtroom, TALK, conversation, talks};
pub use database::TestDb;
pub use expected::expected_row;
pub use proxy::{Mischief, Proxy};
pub use row::{LogLine, Run};
pub use site::Site;
pub use stage::{Stage, now};
pub use visitor::{Answer, Visitor};
pub use webhook::Webhook;
