//! What every Callmark function stands on.
//!
//! ```text
//! platform    clock, settings, HTTP, database, AWS: what the host gives
//! domain      calls, transcripts, rubrics, findings: what the product is about; no SQL, no HTTP, no clock
//! store       a module a table, and every query on it
//! run         one execution of a script: its lease, its row, its log
//! ```
//!
//! `domain` imports nothing of the others. `store` and `run` import `platform` and `domain`. Nothing here imports a function.

pub mod domain;
pub mod platform;
pub mod run;
pub mod store;
