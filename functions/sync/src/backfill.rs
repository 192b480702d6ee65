//! Brings the calls in: plans the windows, walks them at once, judges what was listed, moves the watermark.
//!
//! plan ─▶ walk ─▶ [`absent`] ─▶ [`open_calls`] ─▶ [`settle`](crate::settle) ─▶ [`reconcile`]

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use anyhow::{Context, Result, bail};
use chrono::{DateTime, Utc};
use serde_json::json;
use shared::platform::clock::rfc3339;
use shared::platform::db;
use shared::platform::db::{DbError, Executor};
use shared::run::{Outcome, Run, Step};
use shared::store::sync_state::{self, State, Window};
use shared::store::{assistant, call};

use crate::absent::Absences;
use crate::dedup::Dedup;
use crate::input::Mode;
use crate::listing::Listing;
use crate::oddities::Oddities;
use crate::organisation::Organisation;
use crate::page::WindowCursor;
use crate::plan::{Plan, plan};
use crate::settle::{hold_state, judge, note_clocks, note_counts, resolve_rejects, settle, settle_state};
use crate::suspect::Verdict;
use crate::walk::{self, Walks};
use crate::walker::Walker;
use crate::write::{Saving, Writers};
use crate::{Deps, absent, last_look, open_calls, reconcile};

/// What a run sets out to do.
struct Opened {
    /// What is walked.
    windows: Vec<Window>,
    /// Those of them that earlier runs left.
    carried: Vec<Window>,
    /// The state before.
    before: State,
    /// From when on calls are new to us; all are, where absent.
    fresh_from: Option<DateTime<Utc>>,
    /// Everything is read.
    is_full: bool,
}

/// Reads one call again.
pub(crate) async fn one_call(
    deps: &Deps,
    run: &Arc<Run>,
    organisation: Arc<Organisation>,
    id: &str,
    dry_run: bool,
    now: DateTime<Utc>,
) -> Result<Outcome> {
    let walker = walker(deps, run, organisation, None, dry_run, now).await?;
    let mut cursor = WindowCursor::by_id(now);
    if !walker
        .one(id, &mut cursor)
        .await
        .with_context(|| format!("reading call {id}"))?
    {
        deps.vapi.check_base_url().await?;
        bail!("Vapi does not know call {id}: it is older than Vapi keeps calls, or another organisation's");
    }
    walker.flush(&mut cursor, false).await?;
    walker.writers.finish().await?;
    Ok(settle(run, &walker, Vec::new(), None))
}

/// Brings in everything that the mode asks for.
pub(crate) async fn calls(
    deps: &Deps,
    run: &Arc<Run>,
    organisation: Arc<Organisation>,
    mode: &Mode,
    dry_run: bool,
    now: DateTime<Utc>,
) -> Result<Outcome> {
    let opened = open_windows(deps, run, &organisation, mode, dry_run, now).await?;
    let walker = walker(deps, run, organisation, opened.fresh_from, dry_run, now).await?;
    let Walks { mut left, read } = walk::all(&walker, opened.windows, deps.vapi.downloads).await?;
    let is_range = matches!(mode, Mode::Range { .. });
    let absences = if dry_run || walker.writers.is_first_load() {
        Absences::default()
    } else {
        absent::look(deps, &walker, &read, now).await?
    };
    let is_whole = left == 0;
    if is_whole && !is_range {
        left += open_calls::read_again(deps, &walker, dry_run, now).await?;
    }
    walker.writers.finish().await?;
    let mut reasons = Vec::new();
    if !dry_run {
        let verdict = judge(deps, &walker, mode, &opened.before, &absences, is_whole, now).await?;
        if is_range {
            resolve_rejects(deps, run, now).await?;
            reasons = verdict.into_reasons();
        } else if verdict == Verdict::Plausible {
            settle_state(deps, &walker, now).await?;
            if left == 0 {
                reconcile::reconcile(deps, &walker, mode, &opened.before, now).await?;
            }
        } else {
            let before = State {
                // A full reading that was not given everything is made again.
                read_again_at: opened.before.read_again_at.filter(|_| !opened.is_full),
                ..opened.before
            };
            reasons = verdict.into_reasons();
            hold_state(deps, &walker, &before, &opened.carried, &reasons, now).await?;
            if !reasons.is_empty() {
                reasons.push("the next run reads the same again".to_owned());
            }
        }
        note_counts(deps, run).await?;
    }
    note_clocks(&walker);
    // A run whose listings cannot be true is made again as a whole.
    let resumes = !dry_run && reasons.is_empty();
    let out_of_time = (left > 0).then(|| format!("out of time: {left} windows or calls are left for the continuation"));
    Ok(settle(
        run,
        &walker,
        reasons,
        out_of_time.map(|reason| (reason, resumes)),
    ))
}

