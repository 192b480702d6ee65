//! Text as words that can be compared: what speech-to-text, a model and a person write differently is left out.

use std::ops::Range;

/// A word, and where it stands in the text that it was taken from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Word {
    /// In lower case, without apostrophes.
    pub(crate) text: String,
    /// The bytes of the text that it was made of.
    pub(crate) at: Range<usize>,
}

/// The words of a text.
pub(crate) fn words(text: &str) -> Vec<String> {
    placed(text).into_iter().map(|word| word.text).collect()
}

/// The words of a text with their places.
pub(crate) fn placed(text: &str) -> Vec<Word> {
    let mut words: Vec<Word> = Vec::new();
    let mut inside = false;
    let mut rest = text.char_indices().peekable();
    while let Some((at, c)) = rest.next() {
        let end = at + c.len_utf8();
        match words.last_mut() {
            Some(word) if inside && (is_letter(c) || is_mark(c)) => {
                word.text.extend(c.to_lowercase());
                word.at.end = end;
            }
            _ if is_letter(c) => {
                words.push(Word {
                    text: c.to_lowercase().collect(),
                    at: at..end,
                });
                inside = true;
            }
            _ => {
                let joins = is_apostrophe(c) && rest.peek().is_some_and(|(_, next)| is_letter(*next));
                inside = inside && (joins || is_invisible(c));
            }
        }
    }
    words
}

/// A letter or a digit. One of the apostrophes passes for a letter in Unicode.
fn is_letter(c: char) -> bool {
    c.is_alphanumeric() && !is_apostrophe(c)
}

fn is_apostrophe(c: char) -> bool {
    matches!(
        c,
        '\'' | '`' | '\u{b4}' | '\u{2018}' | '\u{2019}' | '\u{201b}' | '\u{2bc}' | '\u{ff07}'
    )
}

/// An accent that follows its letter as a character of its own.
fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}')
}

/// Soft hyphens, joiners and their like, which nobody sees in the middle of a word.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_and_punctuation_do_not_count() {
        assert_eq!(
            words("Well… YES — \u{201c}Monday\u{201d}, at 5:30!"),
            ["well", "yes", "monday", "at", "5", "30"]
        );
    }

    #[test]
    fn an_apostrophe_inside_a_word_is_dropped_whatever_its_form() {
        assert_eq!(
            words("I'd I\u{2019}d I\u{2bc}d 'quoted' dogs' bowls"),
            ["id", "id", "id", "quoted", "dogs", "bowls"]
        );
    }

    #[test]
    fn letters_of_other_scripts_are_kept() {
        assert_eq!(words("Straße, Ærø, ДА! 東京"), ["straße", "ærø", "да", "東京"]);
    }

    #[test]
    fn an_accent_or_a_soft_hyphen_does_not_break_a_word() {
        assert_eq!(words("cafe\u{301} whit\u{ad}ening"), ["cafe\u{301}", "whitening"]);
    }

    #[test]
    fn nothing_but_marks_is_no_word() {
        assert!(words(" … '' — \u{301} \u{200b}").is_empty());
    }

    #[test]
    fn a_word_knows_the_bytes_that_it_came_from() {
        let text = "Ü \u{201c}it\u{2019}s\u{201d} ok";

        let spelled: Vec<&str> = placed(text).iter().map(|word| &text[word.at.clone()]).collect();

        assert_eq!(spelled, ["Ü", "it\u{2019}s", "ok"]);
    }
}
