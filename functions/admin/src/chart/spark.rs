//! A line in a line of text.

use askama::Template;
use askama::filters::HtmlSafe;

use super::axis::{Length, real};
use super::{Unit, plot, words};

/// A line in a line of text.
#[derive(Debug, Template)]
#[template(path = "chart_spark.html")]
pub(super) struct Spark {
    summary: String,
    line: String,
    end: Option<(Length, Length)>,
}

impl HtmlSafe for Spark {}

impl Spark {
    const WIDTH: f64 = 96.0;
    const HEIGHT: f64 = 22.0;

    pub(super) fn new(label: &str, unit: Unit, values: &[Option<f64>]) -> Self {
        let known = || values.iter().flatten().map(|value| value.clamp(-1e300, 1e300));
        let (lowest, highest) = (known().fold(f64::MAX, f64::min), known().fold(f64::MIN, f64::max));
        // A rate that hardly changes shall look so; what is counted, is counted from zero.
        let (lowest, highest) = match unit {
            Unit::Points => {
                let margin = (20.0 - (highest - lowest)).max(0.0) / 2.0;
                (lowest - margin, highest + margin)
            }
            Unit::Count | Unit::Seconds => (lowest.min(0.0), highest),
        };
        let span = if highest > lowest { highest - lowest } else { 1.0 };
        let inner = (Self::WIDTH - 6.0, Self::HEIGHT - 6.0);
        let last = real(values.len().saturating_sub(1).max(1));
        let at = |(index, value): (usize, &Option<f64>)| {
            let share = (value.as_ref()?.clamp(-1e300, 1e300) - lowest) / span;
            let y = 3.0 + inner.1 * (1.0 - share.clamp(0.0, 1.0));
            Some((3.0 + inner.0 * real(index) / last, y))
        };
        let points: Vec<Option<(f64, f64)>> = values.iter().enumerate().map(at).collect();
        let summary = words::of_one(unit, &[], values, label);
        let end = points.iter().flatten().last().map(|(x, y)| (Length(*x), Length(*y)));
        let line = plot::path(points.into_iter());
        Self { summary, line, end }
    }
}
