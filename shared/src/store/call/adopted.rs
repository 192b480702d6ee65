//! Calls that come from the earlier system's tables, where ours does not hold them yet.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use tokio_postgres::types::Type;

use super::{COLUMNS, column_list, copy_into, make_room};
use crate::domain::call::Call;
use crate::platform::db::{DbError, Executor as _, Transaction};

/// Columns that say when and from what text a row was written, and not what stands in it.
const MARKS: [&str; 4] = ["synced_at", "source_hash", "content_shape", "derived_version"];

/// A call, and when the earlier system had stored it.
#[derive(Clone, Debug)]
pub struct Adopted {
    /// The call.
    pub call: Call,
    /// When it was stored.
    pub synced_at: DateTime<Utc>,
}

/// How a call of the table compares with an adopted one.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is one answer of one query")]
pub struct Held {
    /// Every column is the same, but for when and from what text it was stored.
    pub is_same: bool,
    /// The hash of its document is.
    pub has_same_hash: bool,
    /// It was written again since.
    pub is_rewritten: bool,
    /// There is a conversation as one text.
    pub has_transcript: bool,
    /// What Vapi charged.
    pub cost: Option<Decimal>,
    /// From start to end.
    pub duration_seconds: Option<i32>,
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

/// Compares calls with those that the table holds, by id. Nothing is left of it when the transaction ends.
pub async fn compare(transaction: &Transaction<'_>, calls: &[&Adopted]) -> Result<HashMap<String, Held>, DbError> {
    stage(transaction, calls).await?;
    let sides = ["incoming", "stored"].map(|side| {
        let columns = COLUMNS.iter().filter(|(name, _)| !MARKS.contains(name));
        let columns: Vec<String> = columns.map(|(name, _)| format!("{side}.{name}")).collect();
        columns.join(", ")
    });
    let [incoming, stored] = sides;
    let statement = format!(
        "select stored.id,
                ({incoming}) is not distinct from ({stored}) as is_same,
                stored.document_hash = incoming.document_hash as has_same_hash,
                stored.synced_at > incoming.synced_at as is_rewritten,
                stored.has_transcript, stored.cost, stored.duration_seconds
         from incoming_calls as incoming
         join vapi_calls_raw as stored on stored.id = incoming.id"
    );
    let rows = transaction.query_typed(&statement, &[]).await?;
    transaction.batch_execute("drop table incoming_calls").await?;
    rows.iter()
        .map(|row| {
            let held = Held {
                is_same: row.try_get("is_same")?,
                has_same_hash: row.try_get("has_same_hash")?,
                is_rewritten: row.try_get("is_rewritten")?,
                has_transcript: row.try_get("has_transcript")?,
                cost: row.try_get("cost")?,
                duration_seconds: row.try_get("duration_seconds")?,
            };
            Ok((row.try_get("id")?, held))
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
