//! What the year brings, from its seed: outages of the machine, stretches in which Vapi is wrong, its clock.

use chrono::{DateTime, TimeDelta, Utc};

use super::dice::Dice;

/// A stretch of time, its end excluded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stretch {
    pub(super) from: DateTime<Utc>,
    pub(super) to: DateTime<Utc>,
}

/// The year.
#[derive(Debug)]
pub(super) struct Calendar {
    pub(super) start: DateTime<Utc>,
    pub(super) end: DateTime<Utc>,
    /// Nothing of ours runs.
    pub(super) outages: Vec<Stretch>,
    /// Lists of calls answer `[]`.
    pub(super) empty: Vec<Stretch>,
    /// The key shows another organisation.
    pub(super) elsewhere: Option<Stretch>,
    /// What is created is counted, and neither listed nor found by its id.
    pub(super) unlisted: Option<Stretch>,
    /// Vapi says all that it has.
    pub(super) honest: Vec<Stretch>,
    /// Nobody calls.
    pub(super) quiet: Vec<Stretch>,
    /// Four times as many calls.
    pub(super) busy: Vec<Stretch>,
    /// From when on Vapi's clock is off by so much.
    skews: Vec<(DateTime<Utc>, TimeDelta)>,
}

impl Stretch {
    pub(super) fn of(start: DateTime<Utc>, from_hour: i64, hours: i64) -> Self {
        let from = start + TimeDelta::hours(from_hour);
        Self {
            from,
            to: from + TimeDelta::hours(hours),
        }
    }

    pub(super) fn has(&self, at: DateTime<Utc>) -> bool {
        self.from <= at && at < self.to
    }

    fn meets(&self, other: &Self) -> bool {
        self.from < other.to && other.from < self.to
    }
}

impl Calendar {
    /// So many days, the first and the last of them as below, and the rest by chance.
    pub(super) fn new(start: DateTime<Utc>, days: i64, dice: &mut Dice) -> Self {
        let day = |day: i64| day * 24;
        // One month of each four is honest, and so is the end.
        let mut honest: Vec<Stretch> = (0..=days / 120)
            .map(|third| Stretch::of(start, day(90 + third * 120), day(30)))
            .filter(|honest| honest.to < start + TimeDelta::days(days - 30))
            .collect();
        honest.push(Stretch::of(start, day(days - 15), day(30)));
        // The first two syncs find nothing.
        let mut taken = vec![Stretch::of(start, 0, 24)];
        taken.extend(&honest);
        let mut free = |dice: &mut Dice, hours: i64, apart: i64| {
            for _ in 0..200 {
                let found = Stretch::of(start, dice.between(24, day(days - 16)), hours);
                let around = Stretch {
                    from: found.from - TimeDelta::hours(apart),
                    to: found.to + TimeDelta::hours(apart),
                };
                if found.to < start + TimeDelta::days(days - 15) && !taken.iter().any(|taken| taken.meets(&around)) {
                    taken.push(found);
                    return Some(found);
                }
            }
            None
        };
        // Room for the longest first. After an outage there is a day in which a sync may get through.
        let long = (days / 150).max(1);
        let mut outages: Vec<Stretch> = (0..long).filter_map(|_| free(dice, day(13), 24)).collect();
        let elsewhere = free(dice, dice_hours(days), 24);
        // Three working days out of any five.
        let unlisted = free(dice, day(5), 12);
        outages.extend((0..days / 40).filter_map(|_| {
            let hours = dice.between(20, day(6));
            free(dice, hours, 24)
        }));
        let mut empty = vec![Stretch::of(start, 0, 11)];
        empty.extend((0..days / 12).filter_map(|_| {
            let hours = dice.between(1, 14);
            free(dice, hours, 13)
        }));
        let mut stretches = |count: i64, hours: i64| -> Vec<Stretch> {
            (0..count)
                .map(|_| Stretch::of(start, dice.between(0, day(days)), hours))
                .collect()
        };
        let (quiet, busy) = (
            stretches((days / 60).max(1), day(4)),
            stretches((days / 60).max(1), day(3)),
        );
        Self {
            start,
            end: start + TimeDelta::days(days),
            outages,
            empty,
            elsewhere,
            unlisted,
            honest,
            quiet,
            busy,
            skews: skews(start, days, dice),
        }
    }

    pub(super) fn is_in(stretches: &[Stretch], at: DateTime<Utc>) -> bool {
        stretches.iter().any(|stretch| stretch.has(at))
    }

    /// What Vapi's clock says.
    pub(super) fn vapi_time(&self, at: DateTime<Utc>) -> DateTime<Utc> {
        at + self.skew(at)
    }

    fn skew(&self, at: DateTime<Utc>) -> TimeDelta {
        let since = self.skews.iter().rev().find(|(from, _)| *from <= at);
        since.map_or(TimeDelta::zero(), |(_, skew)| *skew)
    }

    /// Whether Vapi's clock is right, and was for half a day.
    pub(super) fn is_steady(&self, at: DateTime<Utc>) -> bool {
        let (before, after) = (at - TimeDelta::hours(13), at + TimeDelta::hours(13));
        self.skew(before).is_zero()
            && self
                .skews
                .iter()
                .filter(|(from, _)| before <= *from && *from <= after)
                .all(|(_, skew)| skew.is_zero())
    }
}

/// How long the key shows another organisation.
fn dice_hours(days: i64) -> i64 {
    if days > 100 { 20 } else { 13 }
}

/// Vapi's clock is right for a week, and then off for some days by up to twelve minutes.
fn skews(start: DateTime<Utc>, days: i64, dice: &mut Dice) -> Vec<(DateTime<Utc>, TimeDelta)> {
    let (mut skews, mut at) = (Vec::new(), start);
    while at < start + TimeDelta::days(days) {
        at += TimeDelta::hours(dice.between(100, 240));
        let seconds = dice.between(60, 720) * if dice.chance(0.5) { 1 } else { -1 };
        skews.push((at, TimeDelta::seconds(seconds)));
        at += TimeDelta::hours(dice.between(5, 90));
        skews.push((at, TimeDelta::zero()));
    }
    skews
}
