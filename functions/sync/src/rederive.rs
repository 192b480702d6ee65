//! Stored calls whose columns an earlier version of this program derived: brought up to date, some after each sync, or all
//! at once by `callmark rederive`.

use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::json;
use shared::platform::clock;
use shared::platform::db::{self, Pool};
use shared::run::{Run, Step};
use shared::store::call::{self, Rederived};
use tokio::time::{Instant, sleep};

/// Calls in one transaction: some megabytes of documents, and locks for a fraction of a second.
const BATCH: i64 = 100;
/// How long a sync goes on with it once the calls are stored.
const SPARE: Duration = Duration::from_secs(30);
/// How long nothing may come of others being at the calls that are left: longer than any transaction of ours lasts.
const PATIENCE: Duration = Duration::from_secs(90);
const PAUSE: Duration = Duration::from_millis(100);

/// Brings calls up to date until none is behind or `is_late`; `told` hears after each batch how many were done. Calls that
/// somebody else is at are waited for.
///
/// # Errors
///
/// Where the database refuses; what was done is done.
pub async fn rederive(
    pool: &Pool,
    mut is_late: impl FnMut() -> bool,
    mut told: impl FnMut(Rederived),
) -> Result<Rederived> {
    let mut all = Rederived::default();
    let (mut left, mut since) = (i64::MAX, Instant::now());
    loop {
        while !is_late() && batch(pool, &mut all).await? {
            told(all);
        }
        let behind = if is_late() { 0 } else { behind(pool).await? };
        if behind < left {
            (left, since) = (behind, Instant::now());
        }
        if behind == 0 || since.elapsed() > PATIENCE {
            return Ok(all);
        }
        sleep(PAUSE).await;
    }
}

/// Brings some calls up to date; whether there were any that nobody else is at.
async fn batch(pool: &Pool, all: &mut Rederived) -> Result<bool> {
    let some = db::retry(pool, || async {
        let mut client = db::connect(pool).await?;
        let transaction = client.transaction().await?;
        let some = call::rederive(&transaction, BATCH, clock::now()).await?;
        transaction.commit().await?;
        Ok(some)
    })
    .await
    .context("deriving the columns of stored calls anew")?;
    all.calls += some.calls;
    all.changed += some.changed;
    all.unreadable += some.unreadable;
    Ok(some.calls > 0)
}

/// How many calls are behind.
///
/// # Errors
///
/// Where the database refuses.
pub async fn behind(pool: &Pool) -> Result<i64> {
    db::retry(pool, || async {
        let client = db::connect(pool).await?;
        Ok(call::count_behind(&client).await?)
    })
    .await
    .context("counting the calls whose columns are to be derived anew")
}

/// What a sync has time for. That it fails is no reason for the sync to fail.
pub(crate) async fn some(pool: &Pool, run: &Run) {
    let until = Instant::now() + SPARE;
    let done = async {
        let mut done = Rederived::default();
        while Instant::now() < until && !run.is_out_of_time() && batch(pool, &mut done).await? {}
        let left = if done.calls == 0 { 0 } else { behind(pool).await? };
        Ok::<_, anyhow::Error>((done, left))
    };
    match done.await {
        Ok((done, _)) if done.calls == 0 => {}
        Ok((done, left)) => {
            let rest = if left == 0 {
                String::new()
            } else {
                format!("; {left} are left, which `callmark rederive` does at once")
            };
            run.info(
                Step::Save,
                format!(
                    "the columns of {} calls were derived anew, {} changed{rest}",
                    done.calls, done.changed
                ),
                json!({"rederived": done.calls, "changed": done.changed, "unreadable": done.unreadable, "left": left}),
            );
        }
        Err(error) => run.warn(Step::Save, format!("{error:#}"), json!({})),
    }
}
