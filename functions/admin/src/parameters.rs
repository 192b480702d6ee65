//! The query of an address: what a page's filters are read from, and the links that change one of them.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use chrono::{DateTime, Days, Duration, NaiveDate, NaiveTime, TimeZone as _, Utc};
use chrono_tz::Tz;
use url::form_urlencoded;

use crate::trouble::Trouble;

/// Longer values are nobody's filter.
const LONGEST: usize = 200;
/// What pages begin at; changing a filter goes back to the first page.
const PLACES: [&str; 2] = ["before", "after"];

/// The parameters of an address, and its path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Parameters {
    path: String,
    pairs: Vec<(String, String)>,
}

/// The days that a page shows, in the viewer's zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Dates {
    /// The first day.
    pub(crate) from: NaiveDate,
    /// The last day; it counts.
    pub(crate) to: NaiveDate,
    /// The beginning of the first day.
    pub(crate) start: DateTime<Utc>,
    /// The end of the last day: the first instant that no longer counts.
    pub(crate) end: DateTime<Utc>,
}

/// Where a page of a list begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// At the newest row.
    Newest,
    /// With the rows that are older than this one.
    Before(Key),
    /// With the rows that are newer than this one, the oldest of them.
    After(Key),
}

/// A row's place in a list that is sorted by time and id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) at: DateTime<Utc>,
    pub(crate) id: String,
}

impl Parameters {
    /// The parameters of this path and query.
    pub(crate) fn read(path: &str, query: &str) -> Self {
        let pairs = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        Self {
            path: path.to_owned(),
            pairs,
        }
    }

    /// A parameter's text; absent where it is blank.
    pub(crate) fn text(&self, name: &'static str) -> Result<Option<&str>, Trouble> {
        let value = self
            .pairs
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.trim());
        match value {
            None | Some("") => Ok(None),
            Some(value) if value.len() <= LONGEST && !value.contains('\0') => Ok(Some(value)),
            Some(_) => Err(Trouble::Parameter {
                name,
                expected: "at most 200 bytes of text",
            }),
        }
    }

    /// A parameter that has few values; absent where it is blank.
    pub(crate) fn one_of<'a>(
        &self,
        name: &'static str,
        values: &[&'a str],
        expected: &'static str,
    ) -> Result<Option<&'a str>, Trouble> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let value = values.iter().find(|value| **value == text);
        value
            .map(|value| Some(*value))
            .ok_or(Trouble::Parameter { name, expected })
    }

    /// `from` and `to`, days in the viewer's zone; without them the last `days` days.
    pub(crate) fn dates(&self, zone: Tz, now: DateTime<Utc>, days: u64) -> Result<Dates, Trouble> {
        let today = now.with_timezone(&zone).date_naive();
        let to = self.day("to")?.unwrap_or(today);
        let default = to.checked_sub_days(Days::new(days - 1)).unwrap_or(to);
        let from = self.day("from")?.unwrap_or(default);
        if from > to {
            return Err(Trouble::Parameter {
                name: "from",
                expected: "a day that is not after \u{201c}to\u{201d}",
            });
        }
        let after = to.succ_opt().unwrap_or(to);
        Ok(Dates {
            from,
            to,
            start: midnight(zone, from),
            end: midnight(zone, after),
        })
    }

    /// `before` or `after`: where the page begins.
    pub(crate) fn place(&self) -> Result<Place, Trouble> {
        if let Some(key) = self.key("before")? {
            return Ok(Place::Before(key));
        }
        Ok(self.key("after")?.map_or(Place::Newest, Place::After))
    }

    /// This address with a parameter changed, or without it where the value is blank; on its first page.
    pub(crate) fn with(&self, name: &str, value: &str) -> String {
        let changed = (!value.is_empty()).then(|| (name.to_owned(), value.to_owned()));
        let kept = self
            .pairs
            .iter()
            .filter(|(key, value)| key != name && !value.is_empty() && !PLACES.contains(&key.as_str()));
        let pairs: Vec<(String, String)> = kept.cloned().chain(changed).collect();
        if pairs.is_empty() {
            return self.path.clone();
        }
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(pairs)
            .finish();
        format!("{}?{query}", self.path)
    }

    /// The parameters of this address but one.
    pub(crate) fn without(&self, name: &str) -> Self {
        let mut others = self.clone();
        others.pairs.retain(|(key, _)| key != name);
        others
    }

    /// The page of rows that are older than this one.
    pub(crate) fn before(&self, key: &Key) -> String {
        self.with("before", &key.to_string())
    }

    /// The page of rows that are newer than this one.
    pub(crate) fn after(&self, key: &Key) -> String {
        self.with("after", &key.to_string())
    }

    /// The same filters at another path.
    pub(crate) fn at(&self, path: &str) -> String {
        let elsewhere = Self {
            path: path.to_owned(),
            pairs: self.pairs.clone(),
        };
        elsewhere.with("", "")
    }

    fn day(&self, name: &'static str) -> Result<Option<NaiveDate>, Trouble> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let day = text.parse::<NaiveDate>().ok().filter(|day| is_in_reach(*day));
        day.map(Some).ok_or(Trouble::Parameter {
            name,
            expected: "a date like 2026-08-01",
        })
    }

    fn key(&self, name: &'static str) -> Result<Option<Key>, Trouble> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let key = text.split_once('.').and_then(|(micros, id)| {
            let at = DateTime::from_timestamp_micros(micros.parse().ok()?)?;
            is_in_reach(at.date_naive()).then(|| Key { at, id: id.to_owned() })
        });
        key.map(Some).ok_or(Trouble::Parameter {
            name,
            expected: "a place that a page of this list links to",
        })
    }
}

impl<S: Sync> FromRequestParts<S> for Parameters {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        Ok(Self::read(parts.uri.path(), parts.uri.query().unwrap_or_default()))
    }
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.at.timestamp_micros(), self.id)
    }
}

/// What PostgreSQL and calendars agree on, with room to add a day.
fn is_in_reach(day: NaiveDate) -> bool {
    use chrono::Datelike as _;
    (1970..=9998).contains(&day.year())
}

/// When a day begins: at midnight, or an hour later where the clocks go forward just then.
pub(crate) fn midnight(zone: Tz, day: NaiveDate) -> DateTime<Utc> {
    let midnight = day.and_time(NaiveTime::MIN);
    let begins = zone.from_local_datetime(&midnight).earliest();
    let begins = begins.or_else(|| zone.from_local_datetime(&(midnight + Duration::hours(1))).earliest());
    begins.map_or_else(|| midnight.and_utc(), |begins| begins.to_utc())
}
