//! Brings the calls in: plans the windows, walks them at once, reads open calls again, moves the watermark.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result, bail};
use chrono::{DateTime, Utc};
use serde_json::json;
use shared::clock::rfc3339;
use shared::run::{Outcome, Run, Step};
use shared::sync_state::{self, Window};
use shared::{assistant, call, db, reject, telemetry};
use tokio::task::JoinSet;

use crate::input::Mode;
use crate::oddities::Oddities;
use crate::page::{Course, ReadError};
use crate::plan::{Plan, plan};
use crate::seen::Seen;
use crate::walk::{Walked, Walker};
use crate::write::{Saving, Writers, raise};
use crate::{Deps, report_headroom};

/// Reads one call again.
pub(crate) async fn one_call(
    deps: &Deps,
    run: &Arc<Run>,
    id: &str,
    dry_run: bool,
    now: DateTime<Utc>,
) -> Result<Outcome> {
    let walker = walker(deps, run, dry_run, now).await?;
    let mut course = Course::by_id(now);
    if !walker
        .one(id, &mut course)
        .await
        .with_context(|| format!("reading call {id}"))?
    {
        bail!("Vapi does not know call {id}: it is older than Vapi keeps calls, or another organisation's");
    }
    walker.flush(&mut course, false).await?;
    walker.writers.finish().await?;
    Ok(settle(run, &walker, None))
}

/// Brings in everything that the mode asks for.
pub(crate) async fn calls(
    deps: &Deps,
    run: &Arc<Run>,
    mode: &Mode,
    dry_run: bool,
    now: DateTime<Utc>,
) -> Result<Outcome> {
    let windows = open_windows(deps, run, mode, dry_run, now).await?;
    let walker = walker(deps, run, dry_run, now).await?;
    let mut left = walk_all(&walker, windows, deps.vapi.downloads).await?;
    if left == 0 && !matches!(mode, Mode::Range { .. }) {
        left += read_open_calls_again(deps, &walker, now).await?;
    }
    walker.writers.finish().await?;
    if !dry_run {
        settle_state(deps, run, now).await?;
    }
    let out_of_time = (left > 0).then(|| format!("out of time: {left} windows or calls are left for the continuation"));
    Ok(settle(run, &walker, out_of_time.map(|reason| (reason, !dry_run))))
}

async fn walker(deps: &Deps, run: &Arc<Run>, dry_run: bool, now: DateTime<Utc>) -> Result<Walker> {
    let saving = if dry_run { Saving::Compare } else { Saving::Store };
    let client = db::connect(&deps.ledger.pool)
        .await
        .context("reading the assistants' ids")?;
    let assistant_ids = assistant::ids(&**client).await.context("reading the assistants' ids")?;
    let is_first_load = !call::any(&**client).await.context("looking for stored calls")?;
    Ok(Walker {
        vapi: Arc::clone(&deps.vapi),
        run: Arc::clone(run),
        seen: Arc::new(Seen::default()),
        writers: Arc::new(Writers::new(
            deps.ledger.pool.clone(),
            Arc::clone(run),
            deps.settings.writers,
            saving,
            is_first_load,
        )),
        oddities: Arc::new(Oddities::default()),
        settings: deps.settings.clone(),
        page_limit: Arc::new(AtomicUsize::new(deps.vapi.page_limit)),
        assistant_ids: Arc::new(assistant_ids),
        waiting: Arc::default(),
        now,
    })
}

/// Plans the run and keeps the plan, so that a run killed from here on is taken up again.
async fn open_windows(deps: &Deps, run: &Run, mode: &Mode, dry_run: bool, now: DateTime<Utc>) -> Result<Vec<Window>> {
    let mut client = db::connect(&deps.ledger.pool).await.context("planning the run")?;
    let transaction = client.transaction().await?;
    let (state, open) = (
        sync_state::read(&*transaction).await?,
        sync_state::windows(&*transaction).await?,
    );
    let Plan {
        carried,
        mut opened,
        superseded,
        advances,
        rescans,
        since,
    } = plan(mode, state, open, &deps.settings, now);
    if !dry_run {
        for id in superseded.iter().filter_map(|window| window.id) {
            sync_state::close(&*transaction, id).await?;
        }
        if advances {
            sync_state::aim(&*transaction, now, now).await?;
        }
        if rescans {
            sync_state::rescanned(&*transaction, now).await?;
        }
        opened = sync_state::open(&*transaction, opened).await?;
        transaction.commit().await?;
    }
    tell_plan(deps, run, &carried, &opened, since, now);
    Ok(opened.into_iter().chain(carried).collect())
}

