//! What was asked of the server: the log that tests read.

use std::time::Instant;

use serde_json::Value;

use super::faults::Fault;

/// One request for a completion, and how it was answered.
#[derive(Clone, Debug)]
pub struct Request {
    /// Distinguishes it from all others of this server.
    pub(crate) serial: u64,
    /// The model it asked; empty if it named none.
    pub model: String,
    /// Its body; null if that was not JSON.
    pub body: Value,
    /// When it came.
    pub at: Instant,
    /// The status sent; 0 if no answer was sent (yet).
    pub status: u16,
    /// The content of the answering message, if there was one.
    pub content: Option<String>,
    /// Why the model stopped, if it was asked at all.
    pub finish_reason: Option<String>,
    /// What the answer says it cost, if the model was asked at all.
    pub usage: Option<Usage>,
    /// The fault that spoilt or replaced the answer.
    pub fault: Option<Fault>,
}

/// The tokens of a request and its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Of all messages.
    pub prompt_tokens: usize,
    /// Of these, how many were read from the cache.
    pub cached_tokens: usize,
    /// Of the answer.
    pub completion_tokens: usize,
}

impl Request {
    /// True if it shows the model an earlier answer of its own.
    #[must_use]
    pub fn is_retry(&self) -> bool {
        let messages = self.body["messages"].as_array();
        messages.is_some_and(|messages| messages.iter().any(|message| message["role"] == "assistant"))
    }

    /// The texts of all messages with this role.
    #[must_use]
    pub fn text_of(&self, role: &str) -> Vec<&str> {
        let messages = self.body["messages"].as_array();
        messages
            .into_iter()
            .flatten()
            .filter(|message| message["role"] == role)
            .filter_map(|message| message["content"].as_str())
            .collect()
    }
}
