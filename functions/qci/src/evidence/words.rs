//! Text as words that can be compared: lower-case, without punctuation, each with its place.

/// A word, and the bytes where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) text: String,
    pub(super) start: usize,
    pub(super) end: usize,
}

pub(super) fn words(text: &str) -> Vec<Word> {
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
                word.end = end;
            }
            None => words.push(Word {
                text: lower.collect(),
                start,
                end,
            }),
        }
        open = true;
        if is_unspaced(letter) {
            open = false;
        }
    }
    words
}

/// Where a part begins in a whole, at `from` or later.
pub(super) fn position(whole: &[Word], part: &[Word], from: usize) -> Option<usize> {
    let rest = whole.get(from..)?;
    let same = |window: &[Word]| window.iter().zip(part).all(|(one, other)| one.text == other.text);
    rest.windows(part.len().max(1)).position(same).map(|at| at + from)
}

/// Apostrophes, accents that stand for themselves, and what is not seen at all: they part no words.
fn is_silent(letter: char) -> bool {
    matches!(
        letter,
        '\'' | '\u{2018}' | '\u{2019}' | '\u{2bc}' | '\u{ad}' | '\u{300}'..='\u{36f}'
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
