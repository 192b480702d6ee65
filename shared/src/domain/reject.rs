//! A document that cannot be stored as a call.

use super::call::DocumentHash;

/// One document and what stood against it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reject {
    /// The call's id, where one could be read.
    pub call_id: Option<String>,
    /// Why it could not be stored.
    pub reason: String,
    /// The database's code, where it was the database that refused.
    pub sqlstate: Option<String>,
    /// The redacted document; absent where it is not JSON and so could not be redacted.
    pub document: Option<String>,
    /// The size of the document as it came, in bytes.
    pub document_bytes: usize,
    /// The hash of the document: the same one is kept once.
    pub document_hash: DocumentHash,
}
