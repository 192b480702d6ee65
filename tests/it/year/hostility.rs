//! What Vapi does with what it has: hollows documents out, leaves calls out of its lists, and takes it back later.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use simulator::vapi::{Gone, Hidden, Left, Thinning, World};

use super::calendar::Calendar;
use super::dice::Dice;
use super::play::Fate;

/// What goes on at the moment, and how much of it there was.
#[derive(Default)]
pub(super) struct Hostility {
    /// When each hollow document is whole again; those that stay hollow are not here.
    restored: BTreeMap<String, DateTime<Utc>>,
    /// When the lists have everything again.
    shown_at: Option<DateTime<Utc>>,
    /// When more than five documents were hollowed out at once, or slowly.
    pub(super) hollowed_at: Vec<DateTime<Utc>>,
    /// When calls were left out.
    pub(super) hidden_at: Vec<DateTime<Utc>>,
    pub(super) hollowed: usize,
    pub(super) hidden: usize,
    /// What was done to each call, for whoever reads why it is not as it should be.
    done: BTreeMap<String, Vec<String>>,
}

/// Which parts go together.
const SETS: [&[&str]; 9] = [
    &["/messages", "/artifact/messages"],
    &["/artifact/transcript"],
    &["/messages", "/artifact"],
    &["/analysis"],
    &["/analysis/summary", "/analysis/structuredData"],
    &["/artifact/recording", "/artifact/recordingUrl"],
    &["/artifact/structuredOutputs", "/artifact/variableValues"],
    &["/costs", "/costBreakdown"],
    // Zero data retention.
    &["/messages", "/artifact", "/analysis", "/customer", "/name", "/costs"],
];

impl Hostility {
    /// What was done to a call.
    pub(super) fn done_to(&self, id: &str) -> &[String] {
        self.done.get(id).map_or(&[], Vec::as_slice)
    }

    /// Lets an hour pass.
    pub(super) fn hour(
        &mut self,
        world: &mut World,
        fates: &BTreeMap<String, Fate>,
        calendar: &Calendar,
        dice: &mut Dice,
        now: DateTime<Utc>,
    ) {
        if Calendar::is_in(&calendar.honest, now) {
            self.end(world, fates);
            return;
        }
        self.take_back(world, now);
        if dice.chance(1.0 / 70.0) {
            self.hollow(world, fates, dice, now);
        }
        if self.shown_at.is_none() && dice.chance(1.0 / 90.0) {
            self.hide(world, fates, dice, now);
        }
    }

    /// All is as it should be.
    fn end(&mut self, world: &mut World, fates: &BTreeMap<String, Fate>) {
        world.show_all();
        self.shown_at = None;
        self.restored.clear();
        for id in fates.keys() {
            world.restore(id);
        }
    }

    fn take_back(&mut self, world: &mut World, now: DateTime<Utc>) {
        if self.shown_at.is_some_and(|at| at <= now) {
            world.show_all();
            self.shown_at = None;
        }
        let later = self.restored.split_off_due(now);
        for id in std::mem::replace(&mut self.restored, later).into_keys() {
            world.restore(&id);
        }
    }

    fn hollow(&mut self, world: &mut World, fates: &BTreeMap<String, Fate>, dice: &mut Dice, now: DateTime<Utc>) {
        let old = dice.chance(0.3);
        let victims: Vec<String> = fates
            .iter()
            .filter(|(_, fate)| !old || now - fate.created > TimeDelta::hours(13 * 24))
            .map(|(id, _)| id.clone())
            .collect();
        let count = dice.pick(&[1, 2, 4, 20, 60]);
        let victims = dice.sample(victims, if old { usize::MAX } else { count });
        let (moved, stays, in_lists_only) = (dice.chance(0.5), old || dice.chance(0.5), dice.chance(0.5));
        let back = now + TimeDelta::hours(dice.between(3, 120));
        for id in &victims {
            let set = dice.pick(&SETS);
            // Only what was said can be told from a text that was corrected.
            let halves = set
                .iter()
                .all(|part| part.ends_with("essages") || part.ends_with("transcript"));
            let thinning = Thinning {
                parts: set.iter().map(|part| (*part).to_owned()).collect(),
                left: if halves && dice.chance(0.2) {
                    Left::FirstHalf
                } else {
                    Left::Nothing(dice.pick(&Gone::ALL))
                },
                updated: moved.then(|| world.now()),
                in_lists_only,
            };
            let done = format!(
                "{now}: {:?} of {:?}, moved: {moved}, stays: {stays}",
                thinning.left, thinning.parts
            );
            self.done.entry(id.clone()).or_default().push(done);
            self.hollowed += usize::from(world.thin(id, thinning));
            if !stays {
                self.restored.insert(id.clone(), back);
            }
        }
        if !victims.is_empty() {
            self.hollowed_at.push(now);
        }
    }

    fn hide(&mut self, world: &mut World, fates: &BTreeMap<String, Fate>, dice: &mut Dice, now: DateTime<Utc>) {
        let served = now - TimeDelta::days(14);
        let ids: Vec<String> = fates
            .iter()
            .filter(|(_, fate)| fate.created > served && fate.created <= now)
            .map(|(id, _)| id.clone())
            .collect();
        let count = match dice.between(0, 3) {
            0 | 1 => usize::try_from(dice.between(1, 2)).unwrap(),
            2 => ids.len() / 20,
            _ => ids.len() / 2,
        };
        let from = if dice.chance(0.7) {
            Hidden::FromLists
        } else {
            Hidden::Everywhere
        };
        let until = now + TimeDelta::hours(dice.between(1, 30));
        for id in dice.sample(ids, count) {
            self.hidden += usize::from(world.hide(&id, from));
            let done = format!("{now}: hidden {from:?} until {until}");
            self.done.entry(id).or_default().push(done);
        }
        self.shown_at = Some(until);
        self.hidden_at.push(now);
    }
}

/// Splits off what is not due yet.
trait Due {
    fn split_off_due(&self, now: DateTime<Utc>) -> Self;
}

impl Due for BTreeMap<String, DateTime<Utc>> {
    fn split_off_due(&self, now: DateTime<Utc>) -> Self {
        self.iter()
            .filter(|(_, at)| **at > now)
            .map(|(id, at)| (id.clone(), *at))
            .collect()
    }
}
