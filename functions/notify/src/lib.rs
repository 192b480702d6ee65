//! Tells people what went wrong: once when it begins, once a day while it lasts, and when it is over.
//!
//! ```text
//! event ─▶ main ─▶ handle ─▶ trigger (what happened) ─▶ incidents ─▶ plan (what to tell)
//!                                                                          │
//!        slack, email ◀─ channels (with tries) ◀─ message ◀─ compose ◀─────┘
//! ```
//!
//! Whether somebody was told stands in the incident, so that an event that comes twice, or a function that dies over
//! its message, costs neither an alert too many nor one too few.

mod alarm;
mod channels;
mod compose;
mod dead_letters;
mod deliver;
mod email;
mod fingerprint;
mod impact;
mod incidents;
mod message;
mod plan;
mod scrub;
mod slack;
mod trigger;

use anyhow::{Context as _, Result, anyhow};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use shared::platform::config;
use shared::platform::db::Pool;
use shared::run::Failure;

pub use channels::Channels;
pub use email::Email;
pub use plan::{COOLDOWN, EXPIRY, FLAPPING, REMIND_AFTER};
pub use slack::Slack;

use trigger::News;

/// What the function works with.
#[derive(Clone, Debug)]
pub struct Deps {
    /// The database; where its settings are unusable, why, and then what cannot wait is told all the same.
    pub pool: Result<Pool, String>,
    /// How people are reached.
    pub channels: Channels,
    /// Links and retention.
    pub settings: config::Alerts,
}

/// What came of an invocation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Messages that somebody was reached by.
    pub told: usize,
    /// Messages that reached nobody.
    pub failed: usize,
    /// Messages of a queue that are to be delivered again; the form of this is Lambda's.
    #[serde(rename = "batchItemFailures", skip_serializing_if = "Vec::is_empty")]
    pub returned: Vec<Returned>,
}

/// A message of a queue that could not be dealt with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Returned {
    item_identifier: String,
}

/// Deals with one event, whatever sent it.
///
/// # Errors
///
/// [`Failure`] where it is no event, or the database is away and what happened can wait for it. A message that reaches
/// nobody is no failure: it is on record, and tried again.
pub async fn handle(deps: &Deps, event: &Value, now: DateTime<Utc>) -> Result<Report, Failure> {
    let mut report = Report::default();
    match dead_letters::records(event) {
        None => deal(deps, trigger::read(event, now)?, now, &mut report).await?,
        Some(records) => {
            for record in records {
                if let Err(error) = deal(deps, dead_letters::read(&record, now), now, &mut report).await {
                    tracing::error!("{:#}", error.context("a message of the queue stays in it"));
                    report.returned.push(Returned {
                        item_identifier: record.id,
                    });
                }
            }
        }
    }
    Ok(report)
}

/// Keeps what happened, and tells whoever is to be told.
async fn deal(deps: &Deps, news: News, now: DateTime<Utc>, report: &mut Report) -> Result<()> {
    let pool = deps.pool.as_ref().map_err(|why| anyhow!("{why}"));
    let kept = match pool {
        Ok(pool) => incidents::record(pool, &news, now).await,
        Err(unusable) => Err(unusable),
    };
    match kept {
        Ok(subjects) => {
            for subject in subjects {
                deliver::tell(deps, &subject, now, report).await?;
            }
            if let News::Test(by) = &news {
                deliver::test(deps, by, now, report).await?;
            }
            Ok(())
        }
        Err(error) => without_record(deps, news, error, now, report).await,
    }
}

/// The database is away, which may be what the news is about: what cannot wait for it is told once an event.
async fn without_record(
    deps: &Deps,
    news: News,
    error: anyhow::Error,
    now: DateTime<Utc>,
    report: &mut Report,
) -> Result<()> {
    let Some(message) = compose::unrecorded(&news, deps) else {
        return Err(error).context("keeping what happened");
    };
    tracing::error!("telling without a record: {error:#}");
    let outcome = deps.channels.deliver(&message).await;
    if outcome.has_arrived() {
        report.told += 1;
        return Ok(());
    }
    report.failed += 1;
    deliver::count_failure(now);
    Err(anyhow!("{}", outcome.why())).context(format!("not notified: {}", message.title))
}
