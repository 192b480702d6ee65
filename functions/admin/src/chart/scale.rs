//! The vertical axis: how far it reaches, where its ticks are, and how values are written.

use chrono::TimeDelta;
use rust_decimal::prelude::ToPrimitive as _;

use super::Unit;
use crate::format;

/// Ticks above zero, at most.
const TICKS: f64 = 5.0;
/// Beyond these, numbers are drawn as if they were these.
const LARGEST: f64 = 1e300;
const SMALLEST: f64 = 1e-9;
/// Above this, a number is written by its power of ten.
const WRITTEN_OUT: f64 = 1e15;

/// Steps that people count seconds by.
const CLOCK: [f64; 18] = [
    1.0, 2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0, 14_400.0,
    21_600.0, 43_200.0,
];
const DAY: f64 = 86_400.0;

/// From zero to a round number that no value exceeds.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Scale {
    unit: Unit,
    step: f64,
    steps: u32,
}

impl Scale {
    /// A scale on which this value has room.
    pub(super) fn reaching(highest: f64, unit: Unit) -> Self {
        let is_drawable = highest.is_finite() && highest >= SMALLEST;
        let highest = if is_drawable { highest.min(LARGEST) } else { 0.0 };
        let step = match unit {
            Unit::Points if highest <= 100.0 => 20.0,
            _ if highest == 0.0 => 1.0,
            Unit::Count => round(highest / TICKS, &[1.0, 2.0, 5.0]).max(1.0),
            Unit::Seconds => seconds(highest / TICKS),
            Unit::Points => round(highest / TICKS, &[1.0, 2.0, 5.0]),
        };
        let steps = if unit == Unit::Points && highest <= 100.0 {
            5
        } else {
            (highest / step - 1e-9).ceil().max(1.0).to_u32().unwrap_or(1)
        };
        Self { unit, step, steps }
    }

    /// How far up a value is, from 0 to 1.
    pub(super) fn share(&self, value: f64) -> f64 {
        let top = self.step * f64::from(self.steps);
        (value / top).clamp(0.0, 1.0)
    }

    /// The ticks, from zero up: how far up, and what is written there.
    pub(super) fn ticks(&self) -> Vec<(f64, String)> {
        (0..=self.steps)
            .map(|index| {
                let value = self.step * f64::from(index);
                (f64::from(index) / f64::from(self.steps), self.tick(value))
            })
            .collect()
    }

    fn tick(&self, value: f64) -> String {
        if value >= WRITTEN_OUT {
            return format!("{value:.0e}");
        }
        match self.unit {
            _ if value == 0.0 => "0".to_owned(),
            Unit::Count => short(value),
            Unit::Seconds if self.step * f64::from(self.steps) < 1.0 => {
                format!("{:.*} ms", decimals(self.step * 1000.0), value * 1000.0)
            }
            Unit::Seconds => clock_tick(value, self.step),
            Unit::Points => short_decimal(value, self.step),
        }
    }
}

impl Unit {
    /// A value as tooltips and tables have it.
    pub(super) fn write(self, value: f64) -> String {
        if value.abs() >= WRITTEN_OUT {
            return format!("{value:.2e}");
        }
        let rounded = (value * 10.0).round() / 10.0;
        match self {
            Self::Seconds => {
                let ms = (value * 1000.0).round().to_i64().and_then(TimeDelta::try_milliseconds);
                ms.map_or_else(|| "\u{2013}".to_owned(), format::duration)
            }
            Self::Count if rounded.fract() == 0.0 => format::count(rounded.to_i64().unwrap_or(i64::MAX)),
            Self::Points | Self::Count => format!("{rounded:.1}"),
        }
    }

    /// What the numbers are, where their ticks do not say it.
    pub(super) fn noun(self) -> &'static str {
        match self {
            Self::Points => "points of 100",
            Self::Count | Self::Seconds => "",
        }
    }
}

/// The smallest of these numbers, times a power of ten, that is no less than `least`.
fn round(least: f64, mantissas: &[f64]) -> f64 {
    let power = 10_f64.powf(least.log10().floor());
    let found = mantissas.iter().map(|mantissa| mantissa * power);
    let mut fitting = found.filter(|step| *step >= least * (1.0 - 1e-9));
    fitting.next().unwrap_or(power * 10.0)
}

fn seconds(least: f64) -> f64 {
    if least <= 0.5 {
        return round(least, &[1.0, 2.0, 5.0]);
    }
    let on_the_clock = CLOCK.iter().find(|step| **step >= least * (1.0 - 1e-9));
    on_the_clock.map_or_else(|| DAY * round(least / DAY, &[1.0, 2.0, 5.0]).max(1.0), |step| *step)
}

fn clock_tick(value: f64, step: f64) -> String {
    let whole = |size: f64| step % size == 0.0;
    match step {
        _ if whole(DAY) => format!("{} d", short(value / DAY)),
        _ if whole(3600.0) => format!("{} h", value / 3600.0),
        _ if whole(60.0) => format!("{} min", value / 60.0),
        _ => format!("{value:.*} s", decimals(step)),
    }
}

/// Such as `1,500`, `20k`, `2.5M`.
fn short(value: f64) -> String {
    let (size, ending) = match value {
        1e12.. => (1e12, "T"),
        1e9.. => (1e9, "B"),
        1e6.. => (1e6, "M"),
        1e4.. => (1e3, "k"),
        _ => return format::count(value.round().to_i64().unwrap_or_default()),
    };
    format!("{}{ending}", (value / size * 10.0).round() / 10.0)
}

fn short_decimal(value: f64, step: f64) -> String {
    if value >= 1e4 {
        short(value)
    } else {
        format!("{value:.*}", decimals(step))
    }
}

/// The decimals that a multiple of this step has.
fn decimals(step: f64) -> usize {
    let exact = |places: &usize| {
        let scaled = step * 10_f64.powf(places.to_f64().unwrap_or_default());
        (scaled - scaled.round()).abs() < 1e-6 * scaled
    };
    (0..12).find(exact).unwrap_or(12)
}
