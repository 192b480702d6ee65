//! A document with what it lacks, from the columns beside it or from another document of the same thing.
//!
//! Documents are merged as text, member by member: a number keeps its digits and a depth that a reader refuses
//! costs nothing.

use std::collections::BTreeMap;

use serde_json::Value;
use serde_json::value::RawValue;

/// The members of an object, each as the text it came in.
#[derive(Debug, Default)]
pub(super) struct Members(BTreeMap<String, Box<RawValue>>);

impl Members {
    /// Those of a column that should hold an object. One that was turned into text twice is read twice; anything else
    /// has no members.
    pub(super) fn read(text: Option<&str>) -> Self {
        let Some(text) = text else { return Self::default() };
        if let Ok(members) = serde_json::from_str(text) {
            return Self(members);
        }
        match serde_json::from_str::<String>(text) {
            Ok(inner) => Self(serde_json::from_str(&inner).unwrap_or_default()),
            Err(_) => Self::default(),
        }
    }

    /// Sets a member.
    pub(super) fn set(&mut self, name: &str, value: &Value) {
        if let Ok(value) = serde_json::value::to_raw_value(value) {
            self.0.insert(name.to_owned(), value);
        }
    }

    /// Sets a member of the object that a member is; what is no object becomes one.
    pub(super) fn set_within(&mut self, outer: &str, name: &str, value: &Value) {
        let mut inner = Self::read(self.0.get(outer).map(|text| text.get()));
        inner.set(name, value);
        if let Ok(text) = RawValue::from_string(inner.text()) {
            self.0.insert(outer.to_owned(), text);
        }
    }

    /// A member that is a text.
    pub(super) fn string(&self, name: &str) -> Option<String> {
        serde_json::from_str(self.0.get(name)?.get()).ok()
    }

    /// A list of messages, wherever it is.
    pub(super) fn has_messages(&self) -> bool {
        let artifact = Self::read(self.0.get("artifact").map(|text| text.get()));
        let lists = [artifact.0.get("messages"), self.0.get("messages")];
        lists.into_iter().flatten().any(|list| !is_empty(list.get()))
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes each member that is missing or empty here from `other`, and goes on within objects. Returns whether there
    /// was one.
    pub(super) fn fill(&mut self, other: Self) -> bool {
        let mut is_filled = false;
        for (name, value) in other.0 {
            let ours = self.0.get(&name).map(|ours| ours.get()).filter(|ours| !is_empty(ours));
            let taken = match ours {
                _ if is_empty(value.get()) => None,
                None => Some(value),
                Some(ours) if is_object(ours) && is_object(value.get()) => {
                    let mut inner = Self::read(Some(ours));
                    let is_inner_filled = inner.fill(Self::read(Some(value.get())));
                    RawValue::from_string(inner.text()).ok().filter(|_| is_inner_filled)
                }
                Some(_) => None,
            };
            if let Some(taken) = taken {
                is_filled = true;
                self.0.insert(name, taken);
            }
        }
        is_filled
    }

    /// The object as text.
    pub(super) fn text(&self) -> String {
        let members = self
            .0
            .iter()
            .map(|(name, value)| format!("{}:{}", Value::from(name.as_str()), value.get()));
        format!("{{{}}}", members.collect::<Vec<_>>().join(","))
    }
}

fn is_object(text: &str) -> bool {
    text.starts_with('{')
}

/// `null`, and a text, a list or an object with nothing in it.
fn is_empty(text: &str) -> bool {
    let inner = |open, close| text.strip_prefix(open).and_then(|text: &str| text.strip_suffix(close));
    text == "null"
        || [('{', '}'), ('[', ']'), ('"', '"')]
            .into_iter()
            .any(|(open, close)| inner(open, close).is_some_and(|inner| inner.trim().is_empty()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn filled(ours: &Value, theirs: &Value) -> Value {
        let mut members = Members::read(Some(&ours.to_string()));
        members.fill(Members::read(Some(&theirs.to_string())));
        serde_json::from_str(&members.text()).unwrap()
    }

    #[test]
    fn what_is_missing_or_empty_is_taken_and_what_is_there_stays() {
        let ours = json!({"a": 1, "b": "", "c": {"d": [], "e": "x"}, "f": false, "g": 0});
        let theirs = json!({"a": 2, "b": "y", "c": {"d": [1], "e": "z", "h": null}, "f": true, "g": 5, "i": {}});

        assert_eq!(
            filled(&ours, &theirs),
            json!({"a": 1, "b": "y", "c": {"d": [1], "e": "x"}, "f": false, "g": 0})
        );
    }

    #[test]
    fn an_object_in_a_text_is_read_and_anything_else_has_no_members() {
        let read = |text: &str| Members::read(Some(text)).text();

        assert_eq!(read(r#""{\"id\": \"a\"}""#), r#"{"id":"a"}"#);
        for text in ["null", "[]", "[{\"a\": 1}]", "\"x\"", "7", "nonsense"] {
            assert_eq!(read(text), "{}", "{text}");
        }
    }

    #[test]
    fn a_number_keeps_its_digits_and_a_deep_value_is_no_trouble() {
        let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
        let text = format!(r#"{{"cost":0.12345678901234567890123,"deep":{deep},"far":1e400}}"#);

        assert_eq!(Members::read(Some(&text)).text(), text);
    }
}
