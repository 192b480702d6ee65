//! How long a server asks us to be quiet.

use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::header::{HeaderMap, RETRY_AFTER};

/// Reads `Retry-After` in seconds or as a date, and `retry-after-ms`, which some servers send beside it.
#[must_use]
pub fn retry_after(headers: &HeaderMap, now: DateTime<Utc>) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let seconds = |text: &str| Duration::try_from_secs_f64(text.parse().ok()?).ok();
    text("retry-after-ms")
        .and_then(|text| seconds(text).map(|thousandfold| thousandfold / 1000))
        .or_else(|| seconds(text(RETRY_AFTER.as_str())?))
        .or_else(|| {
            let until = DateTime::parse_from_rfc2822(text(RETRY_AFTER.as_str())?).ok()?;
            (until.to_utc() - now).to_std().ok()
        })
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use reqwest::header::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn seconds_fractions_milliseconds_and_dates_are_read() {
        let now = DateTime::UNIX_EPOCH + TimeDelta::days(20_000);
        let date = (now + TimeDelta::seconds(90)).to_rfc2822();
        for (name, value, expected) in [
            ("retry-after-ms", "250", Some(Duration::from_millis(250))),
            ("retry-after", " 2 ", Some(Duration::from_secs(2))),
            ("retry-after", "0.5", Some(Duration::from_millis(500))),
            ("retry-after", &date, Some(Duration::from_secs(90))),
            ("retry-after", "-1", None),
            ("retry-after", "1e400", None),
            ("retry-after", "soon", None),
        ] {
            let header = (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
            let headers = HeaderMap::from_iter([header]);

            assert_eq!(retry_after(&headers, now), expected, "{name}: {value}");
        }
    }
}
