//! What a QCI run can be asked for.

use serde_json::{Map, Value};
use shared::store::framework::Name;

/// A checked input.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Input {
    /// Only these calls; all that need it where absent.
    pub call_ids: Option<Vec<String>>,
    /// The most calls to look at.
    pub limit: Option<u32>,
    /// The framework; the active one where absent.
    pub framework: Option<Name>,
    /// Score calls again that have a score, or were given up.
    pub force: bool,
    /// Only say what it would come to: calls, tokens, USD.
    pub estimate: bool,
}

/// An input that cannot be run: names the field and the remedy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidInput {
    /// Not an object.
    #[error("the input must be a JSON object, such as {{}} or {{\"limit\": 100}}")]
    NotAnObject,
    /// A field that does not exist.
    #[error("unknown field `{0}`: expected call_ids, limit, framework, force or estimate")]
    UnknownField(String),
    /// A field of the wrong type or size.
    #[error("`{0}` must be {1}")]
    Type(&'static str, &'static str),
    /// Everything again costs as much as everything at first.
    #[error("`force` scores again what has a score: name the calls in `call_ids`")]
    ForceWithoutCalls,
}

/// Ids in one request at most.
const MOST_IDS: usize = 10_000;
const FIELDS: [&str; 5] = ["call_ids", "limit", "framework", "force", "estimate"];

impl Input {
    /// Reads `{"call_ids", "limit", "framework", "force", "estimate"}`; all are optional, and null is absent.
    pub fn parse(input: &Value) -> Result<Self, InvalidInput> {
        let fields = input.as_object().ok_or(InvalidInput::NotAnObject)?;
        if let Some(name) = fields.keys().find(|name| !FIELDS.contains(&name.as_str())) {
            return Err(InvalidInput::UnknownField(name.clone()));
        }
        let parsed = Self {
            call_ids: call_ids(fields)?,
            limit: limit(fields)?,
            framework: framework(fields)?,
            force: flag(fields, "force")?,
            estimate: flag(fields, "estimate")?,
        };
        if parsed.force && parsed.call_ids.is_none() {
            return Err(InvalidInput::ForceWithoutCalls);
        }
        Ok(parsed)
    }
}

fn call_ids(fields: &Map<String, Value>) -> Result<Option<Vec<String>>, InvalidInput> {
    let wrong = InvalidInput::Type("call_ids", "a list of 1 to 10000 call ids");
    match fields.get("call_ids") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Array(ids)) if (1..=MOST_IDS).contains(&ids.len()) => {
            let mut texts: Vec<String> = ids
                .iter()
                .map(|id| id.as_str().filter(|id| !id.trim().is_empty()).map(str::to_owned))
                .collect::<Option<_>>()
                .ok_or(wrong)?;
            texts.sort();
            texts.dedup();
            Ok(Some(texts))
        }
        Some(_) => Err(wrong),
    }
}

fn limit(fields: &Map<String, Value>) -> Result<Option<u32>, InvalidInput> {
    match fields.get("limit") {
        None | Some(Value::Null) => Ok(None),
        Some(limit) => limit
            .as_u64()
            .and_then(|limit| u32::try_from(limit).ok())
            .filter(|limit| *limit > 0)
            .map(Some)
            .ok_or(InvalidInput::Type("limit", "a number of calls from 1 on")),
    }
}

fn framework(fields: &Map<String, Value>) -> Result<Option<Name>, InvalidInput> {
    match fields.get("framework") {
        None | Some(Value::Null) => Ok(None),
        Some(name) => name.as_str().and_then(Name::parse).map(Some).ok_or(InvalidInput::Type(
            "framework",
            "a name and version, such as \"QCI Standard@1\"",
        )),
    }
}

fn flag(fields: &Map<String, Value>, name: &'static str) -> Result<bool, InvalidInput> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(_) => Err(InvalidInput::Type(name, "true or false")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_empty_input_asks_for_everything_that_is_needed() {
        assert_eq!(Input::parse(&json!({})).unwrap(), Input::default());
        assert_eq!(
            Input::parse(&json!({"limit": null, "force": false})).unwrap(),
            Input::default()
        );
    }

    #[test]
    fn each_field_is_read() {
        let input =
            json!({"call_ids": ["b", "a", "b"], "limit": 7, "framework": "My own@2", "force": true, "estimate": true});

        assert_eq!(
            Input::parse(&input).unwrap(),
            Input {
                call_ids: Some(vec!["a".into(), "b".into()]),
                limit: Some(7),
                framework: Some(Name {
                    name: "My own".into(),
                    version: 2
                }),
                force: true,
                estimate: true,
            }
        );
    }

    #[test]
    fn each_bad_input_names_its_field_and_the_remedy() {
        for (input, named) in [
            (json!([]), "JSON object"),
            (json!({"call_id": "a"}), "`call_id`"),
            (json!({"call_ids": []}), "`call_ids`"),
            (json!({"call_ids": [1]}), "`call_ids`"),
            (json!({"call_ids": [" "]}), "`call_ids`"),
            (json!({"limit": 0}), "`limit`"),
            (json!({"limit": -1}), "`limit`"),
            (json!({"limit": 1.5}), "`limit`"),
            (json!({"framework": "standard"}), "`framework`"),
            (json!({"framework": "standard@0"}), "`framework`"),
            (json!({"force": "yes", "call_ids": ["a"]}), "`force`"),
            (json!({"force": true}), "`call_ids`"),
            (json!({"estimate": 1}), "`estimate`"),
        ] {
            let error = Input::parse(&input).unwrap_err().to_string();

            assert!(error.contains(named), "{input}: {error}");
        }
    }
}
