//! What began in each hour, counted once and kept, so that the SQL functions need not read a year call by call.
//!
//! They are exact whether this is done often or never: what changed since the mark they read themselves, and where that
//! is much they do without the hours.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tokio_postgres::types::Type;

use crate::platform::db::{self, DbError, Executor, Pool, Transaction};

/// Changes below which the functions read them as fast as hours.
const WORTHWHILE: i64 = 5_000;
/// Calls below which hours save nothing: all of them are added up in some 20 ms.
const FEW: i64 = 50_000;

/// How far the hours have come, and where they can get to.
struct Mark {
    /// `None` where nothing is counted, or by another server.
    counted_before: Option<String>,
    next: String,
}

/// Does that at the end of a run, for `limit` at most; whether there was anything to do.
///
/// # Errors
///
/// Where it took longer, or the database is away. The next run does it.
pub async fn keep_hours(pool: &Pool, limit: Duration) -> Result<bool> {
    if limit.is_zero() {
        return Ok(false);
    }
    let pool = &pool.for_whole_tables();
    let counting = db::retry(pool, || async {
        let mut client = db::connect(pool).await?;
        if !is_worthwhile(&client).await? {
            return Ok(false);
        }
        let transaction = client.transaction().await?;
        count_hours(&transaction).await?;
        transaction.commit().await?;
        Ok(true)
    });
    match tokio::time::timeout(limit, counting).await {
        Ok(counted) => counted.context("counting what began in each hour"),
        Err(_) => bail!(
            "counting what began in each hour took longer than {} s",
            limit.as_secs()
        ),
    }
}

/// Counts what changed since it was done last, unless somebody else is at it.
///
/// What transactions that are still open have changed is left for the next time.
pub async fn count_hours(transaction: &Transaction<'_>) -> Result<(), DbError> {
    let locked = format!("{MARK} for update skip locked");
    let Some(mark) = read_mark(transaction, &locked).await? else {
        return Ok(());
    };
    let counted_before = mark.counted_before.as_deref().unwrap_or(NOTHING);
    if mark.counted_before.is_none() {
        transaction.execute_typed("delete from hourly_figures", &[]).await?;
    }
    let marks: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 2] =
        [(&counted_before, Type::TEXT), (&mark.next, Type::TEXT)];
    transaction.execute_typed(COUNT, &marks).await?;
    transaction
        .execute_typed(
            "update hourly_mark set counted_before = $1::text::xid8, written_in = pg_current_xact_id()",
            &[(&mark.next, Type::TEXT)],
        )
        .await?;
    Ok(())
}

/// Before every transaction.
const NOTHING: &str = "0";

/// A row that was restored was written by another transaction than it says.
const MARK: &str = r"
    select case when xmin::text::numeric = written_in::text::numeric % 4294967296 then counted_before end
               as counted_before
    from hourly_mark
";

async fn read_mark(db: &impl Executor, mark: &str) -> Result<Option<Mark>, DbError> {
    let statement = format!(
        "select counted_before::text, greatest(counted_before, pg_snapshot_xmin(pg_current_snapshot()))::text as next
         from ({mark}) as mark"
    );
    let row = db.query_typed_opt(&statement, &[]).await?;
    row.map(|row| {
        Ok(Mark {
            counted_before: row.try_get("counted_before")?,
            next: row.try_get("next")?,
        })
    })
    .transpose()
}

/// Whether there is more than the functions can read as fast.
async fn is_worthwhile(db: &impl Executor) -> Result<bool, DbError> {
    let mark = read_mark(db, MARK).await?;
    let counted_before = mark.and_then(|mark| mark.counted_before);
    let counted_before = counted_before.as_deref().unwrap_or(NOTHING);
    let row = db
        .query_typed_one(
            r"
            select greatest(
                (select count(*)
                 from (select from vapi_calls_raw where changed_in >= $1::text::xid8 limit $2) as changed),
                (select count(*)
                 from (
                     select
                     from qci_analyses
                     where status = 'scored' and counted_in >= $1::text::xid8
                     limit $2
                 ) as changed),
                (select count(*) from (select from hourly_corrections limit $2) as changed)
            ) as changes
            ",
            &[(&counted_before, Type::TEXT), (&WORTHWHILE, Type::INT8)],
        )
        .await?;
    if row.try_get::<_, i64>("changes")? < WORTHWHILE {
        return Ok(false);
    }
    let row = db
        .query_typed_one(
            "select count(*) from (select from vapi_calls_raw limit $1) as calls",
            &[(&FEW, Type::INT8)],
        )
        .await?;
    Ok(row.try_get::<_, i64>(0)? >= FEW)
}

/// One statement, and so one snapshot: what is taken in, what is taken off, and what need not be corrected any more.
const COUNT: &str = r"
    with changed as materialized (
        select null::integer as framework_id, call_at, assistant_id, 1 as factor,
               coalesce(duration_seconds, 0)::bigint as duration, 0::numeric as score
        from vapi_calls_raw
        where changed_in >= $1::text::xid8
          and counted_in >= $1::text::xid8
          and counted_in < $2::text::xid8
          and call_at is not null
        union all
        select framework_id, call_at, assistant_id, 1, 0, total_score
        from qci_analyses
        where status = 'scored'
          and counted_in >= $1::text::xid8
          and counted_in < $2::text::xid8
          and call_at is not null
        union all
        select framework_id, call_at, assistant_id, -1, coalesce(duration_seconds, 0), coalesce(total_score, 0)
        from hourly_corrections
        where counted_in < $1::text::xid8
    ),
    delta as materialized (
        select framework_id,
               date_trunc('hour', call_at, 'UTC') as hour,
               assistant_id,
               sum(factor) as calls,
               coalesce(sum(factor) filter (where duration > 30), 0) as quality,
               coalesce(sum(factor) filter (where duration > 60), 0) as engaged,
               coalesce(sum(factor) filter (where duration > 0), 0) as timed,
               coalesce(sum(factor * duration) filter (where duration > 0), 0) as seconds,
               sum(factor * score) as score
        from changed
        group by 1, 2, 3
    ),
    corrected as (
        delete from hourly_corrections
    ),
    replaced as (
        delete from hourly_figures as figures
        using (select distinct framework_id, hour from delta) as touched
        where figures.hour = touched.hour
          and figures.framework_id is not distinct from touched.framework_id
        returning figures.*
    ),
    summed as (
        select framework_id, hour, assistant_id, calls, quality, engaged, timed, seconds, score
        from delta
        union all
        select framework_id, hour, assistant_id, calls, quality, engaged, timed, seconds, score
        from replaced
        where not is_total
    )
    insert into hourly_figures (
        framework_id, hour, is_total, assistant_id, calls, quality, engaged, timed, seconds, score
    )
    select framework_id, hour, grouping(assistant_id) = 1, assistant_id, sum(calls), sum(quality), sum(engaged),
           sum(timed), sum(seconds), sum(score)
    from summed
    group by grouping sets ((framework_id, hour, assistant_id), (framework_id, hour))
    having sum(calls) <> 0
    -- What is read together lies together.
    order by grouping(assistant_id) desc, framework_id, assistant_id, hour
";
