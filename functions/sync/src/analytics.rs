//! What Vapi itself counts: `POST /analytics`, the one figure that does not come from its listings.

use std::collections::BTreeMap;

use backon::Retryable;
use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use shared::platform::clock::rfc3339;
use shared::platform::telemetry;
use shared::store::sync_state::State;

use crate::vapi::{Vapi, VapiError};

/// For how long Vapi is left alone once it refused to count.
pub(crate) const LEFT_ALONE: TimeDelta = TimeDelta::days(7);

/// Whether Vapi may be asked for a count at all.
pub(crate) fn may_ask(state: &State, now: DateTime<Utc>) -> bool {
    state
        .counts_refused_at
        .is_none_or(|refused| now - refused >= LEFT_ALONE)
}

/// What a count is called in an answer, and what it is called where the name that was asked for is not honoured.
const CALLS: [&str; 2] = ["calls", "countId"];
const COST: [&str; 2] = ["cost", "sumCost"];
/// A count is worth a second try, and no more: the next run asks again.
const SECOND_TRY: usize = 1;

/// What Vapi counts of a stretch of time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Counted {
    /// Calls.
    pub(crate) calls: i64,
    /// What they cost, in USD.
    pub(crate) cost: f64,
}

/// Vapi did not count.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoCount {
    /// It does not do so for us; asking again soon is no use.
    #[error("{0}")]
    Refused(String),
    /// It may do so later.
    #[error("{0}")]
    Unavailable(String),
}

#[derive(Deserialize)]
struct Answered {
    result: Vec<Map<String, Value>>,
}

impl Vapi {
    /// The calls created on each day of a time zone from `start` to `end`, which are midnights there. A day without
    /// calls may be absent.
    pub(crate) async fn count_by_day(
        &self,
        (start, end): (DateTime<Utc>, DateTime<Utc>),
        zone: Tz,
    ) -> Result<BTreeMap<NaiveDate, Counted>, NoCount> {
        let mut days: BTreeMap<NaiveDate, Counted> = BTreeMap::new();
        for row in self.count(start, end, Some("day"), zone).await? {
            let date = row.get("date").and_then(Value::as_str);
            let day = date
                .and_then(|text| day(text, zone))
                .ok_or_else(|| not_understood("a row has no date"))?;
            let counted = counted(&row)?;
            let sum = days.entry(day).or_default();
            (sum.calls, sum.cost) = (sum.calls + counted.calls, sum.cost + counted.cost);
        }
        Ok(days)
    }

    /// How many calls were created from `start` to just before `end`.
    pub(crate) async fn count_between(&self, start: DateTime<Utc>, end: DateTime<Utc>) -> Result<i64, NoCount> {
        let rows = self.count(start, end, None, Tz::UTC).await?;
        rows.iter().map(|row| counted(row).map(|counted| counted.calls)).sum()
    }

    /// Costs are asked for with a step only.
    async fn count(
        &self,
        start: DateTime<Utc>,
        end: DateTime<Utc>,
        step: Option<&str>,
        zone: Tz,
    ) -> Result<Vec<Map<String, Value>>, NoCount> {
        let mut range = json!({"start": rfc3339(start), "end": rfc3339(end), "timezone": zone.name()});
        let mut operations = vec![json!({"operation": "count", "column": "id", "alias": CALLS[0]})];
        if let Some(step) = step {
            range["step"] = json!(step);
            operations.push(json!({"operation": "sum", "column": "cost", "alias": COST[0]}));
        }
        let question = json!({"queries": [{
            "name": "calls",
            "table": "call",
            "timeRange": range,
            "operations": operations,
        }]});
        let ask = || self.post(&["analytics"], &question);
        let body = ask
            .retry(self.patience().with_max_times(SECOND_TRY))
            .when(VapiError::is_transient)
            .await
            .map_err(NoCount::of)?;
        let value: Value = serde_json::from_slice(&body)
            .map_err(|_| NoCount::Unavailable("the answer to POST /analytics is not JSON".to_owned()))?;
        let answers: Vec<Answered> =
            serde_json::from_value(value).map_err(|error| not_understood(&error.to_string()))?;
        let answer = answers.into_iter().next();
        Ok(answer.ok_or_else(|| not_understood("it has no result"))?.result)
    }
}

