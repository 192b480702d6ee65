//! What was asked of the server: the log that tests read.

use super::faults::Fault;

/// One request as it was answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// Its method; anything but `GET`, and `POST` for counts, is a mistake of the client.
    pub method: String,
    /// What it asked for.
    pub kind: Kind,
    /// Its path, without the query.
    pub path: String,
    /// Its query, decoded.
    pub query: Vec<(String, String)>,
    /// The status sent; 0 if no answer was sent at all.
    pub status: u16,
    /// How many rows were sent, or would have been had the fault not come between.
    pub rows: usize,
    /// The fault that spoilt the answer.
    pub fault: Option<Fault>,
}

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `GET /call`.
    CallList,
    /// `GET /call/{id}`.
    Call,
    /// `GET /assistant`.
    AssistantList,
    /// `GET /assistant/{id}`.
    Assistant,
    /// `POST /analytics`.
    Analytics,
    /// A known path with a method that would change something.
    Write,
    /// Any other path.
    Unknown,
}

impl Kind {
    pub(crate) fn of(method: &str, path: &str) -> Self {
        let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
        let kind = match segments.as_slice() {
            ["call"] => Self::CallList,
            ["call", _] => Self::Call,
            ["assistant"] => Self::AssistantList,
            ["assistant", _] => Self::Assistant,
            ["analytics"] if method == "POST" => return Self::Analytics,
            _ => return Self::Unknown,
        };
        if method == "GET" { kind } else { Self::Write }
    }
}

impl Request {
    /// The value of a query parameter.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let pair = self.query.iter().find(|(key, _)| key == name)?;
        Some(pair.1.as_str())
    }
}
