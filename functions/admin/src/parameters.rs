//! The query of an address: what a page's filters are read from, and the links that change one of them.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use chrono::{DateTime, Days, Duration, NaiveDate, NaiveTime, TimeZone as _, Utc};
use chrono_tz::Tz;
use url::form_urlencoded;

use crate::error::PageError;

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
    pub(crate) fn text(&self, name: &'static str) -> Result<Option<&str>, PageError> {
        let value = self
            .pairs
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.trim());
        match value {
            None | Some("") => Ok(None),
            Some(value) if value.len() <= LONGEST && !value.contains('\0') => Ok(Some(value)),
            Some(_) => Err(PageError::Parameter {
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
    ) -> Result<Option<&'a str>, PageError> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let value = values.iter().find(|value| **value == text);
        value
            .map(|value| Some(*value))
            .ok_or(PageError::Parameter { name, expected })
    }

    /// `from` and `to`, days in the viewer's zone; without them the last `days` days.
    pub(crate) fn dates(&self, zone: Tz, now: DateTime<Utc>, days: u64) -> Result<Dates, PageError> {
        let today = now.with_timezone(&zone).date_naive();
        let to = self.day("to")?.unwrap_or(today);
        let default = to.checked_sub_days(Days::new(days - 1)).unwrap_or(to);
        let from = self.day("from")?.unwrap_or(default);
        if from > to {
            return Err(PageError::Parameter {
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
    pub(crate) fn place(&self) -> Result<Place, PageError> {
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

    /// When something was asked for, which the address says after a request.
    pub(crate) fn asked_at(&self) -> Result<Option<DateTime<Utc>>, PageError> {
        let Some(text) = self.text("asked")? else {
            return Ok(None);
        };
        // Up to where the calendar of PostgreSQL and ours agree.
        let micros = text
            .parse()
            .ok()
            .filter(|micros| (0..253_370_764_800_000_000_i64).contains(micros));
        let at = micros.and_then(DateTime::from_timestamp_micros);
        at.map(Some).ok_or(PageError::Parameter {
            name: "asked",
            expected: "the instant that the address has after a request",
        })
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

    fn day(&self, name: &'static str) -> Result<Option<NaiveDate>, PageError> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let day = text.parse::<NaiveDate>().ok().filter(|day| is_in_reach(*day));
        day.map(Some).ok_or(PageError::Parameter {
            name,
            expected: "a date like 2026-08-01",
        })
    }

    /// Ids of calls are any text: neither their length nor blanks at their ends are anybody's mistake.
    fn key(&self, name: &'static str) -> Result<Option<Key>, PageError> {
        let Some((_, text)) = self.pairs.iter().find(|(key, value)| key == name && !value.is_empty()) else {
            return Ok(None);
        };
        let key = text.split_once('.').and_then(|(micros, id)| {
            let at = DateTime::from_timestamp_micros(micros.parse().ok()?)?;
            (is_in_reach(at.date_naive()) && !id.contains('\0')).then(|| Key { at, id: id.to_owned() })
        });
        key.map(Some).ok_or(PageError::Parameter {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Parameters {
        Parameters::read("/admin/calls", query)
    }

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn days_are_those_of_the_viewer_even_where_one_has_23_hours() {
        let dates = read("from=2026-03-29&to=2026-03-29")
            .dates(chrono_tz::Europe::Rome, at("2026-11-23T00:00:00Z"), 30)
            .unwrap();

        assert_eq!(dates.start, at("2026-03-28T23:00:00Z"));
        assert_eq!(dates.end, at("2026-03-29T22:00:00Z"));
    }

    #[test]
    fn a_day_without_midnight_begins_when_the_clocks_have_gone_forward() {
        let dates = read("from=2026-09-06&to=2026-09-06")
            .dates(chrono_tz::America::Santiago, at("2026-11-23T00:00:00Z"), 30)
            .unwrap();

        assert_eq!(dates.start, at("2026-09-06T04:00:00Z"));
    }

    #[test]
    fn without_dates_the_last_days_count_and_today_is_one_of_them() {
        let dates = read("").dates(Tz::UTC, at("2026-11-23T10:00:00Z"), 7).unwrap();

        assert_eq!(dates.from.to_string(), "2026-11-17");
        assert_eq!(dates.end, at("2026-11-24T00:00:00Z"));
    }

    #[test]
    fn a_place_comes_back_as_it_was_linked_to_whatever_the_id() {
        for id in ["a", " a b ", "a.b/c?d=e&f", "\u{202e}\u{1f600}", &"x".repeat(3000)] {
            let key = Key {
                at: at("2026-11-23T10:00:00.123456Z"),
                id: id.to_owned(),
            };
            let link = read("quality=all").before(&key);
            let (_, query) = link.split_once('?').unwrap();

            assert_eq!(read(query).place().unwrap(), Place::Before(key));
        }
    }

    #[test]
    fn a_place_that_no_page_links_to_is_refused_by_its_name() {
        for place in ["1", "x.y", "99999999999999999999.a", "-1e9.a", "1790000000000000.%00"] {
            let refused = read(&format!("after={place}")).place();

            assert!(
                matches!(refused, Err(PageError::Parameter { name: "after", .. })),
                "{place}"
            );
        }
    }

    #[test]
    fn another_filter_leads_to_the_first_page_and_keeps_the_others() {
        let parameters = read("assistant=a%20b&quality=all&before=1.x&text=");

        assert_eq!(
            parameters.with("quality", "excellent"),
            "/admin/calls?assistant=a+b&quality=excellent"
        );
        assert_eq!(parameters.with("quality", ""), "/admin/calls?assistant=a+b");
        assert_eq!(
            parameters.at("/admin/calls.csv"),
            "/admin/calls.csv?assistant=a+b&quality=all"
        );
    }

    #[test]
    fn dates_out_of_reach_or_out_of_order_are_refused() {
        for query in [
            "from=0000-01-01",
            "to=9999-12-31",
            "from=yesterday",
            "from=2026-01-02&to=2026-01-01",
            "from=2026-02-30",
        ] {
            assert!(
                read(query).dates(Tz::UTC, at("2026-11-23T10:00:00Z"), 7).is_err(),
                "{query}"
            );
        }
    }
}
