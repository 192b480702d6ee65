//! What came of a call, and what it cost.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::{Draft, talk::monitor};
use crate::vapi::generate::{
    agent::Rubric,
    costs::{self, Usage},
    instant,
    phrase::say,
    plots::{Ending, Outcome},
    scene,
    stage::{Stage, What},
};

impl Draft<'_> {
    /// Costs, analysis and consent.
    pub(super) fn outcome(
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
            let number = scene::number(self.dice);
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
}

#[expect(clippy::cast_precision_loss, reason = "a call lasts hours at most")]
fn seconds(duration: TimeDelta) -> f64 {
    duration.num_milliseconds() as f64 / 1000.0
}
