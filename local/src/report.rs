//! Runs as text for people, and what they come down to.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::time::Duration;

use chrono::{DateTime, Local, Utc};
use console::{Style, style};
use indicatif::HumanCount;
use serde::ser::{Serialize, SerializeStruct as _, Serializer};
use shared::run::{LogRow, Row, Status};

use crate::exit::{self, Exit};

/// A run and those that it led to, as their rows have them.
#[derive(Clone, Debug)]
pub(crate) struct Chain {
    pub(crate) runs: Vec<Row>,
}

impl Chain {
    /// How each script ended, by its last run: what the first run left, a later one may have done.
    fn worst(&self) -> Option<(Exit, &Row)> {
        let scripts: BTreeMap<&str, (usize, &Row)> = self.runs.iter().fold(BTreeMap::new(), |mut scripts, run| {
            let (runs, last) = scripts.entry(run.script_name.as_str()).or_insert((0, run));
            *runs += 1;
            *last = run;
            scripts
        });
        let ends = scripts.into_values().map(|(runs, last)| (exit(last, runs), last));
        ends.max_by_key(|(exit, _)| {
            [Exit::Success, Exit::Partial, Exit::Failed]
                .iter()
                .position(|other| other == exit)
        })
    }

    /// Says on standard error why it is no success, in one line, and gives the exit status.
    pub(crate) fn conclude(&self) -> Exit {
        match self.worst() {
            Some((exit @ (Exit::Failed | Exit::Partial), run)) => {
                let reason = reason(run).unwrap_or("no reason is known");
                exit::complain_of(&format!("{} {}: {reason}", run.script_name, run.status));
                exit
            }
            Some((exit, _)) => exit,
            None => Exit::Failed,
        }
    }

    /// A paragraph a run.
    pub(crate) fn text(&self) -> String {
        let told = match self.worst() {
            Some((Exit::Failed | Exit::Partial, run)) => Some(run.id),
            _ => None,
        };
        self.runs
            .iter()
            .map(|run| paragraph(run, told != Some(run.id)))
            .collect::<Vec<_>>()
            .join("\n")
    }
}

impl Serialize for Chain {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut answer = serializer.serialize_struct("Chain", 3)?;
        answer.serialize_field("status", &self.runs.last().map(|run| &run.status))?;
        answer.serialize_field("reason", &self.runs.last().and_then(reason))?;
        answer.serialize_field("runs", &self.runs)?;
        answer.end()
    }
}

/// How a script ended, by its last run of so many.
fn exit(last: &Row, runs: usize) -> Exit {
    match Status::parse(&last.status) {
        Some(Status::Partial) => Exit::Partial,
        // A continuation that was skipped leaves its work to whoever holds the lease.
        Some(Status::Skipped) if runs > 1 => Exit::Partial,
        Some(Status::Success | Status::Skipped) => Exit::Success,
        Some(Status::Running | Status::Error) | None => Exit::Failed,
    }
}

/// One line on a run, with the time at which it began.
pub(crate) fn line(run: &Row) -> String {
    let reason = reason(run).map(|reason| format!("; {reason}"));
    format!(
        "{}  {}  {}{}{}",
        instant(run.started_at),
        run.script_name,
        outcome(run),
        if is_skipped(run) {
            String::new()
        } else {
            format!(": {}", counts(run))
        },
        reason.unwrap_or_default()
    )
}

/// The columns of the row, one a line.
pub(crate) fn columns(run: &Row) -> String {
    let counters = run.counters;
    let facts = [
        ("id", run.id.to_string()),
        ("script_name", run.script_name.clone()),
        ("status", colored(&run.status)),
        ("triggered_by", run.triggered_by.clone()),
        ("batch_id", run.batch_id.to_string()),
        ("started_at", instant(run.started_at)),
        ("deadline_at", instant(run.deadline_at)),
        ("finished_at", run.finished_at.map_or_else(none, instant)),
        ("duration_ms", run.duration_ms.map_or_else(none, number)),
        ("records_fetched", number(counters.records_fetched)),
        ("records_inserted", number(counters.records_inserted)),
        ("records_updated", number(counters.records_updated)),
        ("records_failed", number(counters.records_failed)),
        ("calls_analyzed", number(counters.calls_analyzed)),
        ("api_cost", counters.api_cost.map_or_else(none, |cost| cost.to_string())),
        ("error_message", run.error_message.clone().unwrap_or_else(none)),
        ("metadata", run.metadata.to_string()),
    ];
    table(&facts)
}

