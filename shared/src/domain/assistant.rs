//! A Vapi assistant, read.

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::call::DocumentHash;

/// One assistant: what makes a version of it, and the document it was read from.
#[derive(Clone, Debug, PartialEq)]
pub struct Assistant {
    /// Vapi's id; never empty.
    pub id: String,
    /// The organisation.
    pub org_id: Option<String>,
    /// Its name, which Vapi does not insist on.
    pub name: Option<String>,
    /// The language model, such as `gpt-4.1`.
    pub model: Option<String>,
    /// The voice's id.
    pub voice: Option<String>,
    /// The system prompt.
    pub prompt: Option<String>,
    /// The tools of its own and the ids of shared ones, redacted.
    pub tools: Option<Value>,
    /// When Vapi created it.
    pub created_at: Option<DateTime<Utc>>,
    /// When Vapi last changed it.
    pub updated_at: Option<DateTime<Utc>>,
    /// The redacted document as JSON text.
    pub document: String,
    /// Its hash.
    pub document_hash: DocumentHash,
    /// The hash of prompt, model, voice and tools: a new one is a new version.
    pub version_hash: DocumentHash,
}
