//! Who said how much, and what of it counts: the brand, the value, the same thing again.

use std::collections::HashSet;

use shared::domain::rubric::Brand;

use crate::brand::Names;
use shared::domain::transcript::{Speaker, Transcript, Turn};
use shared::domain::words::spelled;

/// Shorter sentences are said again in any conversation.
const SENTENCE: usize = 5;

/// How long somebody spoke; unknown if that is so for one of their turns.
pub(super) fn seconds(transcript: &Transcript, speaker: Speaker) -> Option<f64> {
    // Of a call without any times, not even a speaker's silence is known.
    transcript.spoken().find_map(|turn| turn.speech)?;
    turns_of(transcript, speaker).map(|turn| turn.speech).sum()
}

pub(super) fn words_of(transcript: &Transcript, speaker: Speaker) -> usize {
    turns_of(transcript, speaker)
        .map(|turn| spelled(&turn.text).len())
        .sum()
}

/// The agent's turns that contain one of the phrases, word by word; `None` if no phrase has a word.
pub(super) fn turns_with<'a>(transcript: &'a Transcript, phrases: &[String]) -> Option<Vec<&'a Turn>> {
    let phrases: Vec<_> = phrases
        .iter()
        .map(|phrase| spelled(phrase))
        .filter(|phrase| !phrase.is_empty())
        .collect();
    let has_one = |turn: &&Turn| {
        let said = spelled(&turn.text);
        phrases
            .iter()
            .any(|phrase| said.windows(phrase.len()).any(|window| window == phrase.as_slice()))
    };
    (!phrases.is_empty()).then(|| turns_of(transcript, Speaker::Agent).filter(has_one).collect())
}

/// Each time that the agent named the brand, and how it was spelled.
pub(super) fn mentions<'a>(transcript: &'a Transcript, brand: &Brand) -> Vec<(&'a Turn, &'a str)> {
    let names = Names::of(brand);
    turns_of(transcript, Speaker::Agent)
        .flat_map(|turn| {
            names
                .mentions(&turn.text)
                .into_iter()
                .map(move |spelling| (turn, spelling))
        })
        .collect()
}

/// The sentences that the agent had said before, once for each time that they came again.
pub(super) fn repeats(transcript: &Transcript) -> Vec<&str> {
    let mut said = HashSet::new();
    turns_of(transcript, Speaker::Agent)
        .flat_map(|turn| sentences(&turn.text))
        .filter(|sentence| {
            let words = spelled(sentence);
            words.len() >= SENTENCE && !said.insert(words)
        })
        .collect()
}

/// Different texts in their order; those that differ only in case and punctuation are one.
pub(super) fn spellings<'a>(texts: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut seen = HashSet::new();
    texts
        .filter(|text| seen.insert(spelled(text)))
        .map(str::to_owned)
        .collect()
}

fn turns_of(transcript: &Transcript, speaker: Speaker) -> impl Iterator<Item = &Turn> {
    transcript.spoken().filter(move |turn| turn.speaker == speaker)
}

/// A mark ends a sentence before a blank only: prices and addresses have points as well.
fn sentences(text: &str) -> impl Iterator<Item = &str> {
    let mut ends = false;
    text.split_inclusive(move |c: char| {
        let here = ends && c.is_whitespace();
        ends = matches!(c, '.' | '!' | '?' | '…') || (ends && !c.is_alphanumeric());
        here
    })
    .map(str::trim)
}
