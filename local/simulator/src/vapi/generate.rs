//! Writes the documents of a world.
//!
//! [`mix`] says which calls there are and [`moments`] when; a [`plots`] is played on a
//! [`stage`] with the words of a [`scene`], and [`call`] writes it down as Vapi would.

mod agent;
mod business;
mod call;
mod carrier;
mod costs;
mod dice;
mod ended_reason;
mod messages;
mod mix;
mod moments;
mod phrase;
mod plots;
mod prompt;
mod scene;
mod stage;
mod topics;
mod wire;

use std::{num::NonZero, thread};

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};

use self::{agent::Agent, dice::Dice, mix::Sort};
use super::{document::Document, spec::Spec};

/// The assistants of a world.
pub(crate) fn assistants(spec: &Spec) -> Vec<Document> {
    agents(spec).iter().map(|agent| agent.document(spec)).collect()
}

/// The brand that each assistant speaks for, by the assistant's id.
pub(crate) fn brands(spec: &Spec) -> Vec<(String, &'static str)> {
    agents(spec)
        .into_iter()
        .map(|agent| (agent.id, agent.business.brand))
        .collect()
}

/// The calls of a world, newest first.
pub(crate) fn calls(spec: &Spec) -> Vec<Document> {
    let agents = agents(spec);
    let mut plan: Vec<(u64, Sort, DateTime<Utc>)> = mix::sorts(spec)
        .into_iter()
        .zip(moments::all(spec))
        .zip(0..)
        .map(|((sort, created), index)| (index, sort, created))
        .collect();
    for (index, sort, created) in &mut plan {
        // What still goes on began a moment ago.
        if sort.is_live() {
            *created = spec.now - TimeDelta::milliseconds(1700 * i64::try_from(*index + 1).unwrap_or(1));
        }
    }
    let write = |(index, sort, created): &(u64, Sort, DateTime<Utc>)| {
        let mut dice = Dice::new(spec.seed, "call", *index);
        let agent = &agents[dice.below(agents.len())];
        call::write(agent, *sort, *created, spec.now, &mut dice)
    };
    let workers = thread::available_parallelism().map_or(1, NonZero::get);
    let share = plan.len().div_ceil(workers).max(1);
    thread::scope(|scope| {
        let parts: Vec<_> = plan
            .chunks(share)
            .map(|part| scope.spawn(move || part.iter().map(write).collect::<Vec<_>>()))
            .collect();
        parts
            .into_iter()
            .flat_map(|part| part.join().unwrap_or_default())
            .collect()
    })
}

/// One more conversation, which the plan of the world does not have.
pub(crate) fn planted(spec: &Spec, serial: u64, created: DateTime<Utc>, now: DateTime<Utc>) -> Document {
    let agents = agents(&Spec {
        assistants: spec.assistants.max(1),
        ..spec.clone()
    });
    let mut dice = Dice::new(spec.seed, "planted", serial);
    let agent = &agents[dice.below(agents.len())];
    let sort = Sort::talk(mix::any_talk(&mut dice), true);
    call::write(agent, sort, created, now.max(created), &mut dice)
}

fn agents(spec: &Spec) -> Vec<Agent> {
    (0..spec.assistants.min(Spec::MOST_ASSISTANTS))
        .filter_map(|n| Agent::new(spec, n))
        .collect()
}

/// An instant as Vapi prints it.
fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}
