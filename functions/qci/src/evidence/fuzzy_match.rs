//! The words of a turn that a quote nearly is.

use std::ops::Range;

use super::TELLING;
use shared::domain::words::Word;

/// How much alike a quote and what was said must be.
const ALIKE: f64 = 0.85;

/// A longer quote is not compared, in letters: the work grows with the square of it.
const LONGEST: usize = 300;

/// Nor are the words of a turn beyond these: such a turn is what a tool answered.
const MOST_WORDS: usize = 2_000;

/// Words that turn a sentence round; apostrophes are gone by now.
const NEGATIONS: [&str; 24] = [
    "no", "not", "never", "none", "nothing", "nobody", "neither", "nor", "without", "cannot", "cant", "wont", "dont",
    "doesnt", "didnt", "isnt", "arent", "wasnt", "werent", "shouldnt", "wouldnt", "couldnt", "hasnt", "havent",
];

/// The words as they were said, if they are close enough.
pub(super) fn nearest(text: &str, said: &[Word], cited: &[Word]) -> Option<String> {
    let quote = joined(cited);
    let length = quote.chars().count();
    if cited.len() < TELLING || length > LONGEST {
        return None;
    }
    let said = &said[..said.len().min(MOST_WORDS)];
    let letters = Letters::of(&quote);
    let mut best: Option<(f64, Range<usize>)> = None;
    for size in cited.len() - 1..=cited.len() + 1 {
        for start in 0..(said.len() + 1).saturating_sub(size) {
            let window = joined(&said[start..start + size]);
            let longer = window.chars().count().max(length);
            if !may_be_alike(letters.distance(&Letters::of(&window)), longer) {
                continue;
            }
            let alike = strsim::normalized_levenshtein(&quote, &window);
            if alike >= ALIKE && best.as_ref().is_none_or(|(other, _)| alike > *other) {
                best = Some((alike, start..start + size));
            }
        }
    }
    let (_, range) = best?;
    let window = &said[range];
    // One word can make the contrary of a sentence, and one digit another date or price.
    if weighty(window) != weighty(cited) {
        return None;
    }
    let (first, last) = (window.first()?, window.last()?);
    text.get(first.at.start..last.at.end).map(str::to_owned)
}

fn joined(words: &[Word]) -> String {
    let mut text = String::new();
    for word in words {
        if !text.is_empty() {
            text.push(' ');
        }
        text += &word.text;
    }
    text
}

fn weighty(words: &[Word]) -> Vec<&str> {
    let mut weighty: Vec<_> = words
        .iter()
        .map(|word| word.text.as_str())
        .filter_map(|word| {
            if NEGATIONS.contains(&word) {
                // "do not" and "don't" are the same.
                Some("not")
            } else {
                word.contains(|letter: char| letter.is_numeric()).then_some(word)
            }
        })
        .collect();
    weighty.sort_unstable();
    weighty
}

fn may_be_alike(edits: u32, longer: usize) -> bool {
    #[expect(clippy::cast_precision_loss, reason = "the length of a sentence")]
    let longer = longer as f64;
    f64::from(edits) <= (1.0 - ALIKE) * longer + 1e-6
}

/// How often each letter occurs, roughly: a bound of the edits that costs one look at each letter.
struct Letters([u32; 32]);

impl Letters {
    fn of(text: &str) -> Self {
        let mut counts = [0; 32];
        for letter in text.chars() {
            counts[u32::from(letter) as usize % 32] += 1;
        }
        Self(counts)
    }

    /// The fewest edits that can lead from one to the other.
    fn distance(&self, other: &Self) -> u32 {
        let (mut more, mut fewer) = (0, 0);
        for (one, other) in self.0.iter().zip(&other.0) {
            more += one.saturating_sub(*other);
            fewer += other.saturating_sub(*one);
        }
        more.max(fewer)
    }
}
