//! Which step of a run took how long, from the times of its log lines.

use chrono::{DateTime, TimeDelta, Utc};
use shared::run::{Row, StepSpan};

use crate::format;

/// The width of the picture, in its own units.
const WIDTH: i64 = 1_000;
/// The least width that can be seen.
const LEAST: i64 = 4;

/// The steps of a run, one under the other.
pub(super) struct Timeline {
    pub(super) steps: Vec<Step>,
}

/// One step.
pub(super) struct Step {
    pub(super) name: String,
    /// How long after the run's beginning it began.
    pub(super) offset: String,
    pub(super) duration: String,
    pub(super) lines: String,
    /// How many warnings and errors, if there are any.
    pub(super) trouble: String,
    /// Where its bar begins and how long it is, of a thousand.
    pub(super) x: i64,
    pub(super) width: i64,
    pub(super) tone: &'static str,
}

impl Timeline {
    /// A step lasts from its first line to its last, or until the next step begins.
    pub(super) fn of(spans: &[StepSpan], run: &Row, now: DateTime<Utc>) -> Option<Self> {
        let end = run.finished_at.unwrap_or(now);
        let last = spans.iter().map(|span| span.last).max()?;
        let whole = (end.max(last) - run.started_at).max(TimeDelta::milliseconds(1));
        let steps = spans.iter().enumerate().map(|(index, span)| {
            let next = spans.get(index + 1).map_or(end, |next| next.first);
            step(span, next, run.started_at, whole)
        });
        Some(Self { steps: steps.collect() })
    }
}

fn step(span: &StepSpan, next: DateTime<Utc>, start: DateTime<Utc>, whole: TimeDelta) -> Step {
    let offset = (span.first - start).max(TimeDelta::zero());
    let duration = (span.last.max(next) - span.first).max(TimeDelta::zero());
    let of_whole =
        |part: TimeDelta| (part.num_milliseconds() * WIDTH / whole.num_milliseconds().max(1)).clamp(0, WIDTH);
    let x = of_whole(offset).min(WIDTH - LEAST);
    Step {
        name: span.step.clone(),
        offset: format::duration(offset),
        duration: format::duration(duration),
        lines: format::count(span.lines),
        trouble: trouble(span),
        x,
        width: of_whole(duration).clamp(LEAST, WIDTH - x),
        tone: match (span.errors, span.warnings) {
            (0, 0) => "tone-1",
            (0, _) => "tone-partial",
            _ => "tone-error",
        },
    }
}

fn trouble(span: &StepSpan) -> String {
    let count = |number: i64, one: &str| match number {
        0 => None,
        1 => Some(format!("1 {one}")),
        _ => Some(format!("{} {one}s", format::count(number))),
    };
    let parts = [count(span.errors, "error"), count(span.warnings, "warning")];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}
