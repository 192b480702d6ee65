//! Parts of a window that are given to walks of their own.

use anyhow::{Context as _, Result};
use chrono::{DateTime, Utc};
use shared::platform::db::{self, Pool};
use shared::store::sync_state::{self, Window};

/// Gives the part of a window from `from` back to walks of their own; returns them with their rows.
///
/// The rest stays open until what was read of it is stored.
pub(crate) async fn hand_over(
    pool: &Pool,
    window: &Window,
    from: DateTime<Utc>,
    parts: Vec<Window>,
) -> Result<Vec<Window>> {
    let Some(id) = window.id else { return Ok(parts) };
    db::retry(pool, || async {
        let mut client = db::connect(pool).await?;
        let transaction = client.transaction().await?;
        let parts = sync_state::open(&transaction, parts.clone()).await?;
        sync_state::shorten(&transaction, id, from).await?;
        transaction.commit().await?;
        Ok(parts)
    })
    .await
    .context("splitting a window")
}
