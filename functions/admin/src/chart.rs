//! Charts: numbers as a picture that needs no script, with a table of the same numbers beside it.
//!
//! The picture is an SVG that is as wide as its place and never scaled: across it counts percent, so that its text
//! stays as large as the page's. Colours come from the style sheet by the classes that its elements have.

mod axis;
mod plot;
mod ranked;
mod scale;
mod spark;
#[cfg(test)]
mod tests;
mod words;

use askama::Template;
use askama::filters::HtmlSafe;

use plot::Plot;
use ranked::Ranked;
use spark::Spark;

/// One line or one kind of bar.
#[derive(Clone, Debug)]
pub(crate) struct Series {
    /// As the legend has it.
    pub(crate) name: String,
    /// The class that gives it its colour: `tone-1` to `tone-6`, or `tone-success`, `tone-partial`, `tone-error`,
    /// `tone-skipped`, `tone-running`.
    pub(crate) tone: &'static str,
    /// A value for each label; absent where there is none.
    pub(crate) values: Vec<Option<f64>>,
}

/// How the values of a chart are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Whole things: calls, runs.
    Count,
    /// Seconds.
    Seconds,
    /// Points of 100.
    Points,
}

/// A chart with its title, its legend and its table.
#[derive(Debug, Template)]
#[template(
    ext = "html",
    source = "{% match kind %}{% when Kind::Plot(plot) %}{{ plot }}{% when Kind::Ranked(ranked) %}{{ ranked }}\
              {% when Kind::Spark(spark) %}{{ spark }}{% endmatch %}"
)]
pub(crate) struct Chart {
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Plot(Plot),
    Ranked(Ranked),
    Spark(Spark),
}

impl HtmlSafe for Chart {}

/// Bars of several kinds on top of each other, one bar a label.
pub(crate) fn stacked(title: &str, unit: Unit, labels: &[String], series: Vec<Series>) -> Chart {
    Chart {
        kind: Kind::Plot(Plot::bars(title, unit, labels, &measurable(series))),
    }
}

/// Lines over the labels.
pub(crate) fn lines(title: &str, unit: Unit, labels: &[String], series: Vec<Series>) -> Chart {
    Chart {
        kind: Kind::Plot(Plot::lines(title, unit, labels, &measurable(series))),
    }
}

/// Horizontal bars, one a row, as given.
pub(crate) fn ranked(title: &str, unit: Unit, rows: Vec<(String, f64)>) -> Chart {
    Chart {
        kind: Kind::Ranked(Ranked::new(title, unit, rows)),
    }
}

/// A word-sized line; `label` says in words what it shows.
pub(crate) fn sparkline(label: &str, unit: Unit, values: &[Option<f64>]) -> Chart {
    let values = values.iter().map(|value| value.filter(|value| value.is_finite()));
    Chart {
        kind: Kind::Spark(Spark::new(label, unit, &values.collect::<Vec<_>>())),
    }
}

/// What is no number is no value.
fn measurable(mut series: Vec<Series>) -> Vec<Series> {
    for value in series.iter_mut().flat_map(|series| &mut series.values) {
        *value = value.filter(|value| value.is_finite());
    }
    series
}
