//! Finds phrases in turns, and takes quotes out of them.

use super::transcript::Turn;

/// A part of a turn, word for word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Evidence {
    pub(crate) turn: u64,
    pub(crate) quote: String,
}

const FEWEST_WORDS: usize = 4;
const MOST_WORDS: usize = 14;
/// How many words of a quote stand before the word that it is quoted for.
const LEAD: usize = 3;

/// Where one of these phrases begins in a text, as whole words and in any case.
pub(crate) fn find(text: &str, phrases: &[&str]) -> Option<usize> {
    // ASCII only, so that places in both texts are the same.
    let lower = text.to_ascii_lowercase();
    let starts = phrases.iter().filter_map(|phrase| find_one(&lower, phrase));
    starts.min()
}

fn find_one(lower: &str, phrase: &str) -> Option<usize> {
    lower.match_indices(phrase).find_map(|(start, found)| {
        let before = lower[..start].chars().next_back();
        let after = lower[start + found.len()..].chars().next();
        let is_word = |character: Option<char>| character.is_some_and(char::is_alphanumeric);
        let begins = !is_word(before) || !phrase.starts_with(char::is_alphanumeric);
        let ends = !is_word(after) || !phrase.ends_with(char::is_alphanumeric);
        (begins && ends).then_some(start)
    })
}

/// True if a turn has one of these phrases.
pub(crate) fn says(turn: &Turn, phrases: &[&str]) -> bool {
    find(&turn.text, phrases).is_some()
}

/// How many words a turn has.
pub(crate) fn count(turn: &Turn) -> usize {
    turn.text.split_whitespace().count()
}

/// Words of a turn from around this place; none if it has too few to prove anything.
pub(crate) fn quote(turn: &Turn, around: usize) -> Option<Evidence> {
    let words = places(&turn.text);
    if words.len() < FEWEST_WORDS {
        return None;
    }
    let wanted = words.iter().rposition(|(start, _)| *start <= around).unwrap_or(0);
    let last = (wanted.saturating_sub(LEAD) + MOST_WORDS).min(words.len());
    let first = wanted.saturating_sub(LEAD).min(last.saturating_sub(FEWEST_WORDS));
    Some(Evidence {
        turn: turn.number,
        quote: turn.text[words[first].0..words[last - 1].1].to_owned(),
    })
}

/// Words of a turn from around the first of these phrases.
pub(crate) fn quote_of(turn: &Turn, phrases: &[&str]) -> Option<Evidence> {
    quote(turn, find(&turn.text, phrases)?)
}

/// Where each word begins and ends.
fn places(text: &str) -> Vec<(usize, usize)> {
    let start = |word: &str| word.as_ptr().addr() - text.as_ptr().addr();
    text.split_whitespace()
        .map(|word| (start(word), start(word) + word.len()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::transcript::Speaker;

    fn turn(text: &str) -> Turn {
        Turn {
            number: 7,
            speaker: Speaker::Agent,
            text: text.to_owned(),
        }
    }

    #[test]
    fn a_phrase_is_found_as_whole_words_only() {
        assert_eq!(find("Not a pound, ONE lot.", &["one"]), Some(13));
        assert_eq!(find("Nobody phoned.", &["one", "hone"]), None);
    }

    #[test]
    fn a_quote_is_a_part_of_its_turn_and_has_the_word_that_it_is_quoted_for() {
        let turn =
            turn("So – what I'd suggest  is the Zürich plan, because it comes with a yearly check and a new filter.");

        let evidence = quote_of(&turn, &["because"]).expect("a quote");

        assert!(turn.text.contains(&evidence.quote));
        assert!(evidence.quote.contains("because it comes"));
        assert!((4..=20).contains(&evidence.quote.split_whitespace().count()));
    }

    #[test]
    fn the_end_of_a_turn_can_be_quoted_and_a_short_turn_cannot() {
        assert_eq!(
            quote_of(&turn("one two three four five six because"), &["because"])
                .expect("a quote")
                .quote,
            "four five six because"
        );
        assert_eq!(quote(&turn("Sure, bye now."), 0), None);
    }
}
