//! The sync function on AWS Lambda: reads the settings, builds what [`sync::handle`] needs, and serves.

use std::error::Error;
use std::sync::Arc;

use anyhow::Result;
use shared::platform::config::Reader;
use shared::platform::event::Bus;
use shared::platform::{db, lambda};
use shared::run::{Failure, RunStore};
use sync::{Deps, Vapi, VapiError};

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    Box::pin(lambda::serve(wire, sync::handle, is_refused)).await
}

async fn wire() -> Result<Deps> {
    let mut reader = Reader::load().await?;
    let (database, vapi, settings, events) = (reader.database(), reader.vapi(), reader.sync(), reader.events());
    reader.finish()?;
    let bus = Bus::open(events.bus_name).await;
    bus.check();
    let ledger = RunStore {
        pool: db::pool(&database)?,
        bus,
        watch: None,
    };
    Ok(Deps {
        ledger,
        vapi: Arc::new(Vapi::new(&vapi)?),
        settings,
    })
}

fn is_refused(failure: &Failure) -> bool {
    let is_key = |cause: &(dyn Error + 'static)| matches!(cause.downcast_ref(), Some(VapiError::Unauthorized { .. }));
    failure.is_authentication() || failure.0.chain().any(is_key)
}
