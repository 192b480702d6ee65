//! Writes one call.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value, json};

use super::{
    agent::{Agent, Rubric},
    carrier::{self, Direction},
    costs::{self, Usage},
    dice::Dice,
    ended_reason, instant,
    messages::{self, BILLING},
    mix::{Sort, Story},
    phrase::say,
    plots::{self, Ending, Outcome, Plot},
    scene::Scene,
    stage::{Stage, What},
    wire,
};
use crate::vapi::document::Document;

/// The one organisation of a world.
pub(crate) const ORGANISATION: &str = "5d2f7c1a-3b44-4e0e-9a51-0c6f2a9b7e10";

/// How much callers want to know besides: most little, a few very much.
const TOPICS: [(f64, f64); 7] = [
    (0.0, 0.0),
    (0.35, 0.4),
    (0.5, 1.0),
    (0.75, 3.0),
    (0.9, 8.0),
    (0.98, 24.0),
    (1.0, 48.0),
];

/// One call before it is text.
struct Draft<'a> {
    agent: &'a Agent,
    sort: Sort,
    created: DateTime<Utc>,
    updated: DateTime<Utc>,
    now: DateTime<Utc>,
    facts: Map<String, Value>,
    dice: &'a mut Dice,
}

/// Writes a call of this sort, created at this instant.
pub(crate) fn write(
    agent: &Agent,
    sort: Sort,
    created: DateTime<Utc>,
    now: DateTime<Utc>,
    dice: &mut Dice,
) -> Document {
    let id = dice.uuid();
    let mut draft = Draft {
        agent,
        sort,
        created,
        updated: created,
        now,
        facts: Map::new(),
        dice,
    };
    draft.set("id", json!(id));
    draft.set("orgId", json!(ORGANISATION));
    draft.set("status", json!(sort.status));
    draft.set("createdAt", json!(instant(created)));
    let text = match sort.story {
        Story::Played(plot) => draft.played(plot),
        Story::Empty => draft.empty(),
        _ => draft.unanswered(),
    };
    let text_of = |key: &str| draft.facts.get(key).and_then(Value::as_str).map(str::to_owned);
    let (assistant, number) = (text_of("assistantId"), text_of("phoneNumberId"));
    Document::known(id, assistant, number, (created, draft.updated), text.into())
}

