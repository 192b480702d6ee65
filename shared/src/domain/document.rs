//! From Vapi's document to a row: typed columns read tolerantly, copies dropped, secrets out, a hash.

mod empty;
mod fuller;
mod members;
mod redact;
mod shape;
mod tools;

use std::borrow::Cow;
use std::fmt::{self, Display};
use std::str::FromStr;

use chrono::{DateTime, Datelike, Utc};
use rust_decimal::Decimal;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use xxhash_rust::xxh3::{Xxh3, xxh3_128};

use crate::domain::assistant::Assistant;
use crate::domain::call::{Call, DocumentHash};
use crate::domain::reject::Reject;
use empty::is_empty;
use members::{APART, Members};
use redact::scrub;

pub use fuller::{Fuller, Version, fuller, union};

/// The member of an adopted call that says what the earlier system had worked out from content that is lost: an object
/// with `duration_seconds`, `tool_names`, `has_tool_calls` and `has_calendar_booking`.
pub const EARLIER: &str = "before_callmark";

/// The version of the code that derives a call's columns from its document.
///
/// If you change what is derived, raise it and add the index `vapi_calls_raw_derived_before_N` to `migrations/later.sql`.
/// Syncs and `callmark rederive` then bring stored calls up to date.
pub const DERIVED_VERSION: i16 = 1;

/// What one element of a page turned out to be.
#[derive(Debug)]
pub enum Reading<T> {
    /// Usable; with what is odd about it.
    Usable(Box<T>, Vec<Oddity>),
    /// JSON, but not something that can be stored.
    Unusable(Reject),
    /// Not JSON: the answer may have been damaged on its way.
    Malformed(Reject),
}

