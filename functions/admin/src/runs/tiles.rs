//! The figures over the list: what they are, and what they were in the window of the same length before.

use chrono::{DateTime, TimeDelta, Utc};
use rust_decimal::Decimal;
use shared::run::overview::{Headroom, Script, Slice, quantile};
use shared::store::sync_state::State;

use super::scripts;
use crate::format;

/// Fewer hours than this are to be acted upon.
const LEAST_HEADROOM: f64 = 72.0;
/// A success rate that is lower than before by more points than this is pointed out.
const DROP: f64 = 5.0;

/// One figure.
pub(super) struct Tile {
    pub(super) label: &'static str,
    pub(super) value: String,
    pub(super) note: String,
    /// `warn`, `bad`, or blank.
    pub(super) class: &'static str,
}

/// What runs of a window came to.
#[derive(Default)]
struct Sum {
    succeeded: i64,
    ended: i64,
    durations_ms: Vec<i32>,
    cost: Decimal,
    unpriced: i64,
}

pub(super) fn all(
    slices: &[Slice],
    scripts: &[&Script],
    headroom: Option<Headroom>,
    state: &State,
    now: DateTime<Utc>,
) -> Vec<Tile> {
    let mut before = Sum::of(slices.iter().filter(|slice| slice.index == 0));
    let mut current = Sum::of(slices.iter().filter(|slice| slice.index > 0));
    let mut tiles = vec![
        success(&current, &before),
        durations(&mut current, &mut before),
        last_success(scripts, now),
        cost(&current, &before),
    ];
    tiles.extend(headroom.map(|headroom| left(headroom, now)));
    tiles.extend(complete(state, now));
    tiles
}

impl Sum {
    fn of<'a>(slices: impl Iterator<Item = &'a Slice>) -> Self {
        let mut sum = Self::default();
        for slice in slices {
            let has_ended = matches!(slice.status.as_str(), "success" | "partial" | "error");
            sum.succeeded += if slice.status == "success" { slice.runs } else { 0 };
            sum.ended += if has_ended { slice.runs } else { 0 };
            sum.durations_ms.extend_from_slice(&slice.durations_ms);
            sum.cost += slice.cost;
            sum.unpriced += slice.unpriced;
        }
        sum
    }

    #[expect(clippy::cast_precision_loss, reason = "runs are counted in thousands")]
    fn rate(&self) -> Option<f64> {
        (self.ended > 0).then(|| 100.0 * self.succeeded as f64 / self.ended as f64)
    }
}

fn success(current: &Sum, before: &Sum) -> Tile {
    let counted = format!(
        "{} of {} runs",
        format::count(current.succeeded),
        format::count(current.ended)
    );
    let (value, note, class) = match (current.rate(), before.rate()) {
        (None, _) => ("\u{2013}".to_owned(), "no run has ended".to_owned(), ""),
        (Some(rate), None) => (percent(rate), counted, ""),
        (Some(rate), Some(was)) if rate < was - DROP => {
            (percent(rate), format!("{counted}; down from {}", percent(was)), "warn")
        }
        (Some(rate), Some(was)) => (percent(rate), format!("{counted}; {} before", percent(was)), ""),
    };
    Tile {
        label: "Success rate",
        value,
        note,
        class,
    }
}

/// Rounded down, so that one failure among thousands is not lost in `100 %`.
fn percent(rate: f64) -> String {
    format!("{:.1} %", (rate * 10.0 + 1e-9).floor() / 10.0)
}

fn durations(current: &mut Sum, before: &mut Sum) -> Tile {
    let both = |sum: &mut Sum| {
        let durations = &mut sum.durations_ms;
        let (median, most) = (quantile(durations, 50)?, quantile(durations, 95)?);
        Some(format!("{} / {}", span(median), span(most)))
    };
    let note = both(before).map_or_else(String::new, |was| format!("{was} before"));
    Tile {
        label: "Duration, p50 / p95",
        value: both(current).unwrap_or_else(|| "\u{2013}".to_owned()),
        note,
        class: "",
    }
}

fn span(ms: i32) -> String {
    format::duration(TimeDelta::milliseconds(ms.into()))
}