impl NoCount {
    fn of(error: VapiError) -> Self {
        let text = telemetry::chain(&error);
        match error {
            error if error.is_transient() => Self::Unavailable(text),
            VapiError::Unauthorized { status, message } => Self::Refused(format!("{status}: {message}")),
            VapiError::NotFound => Self::Refused("there is no POST /analytics".to_owned()),
            _ => Self::Refused(text),
        }
    }
}

fn not_understood(what: &str) -> NoCount {
    NoCount::Refused(format!("its answer to POST /analytics has another form: {what}"))
}

fn counted(row: &Map<String, Value>) -> Result<Counted, NoCount> {
    let find = |names: [&str; 2]| names.iter().find_map(|name| row.get(*name)).and_then(number);
    let calls = find(CALLS).ok_or_else(|| not_understood("a row has no count"))?;
    #[expect(clippy::cast_possible_truncation, reason = "a count of calls")]
    let calls = calls.round() as i64;
    Ok(Counted {
        calls,
        cost: find(COST).unwrap_or_default(),
    })
}

/// A database gives large numbers as texts.
fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.trim().parse().ok())
}

/// The day that a row is of: a date, a time of that day, or the instant at which it begins.
fn day(text: &str, zone: Tz) -> Option<NaiveDate> {
    if let Ok(instant) = DateTime::parse_from_rfc3339(text) {
        let local = instant.with_timezone(&zone).naive_local();
        // Written as midnight of UTC, it is the day's name rather than an instant.
        let is_named = local.time() != chrono::NaiveTime::MIN && instant.naive_utc().time() == chrono::NaiveTime::MIN;
        return Some(if is_named {
            instant.naive_utc().date()
        } else {
            local.date()
        });
    }
    NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f")
        .or_else(|_| NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f"))
        .map(|at| at.date())
        .or_else(|_| text.parse())
        .ok()
}

/// The instant at which a day begins in a time zone: where the clocks skip its midnight, an hour later.
pub(crate) fn start_of(day: NaiveDate, zone: Tz) -> DateTime<Utc> {
    let midnight = day.and_time(chrono::NaiveTime::MIN);
    zone.from_local_datetime(&midnight)
        .earliest()
        .or_else(|| zone.from_local_datetime(&(midnight + TimeDelta::hours(1))).earliest())
        .map_or_else(|| midnight.and_utc(), |start| start.to_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_told_in_any_of_its_forms() {
        let expected = NaiveDate::from_ymd_opt(2026, 11, 20);
        let berlin = chrono_tz::Europe::Berlin;

        for text in [
            "2026-11-20",
            "2026-11-20T00:00:00",
            "2026-11-20 00:00:00.000",
            "2026-11-20T00:00:00.000Z",
            "2026-11-19T23:00:00.000Z",
            "2026-11-20T00:00:00+01:00",
        ] {
            assert_eq!(day(text, berlin), expected, "{text}");
        }
        assert_eq!(day("yesterday", berlin), None);
    }

    #[test]
    fn a_day_begins_when_its_time_zone_says_so() {
        let day = NaiveDate::from_ymd_opt(2026, 11, 20).unwrap();

        assert_eq!(
            rfc3339(start_of(day, chrono_tz::Europe::Berlin)),
            "2026-11-19T23:00:00.000Z"
        );
        assert_eq!(rfc3339(start_of(day, Tz::UTC)), "2026-11-20T00:00:00.000Z");
    }

    #[test]
    fn counts_are_numbers_or_texts_and_nothing_else() {
        let row = |value: Value| value.as_object().cloned().unwrap();

        let plain = counted(&row(json!({"calls": "12", "cost": 1.5}))).unwrap();
        assert_eq!((plain.calls, plain.cost.to_string()), (12, "1.5".to_owned()));
        assert_eq!(counted(&row(json!({"countId": 3}))).unwrap().calls, 3);
        assert!(counted(&row(json!({"calls": null}))).is_err());
    }
}
