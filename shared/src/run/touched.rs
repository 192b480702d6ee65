//! What a run left in other tables: the calls that it stored or scored, and the documents that it could not store.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::platform::db::{DbError, Executor};

/// A call that a run looked at or stored.
#[derive(Clone, Debug)]
pub struct Touched {
    /// The call.
    pub id: String,
    /// When it was.
    pub call_at: Option<DateTime<Utc>>,
    /// Its assistant, by name or else by id.
    pub assistant: Option<String>,
    /// `scored`, `skipped`, `failed` or `parked`; of a stored call Vapi's status.
    pub status: Option<String>,
    /// Its score.
    pub score: Option<Decimal>,
    /// Why it has none; cut.
    pub reason: Option<String>,
}

/// A document that could not be stored.
#[derive(Clone, Debug)]
pub struct Rejected {
    /// The call's id, where one could be read.
    pub call_id: Option<String>,
    /// Why; cut.
    pub reason: String,
    /// The database's code, where it was the database that refused.
    pub sqlstate: Option<String>,
    /// How often it came.
    pub attempts: i32,
    /// When the call could be stored after all.
    pub resolved_at: Option<DateTime<Utc>>,
}

/// Calls beyond this are not counted one by one.
pub const MOST_COUNTED: i64 = 1_000;

/// How many calls a scoring run looked at last, by what came of it.
pub async fn scored_by_status(db: &impl Executor, run_id: Uuid) -> Result<Vec<(String, i64)>, DbError> {
    let rows = db
        .query_typed(
            r"
            select status, count(*) as calls
            from qci_analyses
            where run_id = $1
            group by status
            order by calls desc, status
            ",
            &[(&run_id, Type::UUID)],
        )
        .await?;
    rows.iter()
        .map(|row| Ok((row.try_get("status")?, row.try_get("calls")?)))
        .collect()
}

/// The first calls that a scoring run looked at last.
pub async fn scored(db: &impl Executor, run_id: Uuid, limit: i64) -> Result<Vec<Touched>, DbError> {
    let rows = db
        .query_typed(
            r"
            select call.id, call.call_at, coalesce(assistant.name, call.assistant_name, call.assistant_id) as assistant,
                   analysis.status, analysis.total_score as score,
                   left(coalesce(analysis.error_message, analysis.skip_reason), 300) as reason
            from qci_analyses as analysis
            join vapi_calls_raw as call on call.id = analysis.call_id
            left join vapi_assistants as assistant on assistant.assistant_id = call.assistant_id
            where analysis.run_id = $1
            order by analysis.analyzed_at, analysis.call_id
            limit $2
            ",
            &[(&run_id, Type::UUID), (&limit, Type::INT8)],
        )
        .await?;
    rows.iter().map(touched).collect()
}

/// How many calls were stored last between two instants, [`MOST_COUNTED`] and one at most, and the newest of those.
pub async fn stored(
    db: &impl Executor,
    (from, to): (DateTime<Utc>, DateTime<Utc>),
    limit: i64,
) -> Result<(i64, Vec<Touched>), DbError> {
    let rows = db
        .query_typed(
            r"
            select call.id, call.call_at, coalesce(assistant.name, call.assistant_name, call.assistant_id) as assistant,
                   call.status, null::numeric as score, null::text as reason, count(*) over () as calls
            from (
                select id, call_at, assistant_name, assistant_id, status
                from vapi_calls_raw
                where synced_at between $1 and $2
                limit $3
            ) as call
            left join vapi_assistants as assistant on assistant.assistant_id = call.assistant_id
            order by call.call_at desc nulls last, call.id desc
            limit $4
            ",
            &[
                (&from, Type::TIMESTAMPTZ),
                (&to, Type::TIMESTAMPTZ),
                (&(MOST_COUNTED + 1), Type::INT8),
                (&limit, Type::INT8),
            ],
        )
        .await?;
    let calls = rows.first().map_or(Ok(0), |row| row.try_get("calls"))?;
    Ok((calls, rows.iter().map(touched).collect::<Result<_, _>>()?))
}

/// The documents that a run was the last to refuse, newest first.
pub async fn rejected(db: &impl Executor, run_id: Uuid, limit: i64) -> Result<Vec<Rejected>, DbError> {
    let rows = db
        .query_typed(
            r"
            select call_id, left(reason, 300) as reason, sqlstate, attempts, resolved_at
            from vapi_call_rejects
            where run_id = $1
            order by last_seen_at desc, id
            limit $2
            ",
            &[(&run_id, Type::UUID), (&limit, Type::INT8)],
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Rejected {
                call_id: row.try_get("call_id")?,
                reason: row.try_get("reason")?,
                sqlstate: row.try_get("sqlstate")?,
                attempts: row.try_get("attempts")?,
                resolved_at: row.try_get("resolved_at")?,
            })
        })
        .collect()
}

fn touched(row: &tokio_postgres::Row) -> Result<Touched, DbError> {
    Ok(Touched {
        id: row.try_get("id")?,
        call_at: row.try_get("call_at")?,
        assistant: row.try_get("assistant")?,
        status: row.try_get("status")?,
        score: row.try_get("score")?,
        reason: row.try_get("reason")?,
    })
}
