//! Callmark on one machine: the command, the demo, a throw-away Postgres.

pub mod postgres;
