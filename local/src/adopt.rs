//! `callmark adopt`: takes over the earlier system's database.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use anyhow::Result;
use indicatif::{HumanCount, ProgressBar, ProgressStyle};
use migrate::adopt::{self, Adopted, Compared, Plan, Planned, Stage, Verified};
use shared::config::{Database, Reader};
use shared::{clock, db};
use tokio::sync::watch;

use crate::command;
use crate::exit::Exit;
use crate::report::{heading, number};
use crate::screen::{Progress, Screen};
use crate::signals;

/// How often progress is drawn.
const FRAME: Duration = Duration::from_millis(100);
/// How often it is told in lines.
const LINE: Duration = Duration::from_secs(5);

/// Tells, does or checks it.
pub(crate) async fn run(screen: &Screen, options: &command::Adopt) -> Result<Exit> {
    let mut reader = Reader::load().await?;
    let database = reader.database();
    reader.finish()?;
    if options.dry_run {
        let plan = adopt::plan(&db::pool(&database)?).await?;
        screen.answer(&plan, || plan_text(&plan))?;
        let is_possible = plan.obstacles.is_empty();
        return Ok(if is_possible { Exit::Success } else { Exit::Failed });
    }
    if options.verify {
        let verified = adopt::verify(&db::pool(&database)?, clock::now()).await?;
        screen.answer(&verified, || verified_text(&verified))?;
        return Ok(if verified.is_good { Exit::Success } else { Exit::Failed });
    }
    let stop = signals::stop(screen)?;
    let adopted = follow(screen, &database, || stop.is_cancelled()).await?;
    screen.answer(&adopted, || adopted_text(&adopted))?;
    Ok(if adopted.is_complete {
        Exit::Success
    } else {
        Exit::Partial
    })
}

/// Adopts, and shows how far it is. What stops it lets the batch end that is being copied.
pub(crate) async fn follow(screen: &Screen, database: &Database, is_late: impl FnMut() -> bool) -> Result<Adopted> {
    let (watch, mut stages) = watch::channel(Stage::default());
    let work = adopt::adopt(database, &watch, is_late, clock::now);
    tokio::pin!(work);
    let (bar, interval) = match screen.progress() {
        Progress::Hidden => return work.await,
        Progress::Lines => (None, LINE),
        Progress::Bar => {
            let bar = screen.bars().add(ProgressBar::no_length());
            let style = ProgressStyle::with_template("{spinner} {msg}  {elapsed}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
            (Some(bar), FRAME)
        }
    };
    let since = Instant::now();
    let mut ticks = tokio::time::interval_at(tokio::time::Instant::now() + interval, interval);
    let ended = loop {
        tokio::select! {
            biased;
            ended = &mut work => break ended,
            _ = ticks.tick() => {
                let words = words(&stages.borrow_and_update());
                match &bar {
                    Some(bar) => {
                        bar.set_message(words);
                        bar.tick();
                    }
                    None => screen.say(&format!("{} s: {words}", since.elapsed().as_secs())),
                }
            }
        }
    };
    if let Some(bar) = bar {
        bar.finish_and_clear();
        screen.bars().remove(&bar);
    }
    ended
}

fn words(stage: &Stage) -> String {
    match stage {
        Stage::Looking => "looking at the earlier system's tables".to_owned(),
        Stage::Moved => "they are moved; creating the new tables".to_owned(),
        Stage::Migrated => "the new tables are there; copying".to_owned(),
        Stage::Copying { table, rows } => format!("{} rows of {table} copied", HumanCount(*rows)),
    }
}

fn plan_text(plan: &Plan) -> String {
    let mut text = heading("What would be taken");
    for table in &plan.tables {
        text.push_str(&planned(table));
    }
    for signature in &plan.functions {
        let _ = writeln!(text, "  {signature} moves with the tables; Callmark's takes its place");
    }
    if !plan.dependents.is_empty() {
        text.push_str(&heading("What was built on these tables"));
        for dependent in &plan.dependents {
            let _ = writeln!(text, "  {} {}: {}", dependent.kind, dependent.name, dependent.fate);
        }
    }
    if plan.obstacles.is_empty() {
        text.push_str("\nNothing was changed. `callmark adopt` does it.");
    } else {
        text.push_str(&heading("What stands in the way"));
        for obstacle in &plan.obstacles {
            let _ = writeln!(text, "  {obstacle}");
        }
    }
    text
}

fn planned(table: &Planned) -> String {
    let mut text = format!(
        "  {}.{}: {} of {} rows become {}\n",
        table.schema,
        table.table,
        number(table.taken),
        number(table.rows),
        table.becomes
    );
    for note in &table.refused {
        let _ = writeln!(text, "    {} cannot be taken: {}", number(note.rows), note.what);
    }
    for note in &table.odd {
        let _ = writeln!(text, "    {} {}", number(note.rows), note.what);
    }
    if !table.missing_columns.is_empty() {
        let _ = writeln!(text, "    lacks {}", table.missing_columns.join(", "));
    }
    if !table.unread_columns.is_empty() {
        let _ = writeln!(
            text,
            "    not taken, and kept where it is: {}",
            table.unread_columns.join(", ")
        );
    }
    text
}

/// What came of it.
pub(crate) fn adopted_text(adopted: &Adopted) -> String {
    let mut text = heading("What was adopted");
    for table in &adopted.tables {
        let _ = writeln!(
            text,
            "  {}: {} rows looked at, {} new, {} there already, {} refused{}",
            table.table_name,
            number(table.rows_read),
            number(table.rows_taken),
            number(table.rows_present),
            number(table.rows_refused),
            if table.done_at.is_some() {
                ""
            } else {
                "; not at its end"
            }
        );
        for (reason, rows) in &table.reasons {
            let _ = writeln!(text, "    {} {reason}", number(*rows));
        }
    }
    if !adopted.moved.is_empty() {
        let _ = writeln!(
            text,
            "\nMoved to the schema before_callmark: {}",
            adopted.moved.join(", ")
        );
    }
    text.push_str(if adopted.is_complete {
        "\nAll is copied. `callmark adopt --verify` compares both sides; `callmark sync` brings in what is new."
    } else {
        "\nStopped before its end. `callmark adopt` goes on."
    });
    text
}

fn verified_text(verified: &Verified) -> String {
    let mut rows = vec![[
        String::new(),
        "earlier".to_owned(),
        "now".to_owned(),
        "difference".to_owned(),
        String::new(),
    ]];
    rows.extend(verified.figures.iter().map(compared));
    let width = |column: usize| {
        rows.iter()
            .map(|row| row[column].chars().count())
            .max()
            .unwrap_or_default()
    };
    let widths = [width(0), width(1), width(2), width(3)];
    let mut text = String::new();
    for [what, old, new, difference, why] in &rows {
        let line = format!(
            "{what:<0$}  {old:>1$}  {new:>2$}  {difference:>3$}  {why}",
            widths[0], widths[1], widths[2], widths[3]
        );
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text.push_str(if verified.is_good {
        "\nEvery figure agrees, or its difference is explained."
    } else {
        "\nSome difference is not explained."
    });
    text
}

fn compared(figure: &Compared) -> [String; 5] {
    let difference = figure.new - figure.old;
    [
        figure.what.clone(),
        figure.old.normalize().to_string(),
        figure.new.normalize().to_string(),
        if difference.is_zero() {
            "-".to_owned()
        } else {
            difference.normalize().to_string()
        },
        if figure.is_explained {
            figure.why.clone()
        } else {
            format!("NOT EXPLAINED {}", figure.why)
        },
    ]
}
