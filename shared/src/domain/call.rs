//! A Vapi call, read.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;

/// The 128-bit hash of a stored document: what tells a changed call from an unchanged one.
pub type DocumentHash = [u8; 16];

/// One call: the typed columns and the document they were read from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Call {
    /// Vapi's id; never empty.
    pub id: String,
    /// The organisation.
    pub org_id: Option<String>,
    /// `inboundPhoneCall`, `outboundPhoneCall`, `webCall`, … : an open set.
    pub kind: Option<String>,
    /// `queued`, `in-progress`, `ended`, … : an open set.
    pub status: Option<String>,
    /// Why it ended: an open set of some six hundred values.
    pub ended_reason: Option<String>,
    /// The saved assistant that took it.
    pub assistant_id: Option<String>,
    /// The name of the assistant, saved or not.
    pub assistant_name: Option<String>,
    /// The version of the assistant, such as `v3`.
    pub assistant_version: Option<String>,
    /// The squad that took it.
    pub squad_id: Option<String>,
    /// The number that it came in on or went out from.
    pub phone_number_id: Option<String>,
    /// The saved customer.
    pub customer_id: Option<String>,
    /// The customer's number, as Vapi has it.
    pub customer_phone_number: Option<String>,
    /// When Vapi created it.
    pub created_at: Option<DateTime<Utc>>,
    /// When Vapi last changed it.
    pub updated_at: Option<DateTime<Utc>>,
    /// When the conversation began; absent for seven calls of ten.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
    /// From start to end, in whole seconds.
    pub duration_seconds: Option<i32>,
    /// What Vapi charged, in USD.
    pub cost: Option<Decimal>,
    /// The conversation as one text.
    pub transcript: Option<String>,
    /// Where the recording is.
    pub recording_url: Option<String>,
    /// Vapi's own verdict, as text.
    pub vapi_success_evaluation: Option<String>,
    /// A booking tool was called and answered without an error.
    pub has_calendar_booking: bool,
    /// Any tool was called.
    pub has_tool_calls: bool,
    /// The tools that were called, each once, in order of first use.
    pub tool_names: Vec<String>,
    /// The redacted document as JSON text.
    pub document: String,
    /// Its hash.
    pub document_hash: DocumentHash,
    /// Which parts it has: documents of one shape lack nothing of each other.
    pub content_shape: i64,
    /// The hash of Vapi's last document, where this one holds more.
    pub source_hash: Option<DocumentHash>,
    /// Since when it holds content that Vapi's last document lacks.
    pub content_kept_at: Option<DateTime<Utc>>,
}

/// The statuses after which a call does not change its course any more.
pub const TERMINAL: [&str; 3] = ["ended", "not-found", "deletion-failed"];

impl Call {
    /// The size of its two large columns, in bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        self.document.len() + self.transcript.as_ref().map_or(0, String::len)
    }

    /// Whether it will not change its course any more.
    #[must_use]
    pub fn is_terminal(&self) -> bool {
        self.status.as_deref().is_some_and(|status| TERMINAL.contains(&status))
    }
}
