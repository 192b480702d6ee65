//! Calls in which somebody spoke.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::Draft;
use crate::vapi::generate::{
    carrier::{self, Direction},
    dice::Dice,
    ended_reason, instant,
    plots::{self, Ending, Plot},
    scene::Scene,
    stage::Stage,
};

/// How much callers want to know besides: most little, a few very much.
const TOPICS: [(f64, f64); 7] = [
    (0.0, 0.0),
    (0.35, 0.4),
    (0.5, 1.0),
    (0.75, 3.0),
    (0.9, 8.0),
    (0.98, 24.0),
    (1.0, 40.0),
];

impl Draft<'_> {
    /// A call in which somebody spoke.
    pub(super) fn played(&mut self, plot: Plot) -> String {
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
}

pub(super) fn monitor(dice: &mut Dice) -> Value {
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
