//! What a listing lacks: the calls that are stored for a stretch that was walked, and that no page of it held.
//!
//! [`look`] marks them and asks Vapi for each by its id: one that Vapi still has was omitted, one that it does not
//! know is gone. Nothing that is stored is deleted.

use anyhow::{Context as _, Result};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use shared::platform::db::Pool;
use shared::platform::{db, telemetry};
use shared::run::Step;
use shared::store::call::{self, Listed};

use crate::Deps;
use crate::page::{ReadError, WindowCursor};
use crate::walk::Stretch;
use crate::walker::Walker;

/// Stored calls that are compared at a time.
const AT_ONCE: i64 = 10_000;
/// Calls that one run asks for by their ids; the next run goes on with the others.
const ASKED: usize = 200;
/// After how long Vapi is asked again for a call that it did not know, and for how long it is not believed: what is
/// missing for a day is not deleted, and may have settled since. An hour less than half a day, since a schedule's minutes
/// differ from run to run.
const AGAIN: TimeDelta = TimeDelta::hours(11);
pub(crate) const BELIEVED: TimeDelta = TimeDelta::hours(36);
/// That many calls may be omitted, or this share of what is stored for the stretches, before a listing is suspect.
const FEW: u64 = 2;
const SHARE: u64 = 100;
/// Once a listing is suspect, this many omitted calls are proof enough: all of it is read again anyway.
const PROOF: u64 = 20;

/// What the listings of a run lack.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Absences {
    /// Calls that are stored for the stretches that were walked, and that Vapi must still serve.
    pub(crate) known: u64,
    /// Those that Vapi has, and did not list.
    pub(crate) omitted: u64,
    /// Those that Vapi does not know any more.
    pub(crate) gone: u64,
    /// Those that were not asked for yet.
    pub(crate) left: u64,
}

impl Absences {
    /// Whether more were omitted than a list that changes while it is paged explains.
    pub(crate) fn are_too_many(&self) -> bool {
        self.omitted > self.bearable()
    }

    fn bearable(&self) -> u64 {
        FEW.max(self.known / SHARE)
    }
}

/// Compares what was listed with what is stored, and asks for what is absent where there is time for it.
pub(crate) async fn look(deps: &Deps, walker: &Walker, read: &[Stretch], now: DateTime<Utc>) -> Result<Absences> {
    let pool = &deps.ledger.pool;
    let since = now - deps.settings.retention + margin(deps.settings.retention);
    let mut absences = Absences::default();
    welcome_back(pool, walker, since)
        .await
        .context("looking for calls that are listed again")?;
    let stretches = merged(read, since);
    for stretch in &stretches {
        absences.known += compare(pool, walker, *stretch, now)
            .await
            .context("comparing the listing with the table")?;
    }
    let absent = pending(pool, walker, since, now)
        .await
        .context("looking for absent calls")?;
    if !absent.is_empty() {
        ask(deps, walker, &absent, &stretches, &mut absences, now).await?;
        report(walker, &absences);
    }
    Ok(absences)
}

/// Vapi may forget a call a little early, and clocks differ.
fn margin(retention: TimeDelta) -> TimeDelta {
    TimeDelta::hours(6).min(retention / 4)
}

/// The stretches without their overlaps, as far back as Vapi must still serve calls.
fn merged(read: &[Stretch], since: DateTime<Utc>) -> Vec<(DateTime<Utc>, DateTime<Utc>)> {
    let mut stretches: Vec<_> = read
        .iter()
        .map(|stretch| (stretch.from.map_or(since, |from| from.max(since)), stretch.to))
        .filter(|(from, to)| from <= to)
        .collect();
    stretches.sort_unstable();
    let mut merged: Vec<(DateTime<Utc>, DateTime<Utc>)> = Vec::new();
    for (from, to) in stretches {
        match merged.last_mut() {
            // Walks of neighbours end a millisecond apart.
            Some((_, last)) if from <= *last + TimeDelta::milliseconds(1) => *last = to.max(*last),
            _ => merged.push((from, to)),
        }
    }
    merged
}

