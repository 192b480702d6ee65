//! `callmark sync`: one sync and its continuations.

use anyhow::{Context as _, Result};
use shared::platform::config::Reader;

use crate::command;
use crate::exit::Exit;
use crate::machine::{Machine, Settings};
use crate::screen::Screen;
use crate::signals;

/// Checks the input and the settings before the database is touched, then syncs.
pub(crate) async fn run(screen: &Screen, options: &command::Sync) -> Result<Exit> {
    let input = options.input();
    sync::Input::parse(&input)
        .map_err(|error| options.refusal(error))
        .context("sync")?;
    let mut reader = Reader::load().await?;
    let settings = Settings::of_sync(&mut reader);
    reader.finish()?;
    let stop = signals::stop(screen)?;
    let mut machine = Machine::start(&settings, options.time_limit, stop).await?;
    let chain = machine.run(sync::SCRIPT, "manual", input, screen, None).await;
    machine.close().await;
    let chain = chain?;
    screen.answer(&chain, || chain.text())?;
    Ok(chain.conclude())
}
