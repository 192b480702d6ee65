//! `callmark watchdog`: one look after the runs.

use anyhow::Result;
use shared::platform::config::Reader;
use shared::platform::db;
use shared::platform::event::Bus;
use watchdog::Deps;

use crate::bus;
use crate::desk::Desk;
use crate::exit::Exit;
use crate::holder;
use crate::machine;
use crate::screen::Screen;

/// Closes lost runs, raises and clears alerts, and lists those that are open. Where there is no bus that leads to who
/// tells people, they are told from here.
pub(crate) async fn run(screen: &Screen) -> Result<Exit> {
    let mut reader = Reader::load().await?;
    let (database, settings) = (reader.database(), reader.watchdog());
    let (events, alerts) = (reader.events(), reader.alerts());
    reader.finish()?;
    let pool = db::pool(&database)?;
    machine::look_at_tables(&pool).await?;
    let (bus, inbox) = if events.bus_name.is_some() {
        (Bus::open(events.bus_name).await, None)
    } else {
        // Nobody else listens.
        let (bus, inbox) = bus::open(Desk::open(pool.clone(), alerts).await);
        (bus, Some(inbox))
    };
    let deps = Deps { pool, bus, settings };
    let report = holder::look(&deps).await;
    if let Some(inbox) = inbox {
        inbox.close().await;
    }
    let report = report?;
    screen.answer(&report, || {
        let lost = match report.lost {
            0 => String::new(),
            1 => "closed 1 lost run\n".to_owned(),
            lost => format!("closed {lost} lost runs\n"),
        };
        match report.open.as_slice() {
            [] => format!("{lost}nothing is wrong"),
            open => format!("{lost}amiss:\n  {}", open.join("\n  ")),
        }
    })?;
    Ok(Exit::Success)
}
