//! What becomes of one call, version by version: it rings, is talked through, ends, and settles, at times late.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use super::calendar::Calendar;
use super::dice::Dice;

/// A call that will be.
pub(super) struct Story {
    pub(super) id: String,
    /// Its `createdAt`.
    pub(super) dated: DateTime<Utc>,
    pub(super) versions: Vec<Version>,
}

/// One of its documents.
pub(super) struct Version {
    /// When it becomes the one that Vapi has, by the true clock.
    pub(super) at: DateTime<Utc>,
    pub(super) document: Value,
    /// Whether its creation or its `updatedAt` says at once that it is new, by a clock that is right.
    pub(super) is_announced: bool,
}

/// What may come late.
#[derive(Clone, Copy, PartialEq)]
enum Part {
    Conversation,
    Analysis,
    Outputs,
    Cost,
}

/// What the document has by now.
struct Draft {
    id: String,
    org: &'static str,
    created: DateTime<Utc>,
    updated: DateTime<Utc>,
    ended: Option<DateTime<Utc>>,
    status: &'static str,
    answered: bool,
    booked: bool,
    number: i64,
    has: Vec<Part>,
}

/// Writes the story of a call that is created at this instant.
pub(super) fn story(dice: &mut Dice, calendar: &Calendar, org: &'static str, created: DateTime<Utc>) -> Story {
    let id = Uuid::from_u128(dice.digits()).to_string();
    let mut draft = Draft {
        id: id.clone(),
        org,
        created: calendar.vapi_time(created) + ahead(dice),
        updated: calendar.vapi_time(created),
        ended: None,
        status: "queued",
        answered: dice.chance(0.6),
        booked: dice.chance(0.3),
        number: dice.between(0, 99),
        has: Vec::new(),
    };
    let mut versions = Vec::new();
    draft.change(calendar, created, &mut versions);
    let talk = TimeDelta::seconds(dice.between(20, 600));
    draft.status = "in-progress";
    draft.change(calendar, created + TimeDelta::seconds(15), &mut versions);
    let ended = created + talk;
    draft.status = "ended";
    draft.ended = Some(calendar.vapi_time(ended));
    let late = late_part(dice);
    let parts = [Part::Conversation, Part::Analysis, Part::Outputs, Part::Cost];
    draft.has = parts
        .into_iter()
        .filter(|part| *part != Part::Analysis && late.is_none_or(|late| late.0 != *part))
        .collect();
    draft.change(calendar, ended, &mut versions);
    if late.is_none_or(|late| late.0 != Part::Analysis) {
        draft.has.push(Part::Analysis);
        let after = TimeDelta::seconds(dice.between(5, 240));
        draft.change(calendar, ended + after, &mut versions);
    }
    if let Some((part, after, moved)) = late {
        draft.has.push(part);
        if moved {
            draft.change(calendar, ended + after, &mut versions);
        } else {
            versions.push(draft.version(ended + after, false));
        }
    }
    // Some calls show late: everything until then is there at once.
    if dice.chance(0.1) {
        let shown = created + TimeDelta::minutes(dice.between(5, 360));
        for version in &mut versions {
            version.at = version.at.max(shown);
            version.is_announced = false;
        }
    }
    Story {
        id,
        dated: draft.created,
        versions,
    }
}

/// Now and then a creation time lies in the future.
fn ahead(dice: &mut Dice) -> TimeDelta {
    if dice.chance(0.01) {
        TimeDelta::minutes(dice.between(30, 72 * 60))
    } else {
        TimeDelta::zero()
    }
}

/// What settles late, how late, and whether `updatedAt` says so.
fn late_part(dice: &mut Dice) -> Option<(Part, TimeDelta, bool)> {
    if !dice.chance(0.25) {
        return None;
    }
    let part = dice.pick(&[Part::Conversation, Part::Analysis, Part::Outputs, Part::Cost]);
    let after = if dice.chance(0.5) {
        dice.between(10, 48 * 60)
    } else {
        dice.between(48 * 60, 11 * 24 * 60)
    };
    Some((part, TimeDelta::minutes(after), dice.chance(0.5)))
}

