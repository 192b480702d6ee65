//! The rounds as Markdown: a table of medians, and whether the goal is met.

use std::fmt::Write as _;

use crate::case::{Case, LATENCY, limit};
use crate::round::Timed;

/// Without its start-up, a run takes at most this many times as long as the judge alone.
const MOST_IDEALS: f64 = 1.03;

const HEAD: &str = "\
| judge lets in | at once | scored | failed | 429s | ideal s | start-up s | wall s | × ideal | an answer ms | client CPU s | judge CPU s | peak memory MB |
|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|
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

fn write_row(out: &mut String, case: &Case, rounds: &[Timed]) {
    let most = |pick: fn(&Timed) -> usize| rounds.iter().map(pick).max().unwrap_or_default();
    let least = |pick: fn(&Timed) -> usize| rounds.iter().map(pick).min().unwrap_or_default();
    #[expect(clippy::cast_precision_loss, reason = "megabytes of one process")]
    let megabytes = |timed: &Timed| timed.measured.peak_memory as f64 / 1e6;
    #[expect(clippy::cast_precision_loss, reason = "some hundreds")]
    let refused = |timed: &Timed| timed.heard.refused as f64;
    // Writing to a string cannot fail.
    let _infallible = writeln!(
        out,
        "| {} | {} | {} | {} | {:.0} | {:.2} | {:.3} | {:.3} | {:.3} | {:.0} | {:.2} | {:.2} | {:.0} |",
        terms(case),
        most(|timed| timed.heard.at_once),
        least(|timed| timed.stored.scored),
        most(|timed| timed.stored.failed),
        median(rounds, refused),
        case.ideal().as_secs_f64(),
        median(rounds, |timed| timed.start_up.as_secs_f64()),
        median(rounds, |timed| timed.measured.wall.as_secs_f64()),
        median(rounds, |timed| timed.ideals(case)),
        median(rounds, |timed| timed.stored.answer_ms),
        median(rounds, |timed| timed.measured.cpu.as_secs_f64()),
        median(rounds, |timed| timed.heard.cpu.as_secs_f64()),
        median(rounds, megabytes),
    );
}

fn write_verdict(out: &mut String, case: &Case, rounds: &[Timed]) {
    let verdict = |holds: bool| if holds { "holds" } else { "**missed**" };
    let ratio = median(rounds, |timed| timed.ideals(case));
    let each: Vec<String> = rounds
        .iter()
        .map(|timed| format!("{:.3}", timed.ideals(case)))
        .collect();
    let (calls, at_once, each) = (case.calls, case.concurrency, each.join(", "));
    let _infallible = match case.limit {
        None => writeln!(
            out,
            "- {calls} calls at {} ms, {at_once} at once: {ratio:.3} × the ideal time (rounds: {each}), goal {MOST_IDEALS}: {}",
            LATENCY.as_millis(),
            verdict(ratio <= MOST_IDEALS),
        ),
        // A round that loses a call ends the benchmark.
        Some(_) => writeln!(
            out,
            "- {calls} calls, judge lets in {}, {at_once} at once: every call scored once, none failed: {}; \
             {ratio:.3} × what the limit allows (rounds: {each})",
            terms(case),
            verdict(
                rounds
                    .iter()
                    .all(|timed| timed.stored.scored == calls && timed.stored.failed == 0)
            ),
        ),
    };
}

fn terms(case: &Case) -> String {
    case.limit.map(limit).map_or_else(
        || "all".to_owned(),
        |limit| format!("{} in {} s", limit.requests, limit.per.as_secs()),
    )
}

impl Timed {
    /// How often the ideal time goes into what the run took beyond its start-up.
    fn ideals(&self, case: &Case) -> f64 {
        self.measured.wall.saturating_sub(self.start_up).as_secs_f64() / case.ideal().as_secs_f64()
    }
}

fn median(rounds: &[Timed], pick: impl Fn(&Timed) -> f64) -> f64 {
    let mut values: Vec<f64> = rounds.iter().map(pick).collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        count if count % 2 == 0 => f64::midpoint(values[middle - 1], values[middle]),
        _ => values[middle],
    }
}
