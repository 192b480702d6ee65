//! The calls that a framework has yet to look at, oldest first, read by what is new.
//!
//! ```text
//! read ─▶ changed since the mark ┐
//!         pending                ├─▶ analysis_backlog says which of these it still has to look at
//!         failed, or outdated    ┘
//! advance ─▶ the same, and: those are pending from now on, and the mark moves
//! ```
//!
//! The mark is a transaction id: every transaction before it had ended when the backlog was read, so that none can bring a
//! call later that it covers. Without a mark every call is read.

use tokio_postgres::types::Type;

use crate::platform::db::{DbError, Executor, Transaction};

/// Calls of a backlog that are taken at once, at most. The mark does not move while there are more.
pub const MOST: i64 = 100_000;

/// What is known of the mark, for somebody who is about to read.
struct Mark {
    /// Calls that transactions from here on stored or changed are new; `None` where there is no mark to trust.
    changed_before: Option<String>,
    /// Where the mark may move to, once everything that is stored now was read.
    next: String,
}

/// Those of these calls that a framework has yet to look at, oldest first.
pub async fn among(db: &impl Executor, framework_id: i32, ids: &[String], limit: i64) -> Result<Vec<String>, DbError> {
    let rows = db
        .query_typed(
            r"
            select call_id
            from analysis_backlog
            where framework_id = $1
              and call_id = any($2)
            order by created_at nulls first, call_id
            limit $3
            ",
            &[
                (&framework_id, Type::INT4),
                (&ids, Type::TEXT_ARRAY),
                (&limit, Type::INT8),
            ],
        )
        .await?;
    rows.iter().map(|row| Ok(row.try_get("call_id")?)).collect()
}

/// The calls that a framework has yet to look at, oldest first. Changes nothing.
pub async fn read(db: &impl Executor, framework_id: i32, limit: i64) -> Result<Vec<String>, DbError> {
    let statement = format!("select {MARK} from analysis_marks where framework_id = $1");
    let row = db.query_typed_opt(&statement, &[(&framework_id, Type::INT4)]).await?;
    let changed_before = row.map_or(Ok(None), |row| row.try_get("changed_before"))?;
    read_since(db, framework_id, changed_before, limit).await
}

/// The same, and moves the mark up to here, unless there are [`MOST`] calls or more: reading on begins at the mark.
///
/// Two runs that do this at once wait for each other.
pub async fn advance(transaction: &Transaction<'_>, framework_id: i32, limit: i64) -> Result<Vec<String>, DbError> {
    let mark = lock_mark(transaction, framework_id).await?;
    let mut calls = read_since(transaction, framework_id, mark.changed_before, MOST).await?;
    if i64::try_from(calls.len()).is_ok_and(|count| count < MOST) {
        move_mark(transaction, framework_id, &calls, &mark.next).await?;
    }
    calls.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(calls)
}

/// A mark is trusted if the row is as the transaction wrote it that it names. One that was restored is not.
const MARK: &str =
    "case when xmin::text::numeric = written_in::text::numeric % 4294967296 then changed_before end::text
                        as changed_before";

async fn lock_mark(transaction: &Transaction<'_>, framework_id: i32) -> Result<Mark, DbError> {
    let framework = [(&framework_id as &(dyn tokio_postgres::types::ToSql + Sync), Type::INT4)];
    transaction
        .execute_typed(
            "insert into analysis_marks (framework_id) values ($1) on conflict do nothing",
            &framework,
        )
        .await?;
    // What a later statement sees was at least as much as this one, so that its `xmin` is a mark for that one, too.
    let statement = format!(
        "select {MARK}, pg_snapshot_xmin(pg_current_snapshot())::text as next
         from analysis_marks
         where framework_id = $1
         for update"
    );
    let row = transaction.query_typed_one(&statement, &framework).await?;
    Ok(Mark {
        changed_before: row.try_get("changed_before")?,
        next: row.try_get("next")?,
    })
}

async fn read_since(
    db: &impl Executor,
    framework_id: i32,
    changed_before: Option<String>,
    limit: i64,
) -> Result<Vec<String>, DbError> {
    let rows = match changed_before {
        Some(changed_before) => {
            db.query_typed(
                SINCE_A_MARK,
                &[
                    (&framework_id, Type::INT4),
                    (&limit, Type::INT8),
                    (&changed_before, Type::TEXT),
                ],
            )
            .await?
        }
        None => {
            db.query_typed(EVERYTHING, &[(&framework_id, Type::INT4), (&limit, Type::INT8)])
                .await?
        }
    };
    rows.iter().map(|row| Ok(row.try_get("call_id")?)).collect()
}

const EVERYTHING: &str = r"
    select call_id
    from analysis_backlog
    where framework_id = $1
    order by created_at nulls first, call_id
    limit $2
";

// What is visible was written by a transaction before the snapshot's end. Ids beyond it are of another server's
// transactions, from which the database was restored.
const SINCE_A_MARK: &str = r"
    select backlog.call_id
    from (
        select id
        from vapi_calls_raw
        where changed_in >= $3::text::xid8
          and changed_in < pg_snapshot_xmax(pg_current_snapshot())
        union
        select call_id
        from analysis_pending
        where framework_id = $1
        union
        select call_id
        from qci_analyses
        where framework_id = $1
          and (status = 'failed' or is_outdated)
    ) as candidate (call_id)
    join analysis_backlog as backlog on backlog.call_id = candidate.call_id
    where backlog.framework_id = $1
    order by backlog.created_at nulls first, backlog.call_id
    limit $2
";

/// The calls are pending from now on, what was looked at is no longer, and the mark moves.
async fn move_mark(
    transaction: &Transaction<'_>,
    framework_id: i32,
    calls: &[String],
    mark: &str,
) -> Result<(), DbError> {
    if !calls.is_empty() {
        transaction
            .execute_typed(
                r"
                insert into analysis_pending (framework_id, call_id)
                select $1, call_id
                from unnest($2) as call_id
                on conflict do nothing
                ",
                &[(&framework_id, Type::INT4), (&calls, Type::TEXT_ARRAY)],
            )
            .await?;
    }
    transaction
        .execute_typed(
            r"
            delete from analysis_pending as pending
            where framework_id = $1
              and not exists (
                  select
                  from analysis_backlog as backlog
                  where backlog.framework_id = $1
                    and backlog.call_id = pending.call_id
              )
            ",
            &[(&framework_id, Type::INT4)],
        )
        .await?;
    transaction
        .execute_typed(
            r"
            update analysis_marks
            set changed_before = greatest(changed_before, $2::text::xid8),
                written_in = pg_current_xact_id()
            where framework_id = $1
            ",
            &[(&framework_id, Type::INT4), (&mark, Type::TEXT)],
        )
        .await?;
    Ok(())
}
