//! Means of scores in words, and what may be said of two of them.

use shared::store::assistant::quality::Sample;

use crate::format;

/// Such as `72.4 ± 3.1 (n 57)`; a single score has no interval.
pub(super) fn words(sample: &Sample) -> String {
    let n = format::count(sample.scored);
    match (sample.mean(), sample.margin()) {
        (None, _) => "\u{2013}".to_owned(),
        (Some(mean), None) => format!("{mean:.1} (n {n})"),
        (Some(mean), Some(margin)) => format!("{mean:.1} ± {margin:.1} (n {n})"),
    }
}

/// Such as `72.4`.
pub(super) fn points(points: f64) -> String {
    format!("{points:.1}")
}

/// Whether a version is better than the one before it, where that can be said.
pub(super) fn comparison(newer: (i32, &Sample), older: (i32, &Sample)) -> String {
    let ((newer, new), (older, old)) = (newer, older);
    let (Some(new_mean), Some(new_margin)) = (new.mean(), new.margin()) else {
        return too_few(newer, new);
    };
    let (Some(old_mean), Some(old_margin)) = (old.mean(), old.margin()) else {
        return too_few(older, old);
    };
    let difference = new_mean - old_mean;
    if difference.abs() <= new_margin + old_margin {
        return format!(
            "Version {newer} has {}, version {older} had {}: the intervals overlap, so no difference can be claimed.",
            words(new),
            words(old)
        );
    }
    let direction = if difference > 0.0 { "higher" } else { "lower" };
    format!(
        "Version {newer} scores {:.1} points {direction} than version {older}: {} against {}. The intervals do not overlap.",
        difference.abs(),
        words(new),
        words(old)
    )
}

fn too_few(version: i32, sample: &Sample) -> String {
    let calls = match sample.scored {
        0 => "no scored call",
        _ => "one scored call",
    };
    format!("Version {version} has {calls} in this time: too few to compare it.")
}