fn last_success(scripts: &[&Script], now: DateTime<Utc>) -> Tile {
    let newest = scripts
        .iter()
        .filter_map(|script| Some((script.succeeded_at?, script.name.as_str())))
        .max();
    let next = scripts
        .iter()
        .filter_map(|script| Some((script.next_due()?, *script)))
        .min_by_key(|(due, _)| *due);
    let due = next.map(|(_, script)| format!("{}: {}", script.name, scripts::due(script, now).unwrap_or_default()));
    let is_late = next.is_some_and(|(_, script)| scripts::is_overdue(script, now));
    let name = newest.map(|(_, name)| name.to_owned());
    Tile {
        label: "Last success",
        value: newest.map_or_else(|| "none yet".to_owned(), |(at, _)| format::ago(at, now)),
        note: [name, due].into_iter().flatten().collect::<Vec<_>>().join("; "),
        class: if is_late { "warn" } else { "" },
    }
}

fn cost(current: &Sum, before: &Sum) -> Tile {
    let was = format!("{} before", format::dollars(Some(before.cost)));
    Tile {
        label: "LLM cost",
        value: format::dollars(Some(current.cost)),
        note: match current.unpriced {
            0 => was,
            1 => format!("{was}; of 1 run it is not known"),
            runs => format!("{was}; of {} runs it is not known", format::count(runs)),
        },
        class: "",
    }
}

/// What was left then has become less by the time that went by since.
fn left(headroom: Headroom, now: DateTime<Utc>) -> Tile {
    #[expect(clippy::cast_precision_loss, reason = "minutes of a few weeks")]
    let gone = (now - headroom.at).num_minutes() as f64 / 60.0;
    let hours = headroom.hours - gone;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a float that is too large becomes the largest number"
    )]
    let span = TimeDelta::try_minutes((hours * 60.0) as i64).unwrap_or_default();
    let said = format!("said by the sync of {}", format::ago(headroom.at, now));
    let (value, note, class) = if hours <= 0.0 {
        let note = format!("calls that Vapi no longer has may be missing; {said}");
        ("none".to_owned(), note, "bad")
    } else if hours < LEAST_HEADROOM {
        let note = format!("less than {LEAST_HEADROOM} h until calls are lost; {said}");
        (format::duration(span), note, "warn")
    } else {
        (format::duration(span), said, "")
    };
    Tile {
        label: "Retention headroom",
        value,
        note,
        class,
    }
}

/// Up to which day no call is missing; nothing where Vapi's own count was never compared.
fn complete(state: &State, now: DateTime<Utc>) -> Option<Tile> {
    let counted = format!("by Vapi's own count, {}", format::ago(state.reconciled_at?, now));
    let (note, class) = match state.calls_missing {
        ..=0 => (counted, ""),
        1 => (format!("1 call is missing {counted}"), "warn"),
        missing => (
            format!("{} calls are missing {counted}", format::count(missing)),
            "warn",
        ),
    };
    Some(Tile {
        label: "Complete up to",
        value: state
            .complete_to
            .map_or_else(|| "\u{2013}".to_owned(), |day| day.to_string()),
        note,
        class,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_hundred_only_where_nothing_failed() {
        assert_eq!(percent(100.0), "100.0 %");
        assert_eq!(percent(99.99), "99.9 %");
        assert_eq!(percent(66.666), "66.6 %");
        assert_eq!(percent(98.7), "98.7 %");
    }

    #[test]
    fn headroom_shrinks_from_sync_to_sync_and_warns_in_words() {
        let now = shared::platform::clock::now();
        let tile = |hours, ago| {
            let at = now - TimeDelta::hours(ago);
            left(Headroom { hours, at }, now)
        };

        assert_eq!((tile(336.0, 6).value.as_str(), tile(336.0, 6).class), ("13 d 18 h", ""));
        assert_eq!(
            (tile(75.0, 5).value.as_str(), tile(75.0, 5).class),
            ("2 d 22 h", "warn")
        );
        assert!(tile(75.0, 5).note.starts_with("less than 72 h until calls are lost"));
        assert_eq!((tile(3.0, 5).value.as_str(), tile(3.0, 5).class), ("none", "bad"));
        assert_eq!(tile(f64::MAX, 0).class, "");
    }

    #[test]
    fn how_complete_the_calls_are_is_said_once_they_were_counted() {
        let now = shared::platform::clock::now();
        let state = |missing| State {
            reconciled_at: Some(now - TimeDelta::hours(3)),
            complete_to: chrono::NaiveDate::from_ymd_opt(2026, 11, 28),
            calls_missing: missing,
            ..State::default()
        };

        assert!(complete(&State::default(), now).is_none());
        let tile = complete(&state(0), now).unwrap();
        assert_eq!((tile.value.as_str(), tile.class), ("2026-11-28", ""));
        let tile = complete(&state(12), now).unwrap();
        assert!(
            tile.note.starts_with("12 calls are missing by Vapi's own count"),
            "{}",
            tile.note
        );
        assert_eq!(tile.class, "warn");
    }
}
