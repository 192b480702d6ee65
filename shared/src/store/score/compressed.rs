//! Stored analyses whose columns are not compressed as the table says.

use serde_json::{Value, json};
use tokio_postgres::types::Type;

use crate::platform::db::{DbError, Executor as _, Transaction};
use crate::store::backfill::batch::{Batch, Ended};
use crate::store::call;

/// Stores analyses with lz4 that are stored with pglz: those of the next rows behind a call and framework.
pub(crate) async fn compress(
    transaction: &Transaction<'_>,
    after: Option<Value>,
    batch: Batch,
) -> Result<Ended, DbError> {
    let after = after.unwrap_or_default();
    let call_id = after[0].as_str().unwrap_or_default();
    let framework_id = after[1].as_i64().and_then(|id| id.try_into().ok()).unwrap_or(i32::MIN);
    let rows = transaction
        .query_typed(
            r"
            with page as materialized (
                select call_id, framework_id,
                       'pglz' = any(array_remove(array[
                           pg_column_compression(criteria), pg_column_compression(facts),
                           pg_column_compression(coaching_tips), pg_column_compression(key_issues),
                           pg_column_compression(critical_failures), pg_column_compression(what_went_well)
                       ], null)) as is_old
                from qci_analyses
                where (call_id, framework_id) > ($1, $2)
                  and exists (
                      select
                      from pg_attribute
                      where attrelid = 'qci_analyses'::regclass
                        and attname = 'criteria'
                        and attcompression = 'l'
                  )
                order by call_id, framework_id
                limit $3
            ),
            counted as (
                select call_id, framework_id, is_old,
                       count(*) filter (where is_old) over (order by call_id, framework_id rows unbounded preceding) as old
                from page
            )
            select call_id, framework_id, is_old
            from counted
            where old <= $4
            order by call_id, framework_id
            ",
            &[
                (&call_id, Type::TEXT),
                (&framework_id, Type::INT4),
                (&batch.read, Type::INT8),
                (&batch.changed, Type::INT8),
            ],
        )
        .await?;
    let mut ended = Ended::default();
    let (mut calls, mut frameworks): (Vec<&str>, Vec<i32>) = (Vec::new(), Vec::new());
    for row in &rows {
        let (call_id, framework_id): (&str, i32) = (row.try_get("call_id")?, row.try_get("framework_id")?);
        ended.read += 1;
        ended.last_key = Some(json!([call_id, framework_id]));
        if row.try_get("is_old")? {
            calls.push(call_id);
            frameworks.push(framework_id);
        }
    }
    // A sync locks a call and then, by a trigger, its analyses; another trigger would lock the calls of ours last.
    call::share(transaction, &calls).await?;
    // The operator changes nothing: a new value is compressed anew.
    let changed = transaction
        .execute_typed(
            r"
            with held as materialized (
                select analysis.call_id, analysis.framework_id
                from unnest($1::text[], $2::integer[]) as wanted (call_id, framework_id)
                join qci_analyses as analysis using (call_id, framework_id)
                order by analysis.call_id, analysis.framework_id
                for no key update of analysis
            )
            update qci_analyses as analysis
            set criteria = analysis.criteria #- '{}',
                facts = analysis.facts #- '{}',
                coaching_tips = analysis.coaching_tips #- '{}',
                key_issues = analysis.key_issues #- '{}',
                critical_failures = analysis.critical_failures #- '{}',
                what_went_well = analysis.what_went_well #- '{}'
            from held
            where held.call_id = analysis.call_id
              and held.framework_id = analysis.framework_id
            ",
            &[(&calls, Type::TEXT_ARRAY), (&frameworks, Type::INT4_ARRAY)],
        )
        .await?;
    ended.changed = i64::try_from(changed).unwrap_or_default();
    Ok(ended)
}
