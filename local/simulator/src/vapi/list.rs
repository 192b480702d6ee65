//! Answers `GET /call`, `GET /assistant` and their single documents from the world.

use std::sync::Arc;

use axum::http::StatusCode;
use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde_json::{Value, json};

use super::{
    body::Row,
    document::Document,
    query::Query,
    refusal::Refused,
    settings::{Refusal, Retention, Settings},
    shelf::{Manner, Shelf},
    world::World,
};

/// How many rows a list has that was not asked for more or fewer.
const DEFAULT_LIMIT: usize = 100;

/// The rows of a page, of at most `cap` rows.
pub(crate) fn calls(
    world: &World,
    settings: &Settings,
    pairs: &[(String, String)],
    cap: usize,
) -> Result<Vec<Row>, Refused> {
    let query = Query::parse(pairs, settings.unknown_parameters)?;
    let oldest = oldest(world, settings);
    if let Some((oldest, Refusal::BadRequest400)) = oldest
        && query.created.all().any(|bound| bound < oldest)
    {
        return Err(Refused::beyond_retention(oldest));
    }
    Ok(page(&world.calls, &query, manner(settings, oldest), cap))
}

/// The same for assistants, which are kept for ever.
pub(crate) fn assistants(
    world: &World,
    settings: &Settings,
    pairs: &[(String, String)],
    cap: usize,
) -> Result<Vec<Row>, Refused> {
    let query = Query::parse(pairs, settings.unknown_parameters)?;
    Ok(page(&world.assistants, &query, manner(settings, None), cap))
}

/// One call with freshly signed URLs; `serial` makes them differ each time.
pub(crate) fn call(world: &World, settings: &Settings, id: &str, serial: u64) -> Result<Bytes, Refused> {
    let call = world.by_id(id).ok_or_else(|| Refused::not_found("Call"))?;
    match oldest(world, settings) {
        Some((oldest, Refusal::BadRequest400)) if call.created < oldest => Err(Refused::beyond_retention(oldest)),
        Some((oldest, Refusal::EmptyList)) if call.created < oldest => Err(Refused::not_found("Call")),
        _ => Ok(signed(call, world.now(), serial)),
    }
}

/// One assistant.
pub(crate) fn assistant(world: &World, id: &str) -> Result<Bytes, Refused> {
    let assistant = world
        .assistants
        .find(id)
        .ok_or_else(|| Refused::not_found("Assistant"))?;
    Ok(assistant.text.clone())
}

/// The oldest creation that retention leaves, and how older ones are refused.
pub(crate) fn oldest(world: &World, settings: &Settings) -> Option<(DateTime<Utc>, Refusal)> {
    let Retention { period, refusal } = settings.retention?;
    let period = TimeDelta::from_std(period).ok()?;
    Some((world.now() - period, refusal))
}

fn manner(settings: &Settings, oldest: Option<(DateTime<Utc>, Refusal)>) -> Manner {
    Manner {
        sub_millisecond: settings.sub_millisecond,
        order: settings.order,
        oldest: oldest.map(|(oldest, _)| oldest),
    }
}

fn page(shelf: &Shelf, query: &Query, manner: Manner, cap: usize) -> Vec<Row> {
    let most = query.limit.unwrap_or(DEFAULT_LIMIT).min(cap);
    let found = shelf.select(query, manner, most);
    found.into_iter().map(Row::Stored).collect()
}

/// What each kind of recording's short-lived URL is called.
const SIGNED: [(&str, &str); 5] = [
    ("presignedMonoUrl", "mono.wav"),
    ("presignedStereoUrl", "stereo.wav"),
    ("presignedAssistantUrl", "assistant.wav"),
    ("presignedCustomerUrl", "customer.wav"),
    ("presignedLogUrl", "log.jsonl.gz"),
];

fn signed(call: &Arc<Document>, now: DateTime<Utc>, serial: u64) -> Bytes {
    let Some(mut value) = call.value() else {
        return call.text.clone();
    };
    let Some(artifact) = value.get_mut("artifact").and_then(Value::as_object_mut) else {
        return call.text.clone();
    };
    if !artifact.contains_key("recording") {
        return call.text.clone();
    }
    let id = call.id.as_deref().unwrap_or_default();
    for (key, file) in SIGNED {
        artifact.insert(
            key.to_owned(),
            json!(format!(
                "https://signed.vapi.example/{id}/{file}?signature={serial:016x}"
            )),
        );
    }
    let expires = now + TimeDelta::hours(1) + TimeDelta::milliseconds(i64::try_from(serial).unwrap_or(0));
    artifact.insert(
        "presignedUrlsExpiresAt".to_owned(),
        json!(expires.to_rfc3339_opts(SecondsFormat::Millis, true)),
    );
    Bytes::from(value.to_string())
}

/// A whole answer before anything spoils it.
#[derive(Debug)]
pub(crate) enum Answer {
    /// A bare array.
    Page(Vec<Row>),
    /// One document.
    One(Bytes),
    /// No data.
    Refused(Refused),
}

impl Answer {
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Page(_) | Self::One(_) => StatusCode::OK,
            Self::Refused(refused) => refused.status,
        }
    }

    pub(crate) fn rows(&self) -> usize {
        match self {
            Self::Page(rows) => rows.len(),
            Self::One(_) => 1,
            Self::Refused(_) => 0,
        }
    }
}
