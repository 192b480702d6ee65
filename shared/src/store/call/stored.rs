//! Reads what the table holds of calls, for [`Stored::change`] to compare with what Vapi sent.
//!
//! ```text
//! known ─▶ [`Known::shows`] ─▶ unchanged
//!             └─▶ stored (locked; the document only where something may be lost) ─▶ [`Stored::change`] ─▶ update
//! ```
//!
//! What Vapi sent last and which parts there are is stored mixed with `document_hash`: a program of an earlier version,
//! which writes that alone, makes both unreadable rather than wrong.

use std::collections::HashMap;

use tokio_postgres::Row;
use tokio_postgres::types::Type;

use crate::domain::{
    call::{Call, DocumentHash},
    stored_call::{Known, Stored},
};
use crate::platform::db::{DbError, Executor, Transaction};

/// How stored calls are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// To change them: nobody else may until the transaction ends.
    ToChange,
    /// To compare them.
    ToCompare,
}

/// What of a row depends on its hash.
pub(super) struct Marks<'a> {
    pub(super) document_hash: &'a [u8],
    pub(super) source_hash: Option<Vec<u8>>,
    pub(super) content_shape: i64,
}

/// Which of these calls the table holds, and in what version. One round trip.
pub async fn known(db: &impl Executor, ids: &[&str]) -> Result<HashMap<String, Known>, DbError> {
    let rows = db
        .query_typed(
            r"
            select id, updated_at, document_hash, source_hash, content_shape
            from vapi_calls_raw
            where id = any($1)
            ",
            &[(&ids, Type::TEXT_ARRAY)],
        )
        .await?;
    rows.iter()
        .map(|row| Ok((row.try_get("id")?, known_of(row)?)))
        .collect()
}

/// These calls as the table holds them, each with its document unless `calls` says that nothing of it can be lost: where
/// the row still has the hash that was known when the shapes were compared. One round trip.
pub async fn stored(
    db: &impl Executor,
    calls: &[(&Call, Known)],
    look: Look,
) -> Result<HashMap<String, Stored>, DbError> {
    let ids: Vec<&str> = calls.iter().map(|(call, _)| call.id.as_str()).collect();
    let harmless: Vec<Option<&[u8]>> = calls
        .iter()
        .map(|(call, known)| known.has_shape_of(call).then_some(&known.document_hash[..]))
        .collect();
    // In the order of ids, so that two writers never wait for each other.
    let order = match look {
        Look::ToChange => "order by call.id for update of call",
        Look::ToCompare => "",
    };
    let statement = format!(
        "select call.id, call.updated_at, call.document_hash, call.source_hash, call.content_shape, call.content_kept_at,
                case when call.document_hash is distinct from sent.harmless then call.raw_json::text end as document,
                case when call.document_hash is distinct from sent.harmless then call.transcript end as transcript
         from unnest($1, $2) as sent (id, harmless)
         join vapi_calls_raw as call on call.id = sent.id
         {order}"
    );
    let parameters: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 2] =
        [(&ids, Type::TEXT_ARRAY), (&harmless, Type::BYTEA_ARRAY)];
    let rows = db.query_typed(&statement, &parameters).await?;
    rows.iter()
        .map(|row| {
            let document: Option<String> = row.try_get("document")?;
            let transcript = row.try_get("transcript")?;
            let stored = Stored {
                known: known_of(row)?,
                content_kept_at: row.try_get("content_kept_at")?,
                document: document.map(|document| (document, transcript)),
            };
            Ok((row.try_get("id")?, stored))
        })
        .collect()
}

/// Notes the hash of Vapi's last document for those of `incoming_calls` that the table holds in equal documents of
/// another text.
pub(super) async fn note_hashes(transaction: &Transaction<'_>) -> Result<(), DbError> {
    let rows = transaction
        .query_typed(
            r"
            select call.id, call.document_hash, incoming.document_hash as sent_hash, incoming.source_hash as sent_source
            from incoming_calls as incoming
            join vapi_calls_raw as call on call.id = incoming.id
            where (call.document_hash, call.source_hash) is distinct from (incoming.document_hash, incoming.source_hash)
              and call.updated_at is not distinct from incoming.updated_at
              and call.content_kept_at is not distinct from incoming.content_kept_at
              and call.transcript is not distinct from incoming.transcript
              and call.raw_json = incoming.raw_json
            ",
            &[],
        )
        .await?;
    let (mut ids, mut sources) = (Vec::<&str>::new(), Vec::<Option<Vec<u8>>>::new());
    for row in &rows {
        let hash = |column| -> Result<Option<DocumentHash>, DbError> {
            let hash: Option<&[u8]> = row.try_get(column)?;
            // A constraint of the table holds the length.
            Ok(hash.map(|hash| hash.try_into().unwrap_or_default()))
        };
        let [stored, sent] = [hash("document_hash")?, hash("sent_hash")?].map(Option::unwrap_or_default);
        let source = hash("sent_source")?.map_or(sent, |source| mixed(source, sent));
        ids.push(row.try_get("id")?);
        sources.push((source != stored).then(|| mixed(source, stored).to_vec()));
    }
    if ids.is_empty() {
        return Ok(());
    }
    transaction
        .execute_typed(
            r"
            update vapi_calls_raw as call
            set source_hash = sent.source
            from unnest($1, $2) as sent (id, source)
            where sent.id = call.id
            ",
            &[(&ids, Type::TEXT_ARRAY), (&sources, Type::BYTEA_ARRAY)],
        )
        .await?;
    Ok(())
}

fn known_of(row: &Row) -> Result<Known, DbError> {
    let hash: &[u8] = row.try_get("document_hash")?;
    // A constraint of the table holds the length.
    let document_hash: DocumentHash = hash.try_into().unwrap_or_default();
    let source: Option<&[u8]> = row.try_get("source_hash")?;
    let shape: Option<i64> = row.try_get("content_shape")?;
    Ok(Known {
        updated_at: row.try_get("updated_at")?,
        document_hash,
        source_hash: source.map(|hash| mixed(hash.try_into().unwrap_or_default(), document_hash)),
        content_shape: shape.map(|shape| shape ^ half(document_hash)),
    })
}

/// One hash over another; the same again takes it off.
fn mixed(hash: DocumentHash, over: DocumentHash) -> DocumentHash {
    let mut mixed = hash;
    mixed.iter_mut().zip(over).for_each(|(byte, over)| *byte ^= over);
    mixed
}

fn half(hash: DocumentHash) -> i64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&hash[..8]);
    i64::from_be_bytes(bytes)
}

/// The values of a row that depend on its hash.
pub(super) fn marks(call: &Call) -> Marks<'_> {
    Marks {
        document_hash: &call.document_hash,
        source_hash: call.source_hash.map(|hash| mixed(hash, call.document_hash).to_vec()),
        content_shape: call.content_shape ^ half(call.document_hash),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_mixed_with_a_hash_cannot_be_read_with_another() {
        let (first, second) = ([7; 16], [9; 16]);
        let hash: DocumentHash = [1; 16];

        assert_eq!(mixed(mixed(hash, first), first), hash);
        assert_ne!(mixed(mixed(hash, first), second), hash);
        assert_ne!(half(first), half(second));
    }
}
