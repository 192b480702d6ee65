//! Assistants and the history of their prompts, which are stored together: a version needs its assistant.

use std::collections::{HashMap, HashSet};

use anyhow::Result;
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, json};
use shared::domain::assistant::Assistant;
use shared::domain::document::{self, Reading};
use shared::platform::db::Transaction;
use shared::store::assistant::adopted::{self, Adopted, Version};

use super::members::{Members, object_in};
use super::old::{Found, Old, SCHEMA};
use super::tally::{Tally, keys};

/// Why an assistant cannot be taken.
const BLANK: &str = "assistants whose id is blank";

/// The order of an assistant's versions.
pub(super) const ORDER: &str = "assistant_id, version_number, changed_at";

/// Rows of the history that were looked at, and what became of them.
#[derive(Debug, Default)]
pub(super) struct Versions {
    pub(super) read: usize,
    pub(super) tally: Tally,
}

impl Versions {
    fn add(&mut self, versions: usize, stored: u64) {
        self.tally.taken += stored;
        self.tally.present += versions as u64 - stored;
    }
}

/// Stores the assistants of a batch, each with its history.
pub(super) async fn take(
    transaction: &Transaction<'_>,
    history: Option<&Found>,
    rows: &[Old],
    now: DateTime<Utc>,
) -> Result<(Tally, Versions)> {
    let (mut tally, mut of_history) = (Tally::default(), Versions::default());
    let mut histories: HashMap<String, Vec<Old>> = HashMap::new();
    if let Some(history) = history {
        for row in history.of_keys(transaction, SCHEMA, &keys(rows), ORDER).await? {
            of_history.read += 1;
            histories.entry(row.key().to_owned()).or_default().push(row);
        }
    }
    for row in rows {
        let own = histories.remove(row.key()).unwrap_or_default();
        let Some(assistant) = read_assistant(row) else {
            tally.refuse(BLANK, 1);
            of_history.tally.refuse(BLANK, own.len() as u64);
            continue;
        };
        let synced_at = row.instant("synced_at").unwrap_or(now);
        let versions = read_versions(&own, synced_at);
        let count = versions.len();
        let adopted = Adopted {
            assistant,
            synced_at,
            is_gone: false,
            versions,
        };
        let stored = adopted::adopt(transaction, &adopted, now).await?;
        tally.taken += u64::from(stored.is_new);
        tally.present += u64::from(!stored.is_new);
        of_history.add(count, stored.versions);
    }
    Ok((tally, of_history))
}

/// Stores what is left of the history once the assistants are stored: of assistants that the earlier system no longer
/// listed, each as it was last.
pub(super) async fn take_orphans(
    transaction: &Transaction<'_>,
    history: &Found,
    assistants: Option<&Found>,
    rows: &[Old],
    now: DateTime<Utc>,
) -> Result<Versions> {
    let mut of_history = Versions::default();
    let mut ids = keys(rows);
    if let Some(assistants) = assistants {
        let known = assistants.of_keys(transaction, SCHEMA, &ids, "assistant_id").await?;
        let known: HashSet<&str> = known.iter().map(Old::key).collect();
        ids.retain(|id| !known.contains(id));
    }
    let mut histories: HashMap<String, Vec<Old>> = HashMap::new();
    for row in history.of_keys(transaction, SCHEMA, &ids, ORDER).await? {
        of_history.read += 1;
        histories.entry(row.key().to_owned()).or_default().push(row);
    }
    for own in ids.into_iter().filter_map(|id| histories.remove(id)) {
        let versions = read_versions(&own, now);
        let Some(last) = versions.last() else {
            of_history.tally.refuse(BLANK, own.len() as u64);
            continue;
        };
        let count = versions.len();
        let adopted = Adopted {
            assistant: last.state.clone(),
            synced_at: last.changed_at,
            // Without a list of assistants nobody knows who is gone.
            is_gone: assistants.is_some(),
            versions,
        };
        if adopted.is_gone {
            of_history
                .tally
                .note("assistants of which only the history was left: marked as gone");
        }
        let stored = adopted::adopt(transaction, &adopted, now).await?;
        of_history.add(count, stored.versions);
    }
    Ok(of_history)
}

/// An assistant, from its document and, where that says nothing, its columns.
pub(super) fn read_assistant(row: &Old) -> Option<Assistant> {
    let document = object_in(row.get("raw_json"));
    let mut identity = Members::default();
    identity.set("id", &row.key());
    let document = document::union(&identity.text(), &document)?;
    let bare = parse(&document)?;
    let columns = lacking(&bare, row);
    if columns.is_empty() {
        return Some(bare);
    }
    parse(&document::union(&columns.text(), &document)?)
}

/// What a document does not say and a column does, under Vapi's names.
fn lacking(assistant: &Assistant, row: &Old) -> Members {
    let mut members = Members::default();
    if let Some(name) = row.text("name").filter(|_| assistant.name.is_none()) {
        members.set("name", &name);
    }
    let mut model = Map::new();
    if let Some(name) = row.text("model").filter(|_| assistant.model.is_none()) {
        model.insert("model".to_owned(), json!(name));
    }
    if let Some(prompt) = row.text("prompt").filter(|_| assistant.prompt.is_none()) {
        let messages = json!([{"role": "system", "content": prompt}]);
        model.insert("messages".to_owned(), messages);
    }
    if !model.is_empty() {
        members.set("model", &model);
    }
    if let Some(voice) = row.text("voice").filter(|_| assistant.voice.is_none()) {
        members.set("voice", &json!({"voiceId": voice}));
    }
    if let Some(at) = row.instant("updated_at").filter(|_| assistant.updated_at.is_none()) {
        members.set("updatedAt", &at.to_rfc3339_opts(SecondsFormat::AutoSi, true));
    }
    members
}

/// The versions in their order. Numbers rise: one that does not is given the next.
pub(super) fn read_versions(rows: &[Old], synced_at: DateTime<Utc>) -> Vec<Version> {
    let mut last = 0;
    rows.iter()
        .filter_map(|row| {
            let number = row
                .whole("version_number")
                .filter(|number| (last + 1..1_000_000).contains(number));
            last = number.unwrap_or(last + 1);
            let state = read_assistant(row)?;
            Some(Version {
                number: last,
                changed_at: row.instant("changed_at").or(state.updated_at).unwrap_or(synced_at),
                state,
            })
        })
        .collect()
}

fn parse(document: &str) -> Option<Assistant> {
    match document::assistant(document.as_bytes()) {
        Reading::Usable(assistant, _) => Some(*assistant),
        Reading::Unusable(_) | Reading::Malformed(_) => None,
    }
}
