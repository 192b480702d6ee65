//! Reconciliation: once a day the calls of each day are counted against Vapi's own count of them. A day that lacks
//! calls is walked again; what stays missing is told.

use anyhow::{Context as _, Result};
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;
use serde_json::{Value, json};
use shared::platform::{db, telemetry};
use shared::run::Step;
use shared::store::call::{self, Counted};
use shared::store::reject;
use shared::store::sync_state::{self, Pass, State, Window};

use crate::analytics::{self, NoCount, start_of};
use crate::input::Mode;
use crate::walk;
use crate::walker::Walker;
use crate::{Deps, SCRIPT};

/// How often calls are counted: once a day, though a schedule's minutes differ from day to day.
const EVERY: TimeDelta = TimeDelta::hours(23);
/// How often while calls are missing: Vapi may list them by now, and drop them soon.
const WHILE_MISSING: TimeDelta = TimeDelta::hours(11);
/// How long a day must be over: Vapi's own counts may come late.
const SETTLED: TimeDelta = TimeDelta::hours(2);
/// Nearer to the end of retention than this, a call may be gone while it is listed.
const EDGE: TimeDelta = TimeDelta::hours(1);
/// A cost differs if it does so by more than this share, and this much in USD.
const COST_SHARE: f64 = 0.01;
const COST_USD: f64 = 0.01;

/// A day of the organisation's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Day {
    date: NaiveDate,
    starts: DateTime<Utc>,
    ends: DateTime<Utc>,
}

/// A day as it is stored, and as Vapi counts it.
#[derive(Clone, Copy, Debug)]
struct Compared {
    day: Day,
    ours: Counted,
    theirs: analytics::Counted,
}

fn every(state: &State) -> TimeDelta {
    if state.calls_missing > 0 { WHILE_MISSING } else { EVERY }
}

/// Compares the counts where that is due.
pub(crate) async fn reconcile(
    deps: &Deps,
    walker: &Walker,
    mode: &Mode,
    before: &State,
    now: DateTime<Utc>,
) -> Result<()> {
    let is_due = *mode == Mode::Full
        || before.watermark.is_none()
        || before.reconciled_at.is_none_or(|last| now - last >= every(before));
    let days = days(deps.settings.timezone, deps.settings.retention, now);
    let (Some(first), Some(last)) = (days.first(), days.last()) else {
        return Ok(());
    };
    if !is_due || !analytics::may_ask(before, now) {
        return Ok(());
    }
    let asked = walker
        .vapi
        .count_by_day((first.starts, last.ends), deps.settings.timezone);
    let theirs = match walker.in_time(asked).await {
        None => return Ok(()),
        Some(Ok(theirs)) => theirs,
        Some(Err(NoCount::Refused(why))) => return refused(deps, walker, before, &why, now).await,
        Some(Err(NoCount::Unavailable(why))) => {
            let text = format!("the calls of each day could not be counted against Vapi's own count: {why}");
            walker.run.warn(Step::Validate, text, json!({}));
            return Ok(());
        }
    };
    let theirs: Vec<analytics::Counted> = days
        .iter()
        .map(|day| theirs.get(&day.date).copied().unwrap_or_default())
        .collect();
    let mut compared = compare(deps, walker, &days, &theirs).await?;
    // What was missing may be of a day that is not compared any more, since Vapi has begun to drop its calls.
    let edge = (before.calls_missing > 0).then_some((now - deps.settings.retention + EDGE, first.starts));
    if edge.is_some() || compared.iter().any(Compared::lacks) {
        if !walk_again(deps, walker, &compared, edge).await? {
            return Ok(());
        }
        compared = compare(deps, walker, &days, &theirs).await?;
    }
    conclude(deps, walker, before, &compared, now).await
}

/// Vapi does not count for us: said once, and left alone.
async fn refused(deps: &Deps, walker: &Walker, before: &State, why: &str, now: DateTime<Utc>) -> Result<()> {
    if before.counts_refused_at.is_none() {
        let text = format!(
            "calls are not counted against Vapi's own count, since it refuses that: {why}. It is asked again in {} days",
            analytics::LEFT_ALONE.num_days()
        );
        walker.run.info(Step::Validate, text, json!({}));
    }
    let pool = &deps.ledger.pool;
    db::retry(pool, || async {
        let client = db::connect(pool).await?;
        Ok(sync_state::counts_refused(&client, now).await?)
    })
    .await
    .context("keeping that Vapi does not count")
}

