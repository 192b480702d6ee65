//! `callmark rederive`: brings the columns of stored calls up to date with this version.

use std::fmt::Write as _;

use anyhow::Result;
use serde_json::json;
use shared::platform::config::Reader;
use shared::platform::db;
use shared::store::call::Rederived;
use tokio::sync::watch;

use crate::exit::Exit;
use crate::report::number;
use crate::screen::Screen;
use crate::{progress, signals};

/// Derives everything that is behind; a signal ends it after the batch that it is at.
pub(crate) async fn run(screen: &Screen) -> Result<Exit> {
    let mut reader = Reader::load().await?;
    let database = reader.database();
    reader.finish()?;
    let pool = db::pool(&database)?;
    let stop = signals::stop(screen)?;
    let behind = sync::behind(&pool).await?;
    let (watch, progress) = watch::channel(Rederived::default());
    let words = |done: &Rederived| format!("{} of {} calls derived anew", number(done.calls), number(behind));
    let tell = |done| {
        watch.send_replace(done);
    };
    let work = sync::rederive(&pool, || stop.is_cancelled(), tell);
    let done = progress::follow_in_words(screen, progress, words, work).await?;
    let left = sync::behind(&pool).await?;
    let answer = json!({"calls": done.calls, "changed": done.changed, "unreadable": done.unreadable, "left": left});
    screen.answer(&answer, || text(done, left))?;
    Ok(if left == 0 { Exit::Success } else { Exit::Partial })
}

fn text(done: Rederived, left: i64) -> String {
    let Rederived {
        calls,
        changed,
        unreadable,
    } = done;
    let mut text = match calls {
        0 if left == 0 => "nothing to do: every call is up to date".to_owned(),
        _ => format!("{calls} calls derived anew, {changed} of them changed"),
    };
    if unreadable > 0 {
        let _ = write!(
            text,
            "\n{unreadable} have a document that cannot be read: their columns stay as they were"
        );
    }
    if left > 0 {
        let _ = write!(text, "\n{} are left: run it again", number(left));
    }
    text
}
