//! A unit of work, done again on a new connection while the database is only away for a moment.

use std::time::Duration;

use anyhow::{Result, bail};
use backon::{BackoffBuilder as _, ExponentialBuilder};
use deadpool_postgres::PoolError;
use tokio::time::{Instant, sleep, timeout};
use tokio_postgres::error::SqlState;

use super::error::{DbError, NoConnection, is_transient, is_transient_to_driver};
use super::frozen::end_frozen;
use super::pool::Pool;

/// What went wrong at earlier tries.
struct Trouble {
    text: String,
    is_statement: bool,
}

/// Does a unit of work: takes a connection, runs its statements, commits. It must be one that can be done twice, or a
/// transaction, whose commit is never in doubt.
///
/// A restart of the database does not fail it. Nothing is begun again after the time that the pool's limits give; a
/// pool [`within`](Pool::within) a budget also cuts off what takes longer than that.
pub async fn retry<T, F>(pool: &Pool, mut attempt: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    let mut trouble = None;
    let Some(whole) = pool.limits.whole else {
        return tries(pool, &mut attempt, &mut trouble).await;
    };
    if let Ok(ended) = timeout(whole, tries(pool, &mut attempt, &mut trouble)).await {
        return ended;
    }
    let seconds = whole.as_secs_f32();
    match trouble {
        Some(Trouble { text, .. }) => bail!("{text} (given up after {seconds} s)"),
        None => bail!(
            "the database does not answer: {} (given up after {seconds} s)",
            pool.address
        ),
    }
}

async fn tries<T, F>(pool: &Pool, attempt: &mut impl FnMut() -> F, trouble: &mut Option<Trouble>) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    let begun = Instant::now();
    let mut pauses = ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(100))
        .with_max_delay(Duration::from_secs(1))
        .without_max_times()
        .with_jitter()
        .build();
    loop {
        let error = match attempt().await {
            Ok(done) => return Ok(done),
            Err(error) => error,
        };
        let pause = pauses.next().unwrap_or_default();
        if !is_away(&error) || begun.elapsed() + pause >= pool.limits.retry {
            return Err(told(error, trouble.take()));
        }
        if is_lock(&error) {
            end_frozen(pool).await;
        }
        tracing::warn!(wait_ms = pause.as_millis(), "trying the database again: {error:#}");
        let is_statement = is_of_statement(&error);
        if is_statement || trouble.as_ref().is_none_or(|trouble| !trouble.is_statement) {
            let text = format!("{error:#}");
            *trouble = Some(Trouble { text, is_statement });
        }
        sleep(pause).await;
    }
}

/// Where no connection could be had after a statement failed, that statement says more than the lack of a connection.
fn told(error: anyhow::Error, trouble: Option<Trouble>) -> anyhow::Error {
    match trouble.filter(|trouble| trouble.is_statement && !is_of_statement(&error)) {
        Some(trouble) => error.context(trouble.text),
        None => error,
    }
}

fn is_of_statement(error: &anyhow::Error) -> bool {
    error.chain().any(<dyn std::error::Error>::is::<DbError>)
}

/// Whether something failed of a database that is away, and may be back by itself, whatever was being done.
#[must_use]
pub fn is_away(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause.downcast_ref().is_some_and(is_transient)
            || cause.downcast_ref().is_some_and(NoConnection::is_transient)
            || cause.downcast_ref().is_some_and(is_transient_to_driver)
            || matches!(cause.downcast_ref(), Some(PoolError::Timeout(_)))
    })
}

fn is_lock(error: &anyhow::Error) -> bool {
    let mut causes = error.chain().filter_map(|cause| cause.downcast_ref::<DbError>());
    causes.any(|error| error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE))
}
