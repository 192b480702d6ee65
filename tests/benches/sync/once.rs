//! One sync, from settings to report, as the Lambda function and the command have it.

use std::sync::Arc;

use anyhow::{Result, ensure};
use chrono::TimeDelta;
use serde_json::json;
use shared::platform::config::Reader;
use shared::platform::event::{Bus, Invocation};
use shared::platform::{clock, db, telemetry};
use shared::run::{RunStore, Status};
use sync::{Context, Deps, Vapi};
use tokio_util::sync::CancellationToken;

use crate::child;
use crate::measured::Watch;

/// The highest that can be set: how fast Vapi lets itself be asked is not what is measured.
const RATE: &str = "10000";

/// Syncs what is new or changed; everything, where nothing was synced before.
pub(crate) async fn run(vapi: &str, database: &str) -> Result<()> {
    telemetry::init(telemetry::Form::Text, "warn");
    let watch = Watch::start()?;
    let deps = deps(vapi, database)?;
    let now = clock::now();
    let context = Context {
        now,
        deadline_at: now + TimeDelta::hours(1),
        stop: CancellationToken::new(),
    };
    let invocation = Invocation::by_hand("bench", json!({}));
    let report = sync::handle(&deps, &invocation, &context)
        .await
        .map_err(|failure| failure.0)?;
    ensure!(
        report.status == Status::Success,
        "the sync ended as {}: {:?}",
        report.status,
        report.reason
    );
    let written = report.counters.records_inserted + report.counters.records_updated;
    child::say(&watch.stop(u64::try_from(written)?)?)
}

fn deps(vapi: &str, database: &str) -> Result<Deps> {
    let pairs = [
        ("DATABASE_URL", database),
        ("VAPI_BASE_URL", vapi),
        ("VAPI_API_KEY", "bench"),
        ("VAPI_RATE", RATE),
    ];
    let mut reader = Reader::from_pairs(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let (database, vapi, settings) = (reader.database(), reader.vapi(), reader.sync());
    reader.finish()?;
    Ok(Deps {
        ledger: RunStore {
            pool: db::pool(&database)?,
            bus: Bus::Nowhere,
            watch: None,
        },
        vapi: Arc::new(Vapi::new(&vapi)?),
        settings,
    })
}
