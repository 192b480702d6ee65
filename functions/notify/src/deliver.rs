//! Tells what is to be told of a subject, and keeps that it was.

use std::time::Duration;

use anyhow::Result;
use chrono::{DateTime, TimeDelta, Utc};
use shared::platform::db::Pool;
use shared::platform::{db, telemetry};
use shared::run::{self, Level, Step};
use shared::store::incident;
use shared::store::notification::{self, Notification};
use uuid::Uuid;

use crate::channels::Outcome;
use crate::compose::{self, Facts};
use crate::impact::Impact;
use crate::message::Message;
use crate::plan::{self, COOLDOWN, EXPIRY, Occasion, Telling};
use crate::{Deps, Report};

/// Who tells of something has this long, longer than an invocation may take; then somebody else may.
const HOLD: TimeDelta = TimeDelta::minutes(2);
/// What reached nobody is tried again after this long.
const RETRY_AFTER: TimeDelta = TimeDelta::minutes(10);
/// How long the database may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Tells all there is to tell of a subject.
pub(crate) async fn tell(deps: &Deps, subject: &str, now: DateTime<Utc>, report: &mut Report) -> Result<()> {
    let Ok(pool) = &deps.pool else { return Ok(()) };
    let pool = pool.within(PATIENCE);
    while let Some((telling, facts)) = claim(&pool, deps, subject, now).await? {
        let message = compose::message(&telling, &facts, deps, now);
        let outcome = deps.channels.deliver(&message).await;
        conclude(&pool, &telling, &message, &outcome, now).await?;
        if !outcome.has_arrived() {
            report.failed += 1;
            break;
        }
        report.told += 1;
    }
    Ok(())
}

/// Sends a test, and keeps what became of it.
pub(crate) async fn test(deps: &Deps, by: &str, now: DateTime<Utc>, report: &mut Report) -> Result<()> {
    let message = compose::test(by, deps, now);
    let outcome = deps.channels.deliver(&message).await;
    if outcome.has_arrived() {
        report.told += 1;
    } else {
        report.failed += 1;
        complain(&message, &outcome, now);
    }
    let Ok(pool) = &deps.pool else { return Ok(()) };
    let pool = pool.within(PATIENCE);
    let rows = outcome.rows(None, "test", &message, now);
    db::retry(&pool, || async {
        let mut client = db::connect(&pool).await?;
        let transaction = client.transaction().await?;
        keep(&transaction, &rows).await?;
        transaction.commit().await?;
        Ok(())
    })
    .await
}

/// Counts news that reached nobody, for the alarm.
pub(crate) fn count_failure(now: DateTime<Utc>) {
    telemetry::metrics(now, &[], &[("NotificationsFailed", "Count", 1.0)]);
}

/// Decides what is told next, and keeps others from telling it too.
async fn claim(pool: &Pool, deps: &Deps, subject: &str, now: DateTime<Utc>) -> Result<Option<(Telling, Facts)>> {
    db::retry(pool, || async {
        let mut client = db::connect(pool).await?;
        let transaction = client.transaction().await?;
        incident::lock(&transaction, subject).await?;
        let open = incident::open(&transaction, Some(subject)).await?;
        let ended = incident::ends_untold(&transaction, subject, now - EXPIRY).await?;
        let messages = notification::count_on(&transaction, subject, now - COOLDOWN).await?;
        let Some(telling) = plan::next(&open, &ended, messages, now) else {
            return Ok(None);
        };
        incident::hold(&transaction, &ids(&telling), now + HOLD).await?;
        let facts = facts(&transaction, &telling, deps, now).await?;
        transaction.commit().await?;
        Ok(Some((telling, facts)))
    })
    .await
}

async fn facts(db: &impl db::Executor, telling: &Telling, deps: &Deps, now: DateTime<Utc>) -> Result<Facts> {
    let first = &telling.first;
    let brought = match first.ended_at {
        Some(ended) => run::brought(db, &first.subject, first.since, ended).await?,
        None => run::Brought::default(),
    };
    let run = match first.run_id {
        Some(id) => run::find(db, id).await?,
        None => None,
    };
    Ok(Facts {
        impact: Impact::now(db, deps.settings.retention, now).await?,
        run,
        brought,
    })
}

async fn conclude(
    pool: &Pool,
    telling: &Telling,
    message: &Message,
    outcome: &Outcome,
    now: DateTime<Utc>,
) -> Result<()> {
    let ids = ids(telling);
    let first = &telling.first;
    let rows = outcome.rows(Some(first.id), telling.occasion.as_str(), message, now);
    if !outcome.has_arrived() {
        complain(message, outcome, now);
    }
    db::retry(pool, || async {
        let mut client = db::connect(pool).await?;
        let transaction = client.transaction().await?;
        keep(&transaction, &rows).await?;
        match telling.occasion {
            _ if !outcome.has_arrived() => {
                incident::hold(&transaction, &ids, now + RETRY_AFTER).await?;
                if let Some(run) = first.run_id {
                    let line = format!("not notified: {}: {}", message.title, outcome.why());
                    run::append(&transaction, run, Level::Error, Step::Error, &line, now).await?;
                }
            }
            Occasion::Failure | Occasion::Reminder => incident::told(&transaction, &ids, now).await?,
            Occasion::Recovery => incident::end_told(&transaction, &ids, now).await?,
        }
        transaction.commit().await?;
        Ok(())
    })
    .await
}

async fn keep(db: &impl db::Executor, rows: &[Notification]) -> Result<()> {
    for row in rows {
        notification::record(db, row).await?;
    }
    Ok(())
}

fn complain(message: &Message, outcome: &Outcome, now: DateTime<Utc>) {
    tracing::error!("not notified: {}: {}", message.title, outcome.why());
    count_failure(now);
}

fn ids(telling: &Telling) -> Vec<Uuid> {
    telling.incidents().map(|incident| incident.id).collect()
}
