//! Text as words that can be compared: what speech-to-text, a model and a person write differently is left out.

use std::ops::Range;

/// A word, and where it stands in the text that it was taken from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// In lower case, without apostrophes and accents that stand for themselves.
    pub text: String,
    /// The bytes of the text that it was made of.
    pub at: Range<usize>,
}

/// The words of a text. In scripts that are written without spaces, each letter is one.
#[must_use]
pub fn words(text: &str) -> Vec<Word> {
    let mut words: Vec<Word> = Vec::new();
    let mut open = false;
    for (start, letter) in text.char_indices() {
        if is_silent(letter) {
            continue;
        }
        if !letter.is_alphanumeric() {
            open = false;
            continue;
        }
        let end = start + letter.len_utf8();
        let lower = letter.to_lowercase().filter(|letter| !is_silent(*letter));
        match words.last_mut().filter(|_| open) {
            Some(word) => {
                word.text.extend(lower);
                word.at.end = end;
            }
            None => words.push(Word {
                text: lower.collect(),
                at: start..end,
            }),
        }
        open = true;
        if is_unspaced(letter) {
            open = false;
        }
    }
    words
}

/// The words of a text without their places.
#[must_use]
pub fn spelled(text: &str) -> Vec<String> {
    words(text).into_iter().map(|word| word.text).collect()
}

/// Where a part begins in a whole, at `from` or later.
#[must_use]
pub fn position(whole: &[Word], part: &[Word], from: usize) -> Option<usize> {
    let rest = whole.get(from..)?;
    let same = |window: &[Word]| window.iter().zip(part).all(|(one, other)| one.text == other.text);
    rest.windows(part.len().max(1)).position(same).map(|at| at + from)
}

/// Apostrophes, accents that stand for themselves, and what is not seen at all: they part no words.
fn is_silent(letter: char) -> bool {
    matches!(
        letter,
        '\'' | '`' | '\u{b4}' | '\u{2018}' | '\u{2019}' | '\u{201b}' | '\u{2bc}' | '\u{ff07}' | '\u{ad}' | '\u{300}'..='\u{36f}'
            | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}'
    )
}

/// Scripts that are written without spaces: each letter stands for a word.
fn is_unspaced(letter: char) -> bool {
    matches!(
        letter,
        '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{3040}'..='\u{30ff}'
            | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_and_punctuation_do_not_count() {
        assert_eq!(
            spelled("Well… YES — \u{201c}Monday\u{201d}, at 5:30!"),
            ["well", "yes", "monday", "at", "5", "30"]
        );
    }

    #[test]
    fn an_apostrophe_inside_a_word_is_dropped_whatever_its_form() {
        assert_eq!(
            spelled("I'd I\u{2019}d I\u{2bc}d 'quoted' dogs' bowls"),
            ["id", "id", "id", "quoted", "dogs", "bowls"]
        );
    }

    #[test]
    fn letters_of_other_scripts_are_kept() {
        assert_eq!(spelled("Straße, Ærø, ДА! 東京"), ["straße", "ærø", "да", "東", "京"]);
    }

    #[test]
    fn an_accent_or_a_soft_hyphen_does_not_break_a_word() {
        assert_eq!(spelled("cafe\u{301} whit\u{ad}ening"), ["cafe", "whitening"]);
    }

    #[test]
    fn nothing_but_marks_is_no_word() {
        assert!(spelled(" … '' — \u{301} \u{200b}").is_empty());
    }

    #[test]
    fn a_word_knows_the_bytes_that_it_came_from() {
        let text = "Ü \u{201c}it\u{2019}s\u{201d} ok";

        let spelled: Vec<&str> = words(text).iter().map(|word| &text[word.at.clone()]).collect();

        assert_eq!(spelled, ["Ü", "it\u{2019}s", "ok"]);
    }
}
