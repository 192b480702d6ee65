//! What a framework says of a call as stored, and every query on `qci_analyses` and `judge_requests`.

pub mod backlog;
mod by_run;
mod compressed;
pub mod earlier;
pub mod ledger;
mod material;
mod stored;

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::Serialize;
use serde_json::Value;
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::platform::db::{DbError, Executor, Transaction};
use crate::store::price::Usage;

pub use by_run::{by_run, stream_by_run};
pub(crate) use compressed::compress;
pub use ledger::Request;
pub use material::{Material, Unreadable, materials};
pub use stored::{Paid, Stored, of_call, paid_for};

/// Tries of one call that the judge may answer badly; then the call is parked.
pub const MOST_ATTEMPTS: i32 = 3;

/// What came of looking at one call.
#[derive(Clone, Debug)]
pub struct Analysis {
    /// The call.
    pub call_id: String,
    /// The version of the call that was looked at.
    pub call_hash: Vec<u8>,
    /// The framework.
    pub framework_id: i32,
    /// The run.
    pub run_id: Uuid,
    /// When.
    pub analyzed_at: DateTime<Utc>,
    /// What was measured: an object.
    pub facts: Value,
    /// What it came to.
    pub verdict: Verdict,
    /// The answers that were paid for on the way.
    pub requests: Vec<Request>,
}

/// What looking at a call came to.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// It has a score.
    Scored(Box<Scored>),
    /// It is not worth one, for this reason.
    Skipped(&'static str),
    /// The judge's answers were of no use, for this reason; it is tried again on a later run.
    Failed(String),
}

/// A score with its parts.
#[derive(Clone, Debug)]
pub struct Scored {
    /// Dynamics, objections, brand and outcome, each out of its block's maximum.
    pub blocks: [Option<Decimal>; 4],
    /// Their sum.
    pub points: Decimal,
    /// The most that it could be.
    pub applicable_max: Decimal,
    /// The one in percent of the other, with two decimals.
    pub total: Decimal,
    /// `excellent`, `good`, `needs_improvement` or `poor`.
    pub class: &'static str,
    /// Whether evidence was not found that something would have leaned on.
    pub is_flagged: bool,
    /// Each criterion's result: an array, as the following four.
    pub criteria: Value,
    /// What to do better.
    pub coaching_tips: Value,
    /// The issues of the tips, each once.
    pub key_issues: Value,
    /// What went badly wrong.
    pub critical_failures: Value,
    /// What went well.
    pub what_went_well: Value,
    /// Quotes that the judge gave.
    pub quotes_total: i32,
    /// Those that are in the transcript.
    pub quotes_verified: i32,
    /// The model, as the endpoint names it.
    pub model: String,
    /// The tokens of all requests.
    pub usage: Usage,
    /// What they cost in USD; unknown where a price is.
    pub cost: Option<Decimal>,
}

/// What storing an analysis did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// The framework had not looked at the call before.
    New,
    /// It had.
    Changed,
    /// It failed once too often, and is not tried again.
    Parked,
    /// It failed now, and its earlier score stays.
    ScoreStays,
}

/// How the scores of a framework are spread.
#[derive(Clone, Debug, Serialize)]
pub struct Spread {
    /// The class of scored calls, the reason of skipped ones, the status of others.
    pub kind: String,
    /// `scored`, `skipped`, `failed` or `parked`.
    pub status: String,
    /// How many calls.
    pub calls: i64,
    /// The mean total of scored ones.
    pub mean: Option<Decimal>,
}

/// Which of these calls are stored, oldest first.
pub async fn stored(db: &impl Executor, ids: &[String]) -> Result<Vec<String>, DbError> {
    let rows = db
        .query_typed(
            r"
            select id
            from vapi_calls_raw
            where id = any($1)
            order by created_at nulls first, id
            ",
            &[(&ids, Type::TEXT_ARRAY)],
        )
        .await?;
    rows.iter().map(|row| Ok(row.try_get("id")?)).collect()
}

/// How many calls a framework has yet to look at.
pub async fn backlog_size(db: &impl Executor, framework_id: i32) -> Result<i64, DbError> {
    let rows = db
        .query_typed(
            "select count(*) as calls from analysis_backlog where framework_id = $1",
            &[(&framework_id, Type::INT4)],
        )
        .await?;
    rows.first().map_or(Ok(0), |row| Ok(row.try_get("calls")?))
}

