//! The one place that reads the clock; everything else takes `now` from its caller.

use chrono::{DateTime, SubsecRound, Utc};

/// The time, cut to the microseconds that PostgreSQL keeps, so that what is read back compares equal.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one reader of the clock")]
pub fn now() -> DateTime<Utc> {
    Utc::now().trunc_subsecs(6)
}

/// The form in which Vapi writes and reads an instant: milliseconds and `Z`.
///
/// An offset such as `+00:00` would decode to a space in a query string.
#[must_use]
pub fn rfc3339(instant: DateTime<Utc>) -> String {
    instant.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}
