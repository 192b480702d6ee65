//! What was said in a call: the messages and the artifact.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::Draft;
use crate::vapi::generate::{
    instant,
    messages::{self, BILLING},
    plots::{Ending, Outcome},
    stage::Stage,
    wire,
};

impl Draft<'_> {
    /// The text of a call with messages.
    pub(super) fn text(
        &mut self,
        stage: &Stage<'_>,
        began: DateTime<Utc>,
        prompt: &str,
        ending: &Ending,
        extras: bool,
    ) -> String {
        let named = self.dice.chance(0.3);
        let label = self.agent.business.label.unwrap_or("Assistant");
        let manner = messages::Manner {
            began,
            prompt,
            agent_role: if self.dice.chance(0.06) { "assistant" } else { "bot" },
            fractional: self.dice.chance(0.2),
            assistant: (named || ending.outcome == Outcome::Transferred).then_some((self.agent.id.as_str(), label)),
            confidence: self.agent.reports_words || self.dice.chance(0.15),
            words: self.agent.reports_words,
        };
        let Ok(written) = messages::messages(&stage.lines, &manner, self.dice) else {
            return self.bare();
        };
        let transcript = messages::transcript(&stage.lines);
        let mut facts = self.artifact(stage, ending, label);
        if extras {
            self.undocumented(&mut facts, &transcript);
        }
        let call = wire::Call {
            facts: &self.facts,
            messages: Some(&written),
            artifact: Some(wire::Artifact {
                messages: &written,
                messages_openai_formatted: messages::openai(prompt, &stage.lines),
                transcript: &transcript,
                facts: &facts,
            }),
        };
        serde_json::to_string(&call).unwrap_or_else(|_| self.bare())
    }

    /// What an artifact holds besides the conversation.
    fn artifact(&mut self, stage: &Stage<'_>, ending: &Ending, label: &str) -> Map<String, Value> {
        let id = self.facts["id"].as_str().unwrap_or_default().to_owned();
        let file = |name: &str| format!("https://storage.vapi.example/{id}-{name}");
        let mut artifact = Map::new();
        let mut set = |key: &str, value: Value| artifact.insert(key.to_owned(), value);
        set(
            "performanceMetrics",
            messages::performance(&stage.turns, stage.agent_cut_in, stage.caller_cut_in, self.dice),
        );
        set(
            "recording",
            json!({
                "stereoUrl": file("stereo.wav"),
                "mono": {"combinedUrl": file("mono.wav"), "assistantUrl": file("assistant.wav"), "customerUrl": file("customer.wav")},
            }),
        );
        set("recordingUrl", json!(file("mono.wav")));
        set("stereoRecordingUrl", json!(file("stereo.wav")));
        set("logUrl", json!(file("log.jsonl.gz")));
        set("nodes", json!([]));
        set(
            "variableValues",
            json!({"customerName": stage.scene.caller, "customerNumber": stage.scene.number}),
        );
        let mut activations =
            vec![json!({"assistantId": self.agent.id, "assistantName": label, "assistantVersion": null})];
        if ending.outcome == Outcome::Transferred {
            activations.push(json!({"assistantId": BILLING, "assistantName": "Billing", "assistantVersion": "v1"}));
            let number = self
                .facts
                .get("destination")
                .map_or(Value::Null, |destination| destination["number"].clone());
            set(
                "transfers",
                json!([{
                    "destination": {"type": "number", "number": number}, "mode": "blind-transfer", "status": "connected",
                }]),
            );
        }
        set("assistantActivations", json!(activations));
        if stage.turns.len() > 1 {
            let outputs = self.agent.outputs();
            let booked = ending.outcome == Outcome::Booked;
            let mood = self.dice.between(if booked { 6 } else { 2 }, 10);
            set(
                "structuredOutputs",
                json!({
                    outputs[0].0.as_str(): {"name": outputs[0].1, "result": booked},
                    outputs[1].0.as_str(): {"name": outputs[1].1, "result": mood},
                }),
            );
            set(
                "skippedStructuredOutputs",
                json!({
                    outputs[2].0.as_str(): {"name": outputs[2].1, "unmetCondition": {"type": "minCallDuration", "seconds": 600}},
                }),
            );
            set("structuredOutputsLastUpdatedAt", json!(instant(self.updated)));
            let points = if booked { 70 } else { 0 };
            set(
                "scorecards",
                json!({self.agent.scorecard(): {
                    "name": "Phone quality", "score": points, "scoreNormalized": points,
                    "metricPoints": {outputs[0].0.as_str(): points, outputs[1].0.as_str(): 0},
                }}),
            );
        }
        artifact
    }
}
