//! The charts over the list: runs by status and their durations over time, errors by kind.

use chrono::{DateTime, Days, TimeDelta, Utc};
use chrono_tz::Tz;
use shared::run::overview::{Slice, quantile};

use super::kind;
use crate::chart::{self, Chart, Series, Unit};
use crate::parameters::{Dates, midnight};

/// Spans of days that a bar may stand for.
const STEPS: [u64; 9] = [1, 7, 28, 91, 364, 3_640, 36_400, 364_000, 3_640_000];
/// Bars beyond which they stand for more days.
const MOST_BARS: i64 = 120;
/// Status, its name in the legend, its tone; from the bottom to the top.
const STATUSES: [(&str, &str, &str); 5] = [
    ("success", "Success", "tone-success"),
    ("partial", "Partial", "tone-partial"),
    ("error", "Error", "tone-error"),
    ("skipped", "Skipped", "tone-skipped"),
    ("running", "Running", "tone-running"),
];

/// The bars of a chart: a window, cut at hours or days of the viewer's zone.
#[derive(Debug)]
pub(super) struct Buckets {
    /// The beginning of the window before, then that of each bar, then the end of the last.
    bounds: Vec<DateTime<Utc>>,
    labels: Vec<String>,
    /// What one bar stands for.
    unit: &'static str,
}

impl Buckets {
    pub(super) fn of(dates: &Dates, zone: Tz) -> Self {
        let days = (dates.to - dates.from).num_days() + 1;
        let (starts, unit, format) = if days <= 2 {
            (hours(dates), "hour", if days == 1 { "%H:%M" } else { "%-d %b %H:%M" })
        } else {
            let step = STEPS
                .into_iter()
                .find(|step| days / i64::try_from(*step).unwrap_or(1) <= MOST_BARS);
            let step = step.unwrap_or(1);
            let unit = if step == 1 {
                "day"
            } else if step == 7 {
                "a week"
            } else {
                "period"
            };
            (
                days_of(dates, zone, step),
                unit,
                if days > 300 { "%-d %b %Y" } else { "%-d %b" },
            )
        };
        let labels = starts
            .iter()
            .map(|start| start.with_timezone(&zone).format(format).to_string())
            .collect();
        // The database knows no instant before 4713 BC.
        let before = (dates.start - (dates.end - dates.start)).max(DateTime::UNIX_EPOCH - TimeDelta::days(700_000));
        let bounds = std::iter::once(before).chain(starts).chain([dates.end]).collect();
        Self { bounds, labels, unit }
    }

    /// The slice of index 0 is the window before.
    pub(super) fn bounds(&self) -> &[DateTime<Utc>] {
        &self.bounds
    }
}

/// The three charts; of errors there may be no more than `most` in the last one.
pub(super) fn all(buckets: &Buckets, slices: &[Slice], errors: &[String], most: i64) -> Vec<Chart> {
    let mut charts = vec![by_status(buckets, slices), durations(buckets, slices)];
    if !errors.is_empty() {
        let is_all = i64::try_from(errors.len()).unwrap_or(i64::MAX) < most;
        let title = if is_all {
            "Errors by kind".to_owned()
        } else {
            format!("Errors by kind, the newest {most}")
        };
        charts.push(chart::ranked(&title, Unit::Count, rows(errors)));
    }
    charts
}

fn by_status(buckets: &Buckets, slices: &[Slice]) -> Chart {
    let series = STATUSES.into_iter().filter_map(|(status, name, tone)| {
        let mut values = vec![Some(0.0); buckets.labels.len()];
        let mut is_there = status == "success";
        for slice in slices.iter().filter(|slice| slice.status == status && slice.index > 0) {
            if let Some(value) = values.get_mut(slice.index - 1) {
                *value = Some(float(slice.runs));
                is_there = true;
            }
        }
        is_there.then(|| Series {
            name: name.to_owned(),
            tone,
            values,
        })
    });
    let title = format!("Runs per {}", buckets.unit);
    chart::stacked(&title, Unit::Count, &buckets.labels, series.collect())
}

