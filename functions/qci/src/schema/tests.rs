use serde_json::{Value, json};

use super::*;
use crate::points::tests::small;

/// Checks what the strict subset asks of every object, all the way down.
fn assert_strict(schema: &Value) {
    if schema["type"] == "object" {
        let mut required: Vec<_> = schema["required"].as_array().unwrap().clone();
        required.sort_by_key(ToString::to_string);
        let names: Vec<Value> = schema["properties"]
            .as_object()
            .unwrap()
            .keys()
            .map(|name| json!(name))
            .collect();
        assert_eq!(required, names);
        assert_eq!(schema["additionalProperties"], json!(false));
        schema["properties"]
            .as_object()
            .unwrap()
            .values()
            .for_each(assert_strict);
    }
    if schema["type"] == "array" {
        assert_strict(&schema["items"]);
    }
}

fn assert_in_order(text: &str, parts: &[&str]) {
    let mut rest = text;
    for part in parts {
        let at = rest
            .find(part)
            .unwrap_or_else(|| panic!("{part} is not where it belongs in {text}"));
        rest = &rest[at + part.len()..];
    }
}

#[test]
fn every_object_of_the_schema_is_closed_and_all_its_members_are_required() {
    let schema: Value = serde_json::from_str(schema(&small()).get()).unwrap();

    assert_strict(&schema);
    let criteria = &schema["properties"]["criteria"]["properties"];
    assert_eq!(criteria.as_object().unwrap().len(), 2);
    assert_eq!(
        criteria["closing"]["properties"]["level"]["enum"],
        json!(["no", "partly", "yes", "cannot_tell"])
    );
    assert_eq!(
        criteria["answered"]["properties"]["level"]["enum"],
        json!(["no", "yes", "not_applicable", "cannot_tell"])
    );
    let tip = &schema["properties"]["coaching_tips"]["items"]["properties"];
    assert_eq!(tip["criterion"]["enum"], json!(["talk", "answered", "closing"]));
    assert_eq!(tip["category"]["enum"], json!(["dynamics", "objections", "outcome"]));
}

#[test]
fn a_model_writes_the_reason_and_the_evidence_before_the_level() {
    let schema = schema(&small());

    let properties = "\"properties\":{";
    assert_in_order(
        schema.get(),
        &[
            properties,
            "\"criteria\":",
            properties,
            "\"answered\":",
            properties,
            "\"reason\":",
            "\"evidence\":",
            "\"turn\":",
            "\"quote\":",
            "\"level\":",
            "\"closing\":",
            "\"coaching_tips\":",
            "\"issue_key\":",
            "\"fix\":",
            "\"critical_failures\":",
            "\"what_went_well\":",
        ],
    );
}

#[test]
fn the_questions_name_each_level_and_tell_no_points() {
    let text = questions(&small());

    assert_eq!(
        text,
        "The criteria

`answered` (Answered, in `objections`)
Question: Was it answered?
Evidence: only what the agent or one of its tools said
Levels, from the lowest:
- `no`: Not at all.
- `yes`: Quite.
- `not_applicable`: it is not so that there was an objection.
- `cannot_tell`: the transcript does not show it.

`closing` (Closing, in `outcome`)
Question: Was it closed?
Evidence: what anyone said
Levels, from the lowest:
- `no`: Not at all.
- `partly`: Half.
- `yes`: Quite.
- `cannot_tell`: the transcript does not show it.

Measured elsewhere, and here only for coaching tips: `talk` (Talk, in `dynamics`).
"
    );
}
