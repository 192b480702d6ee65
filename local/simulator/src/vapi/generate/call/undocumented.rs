//! Fields that live payloads have and no published schema does.

use serde_json::{Map, Value, json};

use super::Draft;
use crate::vapi::generate::{ended_reason, scene};

impl Draft<'_> {
    /// Fields that live payloads have and no published schema does.
    pub(super) fn undocumented(&mut self, artifact: &mut Map<String, Value>, transcript: &str) {
        self.set("transcript", json!(transcript));
        for key in ["recordingUrl", "stereoRecordingUrl"] {
            let url = artifact.get(key).cloned().unwrap_or_default();
            self.set(key, url);
        }
        let summary = self
            .facts
            .get("analysis")
            .and_then(|analysis| analysis.get("summary"))
            .cloned()
            .unwrap_or_default();
        self.set("summary", summary);
        let details = json!({"sbcCallId": self.dice.hex(8)});
        self.set("phoneCallProviderDetails", details);
        self.set("forwardedPhoneNumber", Value::Null);
        self.set("webCallUrl", Value::Null);
        if let Some(breakdown) = self.facts.get_mut("costBreakdown").and_then(Value::as_object_mut) {
            breakdown.insert("knowledgeBaseCost".to_owned(), json!(0));
            breakdown.insert("voicemailDetectionCost".to_owned(), json!(0));
        }
        artifact.insert("variables".to_owned(), json!({}));
        if self.facts["type"] != "webCall" && self.dice.chance(0.7) {
            let token = format!("SECRET-twilio-{}", self.dice.hex(24));
            let number = json!({
                "twilioPhoneNumber": scene::number(self.dice), "twilioAccountSid": format!("AC{}", self.dice.hex(32)), "twilioAuthToken": token,
            });
            self.set("phoneNumber", number);
        }
        if self.dice.chance(0.3) {
            self.set("endedReason", json!(ended_reason::UNPUBLISHED));
        }
        if let Some(server) = self
            .facts
            .get_mut("assistant")
            .and_then(|assistant| assistant.get_mut("server"))
        {
            server["secret"] = json!(format!("SECRET-webhook-{}", self.dice.hex(16)));
        }
    }
}
