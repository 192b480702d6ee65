//! A length of time as people write it: `90s`, `15m`, `6h`, `1d`.

use std::fmt::{self, Display};
use std::str::FromStr;
use std::time::Duration;

use chrono::TimeDelta;

/// A length of time between a second and a year.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Span(Duration);

/// What is no length of time, or one that nobody can mean.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a time such as 90s, 15m or 6h")]
pub(crate) struct NoSpan;

impl Span {
    pub(crate) const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    pub(crate) const fn minutes(minutes: u64) -> Self {
        Self(Duration::from_secs(minutes * 60))
    }

    pub(crate) const fn hours(hours: u64) -> Self {
        Self::minutes(hours * 60)
    }

    /// As the calendar counts.
    pub(crate) fn delta(self) -> TimeDelta {
        TimeDelta::from_std(self.0).unwrap_or(TimeDelta::MAX)
    }
}

impl FromStr for Span {
    type Err = NoSpan;

    fn from_str(text: &str) -> Result<Self, NoSpan> {
        const LEAST: Duration = Duration::from_secs(1);
        const MOST: Duration = Duration::from_hours(365 * 24);
        humantime::parse_duration(text)
            .ok()
            .filter(|span| (LEAST..=MOST).contains(span))
            .map(Self)
            .ok_or(NoSpan)
    }
}

impl Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_duration(self.0).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_read_and_written_as_people_do() {
        assert_eq!("15m".parse(), Ok(Span::minutes(15)));
        assert_eq!("6h".parse(), Ok(Span::hours(6)));
        assert_eq!(Span::hours(6).to_string(), "6h");
    }

    #[test]
    fn what_has_no_unit_or_no_sense_is_refused() {
        for text in ["", "15", "0s", "soon", "100y", "-1h"] {
            assert_eq!(text.parse::<Span>(), Err(NoSpan), "{text}");
        }
    }
}
