//! The QCI function on AWS Lambda: reads the settings, builds what [`qci::handle`] needs, and serves.

use std::error::Error;
use std::sync::Arc;

use anyhow::Result;
use qci::{Deps, Judge, JudgeError};
use shared::platform::config::Reader;
use shared::platform::event::Bus;
use shared::platform::{db, lambda};
use shared::run::{Failure, RunStore};

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda::serve(wire, qci::handle, is_refused).await
}

async fn wire() -> Result<Deps> {
    let mut reader = Reader::load().await?;
    let (database, judge, settings, events) = (reader.database(), reader.judge(), reader.qci(), reader.events());
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
        judge: Arc::new(Judge::new(&judge, settings.concurrency)?),
        settings,
    })
}

fn is_refused(failure: &Failure) -> bool {
    let is_key = |cause: &(dyn Error + 'static)| matches!(cause.downcast_ref(), Some(JudgeError::Unauthorized { .. }));
    failure.is_authentication() || failure.0.chain().any(is_key)
}
