//! A judge to ask: chat completions as `OpenAI` serves them, answered by plain rules over a transcript.
//!
//! request → [`question`] → [`transcript`] → [`opinion`] → [`fit`] to the schema → [`spoil`] → answer.
//! It is a second reading of the protocol and shares nothing with the code that asks.

mod advice;
mod caching;
mod faults;
mod fit;
mod limit;
mod next_step;
mod objections;
mod opinion;
mod question;
mod refusal;
mod reply;
mod requests;
mod rules;
mod server;
mod serving;
mod settings;
mod spoil;
mod strict;
#[cfg(test)]
mod tests;
mod transcript;
mod words;

pub use faults::{Fault, Faults, Rule};
pub use requests::{Request, Usage};
pub use server::Server;
pub use settings::{Limit, MODEL, Settings};
