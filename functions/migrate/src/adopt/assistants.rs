//! Assistants and the history of their prompts, which are stored together: a version needs its assistant.

use std::collections::HashMap;

use anyhow::Result;
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::json;
use shared::assistant::Assistant;
use shared::assistant::adopted::{self, Adopted, Version};
use shared::document::{self, Reading};
use tokio_postgres::Transaction;

use super::copy::{Tally, keys};
use super::fill::Members;
use super::old::{Found, Old, SCHEMA};

/// The order of an assistant's versions.
const ORDER: &str = "assistant_id, version_number, changed_at";

/// Stores the assistants of a batch with their histories. Beside the tally: how many rows of the history were read, and
/// what became of them.
pub(super) async fn take(
    transaction: &Transaction<'_>,
    found: &Found,
    history: Option<&Found>,
    rows: &[Old],
    now: DateTime<Utc>,
) -> Result<(Tally, Option<(usize, Tally)>)> {
    // Only the history is there.
    if history.is_some_and(|history| history.table == found.table) {
        let mut tally = Tally::default();
        take_histories(transaction, found, &keys(rows), now, false, &mut tally).await?;
        return Ok((tally, None));
    }
    let mut tally = Tally::default();
    let (mut read, mut of_history) = (0, Tally::default());
    let ids = keys(rows);
    let mut histories: HashMap<String, Vec<Old>> = HashMap::new();
    if let Some(history) = history {
        for row in history.of_keys(transaction, SCHEMA, &ids, ORDER).await? {
            read += 1;
            histories.entry(row.key().to_owned()).or_default().push(row);
        }
    }
    for row in rows {
        let Some(assistant) = read_assistant(row) else {
            tally.refuse("assistants whose id is blank", 1);
            continue;
        };
        let synced_at = row.instant("synced_at").unwrap_or(now);
        let versions = histories.remove(row.key()).unwrap_or_default();
        let versions = read_versions(&versions, Some((row, &assistant)), synced_at);
        let count = versions.len() as u64;
        let adopted = Adopted {
            assistant,
            synced_at,
            is_gone: false,
            versions,
        };
        let stored = adopted::adopt(transaction, &adopted, now).await?;
        tally.taken += u64::from(stored.is_new);
        tally.present += u64::from(!stored.is_new);
        of_history.taken += stored.versions;
        of_history.present += count - stored.versions;
    }
    Ok((tally, history.map(|_| (read, of_history))))
}

/// The histories of assistants that the earlier system no longer listed; how many rows that are.
pub(super) async fn take_orphans(
    transaction: &Transaction<'_>,
    history: &Found,
    assistants: Option<&Found>,
    now: DateTime<Utc>,
) -> Result<(usize, Tally)> {
    let mut tally = Tally::default();
    let (mut after, mut read): (Option<String>, usize) = (None, 0);
    loop {
        let rows = history.batch(transaction, SCHEMA, after.as_deref()).await?;
        let Some(last) = rows.last() else {
            return Ok((read, tally));
        };
        after = Some(last.key().to_owned());
        let ids = keys(&rows);
        let known: Vec<Old> = match assistants {
            Some(assistants) => assistants.of_keys(transaction, SCHEMA, &ids, "assistant_id").await?,
            None => Vec::new(),
        };
        let orphans: Vec<&str> = ids
            .into_iter()
            .filter(|id| known.iter().all(|known| known.key() != *id))
            .collect();
        read += take_histories(transaction, history, &orphans, now, true, &mut tally).await?;
    }
}

/// Stores assistants of which there is only a history: as they were last.
async fn take_histories(
    transaction: &Transaction<'_>,
    history: &Found,
    ids: &[&str],
    now: DateTime<Utc>,
    is_gone: bool,
    tally: &mut Tally,
) -> Result<usize> {
    let rows = history.of_keys(transaction, SCHEMA, ids, ORDER).await?;
    for id in ids {
        let own: Vec<Old> = rows.iter().filter(|row| row.key() == *id).cloned().collect();
        let versions = read_versions(&own, None, now);
        let Some(last) = versions.last() else {
            tally.refuse("assistants whose id is blank", own.len() as u64);
            continue;
        };
        let (count, synced_at) = (versions.len() as u64, last.changed_at);
        let adopted = Adopted {
            assistant: last.state.clone(),
            synced_at,
            is_gone,
            versions,
        };
        let stored = adopted::adopt(transaction, &adopted, now).await?;
        tally.taken += stored.versions;
        tally.present += count - stored.versions;
        if is_gone {
            tally.note("assistants of which only the history was left: marked as gone");
        }
    }
    Ok(rows.len())
}

/// An assistant, from its document or, where that says nothing, its columns.
pub(super) fn read_assistant(row: &Old) -> Option<Assistant> {
    let mut members = Members::read(row.get("raw_json"));
    if members.string("id").as_deref() != Some(row.key()) {
        members.set("id", &json!(row.key()));
    }
    let bare = parse(&members)?;
    if let Some(name) = row.text("name").filter(|_| bare.name.is_none()) {
        members.set("name", &json!(name));
    }
    if let Some(model) = row.text("model").filter(|_| bare.model.is_none()) {
        members.set_within("model", "model", &json!(model));
    }
    if let Some(voice) = row.text("voice").filter(|_| bare.voice.is_none()) {
        members.set_within("voice", "voiceId", &json!(voice));
    }
    if let Some(prompt) = row.text("prompt").filter(|_| bare.prompt.is_none()) {
        members.set_within("model", "messages", &json!([{"role": "system", "content": prompt}]));
    }
    if let Some(at) = row.instant("updated_at").filter(|_| bare.updated_at.is_none()) {
        members.set("updatedAt", &json!(at.to_rfc3339_opts(SecondsFormat::AutoSi, true)));
    }
    parse(&members)
}

/// The versions in their order. Numbers rise: one that does not is given the next.
pub(super) fn read_versions(
    rows: &[Old],
    current: Option<(&Old, &Assistant)>,
    synced_at: DateTime<Utc>,
) -> Vec<Version> {
    let mut last = 0;
    rows.iter()
        .filter_map(|row| {
            let number = row
                .whole("version_number")
                .filter(|number| (last + 1..1_000_000).contains(number));
            last = number.unwrap_or(last + 1);
            let mut state = read_assistant(row)?;
            // What a row without a document says in the same words as the assistant's is the same.
            if let Some((now, assistant)) = current
                && is_thin(row)
                && ["prompt", "model", "voice"]
                    .iter()
                    .all(|column| row.text(column) == now.text(column))
            {
                state.clone_from(assistant);
            }
            Some(Version {
                number: last,
                changed_at: row.instant("changed_at").or(state.updated_at).unwrap_or(synced_at),
                state,
            })
        })
        .collect()
}

fn is_thin(row: &Old) -> bool {
    Members::read(row.get("raw_json")).is_empty()
}

fn parse(members: &Members) -> Option<Assistant> {
    match document::assistant(members.text().as_bytes()) {
        Reading::Usable(assistant, _) => Some(*assistant),
        Reading::Unusable(_) | Reading::Malformed(_) => None,
    }
}
