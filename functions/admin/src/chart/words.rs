//! What a chart shows, in words: for those who do not see it, and in its tooltips.

use super::{Series, Unit};

/// Range, peak and last value of each series.
pub(super) fn summary(unit: Unit, labels: &[String], series: &[Series]) -> String {
    let mut sentences = Vec::new();
    if let (Some(first), Some(last)) = (labels.first(), labels.last()) {
        sentences.push(match labels.len() {
            1 => format!("One value, {first}."),
            number => format!("{number} values, {first} to {last}."),
        });
    }
    for line in series {
        let name = if series.len() > 1 { &line.name } else { "" };
        sentences.push(of_one(unit, labels, &line.values, name));
    }
    sentences.join(" ")
}

/// Range, peak and last value, such as `p95: 2.0 s to 14.0 s, highest at 3 Nov, last 2.5 s.`
pub(super) fn of_one(unit: Unit, labels: &[String], values: &[Option<f64>], name: &str) -> String {
    let known: Vec<(usize, f64)> = (0..)
        .zip(values)
        .filter_map(|(index, value)| value.map(|value| (index, value)))
        .collect();
    let lowest = known.iter().min_by(|a, b| a.1.total_cmp(&b.1));
    // Of several peaks the newest counts.
    let highest = known.iter().max_by(|a, b| a.1.total_cmp(&b.1));
    let colon = if name.is_empty() { "" } else { ": " };
    let (Some((_, lowest)), Some((peak, highest)), Some((_, last))) = (lowest, highest, known.last()) else {
        return format!("{name}{colon}no values.");
    };
    let (lowest, highest, last) = (unit.write(*lowest), unit.write(*highest), unit.write(*last));
    if lowest == highest {
        return format!("{name}{colon}always {lowest}.");
    }
    let place = labels.get(*peak).map(|label| format!(", highest at {label}"));
    format!(
        "{name}{colon}{lowest} to {highest}{}, last {last}.",
        place.unwrap_or_default()
    )
}

/// Such as `23 Nov: 4 success, 1 error`; kinds that did not occur are left out.
pub(super) fn of_bar(unit: Unit, label: &str, values: &[(&str, Option<f64>)]) -> String {
    let occurring = values.iter().filter_map(|(name, value)| {
        let value = value.filter(|value| *value != 0.0)?;
        Some(phrase(unit, values.len(), name, value))
    });
    let all: Vec<String> = occurring.collect();
    let is_known = values.iter().any(|(_, value)| value.is_some());
    match (all.is_empty(), is_known) {
        (false, _) => format!("{label}: {}", all.join(", ")),
        (true, true) => format!("{label}: none"),
        (true, false) => format!("{label}: no value"),
    }
}

/// Such as `23 Nov: 2.3 s p50, 14.0 s p95`.
pub(super) fn of_point(unit: Unit, label: &str, values: &[(&str, Option<f64>)]) -> String {
    let known = values.iter().filter_map(|(name, value)| {
        let value = (*value)?;
        Some(phrase(unit, values.len(), name, value))
    });
    let all: Vec<String> = known.collect();
    if all.is_empty() {
        return format!("{label}: no value");
    }
    format!("{label}: {}", all.join(", "))
}

fn phrase(unit: Unit, kinds: usize, name: &str, value: f64) -> String {
    if kinds > 1 {
        format!("{} {name}", unit.write(value))
    } else {
        unit.write(value)
    }
}
