//! How far Vapi's clock is from ours, by the `Date` of its answers: the only witness of it.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::header::{DATE, HeaderMap};

/// Answers that are looked at: the newest ones.
const ANSWERS: usize = 15;
/// A date has whole seconds, and an answer takes its time: less than this is no difference.
const NOISE: TimeDelta = TimeDelta::seconds(2);
/// No clock is wrong by more than this and still dates calls; such a date is somebody else's.
const MOST: TimeDelta = TimeDelta::hours(24);

/// What the last answers said, in seconds.
#[derive(Debug, Default)]
pub(crate) struct ClockSkew(Mutex<VecDeque<i64>>);

impl ClockSkew {
    /// Takes in what an answer says of the time, which came at `now` by our clock.
    pub(crate) fn note(&self, headers: &HeaderMap, now: DateTime<Utc>) {
        let date = headers.get(DATE).and_then(|date| date.to_str().ok());
        let Some(date) = date.and_then(|date| DateTime::parse_from_rfc2822(date).ok()) else {
            return;
        };
        let ahead = date.to_utc() - now;
        if ahead.abs() > MOST {
            return;
        }
        let mut seconds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seconds.truncate(ANSWERS - 1);
        seconds.push_front(ahead.num_seconds());
    }

    /// How far Vapi's clock is ahead, negative where it is behind; unknown before an answer said so.
    pub(crate) fn ahead(&self) -> Option<TimeDelta> {
        let mut seconds: Vec<i64> = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .copied()
            .collect();
        seconds.sort_unstable();
        let median = TimeDelta::seconds(*seconds.get(seconds.len() / 2)?);
        Some(if median.abs() <= NOISE {
            TimeDelta::zero()
        } else {
            median
        })
    }
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    fn after(dates: &[&'static str]) -> Option<TimeDelta> {
        let skew = ClockSkew::default();
        let now = "2026-11-29T12:00:00Z".parse().unwrap();
        for date in dates {
            let headers = HeaderMap::from_iter([(DATE, HeaderValue::from_static(date))]);
            skew.note(&headers, now);
        }
        skew.ahead()
    }

    #[test]
    fn the_middle_one_of_the_last_answers_counts() {
        let (right, ahead) = ("Sun, 29 Nov 2026 11:59:59 GMT", "Sun, 29 Nov 2026 12:12:00 GMT");

        assert_eq!(after(&[]), None);
        assert_eq!(after(&["no date", "Mon, 30 Nov 2026 12:00:01 GMT"]), None);
        assert_eq!(after(&[right]), Some(TimeDelta::zero()));
        assert_eq!(after(&[ahead, right, ahead]), Some(TimeDelta::minutes(12)));
        assert_eq!(after(&["Sun, 29 Nov 2026 11:48:00 GMT"]), Some(TimeDelta::minutes(-12)));
    }
}
