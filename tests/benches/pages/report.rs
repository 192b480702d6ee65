//! The times as Markdown, and what is wrong.

use std::fmt::Write as _;
use std::time::Duration;

use crate::visit::Visited;

/// Of a hundred answers ninety-nine are there after this long.
const GOAL: Duration = Duration::from_millis(100);

const HEAD: &str = "\
| what | p50 ms | p99 ms | max ms | kB |
|---|---:|---:|---:|---:|
";

/// The table, and which goals it meets.
pub(crate) fn markdown(calls: i32, visited: &[Visited]) -> String {
    let mut out = format!("\n{calls} calls, each asked for by one client, warm\n\n{HEAD}");
    for one in visited.iter().filter(|one| !one.times.is_empty()) {
        // Writing to a string cannot fail.
        let _infallible = writeln!(
            out,
            "| {} | {} | {} | {} | {:.1} |",
            one.name,
            millis(one.percentile(50)),
            millis(one.percentile(99)),
            millis(one.percentile(100)),
            kilobytes(one.bytes),
        );
    }
    let slow: Vec<&str> = visited
        .iter()
        .filter(|one| one.percentile(99) >= GOAL)
        .map(|one| one.name)
        .collect();
    let verdict = if slow.is_empty() {
        "holds".to_owned()
    } else {
        format!("**missed** by {}", slow.join("; "))
    };
    let _infallible = writeln!(out, "\np99 below {} ms: {verdict}", GOAL.as_millis());
    out
}

/// A line for each page that is not there, and for each table that was scanned where that matters.
pub(crate) fn faults(visited: &[Visited], scans_matter: bool) -> Vec<String> {
    let refusals = visited
        .iter()
        .filter_map(|one| Some(format!("{}: {}", one.name, one.refusal.as_ref()?)));
    let scans = visited
        .iter()
        .filter(|one| scans_matter && !one.scanned.is_empty())
        .map(|one| format!("{}: read from end to end: {}", one.name, one.scanned.join(", ")));
    refusals.chain(scans).collect()
}

impl Visited {
    /// The time within which so many of a hundred answers came.
    fn percentile(&self, of_hundred: usize) -> Duration {
        let rank = (self.times.len() * of_hundred).div_ceil(100).max(1);
        self.times.get(rank - 1).copied().unwrap_or_default()
    }
}

fn millis(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64() * 1000.0)
}

#[expect(clippy::cast_precision_loss, reason = "some pages' worth of bytes")]
fn kilobytes(bytes: usize) -> f64 {
    bytes as f64 / 1000.0
}
