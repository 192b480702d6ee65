//! Whether what Vapi listed can be true: a listing that is empty, or lacks what Vapi has, is no reason to go on.
//!
//! A run that is given such a listing leaves the state as it was, so that the next one reads the same again.

use anyhow::{Context as _, Result};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use shared::clock::rfc3339;
use shared::run::Step;
use shared::sync_state::State;
use shared::{call, db};

use crate::Deps;
use crate::absent::Absences;
use crate::analytics::NoCount;
use crate::reconcile;
use crate::walk::Walker;

/// A stretch in which this many calls are usual is not empty by chance.
const BUSY: i64 = 20;
const DAY: TimeDelta = TimeDelta::days(1);
const WEEK: TimeDelta = TimeDelta::days(7);

/// Why the listings of a run cannot be true; nothing where they may be.
pub(crate) async fn reasons(
    deps: &Deps,
    walker: &Walker,
    before: &State,
    absences: &Absences,
    is_whole: bool,
    now: DateTime<Utc>,
) -> Result<Vec<String>> {
    let mut reasons = Vec::new();
    if absences.are_too_many() {
        reasons.push(format!(
            "Vapi does not list calls that it has: {} of {} that are stored",
            absences.omitted, absences.known
        ));
    }
    if is_whole && walker.listing.has_nothing_fresh() {
        reasons.extend(emptiness(deps, walker, before, absences, now).await?);
    }
    Ok(reasons)
}

/// Why there should be new calls although Vapi lists none.
async fn emptiness(
    deps: &Deps,
    walker: &Walker,
    before: &State,
    absences: &Absences,
    now: DateTime<Utc>,
) -> Result<Option<String>> {
    let is_first = before.watermark.is_none() && before.target.is_none();
    let (from, reason) = match walker.listing.fresh_from() {
        None if is_first => (
            now - deps.settings.retention,
            "Vapi lists no call at all, and none was ever stored".to_owned(),
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
    if !reconcile::may_ask(before, now) {
        return Ok(Some(reason));
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
        Ok(calls) => Ok(Some(format!("{reason}; its own count says {calls}"))),
        Err(NoCount::Refused(_) | NoCount::Unavailable(_)) => Ok(Some(reason)),
    }
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
