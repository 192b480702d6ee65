//! What is asked of judges and what it cost: the queries on `judge_requests` that change it or sum it up.
//!
//! A row is written as `open` before its request goes out, and closed with the answer. What nobody learned the end of
//! is `unknown`, and counts at its estimate.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::{Analysis, tokens};
use crate::platform::db::{DbError, Executor, Transaction};
use crate::store::price::Usage;

/// One answer that was paid for.
#[derive(Clone, Debug)]
pub struct Request {
    /// Its id: storing it twice stores it once.
    pub id: Uuid,
    /// When it was asked for.
    pub requested_at: DateTime<Utc>,
    /// How long it took, in milliseconds.
    pub duration_ms: i32,
    /// The model, as the endpoint names it.
    pub model: Option<String>,
    /// `answered`, or how it was of no use.
    pub outcome: &'static str,
    /// Its tokens.
    pub usage: Usage,
    /// What it cost in USD; unknown where the price is.
    pub cost: Option<Decimal>,
    /// Quotes in it.
    pub quotes_total: i32,
    /// Those that are in the transcript.
    pub quotes_verified: i32,
}

/// A request that is about to go out.
#[derive(Clone, Debug)]
pub struct Opened {
    /// Its id, which its answer keeps.
    pub id: Uuid,
    /// The call that it is about.
    pub call_id: String,
    /// When it goes out.
    pub requested_at: DateTime<Utc>,
    /// The model that is asked.
    pub model: String,
    /// Counts the run's requests about the call, from 1.
    pub attempt: i32,
    /// What it will cost at a guess, in USD.
    pub estimate: Option<Decimal>,
}

/// Writes requests that are about to go out. Requests about calls that are gone are left out: nobody could keep them.
pub async fn open(db: &impl Executor, framework_id: i32, run_id: Uuid, requests: &[Opened]) -> Result<(), DbError> {
    let column = |value: fn(&Opened) -> &String| requests.iter().map(value).collect::<Vec<_>>();
    let ids: Vec<Uuid> = requests.iter().map(|request| request.id).collect();
    let (calls, models) = (column(|request| &request.call_id), column(|request| &request.model));
    let times: Vec<DateTime<Utc>> = requests.iter().map(|request| request.requested_at).collect();
    let attempts: Vec<i32> = requests.iter().map(|request| request.attempt).collect();
    let estimates: Vec<Option<Decimal>> = requests.iter().map(|request| request.estimate).collect();
    db.execute_typed(
        r"
        insert into judge_requests (
            id, call_id, framework_id, run_id, requested_at, duration_ms, model, outcome, state, attempt, estimated_usd
        )
        select asked.id, asked.call_id, $1, $2, asked.requested_at, 0, asked.model, 'open', 'open', asked.attempt,
               asked.estimate
        from unnest($3::uuid[], $4::text[], $5::timestamptz[], $6::text[], $7::int4[], $8::numeric[])
             as asked (id, call_id, requested_at, model, attempt, estimate)
        join vapi_calls_raw as call on call.id = asked.call_id
        on conflict (id) do nothing
        ",
        &[
            (&framework_id, Type::INT4),
            (&run_id, Type::UUID),
            (&ids, Type::UUID_ARRAY),
            (&calls, Type::TEXT_ARRAY),
            (&times, Type::TIMESTAMPTZ_ARRAY),
            (&models, Type::TEXT_ARRAY),
            (&attempts, Type::INT4_ARRAY),
            (&estimates, Type::NUMERIC_ARRAY),
        ],
    )
    .await?;
    Ok(())
}

/// Notes of a request that went out that nobody will learn what it cost.
pub async fn lose(db: &impl Executor, id: Uuid) -> Result<(), DbError> {
    db.execute_typed(
        "update judge_requests set state = 'unknown', outcome = 'unknown' where id = $1 and state = 'open'",
        &[(&id, Type::UUID)],
    )
    .await?;
    Ok(())
}

/// Takes back a request that the judge refused: it was not paid for.
pub async fn take_back(db: &impl Executor, id: Uuid) -> Result<(), DbError> {
    db.execute_typed(
        "delete from judge_requests where id = $1 and state = 'open'",
        &[(&id, Type::UUID)],
    )
    .await?;
    Ok(())
}