/// How the scores of a framework are spread, best class first.
pub async fn spread(db: &impl Executor, framework_id: i32) -> Result<Vec<Spread>, DbError> {
    let rows = db
        .query_typed(
            r"
            select status,
                   coalesce(call_classification, skip_reason, status) as kind,
                   count(*) as calls,
                   round(avg(total_score), 1) as mean
            from qci_analyses
            where framework_id = $1
            group by 1, 2
            order by status <> 'scored', mean desc nulls last, calls desc, kind
            ",
            &[(&framework_id, Type::INT4)],
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Spread {
                kind: row.try_get("kind")?,
                status: row.try_get("status")?,
                calls: row.try_get("calls")?,
                mean: row.try_get("mean")?,
            })
        })
        .collect()
}

/// Stores an analysis and what was paid for it, or neither.
pub async fn store(transaction: &Transaction<'_>, analysis: &Analysis) -> Result<Kept, DbError> {
    let kept = match &analysis.verdict {
        Verdict::Scored(scored) => keep_score(transaction, analysis, scored).await?,
        Verdict::Skipped(reason) => keep_skip(transaction, analysis, reason).await?,
        Verdict::Failed(reason) => keep_failure(transaction, analysis, reason).await?,
    };
    for request in &analysis.requests {
        ledger::close(transaction, analysis, request).await?;
    }
    Ok(kept)
}

async fn keep_score(transaction: &Transaction<'_>, analysis: &Analysis, scored: &Scored) -> Result<Kept, DbError> {
    let [dynamics, objections, brand, outcome] = scored.blocks;
    let [input, cached, output] = tokens(scored.usage);
    let rows = transaction
        .query_typed(
            r"
            insert into qci_analyses (
                call_id, framework_id, status, run_id, call_hash, analyzed_at, facts,
                dynamics_score, objections_score, brand_score, outcome_score, points, applicable_max, total_score,
                call_classification, is_flagged, criteria, coaching_tips, key_issues, critical_failures, what_went_well,
                quotes_total, quotes_verified, analysis_model, input_tokens, cached_tokens, output_tokens, analysis_cost
            )
            values ($1, $2, 'scored', $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19,
                    $20, $21, $22, $23, $24, $25, $26, $27)
            on conflict (call_id, framework_id) do update
            set status = excluded.status,
                skip_reason = null,
                attempts = 0,
                error_message = null,
                run_id = excluded.run_id,
                call_hash = excluded.call_hash,
                analyzed_at = excluded.analyzed_at,
                facts = excluded.facts,
                dynamics_score = excluded.dynamics_score,
                objections_score = excluded.objections_score,
                brand_score = excluded.brand_score,
                outcome_score = excluded.outcome_score,
                points = excluded.points,
                applicable_max = excluded.applicable_max,
                total_score = excluded.total_score,
                call_classification = excluded.call_classification,
                is_flagged = excluded.is_flagged,
                criteria = excluded.criteria,
                coaching_tips = excluded.coaching_tips,
                key_issues = excluded.key_issues,
                critical_failures = excluded.critical_failures,
                what_went_well = excluded.what_went_well,
                quotes_total = excluded.quotes_total,
                quotes_verified = excluded.quotes_verified,
                analysis_model = excluded.analysis_model,
                input_tokens = excluded.input_tokens,
                cached_tokens = excluded.cached_tokens,
                output_tokens = excluded.output_tokens,
                analysis_cost = excluded.analysis_cost
            returning xmax = 0 as is_new
            ",
            &[
                (&analysis.call_id, Type::TEXT),
                (&analysis.framework_id, Type::INT4),
                (&analysis.run_id, Type::UUID),
                (&analysis.call_hash, Type::BYTEA),
                (&analysis.analyzed_at, Type::TIMESTAMPTZ),
                (&analysis.facts, Type::JSONB),
                (&dynamics, Type::NUMERIC),
                (&objections, Type::NUMERIC),
                (&brand, Type::NUMERIC),
                (&outcome, Type::NUMERIC),
                (&scored.points, Type::NUMERIC),
                (&scored.applicable_max, Type::NUMERIC),
                (&scored.total, Type::NUMERIC),
                (&scored.class, Type::TEXT),
                (&scored.is_flagged, Type::BOOL),
                (&scored.criteria, Type::JSONB),
                (&scored.coaching_tips, Type::JSONB),
                (&scored.key_issues, Type::JSONB),
                (&scored.critical_failures, Type::JSONB),
                (&scored.what_went_well, Type::JSONB),
                (&scored.quotes_total, Type::INT4),
                (&scored.quotes_verified, Type::INT4),
                (&scored.model, Type::TEXT),
                (&input, Type::INT4),
                (&cached, Type::INT4),
                (&output, Type::INT4),
                (&scored.cost, Type::NUMERIC),
            ],
        )
        .await?;
    new_or_changed(&rows)
}

