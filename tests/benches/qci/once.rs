//! One scoring run, from settings to report, as the Lambda function and the command have it.

use std::sync::Arc;

use anyhow::{Result, ensure};
use chrono::TimeDelta;
use qci::{Context, Deps};
use serde_json::json;
use shared::platform::config::Reader;
use shared::platform::event::{Bus, Invocation};
use shared::platform::{clock, db, telemetry};
use shared::run::{RunStore, Status};
use simulator::judge::MODEL;
use tokio_util::sync::CancellationToken;

use crate::child;
use crate::measured::Watch;

/// Scores the first so many calls that have no score.
pub(crate) async fn run(judge: &str, database: &str, concurrency: usize, calls: usize) -> Result<()> {
    telemetry::init(telemetry::Form::Text, "warn");
    let watch = Watch::start()?;
    let deps = deps(judge, database, concurrency)?;
    let now = clock::now();
    let context = Context {
        now,
        deadline_at: now + TimeDelta::hours(1),
        stop: CancellationToken::new(),
    };
    let invocation = Invocation::by_hand("bench", json!({"limit": calls}));
    let report = qci::handle(&deps, &invocation, &context)
        .await
        .map_err(|failure| failure.0)?;
    ensure!(
        report.status == Status::Success,
        "scoring ended as {}: {:?}",
        report.status,
        report.reason
    );
    child::say(&watch.stop(u64::try_from(report.counters.calls_analyzed)?)?)
}

fn deps(judge: &str, database: &str, concurrency: usize) -> Result<Deps> {
    let concurrency = concurrency.to_string();
    let pairs = [
        ("DATABASE_URL", database),
        ("OPENAI_BASE_URL", judge),
        ("OPENAI_API_KEY", "bench"),
        ("OPENAI_MODEL", MODEL),
        ("QCI_CONCURRENCY", &concurrency),
    ];
    let mut reader = Reader::from_pairs(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let (database, judge, settings) = (reader.database(), reader.judge(), reader.qci());
    reader.finish()?;
    Ok(Deps {
        ledger: RunStore {
            pool: db::pool(&database)?,
            bus: Bus::Nowhere,
            watch: None,
        },
        judge: Arc::new(qci::Judge::new(&judge, settings.concurrency)?),
        settings,
    })
}
