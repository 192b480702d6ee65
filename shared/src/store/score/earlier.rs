//! What the earlier system said of calls, unverified, and every query on `earlier_analyses`.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::Serialize;
use serde_json::Value;
use tokio_postgres::Row;
use tokio_postgres::types::{Json, Type};

use crate::platform::db::{DbError, Executor, Transaction};

/// An analysis of the earlier system, on its way in.
#[derive(Clone, Debug, Serialize)]
#[expect(
    missing_docs,
    reason = "the columns are explained where they are made, in migrations/"
)]
pub struct EarlierAnalysis {
    pub call_id: String,
    pub framework_id: i32,
    pub total_score: Option<Decimal>,
    pub dynamics_score: Option<Decimal>,
    pub objections_score: Option<Decimal>,
    pub brand_score: Option<Decimal>,
    pub outcome_score: Option<Decimal>,
    pub coaching_tips: Value,
    pub key_issues: Value,
    pub call_classification: Option<String>,
    pub analysis_model: Option<String>,
    pub analysis_cost: Option<Decimal>,
    pub analyzed_at: Option<DateTime<Utc>>,
}

/// An analysis as it is shown.
#[derive(Clone, Debug)]
pub struct Earlier {
    /// The framework, such as `QCI Standard (earlier)`.
    pub framework: String,
    /// The total that the model claimed.
    pub total: Option<Decimal>,
    /// Dynamics, objections, brand and outcome.
    pub parts: [Option<Decimal>; 4],
    /// Whether the total is their sum.
    pub sums_up: bool,
    /// Tips: JSON text.
    pub coaching_tips: String,
    /// Issues: JSON text.
    pub key_issues: String,
    /// The class that the earlier system gave it.
    pub class: Option<String>,
    /// The model.
    pub model: Option<String>,
    /// What it cost in USD.
    pub cost: Option<Decimal>,
    /// When.
    pub analyzed_at: Option<DateTime<Utc>>,
}

/// What the analyses add up to.
#[derive(Clone, Debug)]
pub struct Sums {
    /// Analyses.
    pub analyses: i64,
    /// Of their totals.
    pub total: Decimal,
    /// Of their parts.
    pub parts: Decimal,
    /// Of their costs.
    pub cost: Decimal,
    /// Analyses whose total is not the sum of its parts.
    pub off: i64,
}

/// What storing analyses did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stored {
    /// Those that are new.
    pub inserted: u64,
    /// Those whose call there is not.
    pub orphans: u64,
}

/// Inserts analyses of calls that there are. Of two by one framework the one that was made later stays.
pub async fn insert(transaction: &Transaction<'_>, analyses: &[EarlierAnalysis]) -> Result<Stored, DbError> {
    let row = transaction
        .query_typed_one(
            r"
            with earlier as materialized (
                select distinct on (earlier.call_id, earlier.framework_id)
                       earlier.*, call.id is not null as has_call
                from jsonb_to_recordset($1) as earlier (
                    call_id text, framework_id integer, total_score numeric, dynamics_score numeric,
                    objections_score numeric, brand_score numeric, outcome_score numeric, coaching_tips jsonb,
                    key_issues jsonb, call_classification text, analysis_model text, analysis_cost numeric,
                    analyzed_at timestamptz
                )
                left join vapi_calls_raw as call on call.id = earlier.call_id
                order by earlier.call_id, earlier.framework_id, earlier.analyzed_at desc nulls last
            ),
            inserted as (
                insert into earlier_analyses (
                    call_id, framework_id, total_score, dynamics_score, objections_score, brand_score, outcome_score,
                    coaching_tips, key_issues, call_classification, analysis_model, analysis_cost, analyzed_at
                )
                select call_id, framework_id, total_score, dynamics_score, objections_score, brand_score, outcome_score,
                       coaching_tips, key_issues, call_classification, analysis_model, analysis_cost, analyzed_at
                from earlier
                where has_call
                on conflict do nothing
                returning call_id
            )
            select (select count(*) from inserted) as inserted,
                   (select count(*) from earlier where not has_call) as orphans
            ",
            &[(&Json(analyses), Type::JSONB)],
        )
        .await?;
    let count = |name| row.try_get::<_, i64>(name).map(i64::unsigned_abs);
    Ok(Stored {
        inserted: count("inserted")?,
        orphans: count("orphans")?,
    })
}

