//! Which tools a call used, and whether one of them booked an appointment.

use memchr::memmem;
use serde_json::value::RawValue;

use super::members::Members;
use super::{earlier, lossy_string, messages_of};
use crate::domain::call::Call;

/// Fills the columns that the messages say, or, without messages, what the earlier system had worked out.
pub(super) fn fill(call: &mut Call, members: &Members<'_>, artifact: &Members<'_>) {
    let Some(messages) = messages_of(members, artifact) else {
        call.tool_names = earlier(members, "tool_names").unwrap_or_default();
        call.has_tool_calls = earlier(members, "has_tool_calls").unwrap_or_default();
        call.has_calendar_booking = earlier(members, "has_calendar_booking").unwrap_or_default();
        return;
    };
    if memmem::find(messages.as_bytes(), b"\"toolCalls\"").is_none() {
        return;
    }
    let Ok(messages) = serde_json::from_str::<Vec<&RawValue>>(messages) else {
        return;
    };
    let mut bookings: Vec<String> = Vec::new();
    let about_tools = memmem::Finder::new("\"toolCall");
    let messages = messages
        .iter()
        .filter(|message| about_tools.find(message.get().as_bytes()).is_some());
    for message in messages.filter_map(|message| Members::parse(message.get()).ok()) {
        for (tool_call_id, name) in tool_calls(&message) {
            call.has_tool_calls = true;
            if books(&name) {
                bookings.push(tool_call_id);
            }
            if !call.tool_names.contains(&name) {
                call.tool_names.push(name);
            }
        }
        if let Some(answered) = message.get("toolCallId").and_then(lossy_string)
            && bookings.contains(&answered)
            && message.get("result").is_some_and(|result| !looks_failed(result))
        {
            call.has_calendar_booking = true;
        }
    }
}

/// The id and function name of each tool call in a message.
fn tool_calls(message: &Members<'_>) -> Vec<(String, String)> {
    let calls = message
        .get("toolCalls")
        .and_then(|text| serde_json::from_str::<Vec<&RawValue>>(text).ok())
        .unwrap_or_default();
    calls
        .iter()
        .filter_map(|call| {
            let call = Members::parse(call.get()).ok()?;
            let name = call.object("function").get("name").and_then(lossy_string)?;
            Some((call.get("id").and_then(lossy_string).unwrap_or_default(), name))
        })
        .collect()
}

/// Whether a tool of this name makes an appointment, as far as a name can tell.
fn books(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["book", "schedule", "appointment", "reserve"]
        .iter()
        .any(|word| name.contains(word))
        && !["cancel", "find", "check", "list", "get", "available"]
            .iter()
            .any(|word| name.contains(word))
}

/// Vapi has no success flag on a tool's result: failure shows in its text only.
fn looks_failed(result: &str) -> bool {
    let result = result.to_ascii_lowercase();
    [
        "error",
        "fail",
        "timeout",
        "timed out",
        "unavailable",
        "\\\"ok\\\":false",
        "\\\"ok\\\": false",
        "\\\"success\\\":false",
        "\\\"success\\\": false",
    ]
    .iter()
    .any(|word| result.contains(word))
}
