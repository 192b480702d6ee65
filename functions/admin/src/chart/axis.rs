//! The horizontal axis: where a label stands, and which labels are shown, so that they never overlap.

use std::fmt;

use askama::filters::HtmlSafe;
use rust_decimal::prelude::ToPrimitive as _;

/// A position or size, short and never anything but a number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Length(pub(super) f64);

/// A label that is shown.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Label {
    /// Percent of the width.
    pub(super) x: Length,
    pub(super) text: String,
    /// Shown only where there is room for it.
    pub(super) is_dense: bool,
    /// Ends at its place, because in the middle of it, it would leave the picture.
    pub(super) is_last: bool,
}

/// The width of the plot on a narrow screen, and from where on it counts as a wide one.
const NARROW: f64 = 236.0;
const WIDE: f64 = 400.0;
/// A character's width, and the space between labels.
const CHARACTER: f64 = 6.6;
const SPACE: f64 = 14.0;
/// The width up to which a label may stand in the middle of the last place.
const CENTRED: f64 = 46.0;
/// Longer ones are cut; tooltip and table have them whole.
const LONGEST: usize = 16;

/// The middle of a place, in percent of the width.
pub(super) fn centre(index: usize, places: usize) -> f64 {
    100.0 * (real(index) + 0.5) / real(places.max(1))
}

/// The labels that are shown: always the last one, and others at even distances before it.
pub(super) fn thinned(labels: &[String]) -> Vec<Label> {
    let texts: Vec<String> = labels.iter().map(|label| cut(label)).collect();
    let longest = texts.iter().map(|text| text.chars().count()).max().unwrap_or(0);
    let width = real(longest) * CHARACTER;
    let is_centred = width <= CENTRED;
    let needed = if is_centred { width } else { 1.5 * width } + SPACE;
    let every = |plot: f64| {
        (needed * real(texts.len()) / plot)
            .ceil()
            .max(1.0)
            .to_usize()
            .unwrap_or(1)
    };
    let wide = every(WIDE);
    let narrow = every(NARROW).next_multiple_of(wide);
    let places = texts.len();
    let numbered = texts.into_iter().enumerate();
    numbered
        .filter(|(index, _)| (places - 1 - index).is_multiple_of(wide))
        .map(|(index, text)| {
            let is_last = !is_centred && places > 1 && index == places - 1;
            Label {
                x: Length(if is_last { 100.0 } else { centre(index, places) }),
                text,
                is_dense: !(places - 1 - index).is_multiple_of(narrow),
                is_last,
            }
        })
        .collect()
}

pub(super) fn real(number: usize) -> f64 {
    number.to_f64().unwrap_or_default()
}

/// Trailing zeros are left out; a picture has thousands of these.
impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = if self.0.is_finite() { self.0 } else { 0.0 };
        let text = format!("{number:.2}");
        let text = text.trim_end_matches('0').trim_end_matches('.');
        f.write_str(if text == "-0" { "0" } else { text })
    }
}

impl HtmlSafe for Length {}

fn cut(label: &str) -> String {
    if label.chars().count() <= LONGEST {
        return label.to_owned();
    }
    let start: String = label.chars().take(LONGEST - 1).collect();
    format!("{}\u{2026}", start.trim_end())
}
