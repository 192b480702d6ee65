//! Stored calls whose columns are not compressed as the table says.

use serde_json::Value;
use tokio_postgres::types::Type;

use crate::platform::db::{DbError, Executor as _, Transaction};
use crate::store::backfill::batch::{Batch, Ended};

/// Compressed bytes that one batch writes anew, at most, but for one row.
const BYTES: i64 = 2 << 20;

/// Stores calls with lz4 that are stored with pglz: those of the next rows behind an id.
pub(crate) async fn compress(
    transaction: &Transaction<'_>,
    after: Option<Value>,
    batch: Batch,
) -> Result<Ended, DbError> {
    let after = after.as_ref().and_then(Value::as_str).unwrap_or_default();
    // How a value is compressed stands in its pointer: none is fetched to find that out.
    let rows = transaction
        .query_typed(
            r"
            with page as materialized (
                select id,
                       coalesce(pg_column_compression(raw_json) = 'pglz', false)
                           or coalesce(pg_column_compression(transcript) = 'pglz', false) as is_old,
                       pg_column_size(raw_json) + coalesce(pg_column_size(transcript), 0) as bytes
                from vapi_calls_raw
                where id > $1
                  and exists (
                      select
                      from pg_attribute
                      where attrelid = 'vapi_calls_raw'::regclass
                        and attname = 'raw_json'
                        and attcompression = 'l'
                  )
                order by id
                limit $2
            ),
            summed as (
                select id, is_old,
                       count(*) filter (where is_old) over in_order as old,
                       sum(bytes) filter (where is_old) over in_order as bytes
                from page
                window in_order as (order by id rows unbounded preceding)
            )
            select id, is_old
            from summed
            where old <= 1 or (old <= $3 and bytes <= $4)
            order by id
            ",
            &[
                (&after, Type::TEXT),
                (&batch.read, Type::INT8),
                (&batch.changed, Type::INT8),
                (&BYTES, Type::INT8),
            ],
        )
        .await?;
    let mut ended = Ended::default();
    let mut old = Vec::new();
    for row in &rows {
        let (id, is_old): (&str, bool) = (row.try_get("id")?, row.try_get("is_old")?);
        ended.read += 1;
        ended.last_key = Some(id.into());
        old.extend(is_old.then_some(id));
    }
    // In the order of ids, as a sync locks them. The operators change nothing: a new value is compressed anew.
    let changed = transaction
        .execute_typed(
            r"
            with held as materialized (
                select id
                from vapi_calls_raw
                where id = any($1)
                order by id
                for no key update
            )
            update vapi_calls_raw as call
            set raw_json = call.raw_json #- '{}',
                transcript = call.transcript || ''
            from held
            where held.id = call.id
            ",
            &[(&old, Type::TEXT_ARRAY)],
        )
        .await?;
    ended.changed = i64::try_from(changed).unwrap_or_default();
    Ok(ended)
}

/// Keeps these calls from being changed until the transaction ends.
pub(crate) async fn share(transaction: &Transaction<'_>, ids: &[&str]) -> Result<(), DbError> {
    transaction
        .execute_typed(
            "select from vapi_calls_raw where id = any($1) order by id for share",
            &[(&ids, Type::TEXT_ARRAY)],
        )
        .await
        .map(drop)
}
