//! Makes an ordinary call odd.

use serde_json::{Value, json};

use super::{HOSTILE, MARK, Oddity};

/// Changes the call as the oddity says. What a [`Value`] cannot say is [`MARK`]ed.
pub(super) fn distort(oddity: Oddity, call: &mut Value) {
    match oddity {
        Oddity::NullBytes => {
            say(call, "before\u{0}after");
            call["name"] = json!("nu\u{0}ll");
        }
        Oddity::LoneSurrogates => say(call, &format!("before{MARK}after")),
        Oddity::UnknownFields => {
            for path in [
                "",
                "/artifact",
                "/analysis",
                "/costBreakdown",
                "/artifact/performanceMetrics",
                "/messages/0",
            ] {
                if let Some(object) = call.pointer_mut(path) {
                    object["inventedField"] = json!({"since": "tomorrow", "values": [1, "two", null]});
                }
            }
        }
        Oddity::UnknownValues => unknown_values(call),
        Oddity::WrongTypes => wrong_types(call),
        Oddity::OnlyRequired => keep(call, &["id", "orgId", "createdAt", "updatedAt"]),
        Oddity::ExplicitNulls => explicit_nulls(call),
        Oddity::MissingId => drop(call.as_object_mut().and_then(|call| call.remove("id"))),
        Oddity::EmptyId => call["id"] = json!(""),
        Oddity::NumericId => call["id"] = json!(4711),
        Oddity::NullId => call["id"] = Value::Null,
        Oddity::HostileId => call["id"] = json!(format!("{}{HOSTILE}", call["id"].as_str().unwrap_or_default())),
        Oddity::UnreadableDates => {
            call["createdAt"] = json!({"$date": call["createdAt"]});
            call["updatedAt"] = json!({"$date": call["updatedAt"]});
        }
        Oddity::AbsurdDates => {
            call["startedAt"] = json!("0000-01-01T00:00:00.000Z");
            call["endedAt"] = json!("+099999-12-31T23:59:59.999Z");
        }
        Oddity::NegativeDurations => {
            let (started, ended) = (call["startedAt"].take(), call["endedAt"].take());
            (call["startedAt"], call["endedAt"]) = (ended, started);
            each_message(call, |message| {
                message["duration"] = json!(-1500);
                message["secondsFromStart"] = json!(-3.5);
            });
        }
        Oddity::OverflowingCost => call["cost"] = json!(MARK),
        Oddity::DeepNesting => call["artifact"]["variableValues"] = json!({"deep": MARK}),
        Oddity::DeepObjects => {
            each_message(call, |message| message["metadata"] = json!(MARK));
            call["analysis"]["structuredData"] = json!(MARK);
            call["metadata"] = json!({"deep": MARK});
        }
        Oddity::HugeNumbers => {
            each_message(call, |message| message["confidence"] = json!(MARK));
            call["analysis"]["structuredData"] = json!({"score": MARK});
            call["costs"] = json!([{"type": "vapi", "minutes": MARK, "cost": MARK}]);
        }
        Oddity::WrongShapes => {
            call["messages"] = json!(7);
            call["artifact"]["messages"] = json!(7);
            for member in ["analysis", "costs", "customer", "assistant"] {
                call[member] = json!("text");
            }
        }
        Oddity::HugeMessage => say(call, &"seven. ".repeat(715_000)),
        Oddity::OldShape => old_shape(call),
        Oddity::NoContent => {
            keep(
                call,
                &[
                    "id",
                    "orgId",
                    "type",
                    "status",
                    "createdAt",
                    "updatedAt",
                    "startedAt",
                    "endedAt",
                    "endedReason",
                    "assistantId",
                    "phoneNumberId",
                    "customer",
                    "cost",
                    "costs",
                    "costBreakdown",
                ],
            );
            call["artifact"] = json!({});
        }
        Oddity::Secrets => secrets(call),
    }
}

/// Puts a text where the caller's words stand.
fn say(call: &mut Value, text: &str) {
    let mut first = true;
    each_message(call, |message| {
        if std::mem::take(&mut first) || message["role"] == "user" {
            message["message"] = json!(text);
        }
    });
    call["artifact"]["transcript"] = json!(format!("AI: Hello.\nUser: {text}\n"));
}

