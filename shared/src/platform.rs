//! What the host gives: clock, settings, HTTP, database, AWS, Lambda, logs.

pub mod aws;
pub mod clock;
pub mod config;
mod database_url;
pub mod db;
pub mod event;
pub mod http;
pub mod lambda;
pub mod proxy;
pub mod retry_after;
pub mod telemetry;
mod tls;
