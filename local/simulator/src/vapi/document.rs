//! A call or an assistant as the server keeps it: its text, and what lists filter and sort by.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::OnceLock,
};

use bytes::Bytes;
use chrono::{DateTime, Days, SubsecRound, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::Value;

use super::body::Deflated;

/// One document. Its text is rendered once and served as it is.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) id: Option<String>,
    pub(crate) assistant_id: Option<String>,
    pub(crate) phone_number_id: Option<String>,
    /// The true instants, up to a millisecond later than the ones printed.
    pub(crate) created: DateTime<Utc>,
    pub(crate) updated: DateTime<Utc>,
    /// It has no time of a last change: no bound on one holds for it, as in a database.
    pub(crate) never_updated: bool,
    pub(crate) text: Bytes,
    deflated: OnceLock<Deflated>,
    cost: OnceLock<Option<f64>>,
}

/// What a call costs, without the rest of it.
#[derive(Deserialize)]
struct Cost {
    cost: Option<f64>,
}

impl Document {
    /// Reads what the lists need from a document. Instants that it lacks, or that are no
    /// instants, come from `before`: what the document said until now.
    pub(crate) fn read(value: &Value, before: (DateTime<Utc>, DateTime<Utc>)) -> Self {
        let text = Bytes::from(value.to_string());
        Self::with_text(value, text, before)
    }

    /// The same for a document whose text says more than a [`Value`] can.
    pub(crate) fn with_text(value: &Value, text: Bytes, before: (DateTime<Utc>, DateTime<Utc>)) -> Self {
        let text_of = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
        let id = text_of("id").filter(|id| !id.is_empty());
        let instant = |key: &str, before: DateTime<Utc>| {
            let printed = text_of(key)
                .and_then(|text| DateTime::parse_from_rfc3339(&text).ok())
                .map(|instant| instant.to_utc())
                .filter(|instant| instant.signed_duration_since(before).abs() < TimeDelta::days(36_500));
            match printed {
                Some(instant) if instant.trunc_subsecs(3) != before.trunc_subsecs(3) => {
                    instant + hidden_part(instant, id.as_deref(), key)
                }
                _ => before,
            }
        };
        Self {
            created: instant("createdAt", before.0),
            updated: instant("updatedAt", before.1),
            never_updated: value.get("updatedAt").is_some_and(Value::is_null),
            assistant_id: text_of("assistantId"),
            phone_number_id: text_of("phoneNumberId"),
            id,
            text,
            deflated: OnceLock::new(),
            cost: OnceLock::from(value.get("cost").and_then(Value::as_f64)),
        }
    }

    /// A document whose facts the caller already knows.
    pub(crate) fn known(
        id: String,
        assistant_id: Option<String>,
        phone_number_id: Option<String>,
        (created, updated): (DateTime<Utc>, DateTime<Utc>),
        text: Bytes,
    ) -> Self {
        let hidden = |instant, key| instant + hidden_part(instant, Some(&id), key);
        Self {
            created: hidden(created, "createdAt"),
            updated: hidden(updated, "updatedAt"),
            never_updated: false,
            id: Some(id),
            assistant_id,
            phone_number_id,
            text,
            deflated: OnceLock::new(),
            cost: OnceLock::new(),
        }
    }

    /// The document, if a [`Value`] can hold it.
    pub(crate) fn value(&self) -> Option<Value> {
        serde_json::from_slice(&self.text).ok()
    }

    /// With what it costs, where that is known before it is read.
    pub(crate) fn costing(self, cost: Option<f64>) -> Self {
        match cost {
            Some(_) => Self {
                cost: OnceLock::from(cost),
                ..self
            },
            None => self,
        }
    }

    /// What it costs, read once.
    pub(crate) fn cost(&self) -> Option<f64> {
        *self
            .cost
            .get_or_init(|| serde_json::from_slice::<Cost>(&self.text).ok()?.cost)
    }

    /// The text compressed, once for all responses.
    pub(crate) fn deflated(&self) -> &Deflated {
        self.deflated.get_or_init(|| Deflated::new(&self.text))
    }
}

/// An instant that no real document predates; what a document without dates is sorted by.
pub(crate) fn beginning(now: DateTime<Utc>) -> DateTime<Utc> {
    now - Days::new(3650)
}

/// The microseconds that a printed instant hides: some, unless it was printed with them.
fn hidden_part(instant: DateTime<Utc>, id: Option<&str>, key: &str) -> TimeDelta {
    if instant.trunc_subsecs(3) != instant {
        return TimeDelta::zero();
    }
    let mut hasher = DefaultHasher::new();
    (id, key, instant.timestamp_millis()).hash(&mut hasher);
    TimeDelta::microseconds(i64::try_from(hasher.finish() % 1000).unwrap_or(0))
}
