//! What the host gives: clock, settings, HTTP, database, AWS, Lambda, logs.

pub mod aws;
pub mod clock;
pub mod config;
pub mod db;
pub mod event;
pub mod http;
pub mod lambda;
pub mod telemetry;
mod tls;
