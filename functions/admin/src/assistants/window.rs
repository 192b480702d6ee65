//! The days that the pages on assistants look at.

use std::ops::Range;

use chrono::{DateTime, Days, NaiveDate, Utc};
use chrono_tz::Tz;

use crate::error::PageError;
use crate::parameters::{Parameters, midnight};
use crate::viewer::Viewer;

/// Days that are looked at unless others are asked for.
const DEFAULT: u64 = 30;
const PRESETS: [u64; 3] = [7, DEFAULT, 90];

/// The first and the last day in the viewer's zone, and the time from the one's beginning to the other's end.
#[derive(Clone, Debug)]
pub(super) struct Window {
    pub(super) from: NaiveDate,
    pub(super) to: NaiveDate,
    pub(super) range: Range<DateTime<Utc>>,
    zone: Tz,
}

/// Equal parts of a window, each of whole days.
#[derive(Clone, Debug)]
pub(super) struct Stretches {
    pub(super) days: u64,
    pub(super) starts: Vec<DateTime<Utc>>,
    pub(super) labels: Vec<String>,
}

/// A link to the last few days.
#[derive(Clone, Debug)]
pub(super) struct Preset {
    pub(super) days: u64,
    pub(super) link: String,
    pub(super) is_current: bool,
}

impl Window {
    pub(super) fn read(parameters: &Parameters, viewer: &Viewer) -> Result<Self, PageError> {
        let zone = viewer.zone();
        let dates = parameters.dates(zone, viewer.now, DEFAULT)?;
        Ok(Self {
            from: dates.from,
            to: dates.to,
            range: dates.start..dates.end,
            zone,
        })
    }

    /// The window in so many parts or fewer; more than a week each, they are whole weeks.
    pub(super) fn stretches(&self, most: usize) -> Stretches {
        let all = self.days();
        let most = u64::try_from(most).unwrap_or(u64::MAX);
        let days = match all.div_ceil(most) {
            few @ 0..=6 => few.max(1),
            many => many.next_multiple_of(7),
        };
        let first_days =
            (0..all.div_ceil(days)).filter_map(|index| self.from.checked_add_days(Days::new(index * days)));
        let first_days: Vec<NaiveDate> = first_days.collect();
        Stretches {
            days,
            starts: first_days.iter().map(|day| midnight(self.zone, *day)).collect(),
            labels: first_days.iter().map(|day| day.format("%-d %b").to_string()).collect(),
        }
    }

    pub(super) fn presets(&self, viewer: &Viewer) -> Vec<Preset> {
        let today = viewer.now.with_timezone(&self.zone).date_naive();
        let preset = |days: u64| {
            let from = today.checked_sub_days(Days::new(days - 1)).unwrap_or(today);
            Preset {
                days,
                link: format!("?from={from}&to={today}"),
                is_current: self.to == today && self.from == from,
            }
        };
        PRESETS.map(preset).into()
    }

    /// As a query of another page.
    pub(super) fn query(&self) -> String {
        format!("from={}&to={}", self.from, self.to)
    }

    fn days(&self) -> u64 {
        (self.to - self.from).num_days().unsigned_abs() + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(from: &str, to: &str) -> Window {
        let (from, to): (NaiveDate, NaiveDate) = (from.parse().unwrap(), to.parse().unwrap());
        let zone = Tz::Europe__Rome;
        let range = midnight(zone, from)..midnight(zone, to.succ_opt().unwrap());
        Window { from, to, range, zone }
    }

    #[test]
    fn stretches_cover_the_window_in_whole_days() {
        for days in 1..800 {
            let from: NaiveDate = "2026-01-01".parse().unwrap();
            let window = window("2026-01-01", &(from + Days::new(days - 1)).to_string());

            let stretches = window.stretches(12);

            assert!((1..=12).contains(&stretches.starts.len()), "{days}");
            assert_eq!(stretches.starts[0], window.range.start);
            assert!(stretches.starts.last() < Some(&window.range.end));
            assert!(stretches.days * u64::try_from(stretches.starts.len()).unwrap() >= days);
        }
    }

    #[test]
    fn a_stretch_begins_at_midnight_when_the_clocks_have_changed() {
        let stretches = window("2026-03-28", "2026-03-31").stretches(45);

        let starts: Vec<String> = stretches
            .starts
            .iter()
            .map(|start| start.format("%d %H:%M").to_string())
            .collect();
        assert_eq!(starts, ["27 23:00", "28 23:00", "29 22:00", "30 22:00"]);
        assert_eq!(stretches.labels, ["28 Mar", "29 Mar", "30 Mar", "31 Mar"]);
    }
}
