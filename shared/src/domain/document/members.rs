//! The members of a JSON object in their order, each value as the text it came in.
//!
//! Vapi's documents are read by name and tolerantly: a member that is missing, null or of another type
//! is no reason to lose a call, and one that is named twice counts as its last, as PostgreSQL has it.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// An object's members, each with its text.
#[derive(Debug, Default)]
pub(crate) struct Members<'a>(Vec<(Cow<'a, str>, &'a str)>);

/// In place of the text of a member whose own members stand apart. No JSON text is like it.
pub(crate) const APART: &str = "{…}";

impl<'a> Members<'a> {
    /// Reads an object.
    pub(crate) fn parse(text: &'a str) -> serde_json::Result<Self> {
        serde_json::from_str(text)
    }

    /// Reads a call, and in the same pass what its artifact holds, which is the largest part of it by far.
    ///
    /// The text of an artifact that is an object is [`APART`].
    pub(crate) fn parse_call(text: &'a str) -> serde_json::Result<(Self, Self)> {
        match serde_json::from_str(text) {
            Ok(Call { members, artifact }) => Ok((members, artifact)),
            // Be it that the artifact alone is of another type.
            Err(_) => Ok((Self::parse(text)?, Self::default())),
        }
    }

    /// The text of a member; null is absent.
    pub(crate) fn get(&self, name: &str) -> Option<&'a str> {
        let (_, text) = self.0.iter().rfind(|(key, _)| key == name)?;
        Some(*text).filter(|text| *text != "null")
    }

    /// The text of a member, null or not.
    pub(crate) fn text(&self, name: &str) -> Option<&'a str> {
        self.0.iter().rfind(|(key, _)| key == name).map(|(_, text)| *text)
    }

    /// Takes a member out.
    pub(crate) fn take(&mut self, name: &str) -> Option<&'a str> {
        let text = self.text(name);
        self.0.retain(|(key, _)| key != name);
        text
    }

    /// All of them, a name that comes twice with its last value.
    pub(crate) fn into_distinct(mut self) -> Vec<(Cow<'a, str>, &'a str)> {
        let mut names = HashSet::with_capacity(self.0.len());
        self.0.reverse();
        self.0.retain(|(name, _)| names.insert(name.clone()));
        self.0.reverse();
        self.0
    }

    /// An object's members within this one; empty where it is missing or no object.
    pub(crate) fn object(&self, name: &str) -> Self {
        self.get(name)
            .and_then(|text| Self::parse(text).ok())
            .unwrap_or_default()
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &'a str)> {
        self.0.iter().map(|(name, text)| (name.as_ref(), *text))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::with_capacity(32);
                while let Some((Name(name), value)) = map.next_entry::<_, &RawValue>()? {
                    members.push((name, value.get()));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Collect)
    }
}

struct Call<'a> {
    members: Members<'a>,
    artifact: Members<'a>,
}

impl<'de: 'a, 'a> Deserialize<'de> for Call<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Call<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let (mut members, mut artifact) = (Vec::with_capacity(48), Members::default());
                while let Some(Name(name)) = map.next_key()? {
                    let text = if name == "artifact" {
                        artifact = map.next_value()?;
                        APART
                    } else {
                        map.next_value::<&RawValue>()?.get()
                    };
                    members.push((name, text));
                }
                let members = Members(members);
                Ok(Call { members, artifact })
            }
        }
        deserializer.deserialize_map(Collect)
    }
}

/// A name, borrowed unless it holds an escape.
struct Name<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Name<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Cow<'de, str>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a member's name")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Cow::Borrowed(text))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Cow::Owned(text.to_owned()))
            }
        }
        deserializer.deserialize_str(Text).map(Name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_read_by_name_the_last_of_two_and_null_as_absent() {
        let members = Members::parse(r#"{"a": 1, "b": null, "a": [2], "c\u0064": {"e": "x"}}"#).unwrap();

        assert_eq!(members.get("a"), Some("[2]"));
        assert_eq!(members.get("b"), None);
        assert_eq!(members.object("cd").get("e"), Some("\"x\""));
        assert!(Members::parse("[1]").is_err());
    }

    #[test]
    fn an_artifact_is_read_in_the_same_pass_and_one_of_another_type_keeps_its_text() {
        let (call, artifact) = Members::parse_call(r#"{"id": "c", "artifact": {"a": [1]}, "z": 2}"#).unwrap();
        assert_eq!((artifact.get("a"), call.get("z")), (Some("[1]"), Some("2")));

        for text in [
            "[1, {}]",
            "null",
            "\"x\"",
            "true",
            "-1",
            "2.5",
            "1e400",
            r#""\ud800""#,
            r#"{"\ud800": 1}"#,
        ] {
            let document = format!(r#"{{"artifact": {text}, "z": 2}}"#);

            let (call, artifact) = Members::parse_call(&document).unwrap();

            assert_eq!(artifact.iter().count(), 0);
            assert_eq!(call.iter().collect::<Vec<_>>(), [("artifact", text), ("z", "2")]);
        }
        assert!(Members::parse_call(r#"{"artifact": {"a": 1"#).unwrap_err().is_eof());
    }
}
