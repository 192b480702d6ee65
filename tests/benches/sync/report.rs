//! The rounds as Markdown: a table of medians, and which goals they meet.

use std::fmt::Write as _;
use std::time::Duration;

use crate::measured::Measured;
use crate::round::{Round, Sync};

/// A first load takes at most this many times as long as the slower floor.
const MOST_FLOORS: f64 = 1.5;
/// A sync that finds nothing new takes at most this long.
const MOST_IDLE: Duration = Duration::from_millis(100);
/// A sync holds at most this many MB of memory, however many calls there are.
const MOST_MEMORY: f64 = 96.0;

const HEAD: &str = "\
| calls | what | wall s | × floor | calls/s | client CPU s | peak memory MB | pages |
|---:|---|---:|---:|---:|---:|---:|---:|
";

/// The medians of several rounds.
struct Medians {
    /// Seconds of the slower floor.
    floor: f64,
    rows: Vec<Row>,
    first: Row,
    idle: Row,
}

#[derive(Clone)]
struct Row {
    what: &'static str,
    wall: f64,
    floors: Option<f64>,
    calls: u64,
    cpu: f64,
    memory: Option<f64>,
    pages: Option<u64>,
}

/// The table and the verdicts for each size.
pub(crate) fn markdown(sizes: &[(usize, Vec<Round>)]) -> String {
    let (mut table, mut verdicts) = (HEAD.to_owned(), String::new());
    for (calls, rounds) in sizes {
        let medians = Medians::of(rounds);
        for row in &medians.rows {
            row.write(&mut table, *calls);
        }
        medians.judge(&mut verdicts, *calls, rounds);
    }
    format!("\n{table}\n{verdicts}")
}

impl Medians {
    fn of(rounds: &[Round]) -> Self {
        let floors: Vec<f64> = rounds.iter().map(Round::floor).collect();
        let part =
            |what, pick: fn(&Round) -> Measured| Row::of_part(what, &rounds.iter().map(pick).collect::<Vec<_>>());
        let mut download = part("download and parse alone", |round| round.download);
        let mut copy = part("`COPY` alone", |round| round.copy);
        // It holds every row: what it needs in memory says nothing about a copy.
        copy.memory = None;
        download.floors = None;
        let first: Vec<Sync> = rounds.iter().map(|round| round.first).collect();
        let changed: Vec<Sync> = rounds.iter().map(|round| round.changed).collect();
        let idle: Vec<Sync> = rounds.iter().flat_map(|round| round.nothing_new.clone()).collect();
        let ratios = |syncs: &[Sync]| {
            let each = syncs.iter().zip(&floors);
            Some(median(
                each.map(|(sync, floor)| sync.measured.wall.as_secs_f64() / floor),
            ))
        };
        let mut first_row = Row::of_syncs("sync, first load", &first);
        first_row.floors = ratios(&first);
        let idle_row = Row::of_syncs("sync, nothing new", &idle);
        let changed_row = Row::of_syncs("sync, 5 % changed", &changed);
        Self {
            floor: median(floors.iter().copied()),
            rows: vec![download, copy, first_row.clone(), idle_row.clone(), changed_row],
            first: first_row,
            idle: idle_row,
        }
    }

    fn judge(&self, out: &mut String, calls: usize, rounds: &[Round]) {
        #[expect(clippy::cast_precision_loss, reason = "some gigabytes")]
        let megabytes = rounds.first().map_or(0.0, |round| round.bytes as f64) / 1e6;
        let memory = self.first.memory.unwrap_or_default();
        let idle = Duration::from_secs_f64(self.idle.wall);
        let ratio = self.first.floors.unwrap_or_default();
        let verdict = |holds: bool| if holds { "holds" } else { "**missed**" };
        // Writing to a string cannot fail.
        let _infallible = writeln!(
            out,
            "{} calls, {megabytes:.0} MB of JSON, median of {}, floor {:.2} s:\n\
             - first load {ratio:.2} × the floor, goal {MOST_FLOORS}: {}\n\
             - nothing new in {} ms, goal {}: {}\n\
             - {memory:.0} MB at most, goal {MOST_MEMORY:.0}: {}\n",
            grouped(calls as u64),
            rounds.len(),
            self.floor,
            verdict(ratio <= MOST_FLOORS),
            idle.as_millis(),
            MOST_IDLE.as_millis(),
            verdict(idle <= MOST_IDLE),
            verdict(memory <= MOST_MEMORY),
        );
    }
}

impl Row {
    fn of_part(what: &'static str, parts: &[Measured]) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "megabytes of one process")]
        let megabytes = |part: &Measured| part.peak_memory as f64 / 1e6;
        Self {
            what,
            wall: median(parts.iter().map(|part| part.wall.as_secs_f64())),
            floors: None,
            calls: parts.first().map_or(0, |part| part.calls),
            cpu: median(parts.iter().map(|part| part.cpu.as_secs_f64())),
            memory: Some(median(parts.iter().map(megabytes))),
            pages: None,
        }
    }

    fn of_syncs(what: &'static str, syncs: &[Sync]) -> Self {
        let parts: Vec<Measured> = syncs.iter().map(|sync| sync.measured).collect();
        let mut row = Self::of_part(what, &parts);
        let mut pages: Vec<u64> = syncs.iter().map(|sync| sync.pages).collect();
        pages.sort_unstable();
        row.pages = pages.get(pages.len() / 2).copied();
        row
    }

    fn write(&self, out: &mut String, calls: usize) {
        #[expect(clippy::cast_precision_loss, reason = "at most millions")]
        let rate = self.calls as f64 / self.wall;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "calls in a second"
        )]
        let rate = (self.calls > 0).then_some(rate as u64);
        let _infallible = writeln!(
            out,
            "| {} | {} | {:.3} | {} | {} | {:.2} | {} | {} |",
            grouped(calls as u64),
            self.what,
            self.wall,
            cell(self.floors.map(|floors| format!("{floors:.2}"))),
            cell(rate.map(grouped)),
            self.cpu,
            cell(self.memory.map(|memory| format!("{memory:.0}"))),
            cell(self.pages.map(grouped)),
        );
    }
}

impl Round {
    fn floor(&self) -> f64 {
        self.download.wall.max(self.copy.wall).as_secs_f64()
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

fn cell(text: Option<String>) -> String {
    text.unwrap_or_default()
}

/// With a comma before every third digit.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> = digits
        .as_bytes()
        .rchunks(3)
        .rev()
        .filter_map(|group| std::str::from_utf8(group).ok())
        .collect();
    groups.join(",")
}
