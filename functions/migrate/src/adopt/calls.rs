//! Calls: each row becomes the document that Vapi would serve, and is read, merged and stored by the code of a sync.

use std::collections::BTreeMap;

use anyhow::Result;
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};
use shared::domain::call::{Call, DocumentHash};
use shared::domain::document::{self, EARLIER, Fuller, Reading, Version};
use shared::domain::reject::Reject;
use shared::domain::stored_call::{Change, Known};
use shared::platform::db::{self, DbError, Executor, Transaction};
use shared::store::call::adopted::{self, Adopted};
use shared::store::call::{self, Look};
use shared::store::reject;

use super::members::{Members, NOTHING, object_in};
use super::old::Old;
use super::tally::{Care, Tally};

/// The index on the ids of rejects holds no longer ones.
const LONGEST_ID: usize = 2000;

/// Stores a batch.
pub(super) async fn take(transaction: &Transaction<'_>, rows: &[Old], care: Care, now: DateTime<Utc>) -> Result<Tally> {
    let mut tally = Tally::default();
    let (calls, mut rejects) = gather(rows, now, &mut tally);
    let calls: Vec<Adopted> = calls.into_iter().map(|(_, call)| call).collect();
    match care {
        Care::Together => store(transaction, &calls, now, &mut tally).await?,
        Care::EachAlone => {
            for call in &calls {
                transaction.batch_execute("savepoint alone").await?;
                match store(transaction, std::slice::from_ref(call), now, &mut tally).await {
                    Ok(()) => transaction.batch_execute("release savepoint alone").await?,
                    Err(error) if db::is_about_the_row(&error) => {
                        transaction.batch_execute("rollback to savepoint alone").await?;
                        rejects.push(refused(&call.call, &error));
                    }
                    Err(error) => return Err(error.into()),
                }
            }
        }
    }
    for reject in &rejects {
        tally.refuse(&reject.reason, 1);
        reject::record(transaction, reject, None, now).await?;
    }
    Ok(tally)
}