impl Draft {
    fn change(&mut self, calendar: &Calendar, at: DateTime<Utc>, versions: &mut Vec<Version>) {
        self.updated = calendar.vapi_time(at).max(self.updated);
        versions.push(self.version(at, calendar.is_steady(at)));
    }

    fn version(&self, at: DateTime<Utc>, is_announced: bool) -> Version {
        Version {
            at,
            document: self.document(),
            is_announced,
        }
    }

    fn document(&self) -> Value {
        let has = |part| self.has.contains(&part);
        let mut call = json!({
            "id": self.id,
            "orgId": self.org,
            "type": "outboundPhoneCall",
            "status": self.status,
            "createdAt": instant(self.created),
            "updatedAt": instant(self.updated),
            "customer": {"number": format!("+1202555{:04}", 100 + self.number)},
            "name": format!("Call {}", self.number),
        });
        let Some(ended) = self.ended else {
            return call;
        };
        call["endedAt"] = json!(instant(ended));
        call["cost"] = json!(if has(Part::Cost) { 0.2 } else { 0.1 } + f64::from(u8::from(self.booked)));
        if !self.answered {
            call["endedReason"] = json!("customer-did-not-answer");
            call["artifact"] = json!({});
            return call;
        }
        call["endedReason"] = json!("customer-ended-call");
        call["startedAt"] = json!(instant(self.created + TimeDelta::seconds(3)));
        call["artifact"] = json!({
            "recordingUrl": format!("https://storage.vapi.example/{}-mono.wav", self.id),
            "recording": {"mono": {"combinedUrl": format!("https://storage.vapi.example/{}-mono.wav", self.id)}},
            "variableValues": {"customerName": format!("Test Customer {}", self.number)},
        });
        if has(Part::Cost) {
            call["costs"] = json!([{"type": "vapi", "minutes": 1.5, "cost": 0.2}]);
            call["costBreakdown"] = json!({"vapi": 0.2, "total": 0.2});
        }
        if has(Part::Conversation) {
            self.converse(&mut call);
        }
        if has(Part::Analysis) {
            call["analysis"] = json!({
                "summary": format!("Customer {} asked for an appointment.", self.number),
                "successEvaluation": self.booked.to_string(),
                "structuredData": {"booked": self.booked},
            });
        }
        if has(Part::Outputs) {
            call["artifact"]["structuredOutputs"] = json!({"f1": {"name": "booked", "result": self.booked}});
        }
        call
    }

    fn converse(&self, call: &mut Value) {
        let mut messages = vec![
            json!({"role": "bot", "message": "Hello, this is the demo clinic.", "time": 1000, "secondsFromStart": 1}),
            json!({"role": "user", "message": format!("I would like an appointment, number {}.", self.number), "time": 4000, "secondsFromStart": 4}),
        ];
        if self.booked {
            messages.push(json!({
                "role": "tool_calls", "message": "", "time": 6000, "secondsFromStart": 6,
                "toolCalls": [{"id": "t1", "type": "function", "function": {"name": "book_appointment", "arguments": "{}"}}],
            }));
        }
        messages
            .push(json!({"role": "bot", "message": "You are booked. Goodbye.", "time": 8000, "secondsFromStart": 8}));
        let transcript = format!(
            "AI: Hello, this is the demo clinic.\nUser: I would like an appointment, number {}.\nAI: You are booked. Goodbye.\n",
            self.number
        );
        call["messages"] = json!(messages);
        call["artifact"]["messages"] = json!(messages);
        call["artifact"]["messagesOpenAIFormatted"] =
            json!([{"role": "assistant", "content": "Hello, this is the demo clinic."}]);
        call["artifact"]["transcript"] = json!(transcript);
    }
}

fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}