/// Changes every line but the system prompt, in both copies alike.
fn each_message(call: &mut Value, mut change: impl FnMut(&mut Value)) {
    if let Some(messages) = call["messages"].as_array_mut() {
        messages.iter_mut().skip(1).for_each(&mut change);
    }
    call["artifact"]["messages"] = call["messages"].clone();
}

fn keep(call: &mut Value, wanted: &[&str]) {
    if let Some(call) = call.as_object_mut() {
        call.retain(|key, _| wanted.contains(&key.as_str()));
    }
}

fn unknown_values(call: &mut Value) {
    call["status"] = json!("levitating");
    call["type"] = json!("telepathyCall");
    call["endedReason"] = json!("moon-phase-changed");
    call["phoneCallProvider"] = json!("pigeon");
    call["transport"] = json!({"provider": "pigeon", "conversationType": "smoke"});
    call["costs"] = json!([{"type": "gratuity", "cost": 0.01}]);
    each_message(call, |message| {
        if message["role"] == "user" {
            message["role"] = json!("bystander");
        }
    });
}

fn wrong_types(call: &mut Value) {
    call["cost"] = json!("0.15 USD");
    call["endedReason"] = json!(42);
    call["startedAt"] = json!({"seconds": 1_700_000_000});
    call["endedAt"] = json!(true);
    call["assistantId"] = json!(["an", "array"]);
    call["customer"] = json!("a text");
    call["analysis"] = json!("good");
    call["costs"] = json!({"an": "object"});
    call["messages"] = json!("a text");
    call["artifact"]["transcript"] = json!({"text": "an object"});
    call["artifact"]["performanceMetrics"] = json!([]);
}

fn explicit_nulls(call: &mut Value) {
    let required = ["id", "orgId", "createdAt", "updatedAt", "status"];
    if let Some(call) = call.as_object_mut() {
        for (key, value) in call.iter_mut() {
            if !required.contains(&key.as_str()) {
                *value = Value::Null;
            }
        }
        for key in [
            "squadId",
            "workflowId",
            "destination",
            "endedMessage",
            "schedulePlan",
            "name",
        ] {
            call.insert(key.to_owned(), Value::Null);
        }
    }
}

fn old_shape(call: &mut Value) {
    call["transcript"] = call["artifact"]["transcript"].take();
    call["recordingUrl"] = call["artifact"]["recordingUrl"].take();
    call["stereoRecordingUrl"] = call["artifact"]["stereoRecordingUrl"].take();
    call["summary"] = call["analysis"]["summary"].take();
    if let Some(call) = call.as_object_mut() {
        call.remove("artifact");
        call.remove("analysis");
    }
}

fn secrets(call: &mut Value) {
    let server = json!({
        "url": "https://hooks.customer.example/vapi",
        "secret": "SECRET-oddity-server",
        "headers": {"Authorization": "Bearer SECRET-oddity-header", "X-Plain-Looking": "SECRET-oddity-plain"},
    });
    let tool = json!({"type": "function", "function": {"name": "bookSlot"}, "server": server});
    let assistant = json!({
        "name": "Inline",
        "server": server,
        "serverUrlSecret": "SECRET-oddity-url",
        "credentials": [{"provider": "openai", "apiKey": "SECRET-oddity-credential"}],
        "model": {"provider": "openai", "model": "gpt-4.1", "tools": [tool]},
    });
    call["assistant"] = assistant.clone();
    call["assistantOverrides"] =
        json!({"server": server, "credentials": [{"provider": "11labs", "apiKey": "SECRET-oddity-override"}]});
    call["squad"] = json!({"members": [{"assistant": assistant}]});
    call["phoneNumber"] = json!({
        "twilioPhoneNumber": "+12025550100", "twilioAccountSid": "AC0", "twilioAuthToken": "SECRET-oddity-twilio",
        "twilioApiSecret": "SECRET-oddity-api",
    });
    call["transport"] = json!({"provider": "daily", "conversationType": "voice", "callToken": "SECRET-oddity-token", "password": "SECRET-oddity-password"});
}