/// What is odd about a document that is stored all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Oddity {
    /// A member that should be there is not.
    Missing(&'static str),
    /// A member has another type, or a value out of all bounds; its column is null.
    Unreadable(&'static str),
    /// A member has a value that we do not know; it is stored as it is.
    Unknown(&'static str),
    /// The text holds characters that PostgreSQL refuses, or is not UTF-8; they were replaced.
    Repaired,
}

const STATUSES: [&str; 8] = [
    "scheduled",
    "queued",
    "ringing",
    "in-progress",
    "forwarding",
    "ended",
    "not-found",
    "deletion-failed",
];
const TYPES: [&str; 4] = ["inboundPhoneCall", "outboundPhoneCall", "webCall", "vapi.websocketCall"];

/// Reads one call.
#[must_use]
pub fn call(element: &[u8]) -> Reading<Call> {
    let (text, mut odd) = utf8(element);
    let (members, artifact) = match Members::parse_call(&text) {
        Ok(read) => read,
        Err(error) => return unreadable(&error, &text, element),
    };
    let Some(id) = id(&members) else {
        return Reading::Unusable(without_id(&text, element));
    };
    let mut call = Call { id, ..Call::default() };
    fill_times(&mut call, &members, &mut odd);
    fill_columns(&mut call, &members, &artifact, &mut odd);
    tools::fill(&mut call, &members, &artifact);
    fill_document(&mut call, &members, &artifact, &mut odd);
    call.content_shape = shape::shape(&members, &artifact);
    Reading::Usable(Box::new(call), odd)
}

/// Reads a stored call anew, as if Vapi had sent it; `None` where it cannot be read.
#[must_use]
pub fn reread(version: Version<'_>) -> Option<Box<Call>> {
    let members = Members::parse(version.document).ok()?;
    // It stands apart from the document.
    let transcript = version
        .transcript
        .filter(|_| members.get("transcript").is_none())
        .map(|transcript| serde_json::Value::from(transcript).to_string());
    let text = object(
        members
            .iter()
            .chain(transcript.as_deref().map(|text| ("transcript", text))),
    );
    match call(text.as_bytes()) {
        Reading::Usable(call, _) => Some(call),
        Reading::Unusable(_) | Reading::Malformed(_) => None,
    }
}

/// Reads one assistant.
#[must_use]
pub fn assistant(element: &[u8]) -> Reading<Assistant> {
    let (text, mut odd) = utf8(element);
    let members = match Members::parse(&text) {
        Ok(members) => members,
        Err(error) => return unreadable(&error, &text, element),
    };
    let Some(id) = id(&members) else {
        return Reading::Unusable(without_id(&text, element));
    };
    let (model, voice) = (members.object("model"), members.object("voice"));
    let (document, scrubbed) = scrub(&text);
    repaired(scrubbed.repaired, &mut odd);
    let tools = tools_of(&model);
    let mut assistant = Assistant {
        id,
        org_id: string(&members, "orgId", "orgId", &mut odd),
        name: string(&members, "name", "name", &mut odd),
        model: string(&model, "model", "model.model", &mut odd),
        voice: string(&voice, "voiceId", "voice.voiceId", &mut odd),
        prompt: prompt_of(&model),
        tools: tools.as_deref().and_then(|text| serde_json::from_str(text).ok()),
        created_at: instant(&members, "createdAt", true, &mut odd),
        updated_at: instant(&members, "updatedAt", true, &mut odd),
        document_hash: hash(&[&document]),
        document: document.into_owned(),
        version_hash: [0; 16],
    };
    let or_blank = |text: &Option<String>| text.clone().unwrap_or_default();
    assistant.version_hash = hash(&[
        &or_blank(&assistant.prompt),
        &or_blank(&assistant.model),
        &or_blank(&assistant.voice),
        &tools.unwrap_or_default(),
    ]);
    Reading::Usable(Box::new(assistant), odd)
}

/// Whether a call's document has messages, from which its tools are read.
#[must_use]
pub fn has_messages(document: &str) -> bool {
    Members::parse_call(document).is_ok_and(|(members, artifact)| messages_of(&members, &artifact).is_some())
}

/// A JSON text without secrets.
#[must_use]
pub fn redacted(text: &str) -> String {
    scrubbed(text)
}

/// The text of an element; what is not UTF-8 in it is replaced rather than lost.
fn utf8(element: &[u8]) -> (Cow<'_, str>, Vec<Oddity>) {
    // Checking first is several times faster than repairing, and hardly anything needs repair.
    match std::str::from_utf8(element) {
        Ok(text) => (Cow::Borrowed(text), Vec::new()),
        Err(_) => (String::from_utf8_lossy(element), vec![Oddity::Repaired]),
    }
}

fn unreadable<T>(error: &serde_json::Error, text: &str, element: &[u8]) -> Reading<T> {
    let mut reject = Reject {
        call_id: None,
        reason: format!("not a JSON object: {error}"),
        sqlstate: None,
        // What cannot be parsed cannot be redacted either.
        document: None,
        document_bytes: element.len(),
        document_hash: xxh3_128(element).to_be_bytes(),
    };
    if !error.is_data() {
        return Reading::Malformed(reject);
    }
    reject.document = Some(scrubbed(text));
    Reading::Unusable(reject)
}

fn without_id(text: &str, element: &[u8]) -> Reject {
    Reject {
        call_id: None,
        reason: "no usable id: `id` must be a text that is not blank".to_owned(),
        sqlstate: None,
        document: Some(scrubbed(text)),
        document_bytes: element.len(),
        document_hash: xxh3_128(element).to_be_bytes(),
    }
}

/// An id that can be a key: blank ones and those of another type cannot.
fn id(members: &Members<'_>) -> Option<String> {
    members
        .get("id")
        .and_then(lossy_string)
        .filter(|id| !id.trim().is_empty())
}

fn fill_times(call: &mut Call, members: &Members<'_>, odd: &mut Vec<Oddity>) {
    call.created_at = instant(members, "createdAt", true, odd);
    call.updated_at = instant(members, "updatedAt", true, odd);
    call.started_at = instant(members, "startedAt", false, odd);
    call.ended_at = instant(members, "endedAt", false, odd);
    if let (Some(start), Some(end)) = (call.started_at, call.ended_at) {
        let seconds = (end - start + chrono::TimeDelta::milliseconds(500)).num_seconds();
        match i32::try_from(seconds) {
            Ok(seconds) if end >= start => call.duration_seconds = Some(seconds),
            _ => odd.push(Oddity::Unreadable("endedAt - startedAt")),
        }
    }
    if call.duration_seconds.is_none() {
        call.duration_seconds = earlier(members, "duration_seconds").filter(|seconds| *seconds >= 0);
    }
}

/// What the earlier system had worked out.
fn earlier<T: DeserializeOwned>(members: &Members<'_>, name: &str) -> Option<T> {
    serde_json::from_str(members.object(EARLIER).get(name)?).ok()
}

fn fill_columns(call: &mut Call, members: &Members<'_>, artifact: &Members<'_>, odd: &mut Vec<Oddity>) {
    let [analysis, customer, assistant] = ["analysis", "customer", "assistant"].map(|name| members.object(name));
    call.org_id = string(members, "orgId", "orgId", odd);
    call.kind = string(members, "type", "type", odd);
    call.status = string(members, "status", "status", odd);
    for (value, known, field) in [
        (&call.kind, &TYPES[..], "type"),
        (&call.status, &STATUSES[..], "status"),
    ] {
        if value.as_deref().is_some_and(|value| !known.contains(&value)) {
            odd.push(Oddity::Unknown(field));
        }
    }
    call.ended_reason = string(members, "endedReason", "endedReason", odd);
    call.assistant_id = string(members, "assistantId", "assistantId", odd);
    call.assistant_name = string(&assistant, "name", "assistant.name", odd).or_else(|| first_activation(artifact));
    call.assistant_version = string(members, "assistantVersion", "assistantVersion", odd);
    call.squad_id = string(members, "squadId", "squadId", odd);
    call.phone_number_id = string(members, "phoneNumberId", "phoneNumberId", odd);
    call.customer_id = string(members, "customerId", "customerId", odd);
    call.customer_phone_number = string(&customer, "number", "customer.number", odd);
    call.cost = decimal(members, "cost", odd);
    call.transcript = string(artifact, "transcript", "artifact.transcript", odd)
        .or_else(|| string(members, "transcript", "transcript", odd));
    call.recording_url = recording_url(members, artifact);
    call.vapi_success_evaluation = success_evaluation(&analysis);
}

/// The name of the assistant that took the call first, where no saved or inline assistant names itself.
fn first_activation(artifact: &Members<'_>) -> Option<String> {
    let activations: Vec<&RawValue> = serde_json::from_str(artifact.get("assistantActivations")?).ok()?;
    let first = Members::parse(activations.first()?.get()).ok()?;
    first.get("assistantName").and_then(lossy_string)
}

/// Vapi moved recordings twice; the newest place comes first.
fn recording_url(members: &Members<'_>, artifact: &Members<'_>) -> Option<String> {
    let recording = artifact.object("recording");
    let candidates = [
        recording.object("mono").get("combinedUrl"),
        artifact.get("recordingUrl"),
        members.get("recordingUrl"),
        recording.get("stereoUrl"),
        artifact.get("stereoRecordingUrl"),
    ];
    candidates
        .into_iter()
        .flatten()
        .find_map(lossy_string)
        .filter(|url| !url.is_empty())
}

/// Text by contract; some rubrics answer with a number, a boolean or an object, which are kept as their JSON.
fn success_evaluation(analysis: &Members<'_>) -> Option<String> {
    let value = analysis.get("successEvaluation")?;
    lossy_string(value).or_else(|| Some(value.to_owned()))
}

/// The list of messages, wherever it is.
fn messages_of<'a>(members: &Members<'a>, artifact: &Members<'a>) -> Option<&'a str> {
    let mut lists = [artifact, members]
        .into_iter()
        .filter_map(|members| members.get("messages"));
    lists.find(|messages| !is_empty(messages))
}

/// The stored document: what Vapi repeats stands once, and nothing secret or fleeting stands at all.
///
/// A copy is left out only where it is one, to the byte: the messages (which `artifact` repeats), and the
/// transcript (which has its column). The dialogue in `OpenAI`'s form is a third rendering of the messages.
fn fill_document(call: &mut Call, members: &Members<'_>, artifact: &Members<'_>, odd: &mut Vec<Oddity>) {
    let messages = artifact.get("messages").filter(|messages| messages.len() > 2);
    let transcript = [artifact, members]
        .into_iter()
        .filter_map(|members| members.get("transcript"))
        .find(|text| text.starts_with('"'));
    let is_transcript = |text: &str| transcript == Some(text);
    let slim_artifact = object(artifact.iter().filter(|(name, value)| match *name {
        "messagesOpenAIFormatted" => messages.is_none(),
        "transcript" => !is_transcript(value),
        name => !name.starts_with("presigned"),
    }));
    let slim = object(members.iter().filter_map(|(name, value)| match name {
        "messages" if messages == Some(value) => None,
        "transcript" if is_transcript(value) => None,
        // One call alone comes with signed URLs, which may be all that its artifact holds.
        "artifact" if value == APART && slim_artifact == "{}" => None,
        "artifact" if value == APART => Some((name, slim_artifact.as_str())),
        _ => Some((name, value)),
    }));
    let (document, scrubbed) = scrub(&slim);
    repaired(scrubbed.repaired, odd);
    call.document_hash = hash(&[&document, call.transcript.as_deref().unwrap_or_default()]);
    call.document = match document {
        Cow::Borrowed(_) => slim,
        Cow::Owned(document) => document,
    };
}

/// The text of an object with these members.
fn object<'a>(members: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let members: Vec<(&str, &str)> = members.collect();
    let size: usize = members.iter().map(|(name, value)| name.len() + value.len() + 8).sum();
    let mut text = String::with_capacity(size + 2);
    text.push('{');
    for (name, value) in members {
        if text.len() > 1 {
            text.push(',');
        }
        if name.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            text.extend(["\"", name, "\""]);
        } else {
            text.push_str(&serde_json::Value::from(name).to_string());
        }
        text.push(':');
        text.push_str(value);
    }
    text.push('}');
    text
}

