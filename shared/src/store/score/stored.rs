//! An analysis as it stands in the database, and the requests that were paid for on the way to it.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::domain::findings::Documents;
use crate::platform::db::{DbError, Executor};
use crate::store::framework::Name;

/// What a framework says of a call.
#[derive(Clone, Debug)]
pub struct Stored {
    /// The framework's id.
    pub framework_id: i32,
    /// The framework.
    pub framework: Name,
    /// Whether this framework is the one that counts.
    pub is_active: bool,
    /// `scored`, `skipped`, `failed` or `parked`.
    pub status: String,
    /// Why it was not worth a score.
    pub skip_reason: Option<String>,
    /// Tries that came to nothing.
    pub attempts: i32,
    /// What the last of them came to.
    pub error_message: Option<String>,
    /// The run.
    pub run_id: Option<Uuid>,
    /// Dynamics, objections, brand and outcome.
    pub blocks: [Option<Decimal>; 4],
    /// Their sum.
    pub points: Option<Decimal>,
    /// The most that it could be.
    pub applicable_max: Option<Decimal>,
    /// The one in percent of the other.
    pub total: Option<Decimal>,
    /// The class of the total.
    pub class: Option<String>,
    /// Whether something lacks its evidence.
    pub is_flagged: bool,
    /// The lists and the facts.
    pub documents: Documents,
    /// Quotes that the judge gave.
    pub quotes_total: i32,
    /// Those that are in the transcript.
    pub quotes_verified: i32,
    /// The model, as the endpoint names it.
    pub model: Option<String>,
    /// Input, cached and output tokens.
    pub tokens: [Option<i32>; 3],
    /// What it cost in USD.
    pub cost: Option<Decimal>,
    /// When.
    pub analyzed_at: DateTime<Utc>,
}

/// A request to a judge that was paid for, or may have been.
#[derive(Clone, Debug)]
pub struct Paid {
    /// The framework that asked.
    pub framework_id: i32,
    /// The run.
    pub run_id: Option<Uuid>,
    /// When.
    pub requested_at: DateTime<Utc>,
    /// How long it took, in milliseconds.
    pub duration_ms: i32,
    /// The model, as the endpoint names it.
    pub model: Option<String>,
    /// `answered`, or how it was of no use.
    pub outcome: String,
    /// Input, cached and output tokens.
    pub tokens: [i32; 3],
    /// What it cost in USD; at a guess where no answer is stored.
    pub cost: Option<Decimal>,
    /// Whether its answer is stored.
    pub is_closed: bool,
}

/// What frameworks say of a call: the active one first, then the one that looked last.
pub async fn of_call(db: &impl Executor, call_id: &str) -> Result<Vec<Stored>, DbError> {
    let rows = db
        .query_typed(
            r"
            select analysis.framework_id, framework.name, framework.version, framework.is_active, analysis.status,
                   analysis.skip_reason, analysis.attempts, analysis.error_message, analysis.run_id,
                   analysis.dynamics_score, analysis.objections_score, analysis.brand_score, analysis.outcome_score,
                   analysis.points, analysis.applicable_max, analysis.total_score, analysis.call_classification,
                   analysis.is_flagged, analysis.criteria::text, analysis.facts::text, analysis.coaching_tips::text,
                   analysis.critical_failures::text, analysis.what_went_well::text, analysis.quotes_total,
                   analysis.quotes_verified, analysis.analysis_model, analysis.input_tokens, analysis.cached_tokens,
                   analysis.output_tokens, analysis.analysis_cost, analysis.analyzed_at
            from qci_analyses as analysis
            join analysis_frameworks as framework on framework.id = analysis.framework_id
            where analysis.call_id = $1
              and framework.framework_type = 'qci'
            order by framework.is_active desc, analysis.analyzed_at desc, analysis.framework_id desc
            limit 20
            ",
            &[(&call_id, Type::TEXT)],
        )
        .await?;
    rows.iter().map(Stored::try_from).collect()
}

/// The requests to judges about a call, the newest first.
pub async fn paid_for(db: &impl Executor, call_id: &str, limit: i64) -> Result<Vec<Paid>, DbError> {
    let rows = db
        .query_typed(
            r"
            select framework_id, run_id, requested_at, duration_ms, model, outcome, input_tokens, cached_tokens,
                   output_tokens,
                   case when state = 'closed' then cost_usd else estimated_usd end as cost_usd,
                   state = 'closed' as is_closed
            from judge_requests
            where call_id = $1
            order by requested_at desc, id desc
            limit $2
            ",
            &[(&call_id, Type::TEXT), (&limit, Type::INT8)],
        )
        .await?;
    rows.iter().map(Paid::try_from).collect()
}

impl TryFrom<&Row> for Stored {
    type Error = DbError;

    fn try_from(row: &Row) -> Result<Self, DbError> {
        Ok(Self {
            framework_id: row.try_get("framework_id")?,
            framework: Name {
                name: row.try_get("name")?,
                version: row.try_get("version")?,
            },
            is_active: row.try_get("is_active")?,
            status: row.try_get("status")?,
            skip_reason: row.try_get("skip_reason")?,
            attempts: row.try_get("attempts")?,
            error_message: row.try_get("error_message")?,
            run_id: row.try_get("run_id")?,
            blocks: [
                row.try_get("dynamics_score")?,
                row.try_get("objections_score")?,
                row.try_get("brand_score")?,
                row.try_get("outcome_score")?,
            ],
            points: row.try_get("points")?,
            applicable_max: row.try_get("applicable_max")?,
            total: row.try_get("total_score")?,
            class: row.try_get("call_classification")?,
            is_flagged: row.try_get("is_flagged")?,
            documents: Documents {
                criteria: row.try_get("criteria")?,
                facts: row.try_get("facts")?,
                coaching_tips: row.try_get("coaching_tips")?,
                critical_failures: row.try_get("critical_failures")?,
                what_went_well: row.try_get("what_went_well")?,
            },
            quotes_total: row.try_get("quotes_total")?,
            quotes_verified: row.try_get("quotes_verified")?,
            model: row.try_get("analysis_model")?,
            tokens: [
                row.try_get("input_tokens")?,
                row.try_get("cached_tokens")?,
                row.try_get("output_tokens")?,
            ],
            cost: row.try_get("analysis_cost")?,
            analyzed_at: row.try_get("analyzed_at")?,
        })
    }
}

impl TryFrom<&Row> for Paid {
    type Error = DbError;

    fn try_from(row: &Row) -> Result<Self, DbError> {
        Ok(Self {
            framework_id: row.try_get("framework_id")?,
            run_id: row.try_get("run_id")?,
            requested_at: row.try_get("requested_at")?,
            duration_ms: row.try_get("duration_ms")?,
            model: row.try_get("model")?,
            outcome: row.try_get("outcome")?,
            tokens: [
                row.try_get("input_tokens")?,
                row.try_get("cached_tokens")?,
                row.try_get("output_tokens")?,
            ],
            cost: row.try_get("cost_usd")?,
            is_closed: row.try_get("is_closed")?,
        })
    }
}
