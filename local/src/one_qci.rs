//! `callmark qci`: one scoring run and its continuations.

use anyhow::{Context as _, Result};
use shared::platform::config::Reader;

use crate::command;
use crate::exit::Exit;
use crate::machine::{Machine, Settings};
use crate::screen::Screen;
use crate::signals;

/// Checks the input and the settings before the database is touched, then scores.
pub(crate) async fn run(screen: &Screen, options: &command::Qci) -> Result<Exit> {
    let input = options.input();
    qci::Input::parse(&input)
        .map_err(|error| options.refusal(error))
        .context("qci")?;
    let mut reader = Reader::load().await?;
    let settings = Settings::of_qci(&mut reader);
    reader.finish()?;
    let stop = signals::stop(screen)?;
    let mut machine = Machine::start(&settings, options.time_limit, stop).await?;
    let chain = machine.run(qci::SCRIPT, "manual", input, screen, None).await;
    machine.close().await;
    let chain = chain?;
    screen.answer(&chain, || chain.text())?;
    Ok(chain.conclude())
}
