//! The integration tests: real Postgres, fake HTTP, a module a subject.

#![allow(
    clippy::unwrap_used,
    reason = "Clippy sees a test in a test function, and not in the functions it calls"
)]

mod away;
mod config;
mod database;
mod defects;
mod documents;
mod emptier;
mod faults;
mod metrics;
mod migrate;
mod modes;
mod notify;
mod paging;
mod pooler;
mod qci;
mod qci_faults;
mod qci_frameworks;
mod qci_injection;
mod redaction;
mod retention;
mod run;
mod schema;
mod sync;
mod tls;
mod watchdog;
