//! When calls are made: in office hours, in bursts, and now and then in the same millisecond.

use chrono::{DateTime, Datelike, TimeDelta, Utc, Weekday};

use super::dice::Dice;
use crate::vapi::spec::Spec;

/// How often calls begin in each hour of a day.
const HOURS: [u32; 24] = [
    1, 1, 1, 1, 1, 2, 4, 12, 40, 70, 80, 75, 50, 60, 80, 78, 70, 50, 25, 14, 8, 4, 2, 1,
];
/// How many calls a campaign starts at once.
const BURSTS: [(usize, u32); 6] = [(1, 60), (2, 15), (5, 10), (12, 8), (30, 5), (60, 2)];
/// The newest finished call is at least this old, so that its end is not in the future.
const SETTLED: i64 = 45 * 60;

/// The creation of every call, newest first, none before the world's first day.
pub(crate) fn all(spec: &Spec) -> Vec<DateTime<Utc>> {
    let mut dice = Dice::new(spec.seed, "moments", 0);
    let mut moments = Vec::with_capacity(spec.calls);
    while moments.len() < spec.calls {
        let size = dice.weighted(&BURSTS).min(spec.calls - moments.len());
        let mut at = first(spec, &mut dice);
        for _ in 0..size {
            moments.push(at);
            let gap = if dice.chance(0.08) { 0 } else { dice.between(20, 1800) };
            at = (at + TimeDelta::milliseconds(gap)).min(newest(spec));
        }
    }
    moments.sort_unstable_by(|a, b| b.cmp(a));
    moments
}

fn newest(spec: &Spec) -> DateTime<Utc> {
    spec.now - TimeDelta::seconds(SETTLED)
}

/// An instant that the world covers, more likely in office hours on a weekday.
fn first(spec: &Spec, dice: &mut Dice) -> DateTime<Utc> {
    let oldest = spec.now - TimeDelta::days(i64::from(spec.days.max(1)));
    let hours: Vec<(i64, u32)> = (0..).zip(HOURS).collect();
    loop {
        let day = TimeDelta::days(dice.between(0, i64::from(spec.days.max(1))));
        let hour = TimeDelta::hours(dice.weighted(&hours));
        let within = TimeDelta::milliseconds(dice.between(0, 3_599_999));
        let midnight = oldest.date_naive().and_time(chrono::NaiveTime::MIN).and_utc();
        let at = midnight + day + hour + within;
        let weekend = matches!(at.weekday(), Weekday::Sat | Weekday::Sun);
        if at > oldest + TimeDelta::hours(1) && at < newest(spec) && !(weekend && dice.chance(0.75)) {
            return at;
        }
    }
}
