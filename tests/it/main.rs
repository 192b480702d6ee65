//! The integration tests: real Postgres, fake HTTP, a module a subject.

#![allow(
    clippy::unwrap_used,
    reason = "Clippy sees a test in a test function, and not in the functions it calls"
)]

mod database;
mod sync;