/// Calls that were taken for absent or gone, and that a page held again.
async fn welcome_back(pool: &Pool, walker: &Walker, since: DateTime<Utc>) -> Result<()> {
    let mut after: Option<Listed> = None;
    loop {
        let unlisted = db::retry(pool, || async {
            let client = db::connect(pool).await?;
            let unlisted = call::unlisted(&client, walker.organisation.id(), since, after.as_ref(), AT_ONCE).await?;
            let back: Vec<&str> = unlisted
                .iter()
                .filter(|call| walker.seen.contains(&call.id))
                .map(|call| call.id.as_str())
                .collect();
            if !back.is_empty() {
                call::is_listed(&client, &back).await?;
            }
            Ok(unlisted)
        })
        .await?;
        if i64::try_from(unlisted.len()).is_ok_and(|count| count < AT_ONCE) {
            return Ok(());
        }
        after = unlisted.into_iter().next_back();
    }
}

/// Marks the stored calls of a stretch that no page held; returns how many are stored.
async fn compare(
    pool: &Pool,
    walker: &Walker,
    stretch: (DateTime<Utc>, DateTime<Utc>),
    now: DateTime<Utc>,
) -> Result<u64> {
    let (mut known, mut after): (u64, Option<Listed>) = (0, None);
    loop {
        let stored = db::retry(pool, || async {
            let client = db::connect(pool).await?;
            let stored = call::in_stretch(&client, walker.organisation.id(), stretch, after.as_ref(), AT_ONCE).await?;
            let absent: Vec<&str> = stored
                .iter()
                .filter(|call| call.absent_at.is_none() && !walker.seen.contains(&call.id))
                .map(|call| call.id.as_str())
                .collect();
            if !absent.is_empty() {
                call::mark_absent(&client, &absent, now).await?;
            }
            Ok(stored)
        })
        .await?;
        known += stored.len() as u64;
        if i64::try_from(stored.len()).is_ok_and(|count| count < AT_ONCE) {
            return Ok(known);
        }
        after = stored.into_iter().next_back();
    }
}

/// The absent calls that Vapi is to be asked for, those of earlier runs among them; oldest first.
async fn pending(pool: &Pool, walker: &Walker, since: DateTime<Utc>, now: DateTime<Utc>) -> Result<Vec<Listed>> {
    // What was gone before is asked for to the end of retention.
    let oldest = now - walker.settings.retention;
    let is_due = |call: &&Listed| match (call.absent_at, call.gone_at) {
        (None, _) => false,
        (Some(_), None) => call.created_at >= since,
        (Some(asked_at), Some(_)) => now - asked_at >= AGAIN,
    };
    let (mut pending, mut after): (Vec<Listed>, Option<Listed>) = (Vec::new(), None);
    // Those that are gone lie between them.
    while pending.len() <= ASKED {
        let unlisted = db::retry(pool, || async {
            let client = db::connect(pool).await?;
            Ok(call::unlisted(&client, walker.organisation.id(), oldest, after.as_ref(), AT_ONCE).await?)
        })
        .await?;
        pending.extend(unlisted.iter().filter(is_due).cloned());
        if i64::try_from(unlisted.len()).is_ok_and(|count| count < AT_ONCE) {
            break;
        }
        after = unlisted.into_iter().next_back();
    }
    Ok(pending)
}

