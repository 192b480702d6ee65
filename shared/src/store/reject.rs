//! Documents that could not be stored as calls, and every query on `vapi_call_rejects`.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::domain::reject::Reject;
use crate::platform::db::{DbError, Executor};

/// Keeps a reject; one that was seen before is counted again.
///
/// It belongs to the run that met it; what `callmark adopt` meets belongs to none.
pub async fn record(
    db: &impl Executor,
    reject: &Reject,
    run_id: impl Into<Option<Uuid>>,
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    let run_id: Option<Uuid> = run_id.into();
    let hash: &[u8] = &reject.document_hash;
    let texts = [Some(&reject.reason), reject.call_id.as_ref(), reject.document.as_ref()];
    // A refused statement would end the transaction, and with it the whole batch: the encoding is asked for before.
    let is_ascii = texts.iter().flatten().all(|text| text.is_ascii());
    let takes_all = is_ascii || takes_all_characters(db).await?;
    let [reason, call_id, document] = texts.map(|text| text.map(|text| escaped(text, takes_all)));
    let sqlstate = &reject.sqlstate;
    let bytes = i32::try_from(reject.document_bytes).unwrap_or(i32::MAX);
    db.execute_typed(
        r"
        insert into vapi_call_rejects (
            id, call_id, reason, sqlstate, document, document_bytes, document_hash, first_seen_at, last_seen_at, run_id
        )
        values ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9)
        on conflict (document_hash) do update
        set attempts = vapi_call_rejects.attempts + 1,
            reason = excluded.reason,
            sqlstate = excluded.sqlstate,
            last_seen_at = excluded.last_seen_at,
            resolved_at = null,
            run_id = excluded.run_id
        ",
        &[
            (&Uuid::now_v7(), Type::UUID),
            (&call_id, Type::TEXT),
            (&reason, Type::TEXT),
            (sqlstate, Type::TEXT),
            (&document, Type::TEXT),
            (&bytes, Type::INT4),
            (&hash, Type::BYTEA),
            (&now, Type::TIMESTAMPTZ),
            (&run_id, Type::UUID),
        ],
    )
    .await?;
    Ok(())
}

/// How many calls could not be stored since, and are not stored by now.
pub async fn open(db: &impl Executor, since: DateTime<Utc>) -> Result<i64, DbError> {
    let row = db
        .query_typed_one(
            r"
            select count(*)
            from vapi_call_rejects
            where resolved_at is null
              and last_seen_at >= $1
            ",
            &[(&since, Type::TIMESTAMPTZ)],
        )
        .await?;
    Ok(row.try_get(0)?)
}

/// Whether the database can hold every character. `migrate` creates tables in no other, but one may have them already.
async fn takes_all_characters(db: &impl Executor) -> Result<bool, DbError> {
    let row = db
        .query_typed_one("select current_setting('server_encoding') = 'UTF8'", &[])
        .await?;
    Ok(row.try_get(0)?)
}

/// PostgreSQL's text holds every character but NUL, and in other encodings than UTF-8 not all others: what it cannot
/// hold is kept as JSON escapes it.
fn escaped(text: &str, takes_all: bool) -> Cow<'_, str> {
    let is_held = |c: char| c != '\0' && (takes_all || c.is_ascii());
    if text.chars().all(is_held) {
        return Cow::Borrowed(text);
    }
    let mut kept = String::with_capacity(text.len());
    for c in text.chars() {
        if is_held(c) {
            kept.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                kept.extend(format!("\\u{unit:04x}").chars());
            }
        }
    }
    Cow::Owned(kept)
}

/// Marks the open rejects of calls that are stored by now; returns how many.
pub async fn resolve(db: &impl Executor, now: DateTime<Utc>) -> Result<u64, DbError> {
    db.execute_typed(
        r"
        update vapi_call_rejects
        set resolved_at = $1
        where resolved_at is null
          and exists (
              select
              from vapi_calls_raw
              where vapi_calls_raw.id = vapi_call_rejects.call_id
                and vapi_calls_raw.synced_at > vapi_call_rejects.last_seen_at
          )
        ",
        &[(&now, Type::TIMESTAMPTZ)],
    )
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_database_cannot_hold_is_kept_as_json_escapes_it() {
        assert_eq!(escaped("caf\u{e9} \u{1f600}", true), "caf\u{e9} \u{1f600}");
        assert_eq!(escaped("a\0\u{e9}", true), "a\\u0000\u{e9}");
        assert_eq!(
            escaped("caf\u{e9} \u{1f600}\0", false),
            "caf\\u00e9 \\ud83d\\ude00\\u0000"
        );
    }
}
