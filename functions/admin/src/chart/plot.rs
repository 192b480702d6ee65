//! A chart over labels: where its bars, lines and points stand.

use std::fmt::Write as _;

use askama::Template;
use askama::filters::HtmlSafe;
use xxhash_rust::xxh3::xxh3_64;

use super::axis::{self, Label, Length, real};
use super::scale::Scale;
use super::{Series, Unit, words};

/// From the top of the picture to the highest and the lowest tick.
const TOP: f64 = 8.0;
const BOTTOM: f64 = 152.0;
/// The share of its place that a bar takes, and the most of the width.
const FILLED: f64 = 0.76;
const WIDEST: f64 = 8.0;
/// With more places than these, bars are too thin for gaps and patterns.
const ROOMY: usize = 100;
/// With more points than these, they are seen only when pointed at.
const FEW_POINTS: usize = 60;
/// How lines are told apart without their colours.
const DASHES: [&str; 6] = ["", "7 4", "2 4", "9 3 2 3", "12 3", "1 3"];

/// A chart over labels, of bars or of lines.
#[derive(Debug, Template)]
#[template(path = "chart.html")]
pub(super) struct Plot {
    title: String,
    noun: &'static str,
    summary: String,
    /// Makes the ids of this chart's patterns its own.
    key: String,
    is_empty: bool,
    legend: Vec<Mark>,
    ticks: Vec<Tick>,
    labels: Vec<Label>,
    paths: Vec<Path>,
    places: Vec<Place>,
    columns: Vec<String>,
    rows: Vec<(String, Vec<String>)>,
}

/// What the legend says of a series.
#[derive(Debug)]
struct Mark {
    name: String,
    tone: &'static str,
    pattern: Option<&'static str>,
    dash: Option<&'static str>,
}

#[derive(Debug)]
struct Tick {
    y: Length,
    text: String,
}

/// A line, broken where there is no value.
#[derive(Debug)]
struct Path {
    tone: &'static str,
    dash: &'static str,
    line: String,
}

/// What stands over one label.
#[derive(Debug)]
struct Place {
    x: Length,
    width: Length,
    tip: String,
    bars: Vec<Bar>,
    points: Vec<Point>,
}

#[derive(Debug)]
struct Bar {
    x: Length,
    y: Length,
    width: Length,
    height: Length,
    tone: &'static str,
    pattern: Option<&'static str>,
}

#[derive(Debug)]
struct Point {
    x: Length,
    y: Length,
    tone: &'static str,
    is_quiet: bool,
}

impl HtmlSafe for Plot {}

impl Plot {
    /// Bars on top of each other.
    pub(super) fn bars(title: &str, unit: Unit, labels: &[String], series: &[Series]) -> Self {
        let sums = (0..labels.len()).map(|index| {
            let values = series.iter().filter_map(|series| value(series, index));
            values.map(|value| value.clamp(0.0, 1e300)).sum::<f64>()
        });
        let highest = sums.fold(0.0, f64::max);
        let scale = Scale::reaching(highest, unit);
        let mut plot = Self::framed(title, unit, labels, series, &scale);
        plot.is_empty = highest <= 0.0;
        plot.legend = legend(series, |_, tone| (pattern(tone), None));
        for (index, place) in plot.places.iter_mut().enumerate() {
            place.tip = words::of_bar(unit, &labels[index], &named(series, index));
            place.bars = stack(series, index, labels.len(), &scale);
        }
        plot
    }

    /// Lines.
    pub(super) fn lines(title: &str, unit: Unit, labels: &[String], series: &[Series]) -> Self {
        let known = || (0..labels.len()).flat_map(|index| series.iter().filter_map(move |series| value(series, index)));
        let scale = Scale::reaching(known().fold(0.0, f64::max), unit);
        let mut plot = Self::framed(title, unit, labels, series, &scale);
        plot.is_empty = known().next().is_none();
        plot.legend = legend(series, |index, _| (None, Some(dash(index))));
        plot.paths = series
            .iter()
            .enumerate()
            .map(|(index, series)| Path {
                tone: series.tone,
                dash: dash(index),
                line: path((0..labels.len()).map(|place| {
                    let value = value(series, place)?;
                    Some((axis::centre(place, labels.len()), height(&scale, value)))
                })),
            })
            .collect();
        for (index, place) in plot.places.iter_mut().enumerate() {
            place.tip = words::of_point(unit, &labels[index], &named(series, index));
            place.points = points(series, index, labels.len(), &scale);
        }
        plot
    }