/// The system messages of an assistant's model, as one text; older assistants have `systemPrompt`.
fn prompt_of(model: &Members<'_>) -> Option<String> {
    let messages = model
        .get("messages")
        .and_then(|text| serde_json::from_str::<Vec<&RawValue>>(text).ok())
        .unwrap_or_default();
    let prompts: Vec<String> = messages
        .iter()
        .filter_map(|message| Members::parse(message.get()).ok())
        .filter(|message| message.get("role") == Some("\"system\""))
        .filter_map(|message| message.get("content").and_then(lossy_string))
        .collect();
    if prompts.is_empty() {
        model.get("systemPrompt").and_then(lossy_string)
    } else {
        Some(prompts.join("\n\n"))
    }
}

/// The tools of an assistant's model as one redacted object; absent where it has none.
fn tools_of(model: &Members<'_>) -> Option<String> {
    let text = object(
        ["tools", "toolIds"]
            .into_iter()
            .filter_map(|name| Some((name, model.get(name)?))),
    );
    (text != "{}").then(|| scrubbed(&text))
}

fn string(members: &Members<'_>, name: &str, field: &'static str, odd: &mut Vec<Oddity>) -> Option<String> {
    let value = members.get(name)?;
    let text = lossy_string(value);
    if text.is_none() {
        odd.push(Oddity::Unreadable(field));
    }
    text
}