async fn compare(deps: &Deps, walker: &Walker, days: &[Day], theirs: &[analytics::Counted]) -> Result<Vec<Compared>> {
    let pool = &deps.ledger.pool;
    let stretches: Vec<_> = days.iter().map(|day| (day.starts, day.ends)).collect();
    let ours = db::retry(pool, || async {
        let client = db::connect(pool).await?;
        Ok(call::by_stretch(&client, walker.organisation.id(), &stretches).await?)
    })
    .await
    .context("counting calls")?;
    let counted = ours.into_iter().zip(theirs.iter().copied());
    Ok(days
        .iter()
        .zip(counted)
        .map(|(day, (ours, theirs))| Compared {
            day: *day,
            ours,
            theirs,
        })
        .collect())
}

/// Walks the days that lack calls, and the stretch at the edge of retention where one is given; `false` where time did not
/// suffice.
async fn walk_again(
    deps: &Deps,
    walker: &Walker,
    compared: &[Compared],
    edge: Option<(DateTime<Utc>, DateTime<Utc>)>,
) -> Result<bool> {
    let lacking: Vec<&Compared> = compared.iter().filter(|day| day.lacks()).collect();
    if let Some(first) = lacking.first() {
        let text = format!(
            "{} days lack calls by Vapi's own count, the first of them {}: they are read again",
            lacking.len(),
            first.day.date
        );
        walker.run.info(Step::Validate, text, json!({"days": lacking.len()}));
    }
    let windows = lacking
        .iter()
        .map(|lacking| (lacking.day.starts, lacking.day.ends))
        .chain(edge.filter(|(from, to)| from < to))
        .map(|(from, to)| Window {
            // Killed, it is found lacking again.
            id: None,
            pass: Pass::Range,
            created_from: Some(from),
            created_to: to - TimeDelta::milliseconds(1),
            updated_from: None,
        })
        .collect();
    let walks = walk::all(walker, windows, deps.vapi.downloads).await?;
    walker.writers.finish().await?;
    Ok(walks.left == 0)
}

async fn conclude(
    deps: &Deps,
    walker: &Walker,
    before: &State,
    compared: &[Compared],
    now: DateTime<Utc>,
) -> Result<()> {
    let pool = &deps.ledger.pool;
    let lacking: Vec<&Compared> = compared.iter().filter(|day| day.lacks()).collect();
    let missing: i64 = lacking.iter().map(|day| day.theirs.calls - day.ours.calls).sum();
    // What could not be stored is told of by itself.
    let rejected = if missing > 0 {
        db::retry(pool, || async {
            let client = db::connect(pool).await?;
            Ok(reject::open(&client, now - deps.settings.retention).await?)
        })
        .await
        .context("counting rejects")?
    } else {
        0
    };
    let missing = (missing - rejected).max(0);
    let complete_to = if missing == 0 {
        compared.last().map(|day| day.day.date)
    } else {
        complete_before(compared, before.complete_to)
    };
    if missing > 0 {
        let days: Vec<String> = lacking
            .iter()
            .map(|day| format!("{}: {} of {}", day.day.date, day.ours.calls, day.theirs.calls))
            .collect();
        let shown = days.iter().take(3).cloned().collect::<Vec<_>>().join("; ");
        let text = format!(
            "{missing} calls are missing that Vapi counts and does not list, on {} days ({shown})",
            days.len()
        );
        walker
            .run
            .warn(Step::Validate, text, json!({"missing": missing, "days": days}));
    }
    report_costs(walker, compared);
    walker.run.note("reconciliation", noted(compared, &lacking));
    #[expect(clippy::cast_precision_loss, reason = "a count of calls")]
    let count = missing as f64;
    telemetry::metrics(now, &[("Script", SCRIPT)], &[("CallsMissing", "Count", count)]);
    db::retry(pool, || async {
        let client = db::connect(pool).await?;
        Ok(sync_state::reconciled(&client, complete_to, missing, now).await?)
    })
    .await
    .context("keeping the comparison")
}

