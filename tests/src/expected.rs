//! What the table must say of a call, worked out a second time and in another way than the product does:
//! on the parsed tree, slowly and plainly.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

/// The columns of a call; instants as microseconds since 1970.
#[must_use]
pub fn expected_row(call: &Value) -> Value {
    let artifact = &call["artifact"];
    let transcript = first(&[&artifact["transcript"], &call["transcript"]]);
    let recording = first(&[
        &artifact["recording"]["mono"]["combinedUrl"],
        &artifact["recordingUrl"],
        &call["recordingUrl"],
        &artifact["recording"]["stereoUrl"],
        &artifact["stereoRecordingUrl"],
    ]);
    let (start, end) = (instant(&call["startedAt"]), instant(&call["endedAt"]));
    let duration = start
        .zip(end)
        .filter(|(start, end)| start <= end)
        .map(|(start, end)| (end - start + 500_000) / 1_000_000);
    let tools = tool_names(call);
    json!({
        "id": call["id"],
        "org_id": text(&call["orgId"]),
        "type": text(&call["type"]),
        "status": text(&call["status"]),
        "ended_reason": text(&call["endedReason"]),
        "assistant_id": text(&call["assistantId"]),
        "assistant_version": text(&call["assistantVersion"]),
        "assistant_name": first(&[&call["assistant"]["name"], &artifact["assistantActivations"][0]["assistantName"]]),
        "squad_id": text(&call["squadId"]),
        "phone_number_id": text(&call["phoneNumberId"]),
        "customer_id": text(&call["customerId"]),
        "customer_phone_number": text(&call["customer"]["number"]),
        "created_at": instant(&call["createdAt"]),
        "updated_at": instant(&call["updatedAt"]),
        "started_at": start,
        "ended_at": end,
        "call_at": start.or(instant(&call["createdAt"])),
        "duration_seconds": duration,
        "cost": call["cost"],
        "transcript": transcript,
        "recording_url": recording,
        "vapi_success_evaluation": text(&call["analysis"]["successEvaluation"]),
        "has_tool_calls": !tools.is_empty(),
        "tool_names": tools,
        "raw_json": stored(call, &transcript),
    })
}

fn stored(call: &Value, transcript: &Value) -> Value {
    let mut document = call.clone();
    let messages = call["artifact"]["messages"]
        .as_array()
        .filter(|messages| !messages.is_empty())
        .cloned();
    if messages.is_some() && call["messages"].as_array() == messages.as_ref() {
        document.as_object_mut().map(|members| members.remove("messages"));
    }
    let is_transcript = |value: &Value| value.is_string() && value == transcript;
    if is_transcript(&document["transcript"]) {
        document.as_object_mut().map(|members| members.remove("transcript"));
    }
    if let Some(artifact) = document.get_mut("artifact").and_then(Value::as_object_mut) {
        if messages.is_some() {
            artifact.remove("messagesOpenAIFormatted");
        }
        if artifact.get("transcript").is_some_and(is_transcript) {
            artifact.remove("transcript");
        }
    }
    let mut stored = without_secrets(document);
    if stored["artifact"] == json!({}) {
        stored.as_object_mut().map(|members| members.remove("artifact"));
    }
    stored
}

fn without_secrets(value: Value) -> Value {
    match value {
        Value::Array(items) => items.into_iter().map(without_secrets).collect(),
        Value::Object(members) => Value::Object(members.into_iter().filter_map(member).collect::<Map<_, _>>()),
        leaf => leaf,
    }
}

fn member((name, value): (String, Value)) -> Option<(String, Value)> {
    if name.starts_with("presigned") || name == "listenUrl" || name == "controlUrl" {
        return None;
    }
    let plain = name.to_lowercase().replace(['-', '_'], "");
    let is_empty = value.is_null() || value == json!("") || value == json!([]) || value == json!({});
    let is_secret = ["credentials", "headers", "authorization"].contains(&plain.as_str())
        || plain.ends_with("token")
        || [
            "secret",
            "password",
            "authtoken",
            "apikey",
            "accesstoken",
            "refreshtoken",
            "bearertoken",
            "privatekey",
        ]
        .iter()
        .any(|word| plain.contains(word));
    let kept = if is_secret && !is_empty {
        json!("[redacted]")
    } else {
        without_secrets(value)
    };
    Some((name, kept))
}

fn tool_names(call: &Value) -> Vec<String> {
    let messages = call["artifact"]["messages"].as_array().or(call["messages"].as_array());
    let mut names = Vec::new();
    for tool_call in messages
        .into_iter()
        .flatten()
        .filter_map(|message| message["toolCalls"].as_array())
        .flatten()
    {
        if let Some(name) = tool_call["function"]["name"].as_str().map(str::to_owned)
            && !names.contains(&name)
        {
            names.push(name);
        }
    }
    names
}

fn text(value: &Value) -> Value {
    if value.is_string() { value.clone() } else { Value::Null }
}

fn first(values: &[&Value]) -> Value {
    values
        .iter()
        .find(|value| value.is_string())
        .map_or(Value::Null, |value| (*value).clone())
}

fn instant(value: &Value) -> Option<i64> {
    let instant = DateTime::parse_from_rfc3339(value.as_str()?).ok()?;
    Some(instant.with_timezone(&Utc).timestamp_micros())
}
