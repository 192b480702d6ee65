//! The tests of the pages and of the SQL functions behind them: real Postgres, a module a subject.

#![allow(
    clippy::unwrap_used,
    reason = "Clippy sees a test in a test function, and not in the functions it calls"
)]

mod alerts;
mod assistants;
mod browser;
mod calls;
mod dashboard;
mod hostile;
mod runs;
mod sign_in;
