//! The scripts, a line each: how the last runs went, and when the next is due.

use chrono::{DateTime, TimeDelta, Utc};
use shared::run::Status;
use shared::run::overview::Script;
use uuid::Uuid;

use crate::App;
use crate::chart::{self, Chart, Unit};
use crate::format::{self, StatusMark};
use crate::run_requests::{self, Button};
use crate::viewer::Viewer;

/// One script.
pub(super) struct ScriptLine {
    pub(super) name: String,
    pub(super) last_id: Uuid,
    pub(super) last_status: StatusMark,
    pub(super) last_ago: String,
    pub(super) is_late: bool,
    pub(super) success: String,
    pub(super) due: String,
    pub(super) trend: Option<Chart>,
    pub(super) button: Option<Button>,
}

impl ScriptLine {
    pub(super) fn new(app: &App, viewer: &Viewer, script: &Script) -> Self {
        let now = viewer.now;
        Self {
            name: script.name.clone(),
            last_id: script.last_id,
            last_status: format::status(&script.last_status),
            last_ago: format::ago(script.last_started_at, now),
            is_late: is_running(script) && script.last_deadline_at < now,
            success: script
                .succeeded_at
                .map_or_else(|| "never".to_owned(), |at| format::ago(at, now)),
            due: due(script, now).unwrap_or_else(|| "\u{2013}".to_owned()),
            trend: trend(script),
            button: run_requests::run_now(app, viewer, &script.name),
        }
    }
}

pub(super) fn is_running(script: &Script) -> bool {
    script.last_status == Status::Running.as_str()
}

/// Such as `next in 3 h 20 min, usually every 6 h`; unknown where a script has no schedule that shows.
pub(super) fn due(script: &Script, now: DateTime<Utc>) -> Option<String> {
    let (next, interval) = (script.next_due()?, script.interval()?);
    let usual = usual(interval);
    Some(if is_overdue(script, now) {
        format!("was due {}, usually every {usual}", format::ago(next, now))
    } else if next <= now {
        format!("due now, usually every {usual}")
    } else {
        format!("next in {}, usually every {usual}", format::duration(next - now))
    })
}

/// Schedules have a flexible window: a tenth of the usual time, or five minutes, is no lateness.
pub(super) fn is_overdue(script: &Script, now: DateTime<Utc>) -> bool {
    let late = script.next_due().zip(script.interval());
    late.is_some_and(|(next, interval)| now - next > (interval / 10).max(TimeDelta::minutes(5)))
}

/// To the nearest minute, hour or day, as people set schedules.
fn usual(interval: TimeDelta) -> String {
    let minutes = (interval.num_seconds() + 30) / 60;
    let near = |unit: i64| {
        let times = (minutes + unit / 2) / unit;
        (times > 0 && (minutes - times * unit).abs() * 50 <= unit * times).then_some(times)
    };
    if let Some(days) = near(1440) {
        format!("{days} d")
    } else if let Some(hours) = near(60) {
        format!("{hours} h")
    } else if minutes > 0 {
        format!("{minutes} min")
    } else {
        format::duration(interval)
    }
}

fn trend(script: &Script) -> Option<Chart> {
    let (first, rest) = script.durations_ms.split_first()?;
    let last = rest.last().unwrap_or(first);
    let values: Vec<Option<f64>> = script
        .durations_ms
        .iter()
        .map(|ms| Some(f64::from(*ms) / 1000.0))
        .collect();
    let last = format::duration(TimeDelta::milliseconds((*last).into()));
    let label = format!(
        "How long the last {} runs of {} took; the last one {last}",
        values.len(),
        script.name
    );
    Some(chart::sparkline(&label, Unit::Seconds, &values))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_time_is_said_as_schedules_are_set() {
        for (seconds, expected) in [
            (6 * 3600 + 12, "6 h"),
            (12 * 3600 - 300, "12 h"),
            (86_400, "1 d"),
            (900, "15 min"),
            (5400, "90 min"),
            (20, "20.0 s"),
            (7 * 86_400, "7 d"),
        ] {
            assert_eq!(usual(TimeDelta::seconds(seconds)), expected);
        }
    }
}