/// The steps of a run, one a line.
pub(crate) fn steps(lines: &[LogRow]) -> String {
    if lines.is_empty() {
        return "  no line was logged\n".to_owned();
    }
    lines
        .iter()
        .map(|line| {
            let time = line.timestamp.with_timezone(&Local).format("%H:%M:%S%.3f");
            let level = format!("{:<7}", line.level);
            let level = match line.level.as_str() {
                "ERROR" => style(level).red(),
                "WARNING" => style(level).yellow(),
                _ => style(level).dim(),
            };
            format!("  {time}  {level}  {:<8}  {}\n", line.step, line.message)
        })
        .collect::<Vec<_>>()
        .concat()
}

/// Facts under each other, their names to the left.
pub(crate) fn table(facts: &[(&str, String)]) -> String {
    let width = facts.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    facts
        .iter()
        .map(|(name, value)| format!("  {}  {value}\n", style(format!("{name:<width$}")).dim()))
        .collect::<Vec<_>>()
        .concat()
}

/// A heading.
pub(crate) fn heading(text: &str) -> String {
    format!("\n{}\n", style(text).bold())
}

/// An instant in the zone of whoever reads it.
pub(crate) fn instant(instant: DateTime<Utc>) -> String {
    instant
        .with_timezone(&Local)
        .format("%Y-%m-%d %H:%M:%S %:z")
        .to_string()
}

/// A number with separators of thousands.
pub(crate) fn number<N: TryInto<u64> + Copy + Display>(number: N) -> String {
    number
        .try_into()
        .map_or_else(|_| number.to_string(), |number| HumanCount(number).to_string())
}

fn paragraph(run: &Row, with_reason: bool) -> String {
    let mut facts = Vec::new();
    if !is_skipped(run) {
        facts.push(("calls", counts(run)));
    }
    if let (true, Some(reason)) = (with_reason, reason(run)) {
        facts.push(("reason", reason.to_owned()));
    }
    facts.extend([
        ("started", instant(run.started_at)),
        ("run", run.id.to_string()),
        ("batch", run.batch_id.to_string()),
    ]);
    format!("{} {}\n{}", run.script_name, outcome(run), table(&facts))
}

fn outcome(run: &Row) -> String {
    match run.duration_ms {
        Some(duration) if !is_skipped(run) => format!("{} in {}", colored(&run.status), length(duration)),
        _ => colored(&run.status),
    }
}

fn counts(run: &Row) -> String {
    let counters = run.counters;
    if run.script_name == qci::SCRIPT {
        return scores(run);
    }
    let unchanged = run.metadata["records_unchanged"].as_u64();
    [
        Some(format!("{} read", number(counters.records_fetched))),
        Some(format!("{} new", number(counters.records_inserted))),
        Some(format!("{} changed", number(counters.records_updated))),
        unchanged.map(|unchanged| format!("{} unchanged", number(unchanged))),
        (counters.records_failed > 0).then(|| format!("{} failed", number(counters.records_failed))),
    ]
    .into_iter()
    .flatten()
    .collect::<Vec<_>>()
    .join(", ")
}

fn scores(run: &Row) -> String {
    let counters = run.counters;
    if let Some(calls) = run.metadata["estimate"]["calls"].as_u64() {
        let usd = run.metadata["estimate"]["usd"].as_f64();
        let usd = usd.map_or_else(
            || "at an unknown price".to_owned(),
            |usd| format!("for about {usd:.4} USD"),
        );
        return format!("{} to score {usd}", number(calls));
    }
    let skipped = counters.records_inserted + counters.records_updated - counters.calls_analyzed;
    let cost = counters.api_cost.map_or_else(none, |cost| cost.round_dp(4).to_string());
    let failed = (counters.records_failed > 0).then(|| format!(", {} failed", number(counters.records_failed)));
    format!(
        "{} scored for {cost} USD, {} skipped{}",
        number(counters.calls_analyzed),
        number(skipped),
        failed.unwrap_or_default()
    )
}

fn reason(run: &Row) -> Option<&str> {
    run.error_message.as_deref().or_else(|| run.metadata["reason"].as_str())
}

fn is_skipped(run: &Row) -> bool {
    run.status == Status::Skipped.as_str()
}

fn colored(status: &str) -> String {
    let color = match Status::parse(status) {
        Some(Status::Success) => Style::new().green(),
        Some(Status::Partial | Status::Skipped) => Style::new().yellow(),
        Some(Status::Error) => Style::new().red(),
        Some(Status::Running) | None => Style::new(),
    };
    color.apply_to(status).to_string()
}

fn length(milliseconds: i32) -> String {
    let took = Duration::from_millis(u64::try_from(milliseconds).unwrap_or_default());
    if took < Duration::from_secs(1) {
        format!("{milliseconds} ms")
    } else if took < Duration::from_mins(1) {
        format!("{:.1} s", took.as_secs_f64())
    } else {
        format!("{} min {} s", took.as_secs() / 60, took.as_secs() % 60)
    }
}

fn none() -> String {
    "-".to_owned()
}
