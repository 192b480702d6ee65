//! The tables: a module each, and every query on it.

pub mod adoption;
pub mod alert;
pub mod assistant;
pub mod backfill;
pub mod call;
pub mod dashboard;
pub mod framework;
pub mod incident;
pub mod notification;
pub mod price;
pub mod reject;
pub mod score;
pub mod sign_in;
pub mod sync_state;
