//! `callmark adopt`: takes over the earlier system's database.

mod text;

use std::time::{Duration, Instant};

use anyhow::Result;
use indicatif::{HumanCount, ProgressBar, ProgressStyle};
use migrate::adopt::{self, Adopted, Stage};
use shared::config::{Database, Reader};
use shared::{clock, db};
use tokio::sync::watch;

use crate::command;
use crate::exit::Exit;
use crate::screen::{Progress, Screen};
use crate::signals;

pub(crate) use self::text::adopted as told;

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
        screen.answer(&plan, || text::plan(&plan))?;
        let is_possible = plan.obstacles.is_empty();
        return Ok(if is_possible { Exit::Success } else { Exit::Failed });
    }
    if options.verify {
        let verified = adopt::verify(&db::pool(&database)?, clock::now()).await?;
        screen.answer(&verified, || text::verified(&verified))?;
        return Ok(if verified.is_good { Exit::Success } else { Exit::Failed });
    }
    let stop = signals::stop(screen)?;
    let adopted = follow(screen, &database, || stop.is_cancelled()).await?;
    screen.answer(&adopted, || text::adopted(&adopted))?;
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
