//! Copies Vapi calls and assistants into PostgreSQL, losing none.
//!
//! ```text
//! event ─▶ main ─▶ handle ─▶ plan (which windows) ─▶ walk (pages, newest first) ─▶ document (wire → row)
//!                                                      │                              │
//!                                                      └── vapi (HTTP, rate limit)    └─▶ write ─▶ shared::store::call
//!                        then: absent (what a listing lacks) ─▶ suspect (may it be true?) ─▶ reconcile (Vapi's own count)
//! ```

mod absent;
mod analytics;
mod array;
mod assistants;
mod backfill;
mod batch;
mod brackets;
mod clock_skew;
mod dedup;
mod dense_millisecond;
mod handover;
mod input;
mod kept;
mod last_look;
mod listing;
mod next_step;
mod oddities;
mod open_calls;
mod organisation;
mod page;
mod plan;
mod progress;
mod rate_limit;
mod reconcile;
mod rederive;
mod retention_probe;
mod settle;
mod sort;
mod split;
mod suspect;
mod vapi;
mod walk;
mod walker;
mod write;

use std::sync::Arc;

use anyhow::{Context as _, Result};
use chrono::{DateTime, Utc};
use serde_json::json;
use shared::domain::script::Script;
use shared::platform::event::Invocation;
use shared::platform::{config, db, telemetry};
use shared::run::{self, Failure, Outcome, Report, Run, RunSpec, RunStore, Step};
use shared::store::{dashboard, sync_state};

use crate::organisation::Organisation;

pub use input::{Input, InvalidInput, Mode};
pub use rederive::{behind, rederive};
pub use shared::run::Context;
pub use vapi::{Vapi, VapiError};

/// The name under which runs of this function are kept.
pub const SCRIPT: &str = Script::Sync.as_str();

/// What the function works with; built once by whoever hosts it.
#[derive(Clone)]
pub struct Deps {
    /// Where runs are kept, and the database that calls go into.
    pub ledger: RunStore,
    /// Vapi.
    pub vapi: Arc<Vapi>,
    /// What to keep and to read again.
    pub settings: config::Sync,
}

/// Runs one sync and says how it ended.
///
/// # Errors
///
/// [`Failure`] where the input is invalid (then no run exists), or the run failed (then its row says why).
pub async fn handle(deps: &Deps, invocation: &Invocation, context: &Context) -> Result<Report, Failure> {
    let input = Input::parse(&invocation.input).context("the input of vapi-sync")?;
    let order = RunSpec {
        script_name: SCRIPT,
        invocation,
        deadline_at: context.deadline_at,
        stop: context.stop.clone(),
        metadata: json!({"mode": input.mode.as_str(), "dry_run": input.dry_run}),
    };
    run::execute(&deps.ledger, order, context.now, |run| async move {
        // On the heap: as one future, a sync is nested too deeply for the compiler.
        Box::pin(sync(deps, &run, &input, context.now)).await
    })
    .await
}

async fn sync(deps: &Deps, run: &Arc<Run>, input: &Input, now: DateTime<Utc>) -> Result<Outcome> {
    let organisation = Arc::new(whose(deps).await?);
    let outcome = match &input.mode {
        Mode::Call(id) => backfill::one_call(deps, run, organisation, id, input.dry_run, now).await?,
        mode => {
            let assistants_left = Box::pin(assistants::sync(deps, run, &organisation, input.dry_run, now)).await?;
            let outcome = Box::pin(backfill::calls(deps, run, organisation, mode, input.dry_run, now)).await?;
            also_left(outcome, assistants_left)
        }
    };
    if !input.dry_run
        && let Err(error) = dashboard::keep_hours(&deps.ledger.pool, run.time_left()).await
    {
        // The pages read calls instead.
        run.warn(Step::Save, format!("{error:#}"), json!({}));
    }
    if !input.dry_run
        && let Err(error) = prune_logs(deps, run, now).await
    {
        // The calls are stored; old lines can wait for the next run.
        run.warn(
            Step::Save,
            format!("old log lines were not pruned: {error:#}"),
            json!({}),
        );
    }
    if !input.dry_run && matches!(outcome, Outcome::Done) {
        Box::pin(rederive::some(&deps.ledger.pool, run)).await;
    }
    Ok(outcome)
}

async fn whose(deps: &Deps) -> Result<Organisation> {
    let pool = &deps.ledger.pool;
    db::retry(pool, || async {
        let client = db::connect(pool).await?;
        let state = sync_state::read(&client).await?;
        Ok(Organisation::known(&client, &deps.settings, &state).await?)
    })
    .await
    .context("looking whose calls are stored")
}

fn also_left(outcome: Outcome, more: Option<String>) -> Outcome {
    match (outcome, more) {
        (outcome, None) => outcome,
        (Outcome::Done, Some(reason)) => Outcome::Left {
            reason,
            continue_with: None,
        },
        (Outcome::Left { reason, continue_with }, Some(more)) => Outcome::Left {
            reason: format!("{reason}; {more}"),
            continue_with,
        },
    }
}

async fn prune_logs(deps: &Deps, run: &Run, now: DateTime<Utc>) -> Result<()> {
    let pruned = run::prune(&deps.ledger.pool, now - deps.settings.log_retention)
        .await
        .context("pruning log lines")?;
    if pruned > 0 {
        run.info(
            Step::Save,
            format!("pruned {pruned} old log lines"),
            json!({"pruned": pruned}),
        );
    }
    Ok(())
}

/// Says how long the oldest call that is not stored yet will still be served, in hours.
fn report_headroom(deps: &Deps, run: &Run, watermark: Option<DateTime<Utc>>, now: DateTime<Utc>) {
    let Some(watermark) = watermark else { return };
    let left = watermark + deps.settings.retention - now;
    #[expect(clippy::cast_precision_loss, reason = "minutes of a few weeks")]
    let hours = left.num_minutes() as f64 / 60.0;
    run.note("watermark", shared::platform::clock::rfc3339(watermark));
    run.note("retention_headroom_hours", hours);
    telemetry::metrics(now, &[("Script", SCRIPT)], &[("RetentionHeadroomHours", "None", hours)]);
}