/// Gives up the open requests of runs that have ended, and of this one; returns how many, and what they count as.
pub async fn give_up(db: &impl Executor, also: Option<Uuid>) -> Result<(i64, Decimal), DbError> {
    let row = db
        .query_typed_opt(
            r"
            with lost as (
                update judge_requests
                set state = 'unknown', outcome = 'unknown'
                where state = 'open'
                  and (run_id is null
                       or run_id = $1
                       or not exists (select from runs where runs.id = judge_requests.run_id and status = 'running'))
                returning estimated_usd
            )
            select count(*) as requests, coalesce(sum(estimated_usd), 0) as usd
            from lost
            ",
            &[(&also, Type::UUID)],
        )
        .await?;
    row.map_or(Ok((0, Decimal::ZERO)), |row| {
        Ok((row.try_get("requests")?, row.try_get("usd")?))
    })
}

/// What was spent on judges since an instant, in USD, as far as prices are known; at a guess where the cost is not.
pub async fn spent_since(db: &impl Executor, since: DateTime<Utc>) -> Result<Decimal, DbError> {
    let rows = db
        .query_typed(
            r"
            select coalesce(sum(case when state = 'closed' then cost_usd else estimated_usd end), 0) as usd
            from judge_requests
            where requested_at >= $1
            ",
            &[(&since, Type::TIMESTAMPTZ)],
        )
        .await?;
    rows.first().map_or(Ok(Decimal::ZERO), |row| Ok(row.try_get("usd")?))
}

/// What each of these runs spent on judges, in USD, where it asked any; nothing where a price is not known.
///
/// What is open or unknown counts at its estimate.
pub async fn spent_by(db: &impl Executor, runs: &[Uuid]) -> Result<Vec<(Uuid, Option<Decimal>)>, DbError> {
    let rows = db
        .query_typed(
            r"
            select run_id, case when bool_and(usd is not null) then sum(usd) end as usd
            from judge_requests
            cross join lateral (select case when state = 'closed' then cost_usd else estimated_usd end) as spent (usd)
            where run_id = any($1)
            group by run_id
            ",
            &[(&runs, Type::UUID_ARRAY)],
        )
        .await?;
    rows.iter()
        .map(|row| Ok((row.try_get("run_id")?, row.try_get("usd")?)))
        .collect()
}

/// Closes a request with its answer, whether or not it was opened.
pub(super) async fn close(
    transaction: &Transaction<'_>,
    analysis: &Analysis,
    request: &Request,
) -> Result<(), DbError> {
    let [input, cached, output] = tokens(request.usage);
    transaction
        .execute_typed(
            r"
            insert into judge_requests (
                id, call_id, framework_id, run_id, requested_at, duration_ms, model, outcome,
                input_tokens, cached_tokens, output_tokens, cost_usd, quotes_total, quotes_verified
            )
            values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
            on conflict (id) do update
            set state = excluded.state,
                requested_at = excluded.requested_at,
                duration_ms = excluded.duration_ms,
                model = excluded.model,
                outcome = excluded.outcome,
                input_tokens = excluded.input_tokens,
                cached_tokens = excluded.cached_tokens,
                output_tokens = excluded.output_tokens,
                cost_usd = excluded.cost_usd,
                quotes_total = excluded.quotes_total,
                quotes_verified = excluded.quotes_verified
            where judge_requests.state <> 'closed'
            ",
            &[
                (&request.id, Type::UUID),
                (&analysis.call_id, Type::TEXT),
                (&analysis.framework_id, Type::INT4),
                (&analysis.run_id, Type::UUID),
                (&request.requested_at, Type::TIMESTAMPTZ),
                (&request.duration_ms, Type::INT4),
                (&request.model, Type::TEXT),
                (&request.outcome, Type::TEXT),
                (&input, Type::INT4),
                (&cached, Type::INT4),
                (&output, Type::INT4),
                (&request.cost, Type::NUMERIC),
                (&request.quotes_total, Type::INT4),
                (&request.quotes_verified, Type::INT4),
            ],
        )
        .await?;
    Ok(())
}
