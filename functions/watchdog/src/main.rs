//! The watchdog on AWS Lambda: reads the settings, builds what [`watchdog::handle`] needs, and serves.

use anyhow::Result;
use shared::platform::config::Reader;
use shared::platform::event::{Bus, Invocation};
use shared::platform::{db, lambda};
use shared::run::{Context, Failure};
use watchdog::{Deps, Report};

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda::serve(wire, look, Failure::is_authentication).await
}

async fn wire() -> Result<Deps> {
    let mut reader = Reader::load().await?;
    let (database, settings, events) = (reader.database(), reader.watchdog(), reader.events());
    reader.finish()?;
    let bus = Bus::open(events.bus_name).await;
    bus.check();
    Ok(Deps {
        pool: db::pool(&database)?,
        bus,
        settings,
    })
}

/// Whatever asks for it, it looks at the same things.
async fn look(deps: &Deps, _: &Invocation, context: &Context) -> Result<Report, Failure> {
    watchdog::handle(deps, context.now).await
}