/// Asks for absent calls one by one: stores those that Vapi has, and notes those that are gone.
///
/// Only what lies in the `stretches` of this run was omitted by it: an absence that an earlier run left for this one
/// says nothing of today's listing.
async fn ask(
    deps: &Deps,
    walker: &Walker,
    absent: &[Listed],
    stretches: &[(DateTime<Utc>, DateTime<Utc>)],
    absences: &mut Absences,
    now: DateTime<Utc>,
) -> Result<()> {
    let mut cursor = WindowCursor::by_id(now);
    let (mut found, mut gone): (Vec<&str>, Vec<&str>) = (Vec::new(), Vec::new());
    for call in absent.iter().take(ASKED) {
        if absences.are_too_many() && absences.omitted >= PROOF {
            break;
        }
        let id = call.id.as_str();
        let Some(answer) = walker.in_time(walker.one(id, &mut cursor)).await else {
            break;
        };
        match answer {
            Ok(true) => {
                found.push(id);
                // What an earlier listing lacked says nothing of this one, and what cannot be read may well be listed.
                let is_of_this_run = |(from, to): &(_, _)| (*from..=*to).contains(&call.created_at);
                let is_omitted =
                    call.gone_at.is_none() && walker.seen.contains(id) && stretches.iter().any(is_of_this_run);
                absences.omitted += u64::from(is_omitted);
            }
            Ok(false) => gone.push(id),
            Err(ReadError::Vapi(error)) if error.is_transient() => {
                let text = format!(
                    "call {id}, which Vapi did not list, was not read: {}",
                    telemetry::chain(&error)
                );
                walker.run.warn(Step::Fetch, text, json!({"call_id": id}));
                break;
            }
            Err(error) => return Err(error).with_context(|| format!("reading call {id}, which Vapi did not list")),
        }
    }
    walker.flush(&mut cursor, false).await?;
    walker.writers.finish().await?;
    // A listing without a single call is no witness of what was deleted.
    let is_witness = !walker.listing.is_empty() || gone.len() < GONE_AT_A_TIME;
    let pool = &deps.ledger.pool;
    db::retry(pool, || async {
        let client = db::connect(pool).await?;
        call::is_listed(&client, &found)
            .await
            .context("keeping what Vapi has")?;
        if is_witness {
            call::mark_gone(&client, &gone, now - BELIEVED, now).await?;
        }
        Ok(())
    })
    .await
    .context("keeping what is gone")?;
    let is_new = |call: &&Listed| call.gone_at.is_none() && gone.contains(&call.id.as_str());
    absences.gone = absent.iter().filter(is_new).count() as u64;
    absences.left = (absent.len() - found.len() - gone.len()) as u64;
    Ok(())
}

/// That many calls may be deleted at Vapi until nothing is listed any more.
const GONE_AT_A_TIME: usize = 20;

fn report(walker: &Walker, absences: &Absences) {
    let Absences {
        known,
        omitted,
        gone,
        left,
    } = *absences;
    if omitted > 0 {
        let text = format!("Vapi did not list {omitted} of {known} calls that are stored and that it has");
        walker.run.warn(
            Step::Fetch,
            text,
            json!({"omitted": omitted, "known": known, "not_asked_for": left}),
        );
    }
    if gone > 0 {
        let text = format!("{gone} stored calls are gone from Vapi; they stay here");
        walker
            .run
            .info(Step::Fetch, text, json!({"gone": gone, "not_asked_for": left}));
    }
    walker.run.note("calls_omitted", omitted);
    walker.run.note("calls_gone", gone);
    if left > 0 {
        walker.run.note("calls_absent", left);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_are_compared_once_and_no_further_back_than_vapi_serves() {
        let at = |hours| DateTime::UNIX_EPOCH + TimeDelta::hours(hours);
        let stretch = |from: Option<i64>, to| Stretch {
            from: from.map(at),
            to: at(to),
        };
        let read = [
            stretch(Some(10), 12),
            stretch(None, 3),
            stretch(Some(11), 20),
            stretch(Some(0), 1),
            stretch(Some(30), 29),
        ];

        assert_eq!(merged(&read, at(2)), [(at(2), at(3)), (at(10), at(20))]);
    }

    #[test]
    fn a_few_omitted_calls_are_borne_and_many_are_not() {
        let absences = |known, omitted| Absences {
            known,
            omitted,
            ..Absences::default()
        };

        assert!(!absences(10, 2).are_too_many() && absences(10, 3).are_too_many());
        assert!(!absences(2000, 20).are_too_many() && absences(2000, 21).are_too_many());
    }
}