async fn walker(
    deps: &Deps,
    run: &Arc<Run>,
    organisation: Arc<Organisation>,
    fresh_from: Option<DateTime<Utc>>,
    dry_run: bool,
    now: DateTime<Utc>,
) -> Result<Walker> {
    let saving = if dry_run { Saving::Compare } else { Saving::Store };
    let pool = &deps.ledger.pool;
    let (assistant_ids, has_calls) = db::retry(pool, || async {
        let client = db::connect(pool).await?;
        Ok((assistant::ids(&client).await?, call::any(&client).await?))
    })
    .await
    .context("reading the assistants' ids and looking for stored calls")?;
    Ok(Walker {
        vapi: Arc::clone(&deps.vapi),
        run: Arc::clone(run),
        seen: Arc::new(Dedup::default()),
        writers: Arc::new(Writers::new(
            deps.ledger.pool.clone(),
            Arc::clone(run),
            deps.settings.writers,
            saving,
            !has_calls,
        )),
        oddities: Arc::new(Oddities::default()),
        listing: Arc::new(Listing::new(
            fresh_from,
            now,
            deps.vapi.clock_skew.ahead().unwrap_or_default(),
        )),
        organisation,
        settings: deps.settings.clone(),
        page_limit: Arc::new(AtomicUsize::new(deps.vapi.page_limit)),
        assistant_ids: Arc::new(assistant_ids),
        waiting: Arc::default(),
        now,
    })
}

/// Plans the run and keeps the plan, so that a run killed from here on is taken up again.
async fn open_windows(
    deps: &Deps,
    run: &Run,
    organisation: &Organisation,
    mode: &Mode,
    dry_run: bool,
    now: DateTime<Utc>,
) -> Result<Opened> {
    let pool = &deps.ledger.pool;
    let overlap = deps.settings.overlap + deps.vapi.clock_skew.ahead().unwrap_or_default().abs();
    let is_switched = organisation.is_switched() && !matches!(mode, Mode::Range { .. });
    let (state, plan) = db::retry(pool, || async {
        let mut client = db::connect(pool).await?;
        let transaction = client.transaction().await?;
        let (mut state, mut open) = (
            sync_state::read(&transaction).await?,
            sync_state::windows(&transaction).await?,
        );
        if is_switched {
            // What was reached was reached of another organisation's calls.
            (state, open) = (State::default(), Vec::new());
        }
        let mut plan = plan(mode, &state, open, &deps.settings, overlap, now);
        let oldest = now - deps.settings.retention;
        last_look::look_again(&transaction, organisation.id(), &mut plan.opened, &state, oldest).await?;
        if !dry_run {
            if is_switched {
                sync_state::start_over(&transaction, now).await?;
            }
            keep(&transaction, &mut plan, organisation, now).await?;
            transaction.commit().await?;
        }
        Ok((state, plan))
    })
    .await
    .context("planning the run")?;
    tell_plan(deps, run, &plan, now);
    let is_full = plan.opened.iter().any(|window| window.pass == sync_state::Pass::Full);
    Ok(Opened {
        windows: plan.opened.into_iter().chain(plan.carried.iter().cloned()).collect(),
        carried: plan.carried,
        before: state,
        fresh_from: plan.since.filter(|_| !is_full),
        is_full,
    })
}

/// Keeps a plan, and gives its new windows their rows.
async fn keep(
    db: &impl Executor,
    plan: &mut Plan,
    organisation: &Organisation,
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    for id in plan.superseded.iter().filter_map(|window| window.id) {
        sync_state::close(db, id).await?;
    }
    if plan.advances {
        sync_state::aim(db, now, now).await?;
    }
    if plan.rescans {
        sync_state::rescanned(db, now).await?;
    }
    if let Some(to) = plan.last_look_to {
        sync_state::last_looked(db, to).await?;
    }
    if plan.reads_again {
        sync_state::read_again(db, now).await?;
    }
    if let Some(id) = organisation.confirmed() {
        sync_state::belongs_to(db, id, now).await?;
    }
    plan.opened = sync_state::open(db, std::mem::take(&mut plan.opened)).await?;
    Ok(())
}

fn tell_plan(deps: &Deps, run: &Run, plan: &Plan, now: DateTime<Utc>) {
    let passes: Vec<&str> = plan.opened.iter().map(|window| window.pass.as_str()).collect();
    let from = match plan.since {
        Some(since) if !plan.reads_again => format!("since {}", rfc3339(since)),
        _ => "as far back as Vapi goes".to_owned(),
    };
    let text = match plan.carried.len() {
        0 => format!("reading calls {from} ({})", passes.join(", ")),
        left => format!(
            "reading calls {from} ({}), and {left} windows that earlier runs left open",
            passes.join(", ")
        ),
    };
    run.info(
        Step::Fetch,
        text,
        json!({"passes": passes, "carried_windows": plan.carried.len(), "since": plan.since.map(rfc3339)}),
    );
    if let Some(since) = plan.since.filter(|since| now - *since > deps.settings.retention) {
        let text = format!(
            "the last complete sync reached {}; Vapi keeps calls for {} days, so those created before {} may be lost",
            rfc3339(since),
            deps.settings.retention.num_days(),
            rfc3339(now - deps.settings.retention)
        );
        run.warn(Step::Fetch, text, json!({"since": rfc3339(since)}));
    }
}
