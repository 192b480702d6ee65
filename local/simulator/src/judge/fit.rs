//! Makes a draft an instance of a schema.

use serde_json::{Map, Number, Value};

/// The deepest that references are followed; deeper ones lead in a circle.
const DEEPEST: usize = 64;

/// An instance of `schema` that has what the draft offers for it, and the least that will do elsewhere.
pub(crate) fn fit(root: &Value, schema: &Value, draft: &Value) -> Value {
    fitted(root, schema, draft, 0)
}

/// The schema that this one refers to, if it does.
pub(crate) fn resolve<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    let mut schema = schema;
    for _ in 0..DEEPEST {
        let Some(pointer) = schema["$ref"]
            .as_str()
            .and_then(|reference| reference.strip_prefix('#'))
        else {
            break;
        };
        schema = root.pointer(pointer).unwrap_or(&Value::Null);
    }
    schema
}

fn fitted(root: &Value, schema: &Value, draft: &Value, depth: usize) -> Value {
    let schema = resolve(root, schema);
    if depth > DEEPEST {
        return Value::Null;
    }
    if let Some(only) = schema.get("const") {
        return only.clone();
    }
    if let Some(choices) = schema["enum"].as_array() {
        let chosen = choices
            .iter()
            .find(|choice| *choice == draft)
            .or_else(|| choices.first());
        return chosen.cloned().unwrap_or_default();
    }
    if let Some(branches) = schema["anyOf"].as_array().or_else(|| schema["oneOf"].as_array()) {
        let suits = |branch: &&Value| kind_for(resolve(root, branch), draft).is_some_and(|kind| is_kind(draft, kind));
        let branch = branches.iter().find(suits).or_else(|| branches.first());
        return branch.map_or(Value::Null, |branch| fitted(root, branch, draft, depth + 1));
    }
    match kind_for(schema, draft) {
        Some("object") => object(root, schema, draft, depth),
        Some("array") => array(root, schema, draft, depth),
        Some("string") => string(schema, draft),
        Some(kind @ ("integer" | "number")) => number(schema, draft, kind),
        Some("boolean") => Value::Bool(draft.as_bool().unwrap_or(false)),
        Some(_) => Value::Null,
        None => draft.clone(),
    }
}

/// The type to be made: of several, the one that the draft has.
fn kind_for<'a>(schema: &'a Value, draft: &Value) -> Option<&'a str> {
    match &schema["type"] {
        Value::String(kind) => Some(kind),
        Value::Array(kinds) => {
            let kinds: Vec<&str> = kinds.iter().filter_map(Value::as_str).collect();
            let suits = kinds.iter().find(|kind| is_kind(draft, kind));
            suits.or_else(|| kinds.first()).copied()
        }
        _ if schema["properties"].is_object() => Some("object"),
        _ => None,
    }
}

fn is_kind(value: &Value, kind: &str) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        _ => value.is_null(),
    }
}

fn object(root: &Value, schema: &Value, draft: &Value, depth: usize) -> Value {
    // Some ask for one piece of evidence, some for several.
    let draft = if draft.is_array() { &draft[0] } else { draft };
    let properties = schema["properties"].as_object();
    let members: Map<String, Value> = properties
        .into_iter()
        .flatten()
        .map(|(key, part)| (key.clone(), fitted(root, part, &draft[key], depth + 1)))
        .collect();
    Value::Object(members)
}

fn array(root: &Value, schema: &Value, draft: &Value, depth: usize) -> Value {
    let drafts = match draft {
        Value::Array(drafts) => drafts.clone(),
        Value::Null => Vec::new(),
        single => vec![single.clone()],
    };
    let size = |key: &str| schema[key].as_u64().and_then(|size| usize::try_from(size).ok());
    let length = drafts
        .len()
        .min(size("maxItems").unwrap_or(usize::MAX))
        .max(size("minItems").unwrap_or(0));
    let padded = drafts.iter().chain(std::iter::repeat(&Value::Null));
    let items = padded
        .take(length)
        .map(|draft| fitted(root, &schema["items"], draft, depth + 1));
    Value::Array(items.collect())
}

fn string(schema: &Value, draft: &Value) -> Value {
    let size = |key: &str| schema[key].as_u64().and_then(|size| usize::try_from(size).ok());
    let text = draft.as_str().unwrap_or_default();
    let mut text: String = text.chars().take(size("maxLength").unwrap_or(usize::MAX)).collect();
    let missing = size("minLength").unwrap_or(0).saturating_sub(text.chars().count());
    text.push_str(&"-".repeat(missing));
    Value::String(text)
}

fn number(schema: &Value, draft: &Value, kind: &str) -> Value {
    let least = schema.get("minimum").cloned().unwrap_or(Value::from(0));
    let below = |value: &Value, bound: &Value| value.as_f64() < bound.as_f64();
    if !is_kind(draft, kind) || below(draft, &least) && schema["minimum"].is_number() {
        return least;
    }
    match schema.get("maximum") {
        Some(most) if below(most, draft) => most.clone(),
        _ => draft
            .as_number()
            .cloned()
            .map_or(Value::Null, |number: Number| Value::Number(number)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_draft_is_given_the_form_that_the_schema_asks_for() {
        let schema = json!({
            "type": "object",
            "properties": {
                "level": {"$ref": "#/$defs/level"},
                "turn": {"type": "integer", "minimum": 1},
                "evidence": {"type": "object", "properties": {"turn": {"type": "integer"}}, "required": ["turn"]},
                "notes": {"type": "array", "minItems": 1, "items": {"type": ["string", "null"]}},
                "other": {"anyOf": [{"type": "string", "maxLength": 2}, {"type": "null"}]},
                "kind": {"const": "verdict"},
            },
            "required": ["level", "turn", "evidence", "notes", "other", "kind"],
            "$defs": {"level": {"type": "string", "enum": ["low", "high"]}},
        });
        let draft = json!({"level": "high", "turn": 0, "evidence": [{"turn": 3}], "other": "long", "stray": 1});

        let fitted = fit(&schema, &schema, &draft);

        assert!(jsonschema::is_valid(&schema, &fitted), "{fitted}");
        assert_eq!(fitted["level"], "high");
        assert_eq!(fitted["turn"], 1);
        assert_eq!(fitted["evidence"]["turn"], 3);
        assert_eq!(fitted["other"], "lo");
        assert_eq!(fitted.get("stray"), None);
    }

    #[test]
    fn no_draft_at_all_gives_the_least_that_will_do() {
        let schema = json!({"type": "object", "properties": {
            "a": {"type": "array", "items": {"type": "string"}},
            "b": {"enum": ["x", "y"]},
        }});

        assert_eq!(fit(&schema, &schema, &Value::Null), json!({"a": [], "b": "x"}));
    }
}