    /// All but what is drawn between the axes.
    fn framed(title: &str, unit: Unit, labels: &[String], series: &[Series], scale: &Scale) -> Self {
        let ticks = scale.ticks().into_iter().map(|(share, text)| Tick {
            y: Length(BOTTOM - share * (BOTTOM - TOP)),
            text,
        });
        let width = 100.0 / real(labels.len().max(1));
        let places = (0..labels.len()).map(|index| Place {
            x: Length(real(index) * width),
            width: Length(width),
            tip: String::new(),
            bars: Vec::new(),
            points: Vec::new(),
        });
        let rows = labels.iter().enumerate().map(|(index, label)| {
            let cell = |series| value(series, index).map_or_else(|| "\u{2013}".to_owned(), |value| unit.write(value));
            (label.clone(), series.iter().map(cell).collect())
        });
        Self {
            title: title.to_owned(),
            noun: unit.noun(),
            summary: words::summary(unit, labels, series),
            key: format!("{:08x}", xxh3_64(title.as_bytes()) >> 32),
            is_empty: false,
            legend: Vec::new(),
            ticks: ticks.collect(),
            labels: axis::thinned(labels),
            paths: Vec::new(),
            places: places.collect(),
            columns: series.iter().map(|series| series.name.clone()).collect(),
            rows: rows.collect(),
        }
    }
}

fn value(series: &Series, index: usize) -> Option<f64> {
    series.values.get(index).copied().flatten()
}

fn named<'a>(series: &'a [Series], index: usize) -> Vec<(&'a str, Option<f64>)> {
    let of = |series: &'a Series| (series.name.as_str(), value(series, index));
    series.iter().map(of).collect()
}

/// A single series needs no legend: the title says what it is.
fn legend<M>(series: &[Series], mark: M) -> Vec<Mark>
where
    M: Fn(usize, &'static str) -> (Option<&'static str>, Option<&'static str>),
{
    let marks = series.iter().enumerate().map(|(index, series)| {
        let (pattern, dash) = mark(index, series.tone);
        Mark {
            name: series.name.clone(),
            tone: series.tone,
            pattern,
            dash,
        }
    });
    if series.len() > 1 { marks.collect() } else { Vec::new() }
}

/// What is drawn over the colour, so that it is not told by colour alone.
fn pattern(tone: &str) -> Option<&'static str> {
    match tone {
        "tone-error" | "tone-3" => Some("hatch"),
        "tone-partial" | "tone-4" => Some("dots"),
        "tone-skipped" | "tone-2" => Some("rows"),
        _ => None,
    }
}

fn dash(index: usize) -> &'static str {
    DASHES[index % DASHES.len()]
}

fn height(scale: &Scale, value: f64) -> f64 {
    BOTTOM - scale.share(value) * (BOTTOM - TOP)
}

fn stack(series: &[Series], index: usize, places: usize, scale: &Scale) -> Vec<Bar> {
    let filled = if places > ROOMY { 1.0 } else { FILLED };
    let width = (filled * 100.0 / real(places)).min(WIDEST);
    let x = axis::centre(index, places) - width / 2.0;
    let (mut sum, mut bars) = (0.0, Vec::new());
    for series in series {
        let value = value(series, index).unwrap_or(0.0).clamp(0.0, 1e300);
        let (from, to) = (height(scale, sum), height(scale, sum + value));
        sum += value;
        if value > 0.0 {
            // Rare kinds must be seen beside frequent ones; between two there is a gap.
            let gap = if bars.is_empty() || from - to < 3.0 { 0.0 } else { 1.0 };
            let tall = (from - to - gap).max(1.0);
            bars.push(Bar {
                x: Length(x),
                y: Length(from - gap - tall),
                width: Length(width),
                height: Length(tall),
                tone: series.tone,
                pattern: pattern(series.tone).filter(|_| places <= ROOMY),
            });
        }
    }
    bars
}

fn points(series: &[Series], index: usize, places: usize, scale: &Scale) -> Vec<Point> {
    let series_count = series.len();
    let points = series.iter().filter_map(|series| {
        let y = height(scale, value(series, index)?);
        let has = |other: Option<usize>| other.is_some_and(|other| value(series, other).is_some());
        let has_neighbour = has(index.checked_sub(1)) || (index + 1 < places && has(Some(index + 1)));
        Some(Point {
            x: Length(axis::centre(index, places)),
            y: Length(y),
            tone: series.tone,
            is_quiet: places * series_count > FEW_POINTS && has_neighbour,
        })
    });
    points.collect()
}

pub(super) fn path(points: impl Iterator<Item = Option<(f64, f64)>>) -> String {
    let (mut line, mut is_broken) = (String::new(), true);
    for point in points {
        if let Some((x, y)) = point {
            let command = if is_broken { 'M' } else { 'L' };
            // Writing to a text does not fail.
            let _ = write!(line, "{command}{} {}", Length(x), Length(y));
        }
        is_broken = point.is_none();
    }
    line
}
