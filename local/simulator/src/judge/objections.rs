//! How the agent meets what the caller holds against the offer.

use super::{
    rules::{Finding, Mark},
    transcript::{Speaker, Transcript, Turn},
    words::{self, Evidence},
};

const OBJECTS: [&str; 29] = [
    "too expensive",
    "is a lot",
    "too much money",
    "more than i wanted",
    "can't afford",
    "already have",
    "have somebody for that",
    "with another company",
    "usually does it",
    "don't trust",
    "ripped off",
    "how do i know",
    "think about it",
    "not sure",
    "sleep on it",
    "bad experience",
    "nobody turned up",
    "was a mess",
    "have time for that",
    "takes too long",
    "won't decide",
    "don't buy",
    "not interested",
    "my wife",
    "my husband",
    "my partner",
    "the family",
    "one more offer",
    "rather not",
];
const ACKNOWLEDGES: [&str; 21] = [
    "i hear you",
    "that's fair",
    "good that you",
    "that's fine",
    "be careful too",
    "right to ask",
    "of course",
    "take the time",
    "good idea",
    "sorry",
    "thank you for telling me",
    "thanks for telling me",
    "i get that",
    "weeks like that",
    "i wouldn't either",
    "quite right",
    "i understand",
    "no problem",
    "makes sense",
    "understandable",
    "absolutely",
];
const ANSWERS: [&str; 16] = [
    "because",
    "we can also",
    "smaller option",
    "in writing",
    "hold",
    "keep the price",
    "on us",
    "first slot",
    "note on it",
    "compared",
    "over a year",
    "second opinion",
    "pay nothing",
    "text you",
    "send you",
    "pays off",
];
const PUSHES: [&str; 6] = [
    "shall i book",
    "should i book",
    "book you in",
    "put you down",
    "would you like to book",
    "to decide now",
];
/// An answer of so many words at least tries.
const LONG: usize = 14;

/// What the caller objected, and what the agent said until the caller spoke again.
struct Met<'a> {
    response: Vec<&'a Turn>,
}

pub(crate) fn acknowledged(transcript: &Transcript) -> Finding {
    average(transcript, "acknowledged", |response| {
        let turn = response.iter().find(|turn| words::says(turn, &ACKNOWLEDGES))?;
        Some((Mark::HIGHEST, words::quote_of(turn, &ACKNOWLEDGES)))
    })
}

pub(crate) fn answered(transcript: &Transcript) -> Finding {
    average(transcript, "answered", |response| {
        if let Some(turn) = response.iter().find(|turn| words::says(turn, &ANSWERS)) {
            return Some((Mark::HIGHEST, words::quote_of(turn, &ANSWERS)));
        }
        let long = response.iter().find(|turn| words::count(turn) >= LONG)?;
        Some((Mark::MIDDLE, words::quote(long, 0)))
    })
}

pub(crate) fn checked(transcript: &Transcript) -> Finding {
    average(transcript, "followed by a question", |response| {
        let asks = response.iter().find(|turn| turn.text.contains('?'))?;
        let quarters = if words::says(asks, &PUSHES) { 1 } else { Mark::HIGHEST };
        Some((quarters, words::quote(asks, asks.text.rfind('?')?)))
    })
}

/// The average over all objections; a response that does nothing counts as nothing.
fn average(
    transcript: &Transcript,
    done: &str,
    rate: impl Fn(&[&Turn]) -> Option<(usize, Option<Evidence>)>,
) -> Finding {
    let met = met(transcript);
    if met.is_empty() {
        return Finding::not_applicable("The caller raises no objection.");
    }
    let rated: Vec<_> = met.iter().filter_map(|met| rate(&met.response)).collect();
    let sum: usize = rated.iter().map(|(quarters, _)| quarters).sum();
    let reason = format!("Objections: {}; {done}: {}.", met.len(), rated.len());
    let evidence = rated.into_iter().filter_map(|(_, evidence)| evidence).collect();
    Finding::new(sum / met.len(), evidence, reason)
}

fn met(transcript: &Transcript) -> Vec<Met<'_>> {
    let turns = &transcript.turns;
    let objects = |turn: &Turn| turn.speaker == Speaker::Caller && words::says(turn, &OBJECTS);
    let objections = turns.iter().enumerate().filter(|(_, turn)| objects(turn));
    objections
        .map(|(at, _)| {
            let later = turns[at + 1..]
                .iter()
                .skip_while(|turn| turn.speaker == Speaker::Caller);
            let response = later.take_while(|turn| turn.speaker != Speaker::Caller);
            Met {
                response: response.filter(|turn| turn.speaker == Speaker::Agent).collect(),
            }
        })
        .collect()
}
