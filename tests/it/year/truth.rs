//! What must be stored, worked out from what Vapi served and from nothing of ours.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use serde_json::{Value, json};

/// For every call that Vapi listed while a sync ran, what it must be stored with.
#[derive(Default)]
pub(super) struct Truth {
    calls: BTreeMap<String, BTreeMap<&'static str, Known>>,
    read: HashMap<String, (Bytes, bool)>,
}

/// A part's last value that was not empty.
struct Known {
    /// As it could be known to have come; none where it came unannounced, and was not looked for yet.
    certain: Option<Value>,
    /// What was listed since: a sync may have read it by chance.
    possible: Vec<Value>,
}

/// A part of a call: where its documents have it, the first place that is not empty, and where its row has it.
struct Part {
    name: &'static str,
    document: &'static [&'static str],
    row: &'static [&'static str],
}

const fn part(name: &'static str, document: &'static [&'static str], row: &'static [&'static str]) -> Part {
    Part { name, document, row }
}

const PARTS: [Part; 16] = [
    part("org", &["/orgId"], &["/org_id"]),
    part("status", &["/status"], &["/status"]),
    part("ended reason", &["/endedReason"], &["/ended_reason"]),
    part("cost", &["/cost"], &["/cost"]),
    part("customer's number", &["/customer/number"], &["/customer_phone_number"]),
    part("transcript", &["/artifact/transcript", "/transcript"], &["/transcript"]),
    part("recording's URL", &["/artifact/recordingUrl"], &["/recording_url"]),
    part(
        "evaluation",
        &["/analysis/successEvaluation"],
        &["/vapi_success_evaluation"],
    ),
    part(
        "messages",
        &["/artifact/messages", "/messages"],
        &["/raw_json/artifact/messages", "/raw_json/messages"],
    ),
    part("recording", &["/artifact/recording"], &["/raw_json/artifact/recording"]),
    part(
        "variables",
        &["/artifact/variableValues"],
        &["/raw_json/artifact/variableValues"],
    ),
    part(
        "outputs",
        &["/artifact/structuredOutputs"],
        &["/raw_json/artifact/structuredOutputs"],
    ),
    part("summary", &["/analysis/summary"], &["/raw_json/analysis/summary"]),
    part(
        "structured data",
        &["/analysis/structuredData"],
        &["/raw_json/analysis/structuredData"],
    ),
    part("costs", &["/costs"], &["/raw_json/costs"]),
    part("cost breakdown", &["/costBreakdown"], &["/raw_json/costBreakdown"]),
];

impl Truth {
    /// A sync ran while Vapi's lists had this document; `is_certain` if there was reason to read it.
    pub(super) fn listed(&mut self, id: &str, text: &Bytes, is_certain: bool) {
        // The same bytes say nothing new.
        if self
            .read
            .get(id)
            .is_some_and(|(before, was)| before == text && (*was || !is_certain))
        {
            return;
        }
        self.read.insert(id.to_owned(), (text.clone(), is_certain));
        let document: Value = serde_json::from_slice(text).unwrap();
        let known = self.calls.entry(id.to_owned()).or_default();
        for part in &PARTS {
            if let Some(value) = first(&document, part.document) {
                let known = known.entry(part.name).or_insert(Known {
                    certain: None,
                    possible: Vec::new(),
                });
                known.take(value, is_certain);
            }
        }
    }

    pub(super) fn knows(&self, id: &str) -> bool {
        self.calls.contains_key(id)
    }

    /// What a row of `vapi_calls_raw` lacks of what was served; none of it may be missing.
    pub(super) fn lacks(&self, id: &str, row: Option<&Value>) -> Vec<String> {
        let Some(known) = self.calls.get(id) else {
            return Vec::new();
        };
        let Some(row) = row else {
            return vec![format!("{id} is not stored")];
        };
        let mut lacks = Vec::new();
        for part in &PARTS {
            let Some(known) = known.get(part.name) else { continue };
            let found = first(row, part.row).unwrap_or(&Value::Null);
            let Some(certain) = &known.certain else { continue };
            if !is_equal(certain, found) && !known.possible.iter().any(|value| is_equal(value, found)) {
                lacks.push(format!("{id}: {} is {found}, and Vapi served {certain}", part.name));
            }
        }
        let messages = first(row, &["/raw_json/artifact/messages", "/raw_json/messages"]);
        let tools = json!(tools(messages));
        if row["tool_names"] != tools {
            lacks.push(format!("{id}: the tools are {}, and not {tools}", row["tool_names"]));
        }
        lacks
    }
}

impl Known {
    fn take(&mut self, value: &Value, is_certain: bool) {
        if self
            .certain
            .as_ref()
            .is_some_and(|before| is_beginning_of(before, value))
        {
            return;
        }
        if is_certain {
            self.certain = Some(value.clone());
            self.possible.clear();
        } else {
            self.possible.push(value.clone());
        }
    }
}

/// Whether a value is a conversation that breaks off earlier.
fn is_beginning_of(before: &Value, value: &Value) -> bool {
    match (before, value) {
        (Value::String(before), Value::String(value)) => before.len() > value.len() && before.starts_with(value),
        (Value::Array(before), Value::Array(value)) => before.len() > value.len() && before.starts_with(value),
        _ => false,
    }
}

fn is_equal(one: &Value, other: &Value) -> bool {
    match (one.as_f64(), other.as_f64()) {
        (Some(one), Some(other)) => (one - other).abs() < 1e-9,
        _ => one == other,
    }
}

fn tools(messages: Option<&Value>) -> Vec<&str> {
    let messages = messages.and_then(Value::as_array).into_iter().flatten();
    messages
        .filter_map(|message| message["toolCalls"][0]["function"]["name"].as_str())
        .collect()
}

/// The first of these places that holds something.
fn first<'a>(document: &'a Value, places: &[&str]) -> Option<&'a Value> {
    places
        .iter()
        .filter_map(|place| document.pointer(place))
        .find(|value| !is_empty(value))
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.iter().all(is_empty),
        Value::Object(members) => members.values().all(is_empty),
        Value::Bool(_) | Value::Number(_) => false,
    }
}
