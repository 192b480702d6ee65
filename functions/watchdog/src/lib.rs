//! Notices what did not happen: runs without an end, schedules that fell silent, calls about to be lost. And what
//! syncs found to be wrong with what Vapi gives.
//!
//! ```text
//! schedule ─▶ main ─▶ handle ─▶ close lost runs ─▶ "Run Finished"
//!                        └────▶ conditions (decides) ─▶ shared::store::alert ─▶ "Alert Raised"
//! ```
//!
//! It keeps no run of its own: what it found stands in `alerts`, and that it lives is told by its metric.

mod conditions;

use anyhow::{Context as _, Result};
use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use shared::domain::script::Script;
use shared::platform::config;
use shared::platform::db::{Client, Pool};
use shared::platform::event::{AlertState, Bus, Event};
use shared::platform::{db, telemetry};
use shared::run::{self, Failure};
use shared::store::alert::{self, Condition};
use shared::store::sync_state;

pub use conditions::{AT_IT_FOR, LATE_AFTER, MISSED_AFTER};

/// How long after its deadline a run may live on by our clock: hosts whose clocks are minutes apart take no
/// living run for lost.
pub const GRACE: TimeDelta = TimeDelta::minutes(4);

const SYNC: &str = Script::Sync.as_str();
const QCI: &str = Script::Qci.as_str();

/// What the function works with.
#[derive(Clone, Debug)]
pub struct Deps {
    /// The database.
    pub pool: Pool,
    /// Where what was found is announced.
    pub bus: Bus,
    /// What is expected of the scripts.
    pub settings: config::Watchdog,
}

/// What one look came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Runs that were closed as lost, and are announced now.
    pub lost: usize,
    /// Alerts that were raised.
    pub raised: usize,
    /// Alerts that were cleared.
    pub cleared: usize,
    /// What is amiss now, a sentence each.
    pub open: Vec<String>,
}

/// Looks once.
///
/// # Errors
///
/// [`Failure`] where the database or the bus does not take part. What could not be announced is announced next time.
pub async fn handle(deps: &Deps, now: DateTime<Utc>) -> Result<Report, Failure> {
    Ok(look(deps, now).await.context("watching over the runs")?)
}

async fn look(deps: &Deps, now: DateTime<Utc>) -> Result<Report> {
    let pool = &deps.pool;
    let mut report = Report::default();
    for script in [SYNC, QCI] {
        db::retry(pool, || close_lost(pool, script, now)).await?;
        report.lost += run::announce_lost(pool, &deps.bus, script).await?;
    }
    let conditions = db::retry(pool, || async {
        let client = db::connect(pool).await?;
        look_for_conditions(deps, &client, now).await
    })
    .await?;
    (report.raised, report.cleared) = db::retry(pool, || record(pool, &conditions, now)).await?;
    announce(deps, now).await?;
    report.open = conditions.into_iter().map(|condition| condition.summary).collect();
    #[expect(clippy::cast_precision_loss, reason = "a handful")]
    let counted = [
        ("OpenAlerts", "Count", report.open.len() as f64),
        ("LostRuns", "Count", report.lost as f64),
    ];
    telemetry::metrics(now, &[("Script", "watchdog")], &counted);
    tracing::info!(lost = report.lost, open = report.open.len(), "looked after the runs");
    Ok(report)
}

async fn close_lost(pool: &Pool, script: &str, now: DateTime<Utc>) -> Result<()> {
    let mut client = db::connect(pool).await?;
    let transaction = client.transaction().await?;
    run::close_lost(&transaction, script, now, GRACE)
        .await
        .context("closing lost runs")?;
    transaction.commit().await?;
    Ok(())
}

async fn look_for_conditions(deps: &Deps, client: &Client, now: DateTime<Utc>) -> Result<Vec<Condition>> {
    let settings = &deps.settings;
    let watched = [(SYNC, Some(settings.sync_every)), (QCI, settings.qci_every)];
    let mut found = Vec::new();
    for (script, every) in watched {
        let Some(every) = every else { continue };
        let watched_since = alert::watch(client, script, now).await?;
        let pulse = run::pulse(client, script)
            .await
            .with_context(|| format!("looking at the runs of {script}"))?;
        found.extend(conditions::of_script(script, every, watched_since, pulse, now));
    }
    let noted = run::noted(client, SYNC)
        .await
        .context("looking at what the newest sync found")?;
    found.extend(noted.iter().flat_map(|noted| conditions::of_findings(SYNC, noted)));
    let watermark = sync_state::read(client).await?.watermark;
    found.extend(watermark.and_then(|watermark| conditions::of_headroom(SYNC, watermark, settings, now)));
    Ok(found)
}

/// Raises what is found and clears what is past, in one go: how many of each.
async fn record(pool: &Pool, conditions: &[Condition], now: DateTime<Utc>) -> Result<(usize, usize)> {
    let mut client = db::connect(pool).await?;
    let transaction = client.transaction().await?;
    let (mut raised, mut cleared) = (0, 0);
    let open = alert::open(&transaction).await?;
    for condition in conditions {
        raised += usize::from(alert::raise(&transaction, condition, now).await?);
    }
    for past in open
        .iter()
        .filter(|open| !conditions.iter().any(|condition| open.is_of(condition)))
    {
        cleared += usize::from(alert::clear(&transaction, past.id, now).await?);
    }
    transaction.commit().await?;
    Ok((raised, cleared))
}

/// Tells the bus what it does not know yet, earlier looks included.
async fn announce(deps: &Deps, now: DateTime<Utc>) -> Result<()> {
    let pool = &deps.pool;
    let unpublished = db::retry(pool, || async {
        let client = db::connect(pool).await?;
        Ok(alert::unpublished(&client).await?)
    });
    for news in unpublished.await? {
        match news.state {
            AlertState::Raised => tracing::warn!(script_name = news.script_name, "{}", news.summary),
            AlertState::Cleared => tracing::info!(script_name = news.script_name, "no longer: {}", news.summary),
        }
        deps.bus.publish(Event::Raised(news.clone())).await?;
        db::retry(pool, || async {
            let client = db::connect(pool).await?;
            Ok(alert::published(&client, &news, now).await?)
        })
        .await?;
    }
    Ok(())
}
