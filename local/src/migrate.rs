//! `callmark migrate`: creates or updates the tables, and the rows that are stored in them.

use std::fmt::Write as _;

use anyhow::Result;
use indicatif::HumanCount;
use serde_json::json;
use shared::platform::config::{Database, Reader};
use shared::platform::db::{self, Migrated};
use shared::platform::{clock, telemetry};
use shared::store::backfill::{self, Progress};
use tokio::sync::watch;

use crate::exit::Exit;
use crate::screen::Screen;
use crate::{progress, signals};

/// Applies what is missing, does what follows it, and lists both.
pub(crate) async fn run(screen: &Screen) -> Result<Exit> {
    let mut reader = Reader::load().await?;
    let database = reader.database();
    reader.finish()?;
    let migrated = migrate::adopt::migrate(&database, None).await?;
    // From here on a stop lets the batch end that is under way.
    let stop = signals::stop(screen)?;
    let backfills = follow(screen, &database, || stop.is_cancelled()).await?;
    let trouble = migrated.trouble.as_ref().map(|trouble| telemetry::chain(trouble));
    let answer = json!({
        "applied": migrated.applied,
        "later": migrated.later,
        "left": migrated.left,
        "trouble": trouble,
        "backfills": backfills,
    });
    screen.answer(&answer, || text(&migrated, trouble.as_deref(), &backfills))?;
    Ok(if trouble.is_some() {
        Exit::Failed
    } else if backfills.iter().all(|progress| progress.done_at.is_some()) {
        Exit::Success
    } else {
        Exit::Partial
    })
}

/// Works off the backfills, and shows how far they are.
async fn follow(screen: &Screen, database: &Database, is_late: impl FnMut() -> bool) -> Result<Vec<Progress>> {
    let pool = db::pool(database)?;
    let (watch, progress) = watch::channel(Progress::default());
    let work = backfill::run(&pool, &watch, is_late, clock::now);
    progress::follow_in_words(screen, progress, words, work).await
}

fn words(progress: &Progress) -> String {
    let (read, changed) = (
        HumanCount(progress.rows_read.unsigned_abs()),
        HumanCount(progress.rows_changed.unsigned_abs()),
    );
    format!("{}: {read} rows looked at, {changed} changed", progress.name)
}

fn text(migrated: &Migrated, trouble: Option<&str>, backfills: &[Progress]) -> String {
    let mut text = match migrated.applied.as_slice() {
        [] => "nothing to apply: the tables are up to date".to_owned(),
        names => format!("applied {} migrations:\n  {}", names.len(), names.join("\n  ")),
    };
    for done in &migrated.later {
        let _ = write!(text, "\n{done}: done");
    }
    for left in &migrated.left {
        let _ = write!(text, "\n{left}: not done");
    }
    for progress in backfills {
        let end = if progress.done_at.is_some() {
            "done"
        } else {
            "not done, the next migration goes on with it"
        };
        let _ = write!(text, "\n{}; {end}", words(progress));
    }
    if let Some(trouble) = trouble {
        let _ = write!(text, "\nthe tables can be used; {trouble}");
    }
    text
}