fn durations(buckets: &Buckets, slices: &[Slice]) -> Chart {
    let mut all: Vec<Vec<i32>> = vec![Vec::new(); buckets.labels.len()];
    for slice in slices.iter().filter(|slice| slice.index > 0) {
        if let Some(durations) = all.get_mut(slice.index - 1) {
            durations.extend_from_slice(&slice.durations_ms);
        }
    }
    let mut line = |name: &str, tone, percent| Series {
        name: name.to_owned(),
        tone,
        values: all
            .iter_mut()
            .map(|durations| quantile(durations, percent).map(|ms| f64::from(ms) / 1000.0))
            .collect(),
    };
    let series = vec![line("Median", "tone-1", 50), line("95th percentile", "tone-2", 95)];
    chart::lines("How long runs took", Unit::Seconds, &buckets.labels, series)
}

fn rows(errors: &[String]) -> Vec<(String, f64)> {
    let kinds = kind::ranked(errors).into_iter();
    kinds
        .map(|(kind, count)| (kind, float(i64::try_from(count).unwrap_or(i64::MAX))))
        .collect()
}

fn hours(dates: &Dates) -> Vec<DateTime<Utc>> {
    std::iter::successors(Some(dates.start), |start| Some(*start + TimeDelta::hours(1)))
        .take_while(|start| *start < dates.end)
        .collect()
}

fn days_of(dates: &Dates, zone: Tz, step: u64) -> Vec<DateTime<Utc>> {
    std::iter::successors(Some(dates.from), |day| day.checked_add_days(Days::new(step)))
        .take_while(|day| *day <= dates.to)
        .map(|day| midnight(zone, day))
        .collect()
}

#[expect(clippy::cast_precision_loss, reason = "runs are counted in thousands")]
fn float(number: i64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buckets(from: &str, to: &str, zone: Tz) -> Buckets {
        let (from, to) = (from.parse().unwrap(), to.parse().unwrap());
        let dates = Dates {
            from,
            to,
            start: midnight(zone, from),
            end: midnight(zone, to + Days::new(1)),
        };
        Buckets::of(&dates, zone)
    }

    #[test]
    fn a_day_has_its_hours_where_the_clocks_change_too() {
        let zone = Tz::Europe__Rome;

        assert_eq!(buckets("2026-03-28", "2026-03-28", zone).labels.len(), 24);
        assert_eq!(buckets("2026-03-29", "2026-03-29", zone).labels.len(), 23);
        assert_eq!(buckets("2026-10-25", "2026-10-25", zone).labels.len(), 25);
        assert_eq!(buckets("2026-03-28", "2026-03-29", zone).labels[0], "28 Mar 00:00");
    }

    #[test]
    fn days_begin_at_midnight_of_the_zone_and_the_window_before_is_as_long() {
        let buckets = buckets("2026-08-01", "2026-08-30", Tz::America__New_York);
        let bounds: Vec<String> = buckets.bounds.iter().map(ToString::to_string).collect();

        assert_eq!((buckets.labels.len(), bounds.len()), (30, 32));
        assert_eq!(bounds[0], "2026-07-02 04:00:00 UTC");
        assert_eq!(bounds[1], "2026-08-01 04:00:00 UTC");
        assert_eq!(bounds[31], "2026-08-31 04:00:00 UTC");
    }

    #[test]
    fn however_long_the_window_the_bars_are_few_and_rise() {
        for to in ["2026-01-03", "2026-04-01", "2026-12-31", "2099-01-01", "9998-12-31"] {
            let buckets = buckets("1970-01-01", to, Tz::Asia__Kathmandu);

            assert!(buckets.labels.len() <= 130, "{to}: {}", buckets.labels.len());
            assert!(buckets.bounds.is_sorted());
        }
    }
}
