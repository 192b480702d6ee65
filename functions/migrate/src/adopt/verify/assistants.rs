//! Assistants of both sides, and their versions.

use anyhow::Result;
use chrono::{DateTime, Utc};
use shared::platform::db;
use shared::store::assistant::adopted::{self, Adopted, Version};

use super::{Compared, Side};
use crate::adopt::assistants::{ORDER, read_assistant, read_versions};
use crate::adopt::old::{Old, SCHEMA};
use crate::adopt::reading;
use crate::adopt::tally::keys;

pub(super) async fn compared(side: &Side<'_>, now: DateTime<Utc>) -> Result<Vec<Compared>> {
    let now = side.adopted_by(now);
    let (mut read, mut held, mut same, mut changed_since) = (0, 0, 0, 0);
    let mut after: Option<String> = None;
    loop {
        let rows = side.batch(after.as_deref()).await?;
        let Some(last) = rows.last() else { break };
        let expected: Vec<Adopted> = rows.iter().filter_map(|row| expected(row, now)).collect();
        let found = db::retry(side.pool, || async {
            Ok(adopted::compare(&side.client().await?, &expected).await?)
        })
        .await?;
        read += rows.len();
        held += found.len();
        same += found.values().filter(|found| found.is_same).count();
        changed_since += found
            .values()
            .filter(|found| found.is_rewritten && !found.is_same)
            .count();
        after = Some(last.key().to_owned());
    }
    let refused = side.far.map_or(0, |far| far.rows_refused.unsigned_abs());
    Ok(vec![
        Compared::new("assistants: found in ours by id", read, held)
            .because((read - held) as u64 <= refused, format!("{refused} have a blank id")),
        Compared::new("assistants: the same in every column", held, same).because(
            held - same == changed_since,
            format!("{changed_since} were changed by a sync since"),
        ),
    ])
}

pub(super) async fn versions_compared(side: &Side<'_>) -> Result<Vec<Compared>> {
    let (mut read, mut same) = (0, 0);
    let mut after: Option<String> = None;
    loop {
        let rows = side.batch(after.as_deref()).await?;
        let Some(last) = rows.last() else { break };
        let ids = keys(&rows);
        let batch = db::retry(side.pool, || async {
            let mut client = side.client().await?;
            let transaction = reading(&mut client).await?;
            // In the order in which they were numbered.
            let ordered = side.found.of_keys(&transaction, SCHEMA, &ids, ORDER).await?;
            let versions: Vec<Version> = ids
                .iter()
                .flat_map(|id| {
                    let own: Vec<Old> = ordered.iter().filter(|row| row.key() == *id).cloned().collect();
                    read_versions(&own, DateTime::<Utc>::default())
                })
                .collect();
            Ok((versions.len(), adopted::same_versions(&transaction, &versions).await?))
        })
        .await?;
        read += batch.0;
        same += batch.1;
        after = Some(last.key().to_owned());
    }
    Ok(vec![Compared::new(
        "versions: same number, prompt, model, voice",
        read,
        same,
    )])
}

fn expected(row: &Old, now: DateTime<Utc>) -> Option<Adopted> {
    Some(Adopted {
        assistant: read_assistant(row)?,
        synced_at: row.instant("synced_at").unwrap_or(now),
        is_gone: false,
        versions: Vec::new(),
    })
}
