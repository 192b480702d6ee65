//! What is not as it should be, from a script's signs of life and the time.
//!
//! A row from a host whose clock is ahead lies in the future, and nothing has lasted since then.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use shared::domain::time_span::in_words;
use shared::platform::clock::rfc3339;
use shared::platform::config;
use shared::run::{Noted, Pulse};
use shared::store::alert::{Condition, Kind};

/// How much later than its time a schedule may fire: its flexible window, and tries that the scheduler repeats.
pub const LATE_AFTER: TimeDelta = TimeDelta::minutes(30);
/// Beyond two turns of the schedule, how long a script may go without ending well.
pub const MISSED_AFTER: TimeDelta = TimeDelta::hours(1);
/// How long a run and its continuations may take.
pub const AT_IT_FOR: TimeDelta = TimeDelta::hours(2);

/// More documents than this that became emptier in one run are no chance.
const EMPTIED: u64 = 5;
/// A listing that cannot be true is told the second time in a row: the first time, the next run puts it right.
const SUSPECT_RUNS: u64 = 2;

/// What is wrong with a script that is to run `every` so often.
pub(crate) fn of_script(
    script: &str,
    every: TimeDelta,
    watched_since: DateTime<Utc>,
    pulse: Pulse,
    now: DateTime<Utc>,
) -> Vec<Condition> {
    let condition = |kind, since, summary| Condition {
        kind,
        script_name: script.to_owned(),
        since,
        summary,
    };
    let mut found = Vec::new();
    let since = pulse.scheduled_at.unwrap_or(watched_since);
    if now - since > every + LATE_AFTER {
        let last = last(
            "was last started by its schedule",
            "was never started by its schedule",
            pulse.scheduled_at,
        );
        let summary = format!("{script} {last}, and should be every {}", in_words(every));
        found.push(condition(Kind::Late, since, summary));
    }
    let since = pulse.ended_well_at.unwrap_or(watched_since);
    if now - since > every * 2 + MISSED_AFTER {
        let last = last("last ended well", "never ended well", pulse.ended_well_at);
        let summary = format!("{script} {last}, and should every {}", in_words(every));
        found.push(condition(Kind::Missed, since, summary));
    }
    if let Some(since) = pulse.at_it_since.filter(|since| now - *since > AT_IT_FOR) {
        let summary = format!(
            "{script} has been at one batch since {}, longer than {}",
            rfc3339(since),
            in_words(AT_IT_FOR)
        );
        found.push(condition(Kind::TooLong, since, summary));
    }
    found
}

/// Whether Vapi will soon stop serving calls that may not be stored.
pub(crate) fn of_headroom(
    script: &str,
    watermark: DateTime<Utc>,
    settings: &config::Watchdog,
    now: DateTime<Utc>,
) -> Option<Condition> {
    let left = watermark + settings.retention - now;
    // Where Vapi keeps calls for a few days only, the usual threshold would never be met.
    (left < settings.headroom.min(settings.retention / 2)).then(|| Condition {
        kind: Kind::LowHeadroom,
        script_name: script.to_owned(),
        since: watermark,
        summary: if left > TimeDelta::zero() {
            format!(
                "calls changed since {} may not be stored, and Vapi drops the first of them in {}",
                rfc3339(watermark),
                in_words(left)
            )
        } else {
            format!(
                "calls changed since {} may not be stored, and Vapi has begun to drop them",
                rfc3339(watermark)
            )
        },
    })
}

/// What the newest whole sync found to be wrong with what Vapi gives.
pub(crate) fn of_findings(script: &str, noted: &Noted) -> Vec<Condition> {
    let condition = |kind, summary| Condition {
        kind,
        script_name: script.to_owned(),
        since: noted.at,
        summary,
    };
    let number = |pointer: &str| {
        noted
            .metadata
            .pointer(pointer)
            .and_then(Value::as_u64)
            .unwrap_or_default()
    };
    let mut found = Vec::new();
    let emptied = number("/content_kept");
    if emptied > EMPTIED {
        let summary = format!(
            "the documents of {emptied} stored calls came back from Vapi with less in them; what is stored was kept"
        );
        found.push(condition(Kind::DocumentsEmptied, summary));
    }
    let times = number("/listing_suspect/times");
    if times >= SUSPECT_RUNS {
        let reason = noted
            .metadata
            .pointer("/listing_suspect/reasons/0")
            .and_then(Value::as_str);
        let summary = format!(
            "{times} syncs in a row were given listings that cannot be true, and the watermark stands still: {}",
            reason.unwrap_or("see the run")
        );
        found.push(condition(Kind::ListingSuspect, summary));
    }
    let missing = number("/calls_missing");
    if missing > 0 {
        let complete = noted.metadata.get("complete_to").and_then(Value::as_str);
        let complete = complete.map_or_else(String::new, |day| format!("; all are stored up to {day}"));
        let summary = format!("Vapi counts {missing} calls that it does not list and that are not stored{complete}");
        found.push(condition(Kind::CountsDiffer, summary));
    }
    found
}

fn last(what: &str, never: &str, at: Option<DateTime<Utc>>) -> String {
    at.map_or_else(|| never.to_owned(), |at| format!("{what} at {}", rfc3339(at)))
}