impl Draft<'_> {
    fn set(&mut self, key: &str, value: Value) {
        self.facts.insert(key.to_owned(), value);
    }

    /// Sets `updatedAt`, never to the future.
    fn settle(&mut self, updated: DateTime<Utc>) {
        self.updated = updated.min(self.now).max(self.created);
        self.set("updatedAt", json!(instant(self.updated)));
    }

    /// The text of a call without messages.
    fn bare(&self) -> String {
        Value::Object(self.facts.clone()).to_string()
    }

    /// A call that waits, rings, or of which nothing is left.
    fn empty(&mut self) -> String {
        let scene = Scene::new(self.agent.business, self.dice);
        let direction = if self.sort.status == "ringing" && self.dice.chance(0.5) {
            Direction::Inbound
        } else {
            Direction::Outbound
        };
        self.set("type", json!(direction.name()));
        match self.sort.status {
            "scheduled" => {
                let earliest = self.now + TimeDelta::minutes(self.dice.between(30, 2880));
                let latest = earliest + TimeDelta::hours(2);
                self.set(
                    "schedulePlan",
                    json!({"earliestAt": instant(earliest), "latestAt": instant(latest)}),
                );
                self.set("name", json!("Reminder"));
            }
            "not-found" | "deletion-failed" => {
                self.set("endedReason", json!("call-deleted"));
                self.settle(self.created + TimeDelta::hours(3));
                return self.bare();
            }
            "queued" => self.set("cost", json!(0)),
            _ => {}
        }
        self.set("assistantId", json!(self.agent.id));
        let dialled = self.sort.status == "ringing";
        carrier::connect(&mut self.facts, direction, &scene, dialled, self.dice);
        let moment = self.dice.between(0, 900);
        self.settle(self.created + TimeDelta::milliseconds(moment));
        self.bare()
    }

    /// A call without a single word.
    fn unanswered(&mut self) -> String {
        let scene = Scene::new(self.agent.business, self.dice);
        let reason = match self.sort.story {
            Story::DidNotAnswer => "customer-did-not-answer".to_owned(),
            Story::Busy => "customer-busy".to_owned(),
            Story::Broken => ended_reason::broken(self.dice),
            Story::NotStarted => ended_reason::not_started(self.dice).to_owned(),
            Story::Telephony => ended_reason::telephony(self.dice).to_owned(),
            _ => ended_reason::rare(self.dice).to_owned(),
        };
        let direction = if self.dice.chance(0.93) {
            Direction::Outbound
        } else {
            Direction::Inbound
        };
        self.set("type", json!(direction.name()));
        self.set("endedReason", json!(reason));
        self.assistant(true);
        let dialled = self.sort.story != Story::NotStarted;
        carrier::connect(&mut self.facts, direction, &scene, dialled, self.dice);
        if self.sort.story == Story::Broken {
            self.set(
                "endedMessage",
                json!("The component did not answer as expected. Reference: synthetic."),
            );
        }
        let ended = self.created + TimeDelta::milliseconds(self.dice.between(900, 45_000));
        self.set("endedAt", json!(instant(ended)));
        self.set("cost", json!(0));
        if self.dice.chance(0.8) {
            self.set("costs", json!([]));
            self.set(
                "costBreakdown",
                json!({"stt": 0, "llm": 0, "tts": 0, "vapi": 0, "total": 0}),
            );
            self.set("artifact", json!({}));
        }
        if self.dice.chance(0.1) {
            let campaign = self.dice.below(5);
            self.set("campaignId", json!(format!("f5000000-0000-4000-8000-{campaign:012}")));
        }
        let moment = self.dice.between(100, 3000);
        self.settle(ended + TimeDelta::milliseconds(moment));
        self.bare()
    }

    /// A call in which somebody spoke.
    fn played(&mut self, plot: Plot) -> String {
        let talks = !matches!(
            plot,
            Plot::Voicemail | Plot::EarlyHangUp | Plot::NobodyThere | Plot::BrokenOff
        );
        let direction = if talks {
            Direction::of_a_talk(self.dice)
        } else {
            Direction::Outbound
        };
        let live = self.sort.is_live();
        let topics = if talks { self.dice.quantile(&TOPICS) } else { 0.0 };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the table holds small numbers"
        )]
        let topics = topics.round() as usize;

        let mut stage_dice = Dice::new(self.dice.between(0, i64::MAX).unsigned_abs(), "stage", 0);
        let scene = Scene::new(self.agent.business, &mut stage_dice);
        let mut stage = Stage::new(scene, &mut stage_dice);
        let ending = plots::play(plot, &mut stage, topics, direction.is_inbound());
        let reason = self.reason(plot, &ending);

        let began = self.created + TimeDelta::milliseconds(self.dice.between(800, 9000));
        let ended = began + TimeDelta::milliseconds(milliseconds(stage.length()) + self.dice.between(200, 2500));
        self.set("type", json!(direction.name()));
        if self.sort.started {
            self.set("startedAt", json!(instant(began)));
        }
        let transport = carrier::connect(&mut self.facts, direction, &stage.scene, true, self.dice);
        let prompt = self.assistant(plot != Plot::Transferred);
        let prompt = render(&prompt, self.created, &stage.scene);
        if live {
            let monitor = monitor(self.dice);
            self.set("monitor", monitor);
            self.settle(began);
        } else {
            self.set("endedAt", json!(instant(ended)));
            self.set("endedReason", json!(reason));
            let settled = if self.dice.chance(0.05) {
                self.dice.between(3_600_000, 40_000_000)
            } else {
                self.dice.between(4000, 40_000)
            };
            self.settle(ended + TimeDelta::milliseconds(settled));
        }
        self.outcome(&stage, &ending, (began, ended), transport, prompt.len(), live);
        let extras = self.dice.chance(0.02);
        self.text(&stage, began, &prompt, &ending, extras)
    }

    /// Who ended it: as the plot says, but now and then something else does.
    fn reason(&mut self, plot: Plot, ending: &Ending) -> String {
        match plot {
            Plot::BrokenOff => ended_reason::broken(self.dice),
            Plot::Voicemail | Plot::Transferred => ending.reason.to_owned(),
            _ if self.dice.chance(0.04) => ended_reason::cut(self.dice).to_owned(),
            _ if self.dice.chance(0.02) => ended_reason::broken(self.dice),
            _ => ending.reason.to_owned(),
        }
    }

    /// Says which assistant it was, in one of the ways in which calls do, and returns its prompt.
    fn assistant(&mut self, single: bool) -> String {
        let (version, prompt) = self.agent.at(self.created);
        match self.dice.below(100) {
            _ if !single => {
                self.set("squadId", json!("f4000000-0000-4000-8000-000000000001"));
            }
            // Deleted since, so that the list of assistants no longer has it.
            0..2 => self.set("assistantId", json!("0b9d3c52-7a1e-4f6f-8d2b-51a0e6c4dead")),
            // Made for this call alone.
            2..5 => {
                let secrets = self.dice.chance(0.7);
                let configuration = self.agent.configuration(secrets, self.dice);
                self.set("assistant", configuration);
            }
            n => {
                self.set("assistantId", json!(self.agent.id));
                if n < 60 {
                    self.set("assistantVersion", json!(version));
                }
                if n % 9 == 0 {
                    self.set(
                        "assistantOverrides",
                        json!({"variableValues": {"campaign": "synthetic"}}),
                    );
                }
            }
        }
        prompt
    }

    /// Costs, analysis and consent.
    fn outcome(
        &mut self,
        stage: &Stage<'_>,
        ending: &Ending,
        (began, ended): (DateTime<Utc>, DateTime<Utc>),
        transport: &'static str,
        prompt_characters: usize,
        live: bool,
    ) {
        if live {
            return;
        }
        let spoken = stage.lines.iter().map(|line| {
            if let What::Agent { text, .. } = &line.what {
                text.len()
            } else {
                0
            }
        });
        let usage = Usage {
            minutes: seconds(ended - began) / 60.0,
            turns: u32::try_from(stage.turns.len()).unwrap_or(0),
            prompt_characters,
            spoken_characters: spoken.sum(),
            transport,
            outbound: self.facts["type"] == "outboundPhoneCall",
            own_keys: self.dice.chance(0.06),
            outputs: if stage.turns.len() > 1 {
                self.agent.outputs()
            } else {
                Vec::new()
            },
        };
        let costs = costs::of(&usage, self.agent, self.dice);
        self.set("cost", costs.total);
        self.set("costs", costs.items);
        self.set("costBreakdown", costs.breakdown);
        let analysis = self.analysis(stage, ending);
        self.set("analysis", analysis);
        if self.dice.chance(0.08) {
            let granted = began + TimeDelta::seconds(3);
            self.set(
                "compliance",
                json!({"recordingConsent": {"type": "stay-on-line", "grantedAt": instant(granted)}}),
            );
        }
        if ending.outcome == Outcome::Transferred {
            let number = super::scene::number(self.dice);
            self.set("destination", json!({"type": "number", "number": number, "message": "Connecting you now.", "description": "A person"}));
        }
        if self.dice.chance(0.25) {
            let mut live = monitor(self.dice);
            live["monitors"] = json!([{"monitorId": "e3000000-0000-4000-8000-000000000001", "filterPassed": true}]);
            self.set("monitor", live);
        }
    }

    fn analysis(&mut self, stage: &Stage<'_>, ending: &Ending) -> Value {
        // A plan that timed out leaves nothing behind.
        if self.dice.chance(0.04) {
            return json!({});
        }
        let good = matches!(
            ending.outcome,
            Outcome::Booked | Outcome::Lead | Outcome::Informed | Outcome::Callback
        );
        let verdict = match self.agent.rubric {
            Rubric::PassFail => good.to_string(),
            Rubric::Numeric => if good {
                self.dice.between(6, 10)
            } else {
                self.dice.between(1, 5)
            }
            .to_string(),
            Rubric::Descriptive => self
                .dice
                .pick(if good {
                    &["Excellent", "Good"]
                } else {
                    &["Fair", "Poor"]
                })
                .to_owned(),
            Rubric::Percentage => format!(
                "{}%",
                if good {
                    self.dice.between(60, 100)
                } else {
                    self.dice.between(0, 55)
                }
            ),
            Rubric::Checklist => format!("- greeted: yes\n- need understood: {good}\n- next step agreed: {good}"),
        };
        let summary = say(ending.summary, &stage.scene, self.dice);
        let mut analysis = json!({"summary": summary, "successEvaluation": verdict});
        if self.dice.chance(0.3) {
            analysis["structuredData"] =
                json!({"outcome": format!("{:?}", ending.outcome), "service": stage.scene.service.name});
        }
        analysis
    }

    /// The text of a call with messages.
    fn text(&mut self, stage: &Stage<'_>, began: DateTime<Utc>, prompt: &str, ending: &Ending, extras: bool) -> String {
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

    /// Fields that live payloads have and no published schema does.
    fn undocumented(&mut self, artifact: &mut Map<String, Value>, transcript: &str) {
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
                "twilioPhoneNumber": super::scene::number(self.dice), "twilioAccountSid": format!("AC{}", self.dice.hex(32)), "twilioAuthToken": token,
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

fn monitor(dice: &mut Dice) -> Value {
    let host = format!("wss://calls-{}.vapi.example/{}", dice.below(40), dice.hex(12));
    json!({"listenUrl": format!("{host}/listen"), "controlUrl": format!("{}/control", host.replace("wss:", "https:"))})
}

/// A prompt with the words that only the call knows.
fn render(prompt: &str, created: DateTime<Utc>, scene: &Scene) -> String {
    prompt
        .replace("{{date}}", &created.format("%-d %B %Y").to_string())
        .replace("{{time}}", &created.format("%H:%M").to_string())
        .replace("{{customerName}}", &scene.caller)
        .replace("{{customerNumber}}", &scene.number)
}

#[expect(clippy::cast_possible_truncation, reason = "a call lasts hours at most")]
fn milliseconds(seconds: f64) -> i64 {
    (seconds * 1000.0).round() as i64
}

#[expect(clippy::cast_precision_loss, reason = "a call lasts hours at most")]
fn seconds(duration: TimeDelta) -> f64 {
    duration.num_milliseconds() as f64 / 1000.0
}