/// What the earlier system said of a call, the newest first.
pub async fn of_call(db: &impl Executor, call_id: &str) -> Result<Vec<Earlier>, DbError> {
    let rows = db
        .query_typed(
            r"
            select framework.name as framework, analysis.total_score, analysis.dynamics_score,
                   analysis.objections_score, analysis.brand_score, analysis.outcome_score, analysis.sums_up,
                   analysis.coaching_tips::text, analysis.key_issues::text, analysis.call_classification,
                   analysis.analysis_model, analysis.analysis_cost, analysis.analyzed_at
            from earlier_analyses as analysis
            join analysis_frameworks as framework on framework.id = analysis.framework_id
            where analysis.call_id = $1
            order by analysis.analyzed_at desc nulls last, analysis.framework_id desc
            limit 20
            ",
            &[(&call_id, Type::TEXT)],
        )
        .await?;
    rows.iter().map(Earlier::try_from).collect()
}

/// How many of these the table holds, and how many of them as they are here. Of two of one call by one framework, one is.
pub async fn same(db: &impl Executor, analyses: &[EarlierAnalysis]) -> Result<(i64, i64), DbError> {
    let row = db
        .query_typed_one(
            r"
            select count(*) as held, count(*) filter (where is_same) as same
            from (
                select bool_or(
                    (stored.total_score, stored.dynamics_score, stored.objections_score, stored.brand_score,
                     stored.outcome_score, stored.coaching_tips, stored.key_issues, stored.call_classification,
                     stored.analysis_model, stored.analysis_cost, stored.analyzed_at)
                    is not distinct from
                    (earlier.total_score, earlier.dynamics_score, earlier.objections_score, earlier.brand_score,
                     earlier.outcome_score, earlier.coaching_tips, earlier.key_issues, earlier.call_classification,
                     earlier.analysis_model, earlier.analysis_cost, earlier.analyzed_at)
                ) as is_same
                from jsonb_to_recordset($1) as earlier (
                    call_id text, framework_id integer, total_score numeric, dynamics_score numeric,
                    objections_score numeric, brand_score numeric, outcome_score numeric, coaching_tips jsonb,
                    key_issues jsonb, call_classification text, analysis_model text, analysis_cost numeric,
                    analyzed_at timestamptz
                )
                join earlier_analyses as stored using (call_id, framework_id)
                group by call_id, framework_id
            ) as compared
            ",
            &[(&Json(analyses), Type::JSONB)],
        )
        .await?;
    Ok((row.try_get("held")?, row.try_get("same")?))
}

/// Adds all of them up.
pub async fn sums(db: &impl Executor) -> Result<Sums, DbError> {
    let row = db
        .query_typed_one(
            r"
            select count(*) as analyses,
                   coalesce(sum(total_score), 0) as total,
                   coalesce(sum(coalesce(dynamics_score, 0) + coalesce(objections_score, 0)
                                + coalesce(brand_score, 0) + coalesce(outcome_score, 0)), 0) as parts,
                   coalesce(sum(analysis_cost), 0) as cost,
                   count(*) filter (where not sums_up) as off
            from earlier_analyses
            ",
            &[],
        )
        .await?;
    Ok(Sums {
        analyses: row.try_get("analyses")?,
        total: row.try_get("total")?,
        parts: row.try_get("parts")?,
        cost: row.try_get("cost")?,
        off: row.try_get("off")?,
    })
}

impl TryFrom<&Row> for Earlier {
    type Error = DbError;

    fn try_from(row: &Row) -> Result<Self, DbError> {
        Ok(Self {
            framework: row.try_get("framework")?,
            total: row.try_get("total_score")?,
            parts: [
                row.try_get("dynamics_score")?,
                row.try_get("objections_score")?,
                row.try_get("brand_score")?,
                row.try_get("outcome_score")?,
            ],
            sums_up: row.try_get("sums_up")?,
            coaching_tips: row.try_get("coaching_tips")?,
            key_issues: row.try_get("key_issues")?,
            class: row.try_get("call_classification")?,
            model: row.try_get("analysis_model")?,
            cost: row.try_get("analysis_cost")?,
            analyzed_at: row.try_get("analyzed_at")?,
        })
    }
}
