//! How long a judge asks us to be quiet, by the headers of its answer.

use std::time::Duration;

use reqwest::header::HeaderMap;
use shared::platform::clock;
use shared::platform::retry_after::retry_after;

/// By `Retry-After`, or until the limit of requests starts anew (`6m0s`, `250ms`).
pub(super) fn quiet(headers: &HeaderMap) -> Option<Duration> {
    retry_after(headers, clock::now())
        .or_else(|| span(headers.get("x-ratelimit-reset-requests")?.to_str().ok()?.trim()))
}

/// Reads `1h2m3.5s` or `250ms`.
fn span(text: &str) -> Option<Duration> {
    let (mut rest, mut span) = (text, Duration::ZERO);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, behind) = rest.split_at(digits);
        let letters = behind.find(|c: char| c.is_ascii_digit()).unwrap_or(behind.len());
        let (unit, behind) = behind.split_at(letters);
        let factor = match unit {
            "ms" => 0.001,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return None,
        };
        span += Duration::try_from_secs_f64(number.parse::<f64>().ok()? * factor).ok()?;
        rest = behind;
    }
    Some(span)
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    #[test]
    fn how_long_to_be_quiet_is_read_in_each_form() {
        for (name, value, expected) in [
            ("retry-after-ms", "250", Some(Duration::from_millis(250))),
            ("retry-after", "2", Some(Duration::from_secs(2))),
            (
                "x-ratelimit-reset-requests",
                "6m0.5s",
                Some(Duration::from_millis(360_500)),
            ),
            ("x-ratelimit-reset-requests", "12ms", Some(Duration::from_millis(12))),
            ("x-ratelimit-reset-requests", "soon", None),
        ] {
            let headers = HeaderMap::from_iter([(
                name.parse::<reqwest::header::HeaderName>().unwrap(),
                HeaderValue::from_static(value),
            )]);

            assert_eq!(quiet(&headers), expected, "{name}: {value}");
        }
    }
}
