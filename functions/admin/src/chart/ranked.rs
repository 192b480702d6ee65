//! Rows with a bar each.

use askama::Template;
use askama::filters::HtmlSafe;

use super::Unit;
use super::axis::Length;

/// Rows with a bar each; the chart is its own table.
#[derive(Debug, Template)]
#[template(path = "chart_ranked.html")]
pub(super) struct Ranked {
    title: String,
    noun: &'static str,
    rows: Vec<(String, Length, String)>,
}

impl HtmlSafe for Ranked {}

impl Ranked {
    pub(super) fn new(title: &str, unit: Unit, rows: Vec<(String, f64)>) -> Self {
        let known = |value: f64| value.is_finite().then_some(value);
        let highest = rows.iter().filter_map(|(_, value)| known(*value)).fold(0.0, f64::max);
        let rows = rows.into_iter().map(|(label, value)| {
            let share = known(value)
                .filter(|_| highest > 0.0)
                .map_or(0.0, |value| value / highest);
            let text = known(value).map_or_else(|| "\u{2013}".to_owned(), |value| unit.write(value));
            (label, Length(100.0 * share.clamp(0.0, 1.0)), text)
        });
        Self {
            title: title.to_owned(),
            noun: unit.noun(),
            rows: rows.collect(),
        }
    }
}
