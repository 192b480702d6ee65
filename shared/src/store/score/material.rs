//! What scoring reads of a call. A row that can't be read costs no other.

use tokio_postgres::Row;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;

use crate::platform::db::{self, DbError, Executor};

/// A call, as far as scoring it needs it.
#[derive(Clone, Debug, Default)]
pub struct Material {
    /// The call.
    pub call_id: String,
    /// Vapi's status.
    pub status: Option<String>,
    /// Why it ended.
    pub ended_reason: Option<String>,
    /// Its assistant.
    pub assistant_id: Option<String>,
    /// The transcript as a text.
    pub transcript: Option<String>,
    /// The lists of messages that the document has, the better one first. JSON text: a number or a depth that a reader
    /// refuses must not cost the whole call.
    pub messages: [Option<String>; 2],
    /// The version.
    pub hash: Vec<u8>,
}

/// A call whose row the database or the driver can't read.
#[derive(Debug, thiserror::Error)]
#[error("the stored call can't be read")]
pub struct Unreadable {
    /// The call.
    pub call_id: String,
    /// What was said.
    #[source]
    pub source: DbError,
}

/// What scoring these calls needs; those that are not stored are not in the answer.
pub async fn materials(db: &impl Executor, ids: &[String]) -> Result<Vec<Result<Material, Unreadable>>, DbError> {
    match read(db, ids).await {
        Ok(calls) => return Ok(calls.into_iter().map(Ok).collect()),
        Err(error) if !is_about_a_row(&error) => return Err(error),
        Err(_) => {}
    }
    let mut calls = Vec::with_capacity(ids.len());
    for id in ids {
        match read(db, std::slice::from_ref(id)).await {
            Ok(found) => calls.extend(found.into_iter().map(Ok)),
            Err(source) if is_about_a_row(&source) => calls.push(Err(Unreadable {
                call_id: id.clone(),
                source,
            })),
            Err(error) => return Err(error),
        }
    }
    Ok(calls)
}

async fn read(db: &impl Executor, ids: &[String]) -> Result<Vec<Material>, DbError> {
    let rows = db
        .query_typed(
            r"
            select id, status, ended_reason, assistant_id, transcript, document_hash,
                   (raw_json #> '{artifact,messages}')::text as artifact_messages,
                   (raw_json -> 'messages')::text as messages
            from vapi_calls_raw
            where id = any($1)
            order by created_at nulls first, id
            ",
            &[(&ids, Type::TEXT_ARRAY)],
        )
        .await?;
    rows.iter().map(Material::try_from).collect()
}

/// Whether one row stands against reading: its values, its size, its storage, or what the driver makes of it.
fn is_about_a_row(error: &DbError) -> bool {
    let is_damaged = error.code() == Some(&SqlState::DATA_CORRUPTED);
    is_damaged || db::is_about_the_row(error) || (error.code().is_none() && !db::is_transient(error))
}

impl TryFrom<&Row> for Material {
    type Error = DbError;

    fn try_from(row: &Row) -> Result<Self, DbError> {
        Ok(Self {
            call_id: row.try_get("id")?,
            status: row.try_get("status")?,
            ended_reason: row.try_get("ended_reason")?,
            assistant_id: row.try_get("assistant_id")?,
            transcript: row.try_get("transcript")?,
            messages: [row.try_get("artifact_messages")?, row.try_get("messages")?],
            hash: row.try_get("document_hash")?,
        })
    }
}
