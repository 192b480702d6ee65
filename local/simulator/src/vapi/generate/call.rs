//! Writes one call.

mod content;
mod outcome;
mod talk;
mod undocumented;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value, json};

use super::{
    agent::Agent,
    carrier::{self, Direction},
    dice::Dice,
    ended_reason, instant,
    mix::{Sort, Story},
    scene::Scene,
};
use crate::vapi::document::Document;

/// The one organisation of a world.
pub(crate) const ORGANISATION: &str = "5d2f7c1a-3b44-4e0e-9a51-0c6f2a9b7e10";

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
    let cost = draft.facts.get("cost").and_then(Value::as_f64);
    Document::known(
        id,
        assistant,
        number,
        (created, draft.updated),
        text.into_boxed_str().into_boxed_bytes().into(),
    )
    .costing(cost)
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
}