fn tell_plan(
    deps: &Deps,
    run: &Run,
    carried: &[Window],
    opened: &[Window],
    since: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) {
    let passes: Vec<&str> = opened.iter().map(|window| window.pass.as_str()).collect();
    let from = since.map_or_else(
        || "as far back as Vapi goes".to_owned(),
        |since| format!("since {}", rfc3339(since)),
    );
    let text = match carried.len() {
        0 => format!("reading calls {from} ({})", passes.join(", ")),
        left => format!(
            "reading calls {from} ({}), and {left} windows that earlier runs left open",
            passes.join(", ")
        ),
    };
    run.info(
        Step::Fetch,
        text,
        json!({"passes": passes, "carried_windows": carried.len(), "since": since.map(rfc3339)}),
    );
    if let Some(since) = since.filter(|since| now - *since > deps.settings.retention) {
        let text = format!(
            "the last complete sync reached {}; Vapi keeps calls for {} days, so those created before {} may be lost",
            rfc3339(since),
            deps.settings.retention.num_days(),
            rfc3339(now - deps.settings.retention)
        );
        run.warn(Step::Fetch, text, json!({"since": rfc3339(since)}));
    }
}

/// Walks the windows, a few at once, and the parts that they give away; returns how many are left when time is up.
async fn walk_all(walker: &Walker, windows: Vec<Window>, downloads: usize) -> Result<usize> {
    let mut queue = VecDeque::from(windows);
    let mut walks = JoinSet::new();
    let mut left = 0;
    loop {
        while walks.len() < downloads && !walker.run.is_out_of_time() {
            let Some(window) = queue.pop_front() else { break };
            walks.spawn(walker.clone().walk(window));
        }
        walker.waiting.store(queue.len(), Ordering::Relaxed);
        match walks.join_next().await.map(raise).transpose()? {
            Some(Walked::Whole(parts)) => queue.extend(parts),
            Some(Walked::Cut) => left += 1,
            None => return Ok(left + queue.len()),
        }
    }
}

/// Reads the calls that had not ended when last seen, and that no window showed; returns how many time did not suffice for.
async fn read_open_calls_again(deps: &Deps, walker: &Walker, now: DateTime<Utc>) -> Result<usize> {
    // What the walks brought in must be seen to have ended.
    walker.writers.finish().await?;
    let client = db::connect(&deps.ledger.pool).await.context("reading the open calls")?;
    let open = call::open_since(&**client, now - deps.settings.retention)
        .await
        .context("reading the open calls")?;
    drop(client);
    let ids: Vec<String> = open.into_iter().filter(|id| !walker.seen.contains(id)).collect();
    let mut course = Course::by_id(now);
    let (mut read, mut gone) = (0, 0);
    for id in &ids {
        let Some(found) = walker.in_time(walker.one(id, &mut course)).await else {
            break;
        };
        match found {
            Ok(true) => {}
            Ok(false) => gone += 1,
            Err(ReadError::Vapi(error)) if error.is_transient() => {
                walker.run.warn(
                    Step::Fetch,
                    format!("open call {id} was not read again: {}", telemetry::chain(&error)),
                    json!({"call_id": id}),
                );
            }
            Err(error) => return Err(error).with_context(|| format!("reading open call {id} again")),
        }
        read += 1;
    }
    walker.flush(&mut course, false).await?;
    if !ids.is_empty() {
        let text = format!(
            "read {read} of {} open calls again; Vapi does not know {gone} any more",
            ids.len()
        );
        walker.run.info(
            Step::Fetch,
            text,
            json!({"open": ids.len(), "read": read, "gone": gone}),
        );
    }
    Ok(ids.len() - read)
}

/// Moves the watermark if nothing is left open, and says what it is.
async fn settle_state(deps: &Deps, run: &Run, now: DateTime<Utc>) -> Result<()> {
    let client = db::connect(&deps.ledger.pool).await.context("moving the watermark")?;
    let watermark = sync_state::advance(&**client, now)
        .await
        .context("moving the watermark")?;
    let resolved = reject::resolve(&**client, now).await.context("resolving rejects")?;
    if resolved > 0 {
        run.info(
            Step::Save,
            format!("{resolved} rejected documents are stored by now"),
            json!({"resolved": resolved}),
        );
    }
    report_headroom(deps, run, watermark, now);
    Ok(())
}

/// How the run came out, from what it counted.
fn settle(run: &Run, walker: &Walker, out_of_time: Option<(String, bool)>) -> Outcome {
    walker.oddities.report(run);
    walker.writers.report_kept();
    let counters = run.counters();
    let unchanged = walker.writers.unchanged();
    run.note("records_unchanged", unchanged);
    let text = format!(
        "{} calls inserted, {} updated, {unchanged} unchanged",
        counters.records_inserted, counters.records_updated
    );
    run.info(Step::Save, text, json!({"unchanged": unchanged}));
    if let Some((reason, resume)) = out_of_time {
        return Outcome::Left {
            reason,
            continue_with: resume.then(|| json!({"mode": "auto"})),
        };
    }
    if run.has_note("unlisted_instants") {
        let reason =
            "Vapi does not list every call of a crowded millisecond: see unlisted_instants in the metadata".to_owned();
        return Outcome::Left {
            reason,
            continue_with: None,
        };
    }
    if counters.records_failed > 0 {
        let reason = format!(
            "{} calls could not be stored: see vapi_call_rejects",
            counters.records_failed
        );
        return Outcome::Left {
            reason,
            continue_with: None,
        };
    }
    Outcome::Done
}
