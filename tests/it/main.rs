//! The integration tests: real Postgres, fake HTTP, a module a subject.

#![allow(
    clippy::unwrap_used,
    reason = "Clippy sees a test in a test function, and not in the functions it calls"
)]

mod absent;
mod adopt;
mod analysts;
mod assistants;
mod away;
mod backlog;
mod bad_rows;
mod compression;
mod config;
mod database;
mod defects;
mod documents;
mod emptier;
mod faults;
mod findings;
mod hours;
mod judge_ledger;
mod large;
mod last_look;
mod later;
mod metrics;
mod migrate;
mod modes;
mod notify;
mod organisation;
mod paging;
mod pooler;
mod qci;
mod qci_faults;
mod qci_frameworks;
mod qci_injection;
mod reconcile;
mod redaction;
mod rederive;
mod retention;
mod run;
mod schema;
mod silent;
mod skew;
mod starved;
mod structure;
mod sync;
mod tls;
mod versions;
mod watchdog;
mod year;
