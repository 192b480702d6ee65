//! Scores calls, with evidence that is checked.
//!
//! ```text
//! event ─▶ main ─▶ handle ─▶ backlog (which calls) ─▶ eligibility ─▶ transcript ─▶ measure ────────┐
//!                               │                                   └─▶ prompt ─▶ judge ─▶ answer ─┤
//!                               └─ budget, time                      ledger            evidence ◀──┘
//!                                                             points ─▶ shared::store::score ─▶ rows
//! ```

mod answer;
mod backlog;
mod brand;
mod budget;
mod call_input;
mod concurrency_limit;
mod eligibility;
mod estimate;
mod evidence;
mod input;
mod judge;
mod ledger;
mod measure;
mod points;
mod prompt;
mod schema;
mod scoring;
mod spent;
mod tally;

use std::sync::Arc;

use anyhow::{Context as _, Result};
use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;
use serde_json::json;
use shared::domain::script::Script;
use shared::platform::event::Invocation;
use shared::platform::{config, db};
use shared::run::{self, Failure, Outcome, Report, Run, RunSpec, RunStore, Step};
use shared::store::framework;

pub use input::{Input, InvalidInput};
pub use judge::{Judge, JudgeError};
pub use shared::run::Context;

use spent::Spent;

/// The name under which runs of this function are kept.
pub const SCRIPT: &str = Script::Qci.as_str();

/// What the function works with; built once by whoever hosts it.
#[derive(Clone)]
pub struct Deps {
    /// Where runs are kept, and the database with the calls.
    pub ledger: RunStore,
    /// The judge.
    pub judge: Arc<Judge>,
    /// How hard it is asked, and what it may cost.
    pub settings: config::Qci,
}

/// Runs once over the calls that need a score and says how it ended.
///
/// # Errors
///
/// [`Failure`] where the input is invalid (then no run exists), or the run failed (then its row says why).
pub async fn handle(deps: &Deps, invocation: &Invocation, context: &Context) -> Result<Report, Failure> {
    let input = Input::parse(&invocation.input).context("the input of qci-analysis")?;
    let order = RunSpec {
        script_name: SCRIPT,
        invocation,
        deadline_at: context.deadline_at,
        stop: context.stop.clone(),
        metadata: json!({"force": input.force, "estimate_only": input.estimate, "limit": input.limit}),
    };
    run::execute(&deps.ledger, order, context.now, |run| async move {
        let _spent = Spent(Arc::clone(&run));
        Box::pin(analyze(deps, &run, &input, context.now)).await
    })
    .await
}

async fn analyze(deps: &Deps, run: &Arc<Run>, input: &Input, now: DateTime<Utc>) -> Result<Outcome> {
    let pool = &deps.ledger.pool;
    let (framework, brands) = db::retry(pool, || async {
        let client = db::connect(pool).await.context("reading the framework")?;
        let framework = framework::load(&client, input.framework.as_ref()).await?;
        let brands = framework::brands(&client).await.context("reading the brands")?;
        Ok((framework, brands))
    })
    .await?;
    run.note("framework", framework.name.to_string());
    run.info(
        Step::Validate,
        format!("scoring by framework {}", framework.name),
        json!({"framework": framework.name.to_string(), "framework_id": framework.id}),
    );
    tell_given_up(run, ledger::give_up(&deps.ledger.pool, None).await?);
    let desk = call_input::ScoringContext::new(deps, framework, brands, now).await?;
    if input.estimate {
        estimate::tell(deps, run, &desk, input).await
    } else {
        backlog::work_off(deps, run, desk, input).await
    }
}

/// Says what earlier runs had asked the judge for when they died: it may have been paid for.
fn tell_given_up(run: &Run, (requests, usd): (i64, Decimal)) {
    if requests > 0 {
        let text = format!(
            "{requests} requests to the judge were under way when a run died: they count as about {} USD",
            usd.round_dp(4)
        );
        run.warn(Step::Validate, text, json!({"requests": requests, "usd": usd.to_f64()}));
    }
}
