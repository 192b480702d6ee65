//! `callmark watchdog`: one look after the runs.

use anyhow::{Result, anyhow};
use shared::config::Reader;
use shared::event::Bus;
use shared::run::Failure;
use shared::{clock, db};
use watchdog::Deps;

use crate::exit::Exit;
use crate::machine;
use crate::screen::Screen;

/// Closes lost runs, raises and clears alerts, and lists those that are open.
pub(crate) async fn run(screen: &Screen) -> Result<Exit> {
    let mut reader = Reader::load().await?;
    let (database, settings, events) = (reader.database(), reader.watchdog(), reader.events());
    reader.finish()?;
    let pool = db::pool(&database)?;
    machine::look_at_tables(&pool).await?;
    let deps = Deps {
        pool,
        bus: Bus::open(events.bus_name).await,
        settings,
    };
    let report = watchdog::handle(&deps, clock::now())
        .await
        .map_err(|Failure(error)| anyhow!(error))?;
    screen.answer(&report, || {
        let lost = match report.lost {
            0 => String::new(),
            1 => "closed 1 lost run\n".to_owned(),
            lost => format!("closed {lost} lost runs\n"),
        };
        match report.open.as_slice() {
            [] => format!("{lost}nothing is amiss"),
            open => format!("{lost}amiss:\n  {}", open.join("\n  ")),
        }
    })?;
    Ok(Exit::Success)
}
