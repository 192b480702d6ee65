//! What a failure means for the calls: how long none came in, and how long Vapi still keeps what may be missing.

use anyhow::Result;
use chrono::{DateTime, TimeDelta, Utc};
use shared::platform::db::Executor;
use shared::run;
use shared::store::sync_state;

/// The script that brings calls in.
const SYNC: &str = "vapi-sync";

/// What a failure means for the calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Impact {
    /// When calls last came in.
    pub(crate) synced_at: Option<DateTime<Utc>>,
    /// How long Vapi still serves the oldest call that may not be stored; negative once it does not.
    pub(crate) headroom: Option<TimeDelta>,
}

impl Impact {
    pub(crate) async fn now(db: &impl Executor, retention: TimeDelta, now: DateTime<Utc>) -> Result<Self> {
        let synced_at = run::pulse(db, SYNC).await?.ended_well_at;
        let watermark = sync_state::read(db).await?.watermark;
        Ok(Self {
            synced_at,
            headroom: watermark.map(|watermark| watermark + retention - now),
        })
    }
}

/// A stretch of time as people say it.
pub(crate) fn span(span: TimeDelta) -> String {
    let (days, hours, minutes) = (span.num_days(), span.num_hours() % 24, span.num_minutes() % 60);
    match (days, hours, minutes) {
        (2.., 0, _) => format!("{days} days"),
        (2.., ..) => format!("{days} days {hours} h"),
        _ => match (span.num_hours(), minutes) {
            (0, 0) => "less than a minute".to_owned(),
            (0, minutes) => format!("{minutes} min"),
            (hours, 0) => format!("{hours} h"),
            (hours, minutes) => format!("{hours} h {minutes} min"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_said_as_people_say_them() {
        let said = |minutes| span(TimeDelta::minutes(minutes));

        assert_eq!([said(0), said(59), said(60)], ["less than a minute", "59 min", "1 h"]);
        assert_eq!(
            [said(61), said(47 * 60), said(48 * 60)],
            ["1 h 1 min", "47 h", "2 days"]
        );
        assert_eq!(said(51 * 60 + 10), "2 days 3 h");
    }
}
