//! The services that Callmark talks to, played on this machine for demos, tests and benchmarks.
//!
//! They answer over real HTTP on loopback, say the same thing for the same seed, and break on
//! request. Nothing here is part of what runs in production.

mod connection;
pub mod judge;
pub mod vapi;
