//! What the product is about, and nothing of where it comes from or goes to: no SQL, no HTTP, no clock.

pub mod assistant;
pub mod call;
pub mod document;
pub mod fields;
pub mod findings;
pub mod json;
pub mod reject;
pub mod rubric;
pub mod script;
pub mod stored_call;
pub mod telephone;
pub mod time_span;
pub mod transcript;
pub mod words;