/// The calls of a batch in the order of their ids, each with its first row, and what is none. Of two rows of one id,
/// where the table did not forbid that, what either has is kept.
pub(super) fn gather<'a>(
    rows: &'a [Old],
    now: DateTime<Utc>,
    tally: &mut Tally,
) -> (Vec<(&'a Old, Adopted)>, Vec<Reject>) {
    let mut calls: BTreeMap<String, (&Old, Adopted)> = BTreeMap::new();
    let mut rejects = Vec::new();
    for row in rows {
        let adopted = match read(row, now, tally) {
            Ok(adopted) => adopted,
            Err(reject) => {
                rejects.push(reject);
                continue;
            }
        };
        let id = adopted.call.id.clone();
        let one = match calls.remove(&id) {
            Some((first, other)) => {
                tally.present += 1;
                tally.note("two rows of one call are one");
                let both = Adopted {
                    // Both are the earlier system's: nothing is kept here that Vapi took back.
                    call: Call {
                        source_hash: None,
                        content_kept_at: None,
                        ..adopted.call.after(&other.call, now)
                    },
                    synced_at: adopted.synced_at.max(other.synced_at),
                };
                (first, both)
            }
            None => (row, adopted),
        };
        calls.insert(id, one);
    }
    (calls.into_values().collect(), rejects)
}

/// Reads one row: its document, and from its columns what the document does not say.
fn read(row: &Old, now: DateTime<Utc>, tally: &mut Tally) -> Result<Adopted, Reject> {
    let document = object_in(row.get("raw_json"));
    if document == NOTHING {
        tally.note("calls without a document: made from their columns");
    }
    let mut call = own(&document, row.key(), tally)?;
    let columns = lacking(&call, row);
    if !columns.is_empty() {
        tally.note("calls whose document lacked what their columns have");
        // The columns count: a member of the same name may be there and say nothing that can be read.
        let columns = Version {
            document: &columns.text(),
            transcript: row.text("transcript").filter(|_| is_blank(call.transcript.as_deref())),
        };
        let document = Version {
            document: &call.document,
            transcript: call.transcript.as_deref(),
        };
        if let Some(Fuller { call: whole, .. }) = document::fuller(columns, document) {
            call = whole;
        }
    }
    let synced_at = row.instant("synced_at").unwrap_or(now);
    Ok(Adopted { call: *call, synced_at })
}

/// The call of a document; the row's id counts over the document's.
fn own(document: &str, id: &str, tally: &mut Tally) -> Result<Box<Call>, Reject> {
    if let Reading::Usable(call, _) = document::call(document.as_bytes()) {
        if call.id == id {
            return Ok(call);
        }
        tally.note("calls whose document has another id: the column's counts");
    }
    let mut identity = Members::default();
    identity.set("id", &id);
    let document = document::union(&identity.text(), document).unwrap_or_else(|| identity.text());
    match document::call(document.as_bytes()) {
        Reading::Usable(call, _) => Ok(call),
        Reading::Unusable(reject) | Reading::Malformed(reject) => Err(reject),
    }
}

/// What a document does not say and a column does, under Vapi's names.
fn lacking(call: &Call, row: &Old) -> Members {
    let mut members = Members::default();
    for (column, member, said) in [
        ("status", "status", &call.status),
        ("ended_reason", "endedReason", &call.ended_reason),
        ("assistant_id", "assistantId", &call.assistant_id),
        ("customer_id", "customerId", &call.customer_id),
        ("transcript", "transcript", &call.transcript),
        ("recording_url", "recordingUrl", &call.recording_url),
    ] {
        if let Some(text) = row.text(column).filter(|_| is_blank(said.as_deref())) {
            members.set(member, &text);
        }
    }
    for (column, outer, member, said) in [
        (
            "customer_phone_number",
            "customer",
            "number",
            &call.customer_phone_number,
        ),
        (
            "vapi_success_evaluation",
            "analysis",
            "successEvaluation",
            &call.vapi_success_evaluation,
        ),
    ] {
        if let Some(text) = row.text(column).filter(|_| is_blank(said.as_deref())) {
            members.set(outer, &json!({member: text}));
        }
    }
    for (column, member, said) in [
        ("created_at", "createdAt", call.created_at),
        ("started_at", "startedAt", call.started_at),
        ("ended_at", "endedAt", call.ended_at),
    ] {
        if let Some(at) = row.instant(column).filter(|_| said.is_none()) {
            members.set(member, &at.to_rfc3339_opts(SecondsFormat::AutoSi, true));
        }
    }
    if let Some(cost) = row.decimal("cost").filter(|_| call.cost.is_none()) {
        members.set_number("cost", cost);
    }
    let worked_out = worked_out(call, row);
    if !worked_out.is_empty() {
        members.set(EARLIER, &worked_out);
    }
    members
}

/// What the earlier system had worked out from content that is lost.
fn worked_out(call: &Call, row: &Old) -> Map<String, Value> {
    let mut worked_out = Map::new();
    let started_at = call.started_at.or_else(|| row.instant("started_at"));
    let ended_at = call.ended_at.or_else(|| row.instant("ended_at"));
    if started_at.zip(ended_at).is_none_or(|(start, end)| start > end) {
        // A call that never began was written as one of no length.
        let seconds = row
            .whole("duration_seconds")
            .filter(|seconds| *seconds > 0 || (*seconds == 0 && started_at.is_some()));
        worked_out.extend(seconds.map(|seconds| ("duration_seconds".to_owned(), json!(seconds))));
    }
    if document::has_messages(&call.document) {
        return worked_out;
    }
    let tools = row.list("tool_names");
    if row.truth("has_tool_calls") || !tools.is_empty() {
        worked_out.insert("has_tool_calls".to_owned(), json!(true));
    }
    if !tools.is_empty() {
        worked_out.insert("tool_names".to_owned(), json!(tools));
    }
    if row.truth("has_calendar_booking") {
        worked_out.insert("has_calendar_booking".to_owned(), json!(true));
    }
    worked_out
}

fn is_blank(text: Option<&str>) -> bool {
    text.is_none_or(|text| text.trim().is_empty())
}

async fn store(
    transaction: &Transaction<'_>,
    calls: &[Adopted],
    now: DateTime<Utc>,
    tally: &mut Tally,
) -> Result<(), DbError> {
    if calls.is_empty() {
        return Ok(());
    }
    let inserted = adopted::insert(transaction, &calls.iter().collect::<Vec<_>>()).await?;
    tally.taken += inserted.len() as u64;
    let others: Vec<&Call> = calls
        .iter()
        .map(|adopted| &adopted.call)
        .filter(|call| !inserted.contains(&call.id))
        .collect();
    tally.present += others.len() as u64;
    let stored = call::stored(transaction, &unseen(&others), Look::ToChange).await?;
    let changes: Vec<Change<'_>> = others
        .iter()
        .filter_map(|call| stored.get(&call.id)?.change_by_earlier(call, now))
        .collect();
    if !changes.is_empty() {
        let calls: Vec<&Call> = changes.iter().map(|change| &*change.call).collect();
        let filled = call::update(transaction, &calls, now).await?;
        tally.note_many("calls that a sync had stored with less", filled);
    }
    Ok(())
}

/// Calls of which nothing is known yet.
pub(super) fn unseen<'a>(calls: &[&'a Call]) -> Vec<(&'a Call, Known)> {
    calls.iter().map(|call| (*call, Known::default())).collect()
}

/// The document is redacted already.
fn refused(call: &Call, error: &DbError) -> Reject {
    let reason = error
        .as_db_error()
        .map_or_else(|| error.to_string(), |error| error.message().to_owned());
    let document_hash: DocumentHash = call.document_hash;
    Reject {
        // An id that no index holds is in the document alone.
        call_id: Some(call.id.clone()).filter(|id| id.len() <= LONGEST_ID),
        reason: format!("the database refused it: {reason}"),
        sqlstate: error.code().map(|code| code.code().to_owned()),
        document: Some(call.document.clone()),
        document_bytes: call.document.len(),
        document_hash,
    }
}
