//! `/healthz` of `callmark serve`: when the last sync ended and how, when the next one is due, and whether it is overdue.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use axum::Json;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use shared::platform::db::Pool;
use shared::platform::{clock, db};
use shared::run::{self, Row};

use crate::span::Span;

/// How long the database may take: whoever asks for health does not wait for long.
const PATIENCE: Duration = Duration::from_secs(5);
/// Runs that are looked at for the last that did something.
const LOOKED_AT: i64 = 20;

/// What is known of the schedule.
#[derive(Clone)]
pub(crate) struct Health {
    pool: Pool,
    every: Span,
    time_limit: Span,
    started_at: DateTime<Utc>,
    next: Arc<Mutex<DateTime<Utc>>>,
}

impl Health {
    pub(crate) fn new(pool: &Pool, every: Span, time_limit: Span, now: DateTime<Utc>) -> Self {
        Self {
            pool: pool.within(PATIENCE),
            every,
            time_limit,
            started_at: now,
            next: Arc::new(Mutex::new(now)),
        }
    }

    /// The next sync is due then.
    pub(crate) fn next_is_at(&self, next: DateTime<Utc>) {
        *self.next.lock().unwrap_or_else(PoisonError::into_inner) = next;
    }

    /// The answer.
    pub(crate) async fn check(&self) -> (StatusCode, Json<Value>) {
        let next = *self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let (status, last) = match self.last().await {
            Ok(last) if self.is_overdue(last.as_ref(), clock::now()) => ("overdue", last),
            Ok(last) => ("ok", last),
            Err(error) => {
                tracing::error!("the pages have no database: {error:#}");
                ("the database does not answer", None)
            }
        };
        let last = last.map(
            |run| json!({"run_id": run.id, "status": run.status, "ended_at": run.finished_at.map(clock::rfc3339)}),
        );
        let code = if status == "ok" {
            StatusCode::OK
        } else {
            StatusCode::SERVICE_UNAVAILABLE
        };
        let body = json!({
            "status": status,
            "last_sync": last,
            "next_sync_at": clock::rfc3339(next),
            "serving_since": clock::rfc3339(self.started_at),
        });
        (code, Json(body))
    }

    /// The last sync that ended, unless it was skipped.
    async fn last(&self) -> Result<Option<Row>> {
        let runs = db::retry(&self.pool, || async {
            let client = db::connect(&self.pool).await?;
            Ok(run::latest(&client, Some(sync::SCRIPT), LOOKED_AT).await?)
        })
        .await?;
        let ended = runs
            .into_iter()
            .filter(|run| run.finished_at.is_some() && run.status != "skipped");
        Ok(ended.max_by_key(|run| run.finished_at))
    }

    fn is_overdue(&self, last: Option<&Row>, now: DateTime<Utc>) -> bool {
        let ended = last.and_then(|run| run.finished_at);
        is_overdue(self.started_at, ended, now, self.every, self.time_limit)
    }
}

/// Two periods and the time of one run without a sync that ended are too long. What ended before we were started says
/// nothing of us.
fn is_overdue(
    started_at: DateTime<Utc>,
    last_ended: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
    every: Span,
    time_limit: Span,
) -> bool {
    let since = last_ended.map_or(started_at, |ended| ended.max(started_at));
    now - since > every.delta() * 2 + time_limit.delta()
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn a_sync_is_overdue_after_two_periods_and_the_time_of_one_run() {
        let started = clock::now();
        let (every, limit) = (Span::hours(6), Span::minutes(15));
        let at = |hours: i64, minutes: i64| started + TimeDelta::hours(hours) + TimeDelta::minutes(minutes);
        for (last_ended, now, expected) in [
            (None, at(0, 1), false),
            (None, at(12, 15), false),
            (None, at(12, 16), true),
            // It ended long before we were started.
            (Some(at(-100, 0)), at(12, 15), false),
            (Some(at(-100, 0)), at(12, 16), true),
            (Some(at(6, 5)), at(18, 20), false),
            (Some(at(6, 5)), at(18, 21), true),
            // A clock that ran ahead.
            (Some(at(20, 0)), at(12, 16), false),
        ] {
            let overdue = is_overdue(started, last_ended, now, every, limit);

            assert_eq!(overdue, expected, "{last_ended:?} {now}");
        }
    }
}
