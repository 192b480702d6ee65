//! Reads the calls again that had not ended when last seen, by their ids.

use anyhow::{Context as _, Result};
use chrono::{DateTime, Utc};
use serde_json::json;
use shared::platform::{db, telemetry};
use shared::run::Step;
use shared::store::call;

use crate::Deps;
use crate::absent::BELIEVED;
use crate::page::{ReadError, WindowCursor};
use crate::walker::Walker;

/// Reads the open calls that no window showed; returns how many time did not suffice for.
pub(crate) async fn read_again(deps: &Deps, walker: &Walker, dry_run: bool, now: DateTime<Utc>) -> Result<usize> {
    // What the walks brought in must be seen to have ended.
    walker.writers.finish().await?;
    let pool = &deps.ledger.pool;
    let open = db::retry(pool, || async {
        let client = db::connect(pool).await?;
        Ok(call::open_since(&client, walker.organisation.id(), now - deps.settings.retention).await?)
    })
    .await
    .context("reading the open calls")?;
    let ids: Vec<String> = open.into_iter().filter(|id| !walker.seen.contains(id)).collect();
    if ids.is_empty() {
        return Ok(0);
    }
    let mut cursor = WindowCursor::by_id(now);
    let (mut read, mut gone): (usize, Vec<&str>) = (0, Vec::new());
    for id in &ids {
        let Some(found) = walker.in_time(walker.one(id, &mut cursor)).await else {
            break;
        };
        match found {
            Ok(true) => {}
            Ok(false) => gone.push(id),
            Err(ReadError::Vapi(error)) if error.is_transient() => {
                walker.run.warn(
                    Step::Fetch,
                    format!("open call {id} was not read again: {}", telemetry::chain(&error)),
                    json!({"call_id": id}),
                );
            }
            Err(error) => return Err(error).with_context(|| format!("reading open call {id} again")),
        }
        read += 1;
    }
    walker.flush(&mut cursor, false).await?;
    // Where nothing is listed at all, nothing is proof of what is gone.
    if !dry_run && !walker.listing.is_empty() && !gone.is_empty() {
        db::retry(pool, || async {
            let client = db::connect(pool).await?;
            Ok(call::mark_gone(&client, &gone, now - BELIEVED, now).await?)
        })
        .await
        .context("keeping what is gone")?;
    }
    let text = format!(
        "read {read} of {} open calls again; Vapi does not know {} any more",
        ids.len(),
        gone.len()
    );
    walker.run.info(
        Step::Fetch,
        text,
        json!({"open": ids.len(), "read": read, "gone": gone.len()}),
    );
    Ok(ids.len() - read)
}
