//! Calls that come from the earlier system's tables: inserted where they are new, filled in where they are not.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use tokio_postgres::types::Type;

use super::{COLUMNS, Call, DocumentHash, column_list, copy_into, make_room};
use crate::db::{DbError, Executor, Transaction};

/// A call, and when the earlier system had stored it.
#[derive(Clone, Debug)]
pub struct Adopted {
    /// The call.
    pub call: Call,
    /// When it was stored.
    pub synced_at: DateTime<Utc>,
}

/// A call as the table holds it, with what its document leaves out.
#[derive(Clone, Debug)]
pub struct Held {
    /// Vapi's id.
    pub id: String,
    /// Its version.
    pub updated_at: Option<DateTime<Utc>>,
    /// The document as JSON text.
    pub document: String,
    /// The hash of the document as it came.
    pub document_hash: DocumentHash,
    /// The conversation as one text.
    pub transcript: Option<String>,
    /// What Vapi charged.
    pub cost: Option<Decimal>,
    /// From start to end.
    pub duration_seconds: Option<i32>,
    /// When the row was written.
    pub synced_at: DateTime<Utc>,
}

/// Inserts the calls that the table does not hold; returns their ids. Each keeps the time at which it was stored first.
pub async fn insert(transaction: &Transaction<'_>, calls: &[&Adopted]) -> Result<HashSet<String>, DbError> {
    stage(transaction, calls).await?;
    let columns = column_list();
    // Only constant names go into the text.
    let statement = format!(
        "insert into vapi_calls_raw ({columns})
         select {columns} from incoming_calls
         on conflict (id) do nothing
         returning id"
    );
    let rows = transaction.query_typed(&statement, &[]).await?;
    transaction.batch_execute("drop table incoming_calls").await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

/// Puts these calls in the place of what the table holds of them; returns how many differed.
pub async fn replace(transaction: &Transaction<'_>, calls: &[&Adopted]) -> Result<u64, DbError> {
    stage(transaction, calls).await?;
    let assignments: Vec<String> = COLUMNS
        .iter()
        .skip(1)
        .map(|(name, _)| format!("{name} = incoming.{name}"))
        .collect();
    let statement = format!(
        "update vapi_calls_raw
         set {}
         from incoming_calls as incoming
         where incoming.id = vapi_calls_raw.id
           and (vapi_calls_raw.raw_json <> incoming.raw_json
                or vapi_calls_raw.transcript is distinct from incoming.transcript)",
        assignments.join(", ")
    );
    let replaced = transaction.execute_typed(&statement, &[]).await?;
    transaction.batch_execute("drop table incoming_calls").await?;
    Ok(replaced)
}

/// What the table holds of these calls, and holds still until the transaction ends.
pub async fn hold(transaction: &Transaction<'_>, ids: &[&str]) -> Result<Vec<Held>, DbError> {
    transaction
        .execute_typed(
            "select from vapi_calls_raw where id = any($1) order by id for update",
            &[(&ids, Type::TEXT_ARRAY)],
        )
        .await?;
    held(transaction, ids).await
}

/// What the table holds of these calls.
pub async fn held(db: &impl Executor, ids: &[&str]) -> Result<Vec<Held>, DbError> {
    let rows = db
        .query_typed(
            r"
            select id, updated_at, raw_json::text as document, document_hash, transcript, cost, duration_seconds, synced_at
            from vapi_calls_raw
            where id = any($1)
            ",
            &[(&ids, Type::TEXT_ARRAY)],
        )
        .await?;
    rows.iter()
        .map(|row| {
            let hash: &[u8] = row.try_get("document_hash")?;
            Ok(Held {
                id: row.try_get("id")?,
                updated_at: row.try_get("updated_at")?,
                document: row.try_get("document")?,
                // A constraint of the table holds the length.
                document_hash: hash.try_into().unwrap_or_default(),
                transcript: row.try_get("transcript")?,
                cost: row.try_get("cost")?,
                duration_seconds: row.try_get("duration_seconds")?,
                synced_at: row.try_get("synced_at")?,
            })
        })
        .collect()
}

async fn stage(transaction: &Transaction<'_>, calls: &[&Adopted]) -> Result<(), DbError> {
    make_room(transaction).await?;
    let (rows, times): (Vec<&Call>, Vec<DateTime<Utc>>) =
        calls.iter().map(|adopted| (&adopted.call, adopted.synced_at)).unzip();
    let ids: Vec<&str> = rows.iter().map(|call| call.id.as_str()).collect();
    let now = times.first().copied().unwrap_or_default();
    copy_into(transaction, "incoming_calls", &rows, now).await?;
    transaction
        .execute_typed(
            r"
            update incoming_calls
            set synced_at = stored.synced_at
            from unnest($1::text[], $2::timestamptz[]) as stored (id, synced_at)
            where stored.id = incoming_calls.id
              and stored.synced_at <> incoming_calls.synced_at
            ",
            &[(&ids, Type::TEXT_ARRAY), (&times, Type::TIMESTAMPTZ_ARRAY)],
        )
        .await?;
    Ok(())
}

impl Held {
    /// What the table would hold of a call on its way in.
    #[must_use]
    pub fn of(adopted: &Adopted) -> Self {
        let call = &adopted.call;
        Self {
            id: call.id.clone(),
            updated_at: call.updated_at,
            document: call.document.clone(),
            document_hash: call.document_hash,
            transcript: call.transcript.clone(),
            cost: call.cost,
            duration_seconds: call.duration_seconds,
            synced_at: adopted.synced_at,
        }
    }
}