async fn keep_skip(transaction: &Transaction<'_>, analysis: &Analysis, reason: &str) -> Result<Kept, DbError> {
    let rows = transaction
        .query_typed(
            r"
            insert into qci_analyses (
                call_id, framework_id, status, skip_reason, run_id, call_hash, analyzed_at, facts
            )
            values ($1, $2, 'skipped', $3, $4, $5, $6, $7)
            on conflict (call_id, framework_id) do update
            set status = excluded.status,
                skip_reason = excluded.skip_reason,
                attempts = 0,
                error_message = null,
                run_id = excluded.run_id,
                call_hash = excluded.call_hash,
                analyzed_at = excluded.analyzed_at,
                facts = excluded.facts
            where qci_analyses.status <> 'scored'
            returning xmax = 0 as is_new
            ",
            &[
                (&analysis.call_id, Type::TEXT),
                (&analysis.framework_id, Type::INT4),
                (&reason, Type::TEXT),
                (&analysis.run_id, Type::UUID),
                (&analysis.call_hash, Type::BYTEA),
                (&analysis.analyzed_at, Type::TIMESTAMPTZ),
                (&analysis.facts, Type::JSONB),
            ],
        )
        .await?;
    new_or_changed(&rows)
}

async fn keep_failure(transaction: &Transaction<'_>, analysis: &Analysis, reason: &str) -> Result<Kept, DbError> {
    let rows = transaction
        .query_typed(
            r"
            insert into qci_analyses (
                call_id, framework_id, status, attempts, error_message, run_id, call_hash, analyzed_at, facts
            )
            values ($1, $2, 'failed', 1, $3, $4, $5, $6, $7)
            on conflict (call_id, framework_id) do update
            set status = case when qci_analyses.attempts + 1 >= $8 then 'parked' else 'failed' end,
                skip_reason = null,
                attempts = qci_analyses.attempts + 1,
                error_message = excluded.error_message,
                run_id = excluded.run_id,
                call_hash = excluded.call_hash,
                analyzed_at = excluded.analyzed_at,
                facts = excluded.facts
            where qci_analyses.status <> 'scored'
              -- The answer to a first try to store this may have been lost.
              and qci_analyses.analyzed_at is distinct from excluded.analyzed_at
            returning xmax = 0 as is_new, status
            ",
            &[
                (&analysis.call_id, Type::TEXT),
                (&analysis.framework_id, Type::INT4),
                (&reason, Type::TEXT),
                (&analysis.run_id, Type::UUID),
                (&analysis.call_hash, Type::BYTEA),
                (&analysis.analyzed_at, Type::TIMESTAMPTZ),
                (&analysis.facts, Type::JSONB),
                (&MOST_ATTEMPTS, Type::INT4),
            ],
        )
        .await?;
    match rows.first() {
        Some(row) if row.try_get::<_, &str>("status")? == "parked" => Ok(Kept::Parked),
        _ => new_or_changed(&rows),
    }
}

fn new_or_changed(rows: &[tokio_postgres::Row]) -> Result<Kept, DbError> {
    match rows.first() {
        Some(row) if row.try_get("is_new")? => Ok(Kept::New),
        Some(_) => Ok(Kept::Changed),
        None => Ok(Kept::ScoreStays),
    }
}

fn tokens(usage: Usage) -> [i32; 3] {
    [usage.input, usage.cached, usage.output].map(|tokens| i32::try_from(tokens).unwrap_or(i32::MAX))
}
