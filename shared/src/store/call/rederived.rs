//! Calls whose columns an earlier version of this program derived, brought up to date from their own documents.

use chrono::{DateTime, Utc};
use serde_json::Value;
use tokio_postgres::types::Type;

use super::{COLUMNS, copy_into, make_room};
use crate::domain::call::Call;
use crate::domain::document::{DERIVED_VERSION, Version, reread};
use crate::platform::db::{DbError, Executor, Transaction};

/// What is not derived: the key, the marks of what Vapi sent, and when it was stored.
const NOT_DERIVED: [&str; 6] = [
    "id",
    "document_hash",
    "synced_at",
    "content_kept_at",
    "source_hash",
    "content_shape",
];

/// What a batch came to, in calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rederived {
    /// Calls that were behind.
    pub calls: u64,
    /// Calls of which a column changed.
    pub changed: u64,
    /// Calls whose document cannot be read; their columns stay.
    pub unreadable: u64,
}

/// How many calls are behind.
pub async fn count_behind(db: &impl Executor) -> Result<i64, DbError> {
    let statement = format!("select count(*) from vapi_calls_raw where {}", is_behind());
    db.query_typed_one(&statement, &[])
        .await?
        .try_get(0)
        .map_err(Into::into)
}

/// Derives the columns of up to `most` calls anew. Calls that others are at are left to them.
///
/// What a document does not say, a column may know from elsewhere: it stays.
pub async fn rederive(transaction: &Transaction<'_>, most: i64, now: DateTime<Utc>) -> Result<Rederived, DbError> {
    let statement = format!(
        "select id, raw_json::text as document, transcript, vapi_success_evaluation, has_calendar_booking, has_tool_calls, tool_names,
                raw_json ? 'messages' or raw_json -> 'artifact' ? 'messages' as has_messages
         from vapi_calls_raw
         where {}
         order by id
         limit $1
         for update skip locked",
        is_behind()
    );
    let rows = transaction.query_typed(&statement, &[(&most, Type::INT8)]).await?;
    let (mut calls, mut unreadable) = (Vec::new(), Vec::new());
    for row in &rows {
        let id: &str = row.try_get("id")?;
        let version = Version {
            document: row.try_get("document")?,
            transcript: row.try_get("transcript")?,
        };
        let Some(mut call) = reread(version).filter(|call| call.id == id) else {
            unreadable.push(id);
            continue;
        };
        if !row.try_get::<_, Option<bool>>("has_messages")?.unwrap_or_default() {
            call.has_calendar_booking = row.try_get("has_calendar_booking")?;
            call.has_tool_calls = row.try_get("has_tool_calls")?;
            call.tool_names = row.try_get("tool_names")?;
        }
        // PostgreSQL writes an object with other spaces than Vapi.
        let verdict: Option<String> = row.try_get("vapi_success_evaluation")?;
        if is_same_json(verdict.as_deref(), call.vapi_success_evaluation.as_deref()) {
            call.vapi_success_evaluation = verdict;
        }
        calls.push(call);
    }
    let changed = write(transaction, &calls, now).await?;
    mark(transaction, &unreadable).await?;
    Ok(Rederived {
        calls: rows.len() as u64,
        changed,
        unreadable: unreadable.len() as u64,
    })
}

async fn write(transaction: &Transaction<'_>, calls: &[Box<Call>], now: DateTime<Utc>) -> Result<u64, DbError> {
    if calls.is_empty() {
        return Ok(0);
    }
    make_room(transaction).await?;
    let calls: Vec<&Call> = calls.iter().map(AsRef::as_ref).collect();
    copy_into(transaction, "incoming_calls", &calls, now).await?;
    let derived = || {
        COLUMNS
            .iter()
            .map(|(name, _)| *name)
            .filter(|name| !NOT_DERIVED.contains(name))
    };
    let joined = |columns: Vec<String>| columns.join(", ");
    // A large value that is equal stays where it is: writing it would store it a second time.
    let assignments = joined(
        derived()
            .map(|name| {
                format!(
                    "{name} = case when call.{name} is distinct from incoming.{name}
                                   then coalesce(incoming.{name}, call.{name}) else call.{name} end"
                )
            })
            .collect(),
    );
    let compared = || derived().filter(|name| *name != "derived_version");
    let before = joined(compared().map(|name| format!("call.{name}")).collect());
    let after = joined(
        compared()
            .map(|name| format!("coalesce(incoming.{name}, call.{name})"))
            .collect(),
    );
    // Only the constant names above go into the text.
    let statement = format!(
        "with changed as (
             select count(*) as calls
             from incoming_calls as incoming
             join vapi_calls_raw as call on call.id = incoming.id
             where ({before}) is distinct from ({after})
         ), written as (
             update vapi_calls_raw as call
             set {assignments}
             from incoming_calls as incoming
             where incoming.id = call.id
         )
         select calls from changed"
    );
    let changed: i64 = transaction.query_typed_one(&statement, &[]).await?.try_get(0)?;
    transaction.batch_execute("drop table incoming_calls").await?;
    Ok(changed.unsigned_abs())
}

async fn mark(transaction: &Transaction<'_>, ids: &[&str]) -> Result<(), DbError> {
    if ids.is_empty() {
        return Ok(());
    }
    transaction
        .execute_typed(
            "update vapi_calls_raw set derived_version = $2 where id = any($1)",
            &[(&ids, Type::TEXT_ARRAY), (&DERIVED_VERSION, Type::INT2)],
        )
        .await?;
    Ok(())
}

fn is_same_json(one: Option<&str>, other: Option<&str>) -> bool {
    let parse = |text: Option<&str>| serde_json::from_str::<Value>(text?).ok();
    parse(one).is_some_and(|one| Some(one) == parse(other))
}

/// As the index says it, so that it is found.
fn is_behind() -> String {
    format!("(derived_version is null or derived_version < {DERIVED_VERSION})")
}
