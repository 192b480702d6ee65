//! What every Callmark function stands on: settings, database, runs, events, calls and assistants.
//!
//! ```text
//! event ─▶ main ─▶ run::keep ─▶ use case ─▶ port ─▶ outside
//!                                  └──────▶ call, assistant, sync_state, run ─▶ rows
//! ```
//!
//! A module here may import the ones above it: `clock`, `http`, `aws`, `config`, `telemetry`, `db`, `event`,
//! then `run` and the tables. Nothing here imports a function.

pub mod adoption;
pub mod alert;
pub mod assistant;
pub mod aws;
pub mod backfill;
pub mod call;
pub mod clock;
pub mod config;
pub mod dashboard;
pub mod db;
pub mod document;
pub mod event;
pub mod framework;
pub mod http;
pub mod incident;
pub mod json;
pub mod lambda;
pub mod notification;
pub mod price;
pub mod reject;
pub mod run;
pub mod score;
pub mod sign_in;
pub mod sync_state;
pub mod telemetry;
pub mod telephone;
mod tls;
