//! `callmark admin`: the pages, and nothing else.

use anyhow::Result;
use shared::platform::config::Reader;
use shared::platform::db;
use shared::platform::event::Bus;

use crate::command;
use crate::exit::Exit;
use crate::machine;
use crate::pages::{Admission, Pages};
use crate::screen::Screen;
use crate::signals;

/// Shows what is in the database until it is told to stop.
pub(crate) async fn run(screen: &Screen, options: &command::Admin) -> Result<Exit> {
    let mut reader = Reader::load().await?;
    let (database, events) = (reader.database(), reader.events());
    let admission = Admission::read(&mut reader);
    reader.finish()?;
    let stop = signals::stop(screen)?;
    let pool = db::pool(&database)?;
    machine::look_at_tables(&pool).await?;
    let bus = Bus::open(events.bus_name).await;
    let pages = Pages::open(pool, bus, admission, options.port, None, stop.clone()).await?;
    screen.answer(&pages.invitation, || pages.invitation.text())?;
    screen.say("Ctrl-C ends it");
    stop.cancelled().await;
    pages.close().await?;
    Ok(Exit::Success)
}
