//! Which calls a world holds, in exact proportions.

use super::{dice::Dice, plots::Plot};
use crate::vapi::spec::{Size, Spec};

/// One sort of call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sort {
    pub(crate) status: &'static str,
    pub(crate) story: Story,
    /// Whether `startedAt` is known.
    pub(crate) started: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Story {
    Played(Plot),
    DidNotAnswer,
    Busy,
    /// A component failed before the first word.
    Broken,
    NotStarted,
    Telephony,
    Rare,
    /// Nothing has happened yet, or nothing is left.
    Empty,
}

/// Of 926 calls, so many are conversations, and 7 of 10 have no `startedAt`.
const CONVERSATIONS: (usize, usize) = (291, 926);
const WITHOUT_START: (usize, usize) = (7, 10);
/// Of the conversations, so many have no `startedAt` either.
const TALKS_WITHOUT_START: (usize, usize) = (1, 4);

const TALKS: [(Plot, usize); 16] = [
    (Plot::Booked, 55),
    (Plot::WarmLead, 40),
    (Plot::ObjectionHandled, 30),
    (Plot::PriceEnquiry, 28),
    (Plot::ObjectionLost, 25),
    (Plot::Callback, 25),
    (Plot::BookedAtSecondTry, 14),
    (Plot::BrandMisheard, 14),
    (Plot::DeadAir, 10),
    (Plot::AgentInterrupts, 10),
    (Plot::AgentOverTalks, 10),
    (Plot::Transferred, 10),
    (Plot::BookingFailed, 8),
    (Plot::BrandForgotten, 8),
    (Plot::WrongNumber, 6),
    (Plot::Injection, 2),
];

/// A status, what happened, and how often.
type Weighed = (&'static str, Story, usize);

const STARTED: [Weighed; 6] = [
    ("ended", Story::Played(Plot::Voicemail), 24),
    ("ended", Story::Played(Plot::EarlyHangUp), 14),
    ("ended", Story::Played(Plot::BrokenOff), 10),
    ("ended", Story::Played(Plot::NobodyThere), 9),
    ("in-progress", Story::Played(Plot::BrokenOff), 2),
    ("forwarding", Story::Played(Plot::BrokenOff), 1),
];

const NOT_STARTED: [Weighed; 12] = [
    ("ended", Story::DidNotAnswer, 300),
    ("ended", Story::Broken, 90),
    ("ended", Story::Busy, 70),
    ("ended", Story::Played(Plot::Voicemail), 45),
    ("ended", Story::NotStarted, 25),
    ("ended", Story::Telephony, 17),
    ("ended", Story::Rare, 11),
    ("scheduled", Story::Empty, 5),
    ("queued", Story::Empty, 4),
    ("ringing", Story::Empty, 3),
    ("not-found", Story::Empty, 3),
    ("deletion-failed", Story::Empty, 2),
];

impl Sort {
    /// A conversation that has ended.
    pub(crate) fn talk(plot: Plot, started: bool) -> Self {
        Self {
            status: "ended",
            story: Story::Played(plot),
            started,
        }
    }

    /// True while the call goes on or has yet to begin, so that it must be a recent one.
    pub(crate) fn is_live(self) -> bool {
        matches!(
            self.status,
            "scheduled" | "queued" | "ringing" | "in-progress" | "forwarding"
        )
    }
}

/// A plot for one more conversation.
pub(crate) fn any_talk(dice: &mut Dice) -> Plot {
    TALKS[dice.below(TALKS.len())].0
}

/// The sorts of all calls, newest first.
pub(crate) fn sorts(spec: &Spec) -> Vec<Sort> {
    let mut dice = Dice::new(spec.seed, "mix", 0);
    let total = spec.calls;
    let (talks, silent) = match spec.size {
        Size::Conversations => (total, total * TALKS_WITHOUT_START.0 / TALKS_WITHOUT_START.1),
        Size::Natural => (share(total, CONVERSATIONS), share(total, WITHOUT_START)),
    };
    let talks_silent = share(talks, TALKS_WITHOUT_START).min(silent);
    let others_silent = (silent - talks_silent).min(total - talks);

    let mut sorts = Vec::with_capacity(total);
    for (started, count) in [(false, talks_silent), (true, talks - talks_silent)] {
        let plots = apportion(count, &TALKS.map(|(_, weight)| weight));
        for (&(plot, _), count) in TALKS.iter().zip(plots) {
            sorts.extend(std::iter::repeat_n(Sort::talk(plot, started), count));
        }
    }
    let groups: [(bool, &[Weighed], usize); 2] = [
        (false, &NOT_STARTED, others_silent),
        (true, &STARTED, total - talks - others_silent),
    ];
    for (started, group, count) in groups {
        let weights: Vec<usize> = group.iter().map(|(_, _, weight)| *weight).collect();
        for (&(status, story, _), count) in group.iter().zip(apportion(count, &weights)) {
            sorts.extend(std::iter::repeat_n(Sort { status, story, started }, count));
        }
    }
    dice.shuffle(&mut sorts);
    sorts.sort_by_key(|sort| !sort.is_live());
    sorts
}

/// `total × part / whole`, rounded to the nearest.
fn share(total: usize, (part, whole): (usize, usize)) -> usize {
    (total * part + whole / 2) / whole
}

/// Divides `count` by weight; where there is enough for everyone, nobody goes empty.
fn apportion(count: usize, weights: &[usize]) -> Vec<usize> {
    let least = usize::from(count >= 2 * weights.len());
    let free = count - least * weights.len();
    let whole: usize = weights.iter().sum();
    let mut given: Vec<usize> = weights.iter().map(|weight| least + free * weight / whole).collect();
    // What rounding left over goes to the heaviest, which come first.
    let left = count - given.iter().sum::<usize>();
    for place in 0..left {
        given[place % weights.len()] += 1;
    }
    given
}