/// The day before the first one that lacks calls; what was known before, where that is the first that was compared.
fn complete_before(compared: &[Compared], before: Option<NaiveDate>) -> Option<NaiveDate> {
    let position = compared.iter().position(Compared::lacks)?;
    let first_lacking = compared.get(position)?.day.date;
    match position.checked_sub(1) {
        Some(last) => compared.get(last).map(|day| day.day.date),
        None => before.filter(|before| *before < first_lacking),
    }
}

fn report_costs(walker: &Walker, compared: &[Compared]) {
    let differing: Vec<Value> = compared
        .iter()
        .filter(|day| day.costs_differ())
        .map(|day| json!({"day": day.day.date, "ours": day.ours.cost, "theirs": day.theirs.cost}))
        .collect();
    if differing.is_empty() {
        return;
    }
    let text = format!(
        "on {} days the cost of the calls is not what Vapi says, although their number is",
        differing.len()
    );
    walker.run.warn(Step::Validate, text, json!({"days": differing}));
    walker.run.note("costs_differ", differing);
}

fn noted(compared: &[Compared], lacking: &[&Compared]) -> Value {
    let lacking: Vec<Value> = lacking
        .iter()
        .take(20)
        .map(|day| json!({"day": day.day.date, "ours": day.ours.calls, "theirs": day.theirs.calls}))
        .collect();
    json!({
        "from": compared.first().map(|day| day.day.date),
        "to": compared.last().map(|day| day.day.date),
        "lacking": lacking,
    })
}

/// The days that are over and settled, and of which Vapi still serves all.
fn days(zone: Tz, retention: TimeDelta, now: DateTime<Utc>) -> Vec<Day> {
    let oldest = now - retention + TimeDelta::hours(6).min(retention / 4);
    let dates = oldest.with_timezone(&zone).date_naive().iter_days();
    dates
        .map(|date| Day {
            date,
            starts: start_of(date, zone),
            ends: date.succ_opt().map_or(now, |next| start_of(next, zone)),
        })
        .take_while(|day| day.ends + SETTLED <= now)
        .filter(|day| day.starts >= oldest)
        .collect()
}

impl Compared {
    fn lacks(&self) -> bool {
        self.theirs.calls > self.ours.calls
    }

    fn costs_differ(&self) -> bool {
        let difference = (self.theirs.cost - self.ours.cost).abs();
        self.theirs.calls == self.ours.calls
            && difference > COST_USD
            && difference > COST_SHARE * self.theirs.cost.abs()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compared(counts: &[(i64, i64)]) -> Vec<Compared> {
        let now = "2026-11-29T12:00:00Z".parse().unwrap();
        days(Tz::UTC, TimeDelta::days(14), now)
            .into_iter()
            .zip(counts)
            .map(|(day, (ours, theirs))| Compared {
                day,
                ours: Counted {
                    calls: *ours,
                    cost: 1.0,
                },
                theirs: analytics::Counted {
                    calls: *theirs,
                    cost: 1.0,
                },
            })
            .collect()
    }

    #[test]
    fn only_whole_days_that_are_settled_and_still_served_are_compared() {
        let at = |text: &str| text.parse().unwrap();
        let dates = |zone, now| {
            let days = days(zone, TimeDelta::days(14), now);
            (
                days.first().unwrap().date.to_string(),
                days.last().unwrap().date.to_string(),
            )
        };

        assert_eq!(
            dates(Tz::UTC, at("2026-11-29T02:00:00Z")),
            ("2026-11-16".to_owned(), "2026-11-28".to_owned())
        );
        assert_eq!(dates(Tz::UTC, at("2026-11-29T01:59:00Z")).1, "2026-11-27");
        assert_eq!(
            dates(chrono_tz::America::New_York, at("2026-11-29T02:00:00Z")).1,
            "2026-11-27"
        );
    }

    #[test]
    fn complete_is_what_lies_before_the_first_day_that_lacks_calls() {
        let known = NaiveDate::from_ymd_opt(2026, 11, 10);

        let third = complete_before(&compared(&[(5, 5), (6, 4), (1, 2), (3, 3)]), known);
        let first = complete_before(&compared(&[(4, 5), (6, 4)]), known);

        assert_eq!(third, NaiveDate::from_ymd_opt(2026, 11, 17));
        assert_eq!(first, known);
        assert_eq!(
            complete_before(&compared(&[(4, 5)]), NaiveDate::from_ymd_opt(2026, 11, 20)),
            None
        );
    }
}
