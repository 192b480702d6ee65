//! What Postgres can keep of a text (everything but NUL, which stands as U+FFFD), and how it finds one.

use serde_json::{Map, Value};

/// The text without NUL.
pub(super) fn without_nul(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// The pattern of `like` for texts that have this one in them, where `%`, `_` and `\` stand for themselves.
pub(super) fn containing(text: &str) -> String {
    let mut pattern = String::from("%");
    for character in text.chars() {
        if matches!(character, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern.push('%');
    pattern
}

/// The document without NUL in any text or name; one that holds NUL is refused whole by `jsonb`.
pub(super) fn document_without_nul(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(without_nul(text)),
        Value::Array(items) => items.iter().map(document_without_nul).collect(),
        Value::Object(members) => Value::Object(members_without_nul(members)),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

/// The same for an object's members.
pub(super) fn members_without_nul(members: &Map<String, Value>) -> Map<String, Value> {
    members
        .iter()
        .map(|(name, value)| (without_nul(name), document_without_nul(value)))
        .collect()
}
