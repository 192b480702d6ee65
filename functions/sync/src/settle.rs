//! Ends a run: judges what was listed, moves the watermark or holds it, and says how it came out.

use anyhow::{Context as _, Result};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use shared::platform::db;
use shared::run::{Outcome, Run, Step};
use shared::store::reject;
use shared::store::sync_state::{self, State, Window};

use crate::absent::Absences;
use crate::input::Mode;
use crate::suspect::Verdict;
use crate::walker::Walker;
use crate::{Deps, report_headroom, suspect};

/// Says whether what was listed may be true.
pub(crate) async fn judge(
    deps: &Deps,
    walker: &Walker,
    mode: &Mode,
    before: &State,
    absences: &Absences,
    is_whole: bool,
    now: DateTime<Utc>,
) -> Result<Verdict> {
    let is_range = matches!(mode, Mode::Range { .. });
    let verdict = suspect::judge(deps, walker, before, absences, is_whole && !is_range, now).await?;
    match &verdict {
        Verdict::Plausible => {}
        Verdict::Suspect(reasons) => {
            for reason in reasons {
                let meta = json!({"omitted": absences.omitted, "known": absences.known});
                walker.run.warn(Step::Validate, reason.clone(), meta);
            }
        }
        Verdict::NoCallYet(times) => {
            let text = format!("{times} syncs in a row found no call, and none was ever stored: there is none yet");
            walker.run.info(Step::Validate, text, json!({"times": times}));
            walker.run.note("no_call_yet", *times);
        }
    }
    Ok(verdict)
}

/// Moves the watermark if nothing is left open, and says what it is.
pub(crate) async fn settle_state(deps: &Deps, walker: &Walker, now: DateTime<Utc>) -> Result<()> {
    let pool = &deps.ledger.pool;
    let watermark = db::retry(pool, || async {
        let client = db::connect(pool).await?;
        if let Some(id) = walker.organisation.confirmed() {
            sync_state::belongs_to(&client, id, now)
                .await
                .context("keeping whose calls these are")?;
        }
        Ok(sync_state::advance(&client, now).await?)
    })
    .await
    .context("moving the watermark")?;
    resolve_rejects(deps, &walker.run, now).await?;
    report_headroom(deps, &walker.run, watermark, now);
    Ok(())
}

/// Leaves the state as it was before this run, so that the next one reads the same again.
pub(crate) async fn hold_state(
    deps: &Deps,
    walker: &Walker,
    before: &State,
    carried: &[Window],
    reasons: &[String],
    now: DateTime<Utc>,
) -> Result<()> {
    let pool = &deps.ledger.pool;
    db::retry(pool, || async {
        let mut client = db::connect(pool).await?;
        let transaction = client.transaction().await?;
        sync_state::restore(&transaction, before, carried.to_vec(), now).await?;
        Ok(transaction.commit().await?)
    })
    .await
    .context("holding the watermark")?;
    if !reasons.is_empty() {
        let counters = walker.run.counters();
        let is_all = counters.records_failed == 0 && !walker.run.has_note("unlisted_instants");
        walker.run.note(
            "listing_suspect",
            json!({"times": before.suspect_runs + 1, "reasons": reasons, "is_all": is_all}),
        );
    }
    resolve_rejects(deps, &walker.run, now).await?;
    report_headroom(deps, &walker.run, before.watermark, now);
    Ok(())
}

pub(crate) async fn resolve_rejects(deps: &Deps, run: &Run, now: DateTime<Utc>) -> Result<()> {
    let pool = &deps.ledger.pool;
    let resolved = db::retry(pool, || async {
        let mut client = db::connect(pool).await?;
        // In a transaction, so that they are counted once where an answer is lost.
        let transaction = client.transaction().await?;
        let resolved = reject::resolve(&transaction, now).await?;
        transaction.commit().await?;
        Ok(resolved)
    })
    .await
    .context("resolving rejects")?;
    if resolved > 0 {
        run.info(
            Step::Save,
            format!("{resolved} rejected documents are stored by now"),
            json!({"resolved": resolved}),
        );
    }
    Ok(())
}

/// Each run says how complete the tables are, though they are counted once a day.
pub(crate) async fn note_counts(deps: &Deps, run: &Run) -> Result<()> {
    let pool = &deps.ledger.pool;
    let state = db::retry(pool, || async {
        let client = db::connect(pool).await?;
        Ok(sync_state::read(&client).await?)
    })
    .await
    .context("reading the counts")?;
    if state.reconciled_at.is_some() {
        run.note("calls_missing", state.calls_missing);
        run.note("complete_to", json!(state.complete_to));
    }
    Ok(())
}

pub(crate) fn note_clocks(walker: &Walker) {
    if let Some(ahead) = walker.vapi.clock_skew.ahead() {
        walker.run.note("vapi_clock_skew_seconds", ahead.num_seconds());
        if ahead.abs() > TimeDelta::minutes(1) {
            let text = format!(
                "Vapi's clock is {} s {} ours: passes begin so much earlier",
                ahead.num_seconds().abs(),
                if ahead > TimeDelta::zero() {
                    "ahead of"
                } else {
                    "behind"
                }
            );
            walker
                .run
                .info(Step::Fetch, text, json!({"ahead_seconds": ahead.num_seconds()}));
        }
    }
    let future = walker.listing.of_the_future();
    if future > 0 {
        walker.run.note("calls_in_the_future", future);
        let text =
            format!("{future} calls are dated later than Vapi's own time; they are read again when they are due");
        walker.run.warn(Step::Validate, text, json!({"calls": future}));
    }
}

/// How the run came out, from what it counted.
pub(crate) fn settle(
    run: &Run,
    walker: &Walker,
    mut reasons: Vec<String>,
    out_of_time: Option<(String, bool)>,
) -> Outcome {
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
    let mut continue_with = None;
    if let Some((reason, resumes)) = out_of_time {
        reasons.push(reason);
        continue_with = resumes.then(|| json!({"mode": "auto"}));
    } else {
        if run.has_note("unlisted_instants") {
            reasons.push(
                "Vapi does not list every call of a crowded millisecond: see unlisted_instants in the metadata"
                    .to_owned(),
            );
        }
        if counters.records_failed > 0 {
            reasons.push(format!(
                "{} calls could not be stored: see vapi_call_rejects",
                counters.records_failed
            ));
        }
    }
    if reasons.is_empty() {
        return Outcome::Done;
    }
    Outcome::Left {
        reason: reasons.join("; "),
        continue_with,
    }
}
