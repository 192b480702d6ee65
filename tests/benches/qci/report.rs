//! The rounds as Markdown: a table of medians, and whether the goal is met.

use std::fmt::Write as _;

use crate::case::{Case, LATENCY};
use crate::round::Timed;

/// Beyond its start-up, a run takes at most this many times as long as the judge alone.
const MOST_IDEALS: f64 = 1.03;

const HEAD: &str = "\
| at once | let in a second | scored | failed | 429s | ideal s | asking alone s | start-up s | wall s | × ideal | client CPU s | judge CPU s | peak memory MB |
|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|
";

/// The table and the verdicts.
pub(crate) fn markdown(cases: &[(Case, Vec<Timed>)]) -> String {
    let (mut table, mut verdicts) = (HEAD.to_owned(), String::new());
    for (case, rounds) in cases {
        write_row(&mut table, case, rounds);
        write_verdict(&mut verdicts, case, rounds);
    }
    format!("\n{table}\n{verdicts}")
}

#[expect(clippy::cast_precision_loss, reason = "small counts, and megabytes of one process")]
fn write_row(out: &mut String, case: &Case, rounds: &[Timed]) {
    let of = |pick: fn(&Timed) -> f64| median(rounds.iter().map(pick));
    let alone = rounds.iter().filter_map(|timed| Some(timed.alone?.wall.as_secs_f64()));
    // Writing to a string cannot fail.
    let _infallible = writeln!(
        out,
        "| {} | {} | {:.0} | {:.0} | {:.0} | {:.2} | {} | {:.3} | {:.3} | {:.3} | {:.2} | {:.2} | {:.0} |",
        case.concurrency,
        case.limit.map_or_else(|| "all".to_owned(), |limit| limit.to_string()),
        of(|timed| timed.scoring.stored.scored as f64),
        of(|timed| timed.scoring.stored.failed as f64),
        of(|timed| timed.scoring.heard.refused as f64),
        case.ideal().as_secs_f64(),
        case.limit
            .map_or_else(|| format!("{:.3}", median(alone)), |_| String::new()),
        of(|timed| timed.start_up.as_secs_f64()),
        of(|timed| timed.scoring.measured.wall.as_secs_f64()),
        median(rounds.iter().map(|timed| timed.ideals(case))),
        of(|timed| timed.scoring.measured.cpu.as_secs_f64()),
        of(|timed| timed.scoring.heard.cpu.as_secs_f64()),
        of(|timed| timed.scoring.measured.peak_memory as f64 / 1e6),
    );
}

fn write_verdict(out: &mut String, case: &Case, rounds: &[Timed]) {
    let verdict = |holds: bool| if holds { "holds" } else { "**missed**" };
    let ratio = median(rounds.iter().map(|timed| timed.ideals(case)));
    let each: Vec<String> = rounds
        .iter()
        .map(|timed| format!("{:.3}", timed.ideals(case)))
        .collect();
    let each = each.join(", ");
    let _infallible = if case.limit.is_none() {
        writeln!(
            out,
            "- {case}, {} ms each: {ratio:.3} × the ideal time ({each}), goal {MOST_IDEALS}: {}",
            LATENCY.as_millis(),
            verdict(ratio <= MOST_IDEALS),
        )
    } else {
        let all_scored = rounds.iter().all(|timed| {
            let stored = timed.scoring.stored;
            stored.scored == case.calls && stored.failed == 0
        });
        writeln!(
            out,
            "- {case}: nothing lost: {}; {ratio:.3} × the time that the limit allows ({each})",
            verdict(all_scored),
        )
    };
}

impl Timed {
    /// How often the ideal time goes into what the run took beyond its start-up.
    fn ideals(&self, case: &Case) -> f64 {
        let wall = self.scoring.measured.wall.saturating_sub(self.start_up);
        wall.as_secs_f64() / case.ideal().as_secs_f64()
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        count if count % 2 == 0 => f64::midpoint(values[middle - 1], values[middle]),
        _ => values[middle],
    }
}
