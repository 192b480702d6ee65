//! `callmark adopt`: takes over the earlier system's database.

mod text;

use anyhow::Result;
use indicatif::HumanCount;
use migrate::adopt::{self, Adopted, Stage};
use shared::platform::config::{Database, Reader};
use shared::platform::{clock, db};
use tokio::sync::watch;

use crate::command;
use crate::exit::Exit;
use crate::screen::Screen;
use crate::{progress, signals};

pub(crate) use self::text::adopted as told;

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
    let (watch, stages) = watch::channel(Stage::default());
    let work = adopt::adopt(database, &watch, is_late, clock::now);
    progress::follow_in_words(screen, stages, words, Box::pin(work)).await
}

fn words(stage: &Stage) -> String {
    match stage {
        Stage::Looking => "looking at the earlier system's tables".to_owned(),
        Stage::Moved => "they are moved; creating the new tables".to_owned(),
        Stage::Migrated => "the new tables are there; copying".to_owned(),
        Stage::Copying { table, rows } => format!("{} rows of {table} copied", HumanCount(*rows)),
    }
}
