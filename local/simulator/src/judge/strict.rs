//! What strict mode asks of a schema, beyond being one.

use serde_json::{Map, Value};

use super::refusal::Refused;

const PARAM: &str = "response_format";
const LONGEST_NAME: usize = 64;
const DEEPEST: usize = 10;
const MOST_PROPERTIES: usize = 5000;
const MOST_CHOICES: usize = 1000;
/// Keywords of JSON Schema that strict mode does not have.
const UNSUPPORTED: [&str; 9] = [
    "allOf",
    "oneOf",
    "not",
    "if",
    "then",
    "else",
    "dependentRequired",
    "dependentSchemas",
    "patternProperties",
];

/// Checks the `json_schema` member of a response format.
pub(crate) fn check(name: &str, schema: &Value) -> Result<(), Refused> {
    let mut walk = Walk {
        name,
        properties: 0,
        choices: 0,
    };
    if schema["type"] != "object" {
        return Err(walk.refused(&[], "the root must have \"type\": \"object\""));
    }
    walk.schema(schema, &mut Vec::new(), 0)?;
    if walk.properties > MOST_PROPERTIES || walk.choices > MOST_CHOICES {
        return Err(walk.refused(&[], "it has too many properties or enum values"));
    }
    Ok(())
}

/// Checks the name of a schema.
pub(crate) fn check_name(name: &str) -> Result<(), Refused> {
    let allowed = |character: char| character.is_ascii_alphanumeric() || character == '_' || character == '-';
    if !name.is_empty() && name.len() <= LONGEST_NAME && name.chars().all(allowed) {
        return Ok(());
    }
    let message =
        format!("Invalid 'response_format.json_schema.name': '{name}' does not match '^[a-zA-Z0-9_-]{{1,64}}$'.");
    Err(Refused::invalid("response_format.json_schema.name", message))
}

struct Walk<'a> {
    name: &'a str,
    properties: usize,
    choices: usize,
}

impl Walk<'_> {
    fn schema(&mut self, schema: &Value, path: &mut Vec<String>, depth: usize) -> Result<(), Refused> {
        let Some(members) = schema.as_object() else {
            return Err(self.refused(path, "a schema must be an object"));
        };
        if depth > DEEPEST {
            return Err(self.refused(path, "it is nested too deep"));
        }
        if let Some(keyword) = UNSUPPORTED.iter().find(|keyword| members.contains_key(**keyword)) {
            return Err(self.refused(path, &format!("'{keyword}' is not permitted")));
        }
        self.choices += members.get("enum").and_then(Value::as_array).map_or(0, Vec::len);
        let mut deeper = depth;
        if is_object(members) {
            self.object(members, path)?;
            deeper += 1;
        }
        for (key, part) in parts(members) {
            path.push(key);
            self.schema(part, path, deeper)?;
            path.pop();
        }
        Ok(())
    }

    fn object(&mut self, members: &Map<String, Value>, path: &[String]) -> Result<(), Refused> {
        if members.get("additionalProperties") != Some(&Value::Bool(false)) {
            let message = "'additionalProperties' is required to be supplied and to be false";
            return Err(self.refused(path, message));
        }
        let properties = members.get("properties").and_then(Value::as_object);
        let required = members.get("required").and_then(Value::as_array);
        let lists = |key: &String| required.is_some_and(|required| required.iter().any(|name| name == key));
        let keys = properties.into_iter().flat_map(Map::keys);
        self.properties += properties.map_or(0, Map::len);
        if let Some(missing) = keys.into_iter().find(|key| !lists(key)) {
            let message = format!("'required' must be an array of all keys in properties. Missing '{missing}'");
            return Err(self.refused(path, &message));
        }
        Ok(())
    }

    fn refused(&self, path: &[String], message: &str) -> Refused {
        let path: Vec<String> = path.iter().map(|key| format!("'{key}'")).collect();
        let context = path.join(", ");
        let message = format!(
            "Invalid schema for response_format '{}': In context=({context}), {message}.",
            self.name
        );
        Refused::invalid(PARAM, message)
    }
}

fn is_object(members: &Map<String, Value>) -> bool {
    let is_object = match members.get("type") {
        Some(Value::Array(kinds)) => kinds.iter().any(|kind| kind == "object"),
        Some(kind) => kind == "object",
        None => false,
    };
    is_object || members.contains_key("properties")
}

/// The schemas directly inside a schema.
fn parts(members: &Map<String, Value>) -> Vec<(String, &Value)> {
    let mut parts = Vec::new();
    for keyword in ["properties", "$defs", "definitions"] {
        let inside = members.get(keyword).and_then(Value::as_object);
        parts.extend(inside.into_iter().flatten().map(|(key, part)| (key.clone(), part)));
    }
    let items = members.get("items").filter(|items| items.is_object());
    parts.extend(items.map(|items| ("items".to_owned(), items)));
    let choices = members.get("anyOf").and_then(Value::as_array);
    parts.extend(
        choices
            .into_iter()
            .flatten()
            .zip(0..)
            .map(|(part, n): (_, usize)| (n.to_string(), part)),
    );
    parts
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn said(schema: &Value) -> String {
        let refused = check("verdict", schema).expect_err("a schema that strict mode refuses");
        refused.body()["error"]["message"].to_string()
    }

    #[test]
    fn every_object_must_be_closed_and_require_all_it_has() {
        let open = json!({"type": "object", "properties": {}, "required": []});
        let lax = json!({"type": "object", "additionalProperties": false, "required": ["a"], "properties": {
            "a": {"type": "array", "items": {"type": "object", "additionalProperties": false, "required": ["turn"],
                "properties": {"turn": {"type": "integer"}, "quote": {"type": "string"}}}}}});

        assert!(said(&open).contains("'additionalProperties'"));
        assert!(said(&lax).contains("In context=('a', 'items')"));
        assert!(said(&lax).contains("Missing 'quote'"));
    }

    #[test]
    fn keywords_that_strict_mode_lacks_are_refused() {
        let schema = json!({"type": "object", "additionalProperties": false, "required": ["a"],
            "properties": {"a": {"oneOf": [{"type": "string"}]}}});

        assert!(said(&schema).contains("'oneOf' is not permitted"));
    }

    #[test]
    fn a_schema_nested_too_deep_is_refused() {
        let mut schema = json!({"type": "string"});
        for _ in 0..12 {
            schema = json!({"type": "object", "additionalProperties": false, "required": ["a"], "properties": {"a": schema}});
        }

        assert!(said(&schema).contains("nested too deep"));
    }
}
