//! Whether what Vapi listed can be true: a listing that is empty, or lacks what Vapi has, is no reason to go on.
//!
//! A run that is given such a listing leaves the state as it was, so that the next one reads the same again.

use anyhow::{Context as _, Result};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use shared::platform::clock::rfc3339;
use shared::platform::db;
use shared::run::Step;
use shared::store::call;
use shared::store::sync_state::State;

use crate::Deps;
use crate::absent::Absences;
use crate::analytics::{self, NoCount};
use crate::walker::Walker;

/// A stretch in which this many calls are usual is not empty by chance.
const BUSY: i64 = 20;
const DAY: TimeDelta = TimeDelta::days(1);
const WEEK: TimeDelta = TimeDelta::days(7);

/// So many syncs in a row that found no call, with as many answers about assistants, are believed where Vapi does not
/// count: a day of those every six hours.
const AGREEING: i32 = 4;

/// What a run's listings are worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// They may be true.
    Plausible,
    /// They cannot be true, and why.
    Suspect(Vec<String>),
    /// There is no call yet, by so many syncs in a row: nothing is wrong, and the next one looks as far back again.
    NoCallYet(i32),
}

impl Verdict {
    /// Why they cannot be true; nothing where they may be.
    pub(crate) fn into_reasons(self) -> Vec<String> {
        match self {
            Self::Suspect(reasons) => reasons,
            Self::Plausible | Self::NoCallYet(_) => Vec::new(),
        }
    }
}

/// Whether the listings of a run may be true.
pub(crate) async fn judge(
    deps: &Deps,
    walker: &Walker,
    before: &State,
    absences: &Absences,
    is_whole: bool,
    now: DateTime<Utc>,
) -> Result<Verdict> {
    let mut reasons = Vec::new();
    if absences.are_too_many() {
        reasons.push(format!(
            "Vapi does not list calls that it has: {} of {} that are stored",
            absences.omitted, absences.known
        ));
    }
    if is_whole && walker.listing.has_nothing_fresh() {
        match emptiness(deps, walker, before, absences, now).await? {
            Some(Emptiness { has_none: true, .. }) if before.suspect_runs + 1 >= AGREEING => {
                return Ok(Verdict::NoCallYet(before.suspect_runs + 1));
            }
            Some(Emptiness { reason, .. }) => reasons.push(reason),
            None => {}
        }
    }
    Ok(if reasons.is_empty() {
        Verdict::Plausible
    } else {
        Verdict::Suspect(reasons)
    })
}

/// A listing without a new call that Vapi's own count does not confirm.
struct Emptiness {
    reason: String,
    /// No call was ever stored, and no count contradicts that.
    has_none: bool,
}

/// Why there should be new calls although Vapi lists none.
async fn emptiness(
    deps: &Deps,
    walker: &Walker,
    before: &State,
    absences: &Absences,
    now: DateTime<Utc>,
) -> Result<Option<Emptiness>> {
    let is_first = before.watermark.is_none() && walker.listing.is_empty();
    let has_none = is_first && !has_calls(deps, walker).await?;
    let (from, reason) = match walker.listing.fresh_from() {
        _ if has_none => (
            now - deps.settings.retention,
            "Vapi lists no call at all, and none was ever stored".to_owned(),
        ),
        _ if is_first => (
            now - deps.settings.retention,
            "Vapi lists no call at all, and no sync has found one yet".to_owned(),
        ),
        None if absences.known < BUSY.unsigned_abs() => return Ok(None),
        None => (
            now - deps.settings.retention,
            format!(
                "Vapi lists no call at all, and {} are stored that it should have",
                absences.known
            ),
        ),
        Some(from) => {
            let usual = usual(deps, walker, (from, now)).await?;
            if usual < BUSY {
                return Ok(None);
            }
            let text = format!(
                "Vapi lists no call created since {}, where {usual} are usual in so long a time",
                rfc3339(from)
            );
            (from, text)
        }
    };
    if !analytics::may_ask(before, now) {
        return Ok(Some(Emptiness { reason, has_none }));
    }
    match walker.vapi.count_between(from, now).await {
        Ok(0) => {
            let text = format!(
                "no call was created since {}: Vapi's own count says so too",
                rfc3339(from)
            );
            walker.run.info(Step::Validate, text, json!({"since": rfc3339(from)}));
            Ok(None)
        }
        Ok(calls) => Ok(Some(Emptiness {
            reason: format!("{reason}; its own count says {calls}"),
            has_none: false,
        })),
        Err(NoCount::Refused(_) | NoCount::Unavailable(_)) => Ok(Some(Emptiness { reason, has_none })),
    }
}

/// Whether a call of this organisation is stored.
async fn has_calls(deps: &Deps, walker: &Walker) -> Result<bool> {
    let (pool, organisation) = (&deps.ledger.pool, walker.organisation.id());
    db::retry(pool, || async {
        let client = db::connect(pool).await?;
        Ok(call::oldest(&client, organisation).await?.is_some())
    })
    .await
    .context("looking for stored calls")
}

/// How many calls a stretch of that length had the day before and the week before, the fewer of both.
async fn usual(deps: &Deps, walker: &Walker, (from, to): (DateTime<Utc>, DateTime<Utc>)) -> Result<i64> {
    let (pool, organisation) = (&deps.ledger.pool, walker.organisation.id());
    db::retry(pool, || async {
        let client = db::connect(pool).await?;
        let Some(oldest) = call::oldest(&client, organisation).await? else {
            return Ok(0);
        };
        let stretches: Vec<_> = shifts(to - from)
            .into_iter()
            .map(|shift| (from - shift, to - shift))
            .filter(|(from, _)| oldest <= *from)
            .collect();
        let counted = call::by_stretch(&client, organisation, &stretches).await?;
        Ok(counted.iter().map(|counted| counted.calls).min().unwrap_or_default())
    })
    .await
    .context("counting what is usual")
}

/// How long before the stretch the ones lie that it is compared with: a day, and the same weekday.
fn shifts(length: TimeDelta) -> [TimeDelta; 2] {
    let weeks = i32::try_from(length.num_seconds() / WEEK.num_seconds()).unwrap_or(i32::MAX - 1) + 1;
    [length.max(DAY), WEEK * weeks]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stretch_is_compared_with_others_that_do_not_overlap_it() {
        assert_eq!(shifts(TimeDelta::hours(6)), [DAY, WEEK]);
        assert_eq!(shifts(TimeDelta::days(5)), [TimeDelta::days(5), WEEK]);
        assert_eq!(shifts(TimeDelta::days(8)), [TimeDelta::days(8), WEEK * 2]);
    }
}
