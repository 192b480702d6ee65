//! Reads a request for a completion, and refuses what the API would refuse.

use serde_json::{Map, Value};

use super::{caching, refusal::Refused, settings::Settings, strict, transcript::Transcript};

/// A request that the model can be asked.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    messages: Vec<(String, String)>,
    /// What the answer has to be an instance of; without it, any text will do.
    pub(crate) schema: Option<Value>,
    /// The answer is cut off behind this many tokens.
    pub(crate) most_tokens: Option<usize>,
}

impl Question {
    pub(crate) fn read(body: &Value, settings: &Settings) -> Result<Self, Refused> {
        let body = body.as_object().ok_or_else(Refused::no_json)?;
        let model = body
            .get("model")
            .and_then(Value::as_str)
            .filter(|model| !model.is_empty());
        let model = model.ok_or_else(|| Refused::missing("model"))?;
        let messages = messages(body)?;
        if body.get("stream") == Some(&Value::Bool(true)) {
            return Err(Refused::invalid("stream", "This judge does not stream."));
        }
        if !settings.models.is_empty() && !settings.models.iter().any(|known| known == model) {
            return Err(Refused::unknown_model(model));
        }
        let most_tokens = ["max_completion_tokens", "max_tokens"]
            .iter()
            .find_map(|key| body.get(*key)?.as_u64());
        Ok(Self {
            schema: schema(body, &messages)?,
            messages,
            most_tokens: most_tokens.and_then(|tokens| usize::try_from(tokens).ok()),
        })
    }

    /// What the system messages say.
    pub(crate) fn system(&self) -> String {
        system(&self.messages)
    }

    /// The conversation that it is about; empty if none is fenced as agreed.
    pub(crate) fn transcript(&self) -> Transcript {
        let mut users = self.messages.iter().filter(|(role, _)| role == "user");
        users.find_map(|(_, text)| Transcript::find(text)).unwrap_or_default()
    }

    pub(crate) fn is_retry(&self) -> bool {
        self.messages.iter().any(|(role, _)| role == "assistant")
    }

    pub(crate) fn tokens(&self) -> usize {
        self.messages.iter().map(|(_, text)| caching::tokens(text)).sum()
    }
}

fn messages(body: &Map<String, Value>) -> Result<Vec<(String, String)>, Refused> {
    let messages = body.get("messages").ok_or_else(|| Refused::missing("messages"))?;
    let messages = messages.as_array().filter(|messages| !messages.is_empty());
    let messages =
        messages.ok_or_else(|| Refused::invalid("messages", "'messages' must be an array with elements."))?;
    messages
        .iter()
        .map(|message| {
            let role = message["role"].as_str().unwrap_or_default();
            if !["system", "developer", "user", "assistant", "tool"].contains(&role) {
                return Err(Refused::invalid(
                    "messages",
                    format!("Invalid value: '{role}' is not a role."),
                ));
            }
            let text = text(&message["content"]);
            let text = text.ok_or_else(|| Refused::invalid("messages", "A message has no content that is text."))?;
            Ok((role.to_owned(), text))
        })
        .collect()
}

/// A content is a text, or a list of parts that are.
fn text(content: &Value) -> Option<String> {
    match content {
        Value::String(text) => Some(text.clone()),
        Value::Array(parts) => parts.iter().map(|part| part["text"].as_str()).collect(),
        _ => None,
    }
}

fn system(messages: &[(String, String)]) -> String {
    let texts = messages
        .iter()
        .filter(|(role, _)| role == "system" || role == "developer");
    texts.map(|(_, text)| text.as_str()).collect::<Vec<_>>().join("\n")
}

fn schema(body: &Map<String, Value>, messages: &[(String, String)]) -> Result<Option<Value>, Refused> {
    let format = body.get("response_format").unwrap_or(&Value::Null);
    match (format, format["type"].as_str()) {
        (Value::Null, _) | (_, Some("text")) => Ok(embedded(&system(messages))),
        (_, Some("json_object")) => {
            if !messages.iter().any(|(_, text)| text.to_lowercase().contains("json")) {
                let message = "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.";
                return Err(Refused::invalid("messages", message));
            }
            Ok(Some(embedded(&system(messages)).unwrap_or(Value::Bool(true))))
        }
        (_, Some("json_schema")) => named(&format["json_schema"]).map(Some),
        (_, kind) => {
            let message = format!(
                "Invalid value: '{}' is not a response format.",
                kind.unwrap_or_default()
            );
            Err(Refused::invalid("response_format.type", message))
        }
    }
}

fn named(format: &Value) -> Result<Value, Refused> {
    let name = format["name"].as_str();
    let name = name.ok_or_else(|| Refused::missing("response_format.json_schema.name"))?;
    strict::check_name(name)?;
    let schema = format.get("schema").filter(|schema| schema.is_object());
    let schema = schema.ok_or_else(|| Refused::missing("response_format.json_schema.schema"))?;
    if format["strict"] == true {
        strict::check(name, schema)?;
    }
    if let Err(error) = jsonschema::validator_for(schema) {
        let message = format!("Invalid schema for response_format '{name}': {error}");
        return Err(Refused::invalid("response_format", message));
    }
    Ok(schema.clone())
}

/// The first object in a text that looks like a schema, and is not a part of another object.
fn embedded(text: &str) -> Option<Value> {
    let mut rest = text;
    while let Some(at) = rest.find('{') {
        let mut objects = serde_json::Deserializer::from_str(&rest[at..]).into_iter::<Value>();
        match objects.next() {
            Some(Ok(object)) if object["type"] == "object" && object["properties"].is_object() => return Some(object),
            Some(Ok(_)) => rest = &rest[at + objects.byte_offset()..],
            _ => rest = &rest[at + 1..],
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_in_a_text_is_the_first_object_that_looks_like_one() {
        let text = r#"Answer {like this} in JSON: {"example": {"type": "object", "properties": {}}}
            by this schema: {"type": "object", "properties": {"a": {"type": "string"}}} Thank you {}."#;

        let schema = embedded(text).expect("a schema");

        assert_eq!(schema["properties"]["a"]["type"], "string");
    }

    #[test]
    fn a_text_without_a_schema_has_none() {
        assert_eq!(embedded("{ not json } {\"a\": 1}"), None);
    }
}
