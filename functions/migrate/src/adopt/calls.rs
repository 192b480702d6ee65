//! Calls: each column's row becomes the document that Vapi would serve, and is read by the code that a sync uses.

use std::collections::HashMap;

use anyhow::Result;
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};
use shared::call::adopted::{self, Adopted, Held};
use shared::call::{Call, DocumentHash};
use shared::db::{self, DbError, Executor, Transaction};
use shared::document::{self, Reading};
use shared::reject::{self, Reject};

use super::copy::{Care, Tally};
use super::fill::Members;
use super::old::Old;

/// The index on the ids of rejects holds no longer ones.
const LONGEST_ID: usize = 2000;

/// What a row turned out to be.
pub(super) enum Read {
    Call(Box<Adopted>),
    Reject(Reject),
}

/// Stores a batch.
pub(super) async fn take(transaction: &Transaction<'_>, rows: &[Old], care: Care, now: DateTime<Utc>) -> Result<Tally> {
    let mut tally = Tally::default();
    let mut calls: HashMap<String, Adopted> = HashMap::new();
    let mut rejects = Vec::new();
    for row in rows {
        match read(row, now, &mut tally) {
            Read::Reject(reject) => rejects.push(reject),
            Read::Call(adopted) => match calls.remove(&adopted.call.id) {
                // Two rows of one id, where the table did not forbid that: what either has is kept.
                Some(other) => {
                    tally.present += 1;
                    tally.note("two rows of one call are one");
                    let held = Held::of(&other);
                    calls.insert(adopted.call.id.clone(), merged(&adopted, &held).unwrap_or(other));
                }
                None => {
                    calls.insert(adopted.call.id.clone(), *adopted);
                }
            },
        }
    }
    let mut calls: Vec<Adopted> = calls.into_values().collect();
    calls.sort_by(|a, b| a.call.id.cmp(&b.call.id));
    match care {
        Care::Together => store(transaction, &calls, &mut tally).await?,
        Care::EachAlone => {
            for call in &calls {
                transaction.batch_execute("savepoint alone").await?;
                match store(transaction, std::slice::from_ref(call), &mut tally).await {
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
        reject::keep(transaction, reject, None, now).await?;
    }
    Ok(tally)
}

/// Reads one row.
pub(super) fn read(row: &Old, now: DateTime<Utc>, tally: &mut Tally) -> Read {
    let (mut members, id) = (Members::read(row.get("raw_json")), row.key());
    if members.is_empty() {
        tally.note("calls without a document: made from their columns");
    }
    match members.string("id") {
        Some(own) if own == id => {}
        own => {
            if own.is_some() {
                tally.note("calls whose document has another id: the column's counts");
            }
            members.set("id", &json!(id));
        }
    }
    let bare = match document::call(members.text().as_bytes()) {
        Reading::Usable(call, _) => call,
        Reading::Unusable(reject) | Reading::Malformed(reject) => return Read::Reject(reject),
    };
    let mut call = if complete(&mut members, &bare, row) {
        tally.note("calls whose document lacked what their columns have");
        match document::call(members.text().as_bytes()) {
            Reading::Usable(call, _) => call,
            Reading::Unusable(reject) | Reading::Malformed(reject) => return Read::Reject(reject),
        }
    } else {
        bare
    };
    derive(&mut call, row, members.has_messages());
    let synced_at = row.instant("synced_at").unwrap_or(now);
    Read::Call(Box::new(Adopted { call: *call, synced_at }))
}

/// Adds to a document, under Vapi's names, what it does not say and a column does. Returns whether there was anything.
fn complete(members: &mut Members, call: &Call, row: &Old) -> bool {
    let blank = |text: &Option<String>| text.as_deref().is_none_or(|text| text.trim().is_empty());
    let mut added = false;
    for (column, member, is_missing) in [
        ("status", "status", blank(&call.status)),
        ("ended_reason", "endedReason", blank(&call.ended_reason)),
        ("assistant_id", "assistantId", blank(&call.assistant_id)),
        ("customer_id", "customerId", blank(&call.customer_id)),
        ("transcript", "transcript", blank(&call.transcript)),
        ("recording_url", "recordingUrl", blank(&call.recording_url)),
    ] {
        if let Some(text) = row.text(column).filter(|_| is_missing) {
            members.set(member, &json!(text));
            // The same text may stand empty where it is looked for first.
            if member == "transcript" && document_has_blank_transcript(members) {
                members.set_within("artifact", "transcript", &json!(text));
            }
            added = true;
        }
    }
    for (column, member, known) in [
        ("created_at", "createdAt", call.created_at),
        ("started_at", "startedAt", call.started_at),
        ("ended_at", "endedAt", call.ended_at),
    ] {
        if let Some(at) = row.instant(column).filter(|_| known.is_none()) {
            members.set(member, &json!(at.to_rfc3339_opts(SecondsFormat::AutoSi, true)));
            added = true;
        }
    }
    for (column, outer, member, is_missing) in [
        (
            "customer_phone_number",
            "customer",
            "number",
            blank(&call.customer_phone_number),
        ),
        (
            "vapi_success_evaluation",
            "analysis",
            "successEvaluation",
            blank(&call.vapi_success_evaluation),
        ),
    ] {
        if let Some(text) = row.text(column).filter(|_| is_missing) {
            members.set_within(outer, member, &json!(text));
            added = true;
        }
    }
    if let Some(number) = row.decimal("cost").filter(|_| call.cost.is_none())
        && let Ok(number) = serde_json::from_str::<Value>(&number.to_string())
    {
        members.set("cost", &number);
        added = true;
    }
    added
}

fn document_has_blank_transcript(members: &Members) -> bool {
    matches!(
        document::call(members.text().as_bytes()),
        Reading::Usable(call, _) if call.transcript.as_deref().is_none_or(|text| text.trim().is_empty())
    )
}

/// What is worked out from a document, where the document no longer says it.
fn derive(call: &mut Call, row: &Old, has_messages: bool) {
    if call.duration_seconds.is_none() {
        // A call that never began was written as one of no length.
        call.duration_seconds = row
            .whole("duration_seconds")
            .filter(|seconds| *seconds > 0 || call.started_at.is_some())
            .filter(|seconds| *seconds >= 0);
    }
    if has_messages {
        return;
    }
    for name in row.list("tool_names") {
        if !call.tool_names.contains(&name) {
            call.tool_names.push(name);
        }
    }
    call.has_tool_calls |= row.truth("has_tool_calls") || !call.tool_names.is_empty();
    call.has_calendar_booking |= row.truth("has_calendar_booking");
}

async fn store(transaction: &Transaction<'_>, calls: &[Adopted], tally: &mut Tally) -> Result<(), DbError> {
    if calls.is_empty() {
        return Ok(());
    }
    let inserted = adopted::insert(transaction, &calls.iter().collect::<Vec<_>>()).await?;
    tally.taken += inserted.len() as u64;
    let others: Vec<&Adopted> = calls
        .iter()
        .filter(|adopted| !inserted.contains(&adopted.call.id))
        .collect();
    if others.is_empty() {
        return Ok(());
    }
    let ids: Vec<&str> = others.iter().map(|adopted| adopted.call.id.as_str()).collect();
    let held = adopted::hold(transaction, &ids).await?;
    let filled: Vec<Adopted> = held
        .iter()
        .filter_map(|held| merged(others.iter().find(|other| other.call.id == held.id)?, held))
        .collect();
    tally.present += others.len() as u64;
    if !filled.is_empty() {
        let changed = adopted::replace(transaction, &filled.iter().collect::<Vec<_>>()).await?;
        tally.note_many("calls that a sync had stored with less", changed);
    }
    Ok(())
}

/// The newer of two versions of a call, with what it lacks from the older one; nothing where it lacks nothing.
pub(super) fn merged(old: &Adopted, held: &Held) -> Option<Adopted> {
    let document = |text: &str, transcript: Option<&str>| {
        let mut members = Members::read(Some(text));
        if let Some(transcript) = transcript.filter(|text| !text.trim().is_empty()) {
            members.set("transcript", &json!(transcript));
        }
        members
    };
    let ours = document(&held.document, held.transcript.as_deref());
    let theirs = document(&old.call.document, old.call.transcript.as_deref());
    let is_older = old.call.updated_at <= held.updated_at;
    let (mut newer, older) = if is_older { (ours, theirs) } else { (theirs, ours) };
    if !newer.fill(older) && is_older {
        return None;
    }
    let Reading::Usable(mut call, _) = document::call(newer.text().as_bytes()) else {
        return None;
    };
    // The tools of a conversation whose messages neither of them has.
    if !newer.has_messages() {
        call.tool_names.clone_from(&old.call.tool_names);
        call.has_tool_calls = old.call.has_tool_calls;
        call.has_calendar_booking = old.call.has_calendar_booking;
    }
    call.duration_seconds = call
        .duration_seconds
        .or(held.duration_seconds)
        .or(old.call.duration_seconds);
    Some(Adopted {
        call: *call,
        synced_at: held.synced_at.max(old.synced_at),
    })
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
