//! One call with what its page shows.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use crate::platform::db::{DbError, Executor};

/// A call, and the parts of its document that people read.
#[derive(Clone, Debug)]
pub struct Detail {
    /// Vapi's id.
    pub id: String,
    /// `inboundPhoneCall`, …
    pub kind: Option<String>,
    /// Vapi's status.
    pub status: Option<String>,
    /// Why it ended.
    pub ended_reason: Option<String>,
    /// The assistant that took it.
    pub assistant_id: Option<String>,
    /// The assistant's name, as it is now if the assistant is stored.
    pub assistant_name: Option<String>,
    /// Whether the assistant itself is stored.
    pub has_assistant: bool,
    /// The customer's number.
    pub customer_number: Option<String>,
    /// When Vapi created it.
    pub created_at: Option<DateTime<Utc>>,
    /// When the conversation began, else when it was created.
    pub call_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
    /// In whole seconds.
    pub duration_seconds: Option<i32>,
    /// What Vapi charged, in USD.
    pub cost: Option<Decimal>,
    /// Where the recording is.
    pub recording_url: Option<String>,
    /// Vapi's own verdict, as text.
    pub success_evaluation: Option<String>,
    /// The conversation as one text.
    pub transcript: Option<String>,
    /// The lists of messages that the document has, the better one first: JSON text.
    pub messages: [Option<String>; 2],
    /// What the costs are made of: JSON text.
    pub costs: Option<String>,
    /// Since when Vapi has not served all of its content any more.
    pub content_kept_at: Option<DateTime<Utc>>,
}

/// One call. JSON is left as text: a number or a depth that a reader refuses must not cost the whole page.
pub async fn detail(db: &impl Executor, id: &str) -> Result<Option<Detail>, DbError> {
    let rows = db
        .query_typed(
            r"
            select call.id, call.type, call.status, call.ended_reason, call.assistant_id,
                   coalesce(assistant.name, call.assistant_name) as assistant_name,
                   assistant.assistant_id is not null as has_assistant, call.customer_phone_number,
                   call.created_at, call.call_at, call.ended_at, call.duration_seconds,
                   call.cost, call.recording_url, call.vapi_success_evaluation, call.transcript,
                   (call.raw_json #> '{artifact,messages}')::text as artifact_messages,
                   (call.raw_json -> 'messages')::text as messages,
                   (call.raw_json -> 'costs')::text as costs, call.content_kept_at
            from vapi_calls_raw as call
            left join vapi_assistants as assistant on assistant.assistant_id = call.assistant_id
            where call.id = $1
            ",
            &[(&id, Type::TEXT)],
        )
        .await?;
    rows.first().map(Detail::try_from).transpose()
}

impl TryFrom<&Row> for Detail {
    type Error = DbError;

    fn try_from(row: &Row) -> Result<Self, DbError> {
        Ok(Self {
            id: row.try_get("id")?,
            kind: row.try_get("type")?,
            status: row.try_get("status")?,
            ended_reason: row.try_get("ended_reason")?,
            assistant_id: row.try_get("assistant_id")?,
            assistant_name: row.try_get("assistant_name")?,
            has_assistant: row.try_get("has_assistant")?,
            customer_number: row.try_get("customer_phone_number")?,
            created_at: row.try_get("created_at")?,
            call_at: row.try_get("call_at")?,
            ended_at: row.try_get("ended_at")?,
            duration_seconds: row.try_get("duration_seconds")?,
            cost: row.try_get("cost")?,
            recording_url: row.try_get("recording_url")?,
            success_evaluation: row.try_get("vapi_success_evaluation")?,
            transcript: row.try_get("transcript")?,
            messages: [row.try_get("artifact_messages")?, row.try_get("messages")?],
            costs: row.try_get("costs")?,
            content_kept_at: row.try_get("content_kept_at")?,
        })
    }
}