/// An RFC 3339 instant of a year that PostgreSQL and a reader can do something with.
fn instant(members: &Members<'_>, name: &'static str, expected: bool, odd: &mut Vec<Oddity>) -> Option<DateTime<Utc>> {
    let Some(value) = members.get(name) else {
        if expected {
            odd.push(Oddity::Missing(name));
        }
        return None;
    };
    let instant = lossy_string(value)
        .and_then(|text| DateTime::parse_from_rfc3339(&text).ok())
        .map(|instant| instant.to_utc())
        .filter(|instant| (1970..=9999).contains(&instant.year()));
    if instant.is_none() {
        odd.push(Oddity::Unreadable(name));
    }
    instant
}

/// A JSON number, to the digit that Vapi wrote.
fn decimal(members: &Members<'_>, name: &'static str, odd: &mut Vec<Oddity>) -> Option<Decimal> {
    let text = members.get(name)?;
    let number = Decimal::from_str(text).or_else(|_| Decimal::from_scientific(text)).ok();
    if number.is_none() {
        odd.push(Oddity::Unreadable(name));
    }
    number
}

/// The content of a JSON string, with replacements for what PostgreSQL refuses; `None` for any other value.
fn lossy_string(text: &str) -> Option<String> {
    if !text.starts_with('"') {
        return None;
    }
    serde_json::from_str::<String>(text)
        .or_else(|_| serde_json::from_str(&scrubbed(text)))
        .ok()
        .map(|content| {
            if content.contains('\0') {
                content.replace('\0', "\u{fffd}")
            } else {
                content
            }
        })
}

fn scrubbed(text: &str) -> String {
    scrub(text).0.into_owned()
}

fn repaired(count: usize, odd: &mut Vec<Oddity>) {
    if count > 0 && !odd.contains(&Oddity::Repaired) {
        odd.push(Oddity::Repaired);
    }
}

fn hash(parts: &[&str]) -> DocumentHash {
    let mut hasher = Xxh3::new();
    for part in parts {
        hasher.update(part.as_bytes());
        // No text holds this byte, so that two parts are never taken for two others.
        hasher.update(&[0xFF]);
    }
    hasher.digest128().to_be_bytes()
}

impl Display for Oddity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(field) => write!(f, "`{field}` is missing"),
            Self::Unreadable(field) => write!(f, "`{field}` has an unexpected type or value; its column is empty"),
            Self::Unknown(field) => write!(f, "`{field}` has a value that is new to us; stored as it is"),
            Self::Repaired => f.write_str("the text held characters that PostgreSQL refuses; they were replaced"),
        }
    }
}

#[cfg(test)]
mod tests;
