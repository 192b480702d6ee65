//! Documents out of columns: the object that a column holds, and the object that columns make.

use std::borrow::Cow;
use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

/// An object without members.
pub(super) const NOTHING: &str = "{}";

/// The text of the object that a column holds; one that was turned into text twice is read twice. Anything else is
/// [`NOTHING`].
pub(super) fn object_in(text: Option<&str>) -> Cow<'_, str> {
    let is_object = |text: &str| {
        // Neither a depth nor a number that a reader refuses is looked at.
        serde_json::from_str::<&RawValue>(text).is_ok_and(|value| value.get().starts_with('{'))
    };
    let Some(text) = text else { return NOTHING.into() };
    if is_object(text) {
        return text.into();
    }
    match serde_json::from_str::<String>(text) {
        Ok(inner) if is_object(&inner) => inner.into(),
        _ => NOTHING.into(),
    }
}

/// Members of an object on their way into a text.
#[derive(Debug, Default, Serialize)]
#[serde(transparent)]
pub(super) struct Members(BTreeMap<&'static str, Box<RawValue>>);

impl Members {
    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Sets a member.
    pub(super) fn set(&mut self, name: &'static str, value: &impl Serialize) {
        if let Ok(value) = to_raw_value(value) {
            self.0.insert(name, value);
        }
    }

    /// Sets a member to a number with all its digits.
    pub(super) fn set_number(&mut self, name: &'static str, number: Decimal) {
        if let Ok(value) = RawValue::from_string(number.to_string()) {
            self.0.insert(name, value);
        }
    }

    /// The object as text.
    pub(super) fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_else(|_| NOTHING.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_in_a_text_is_read_and_anything_else_has_no_members() {
        assert_eq!(object_in(Some(r#""{\"id\": \"a\"}""#)), r#"{"id": "a"}"#);
        for text in ["null", "[]", "[{\"a\": 1}]", "\"x\"", "7", "nonsense", "{", ""] {
            assert_eq!(object_in(Some(text)), NOTHING, "{text}");
        }
    }

    #[test]
    fn a_number_keeps_its_digits_and_a_deep_value_is_no_trouble() {
        let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
        let text = format!(r#"{{"cost":0.12345678901234567890123,"deep":{deep},"far":1e400}}"#);
        let mut members = Members::default();
        members.set_number("cost", "0.1234567890123456789012345".parse().unwrap());

        assert_eq!(object_in(Some(&text)), text);
        assert_eq!(members.text(), r#"{"cost":0.1234567890123456789012345}"#);
    }
}
