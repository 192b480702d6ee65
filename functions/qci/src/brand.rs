//! Finds a brand in what was said, also where speech-to-text misspelled it.
//!
//! [`Names::of`] a brand, then [`Names::mentions`] of each turn; the facts are in [`measure`](crate::measure).

use std::ops::Range;

use shared::domain::rubric::Brand;
use strsim::normalized_damerau_levenshtein;

use shared::domain::words::{Word, spelled, words};

/// Into how many words speech-to-text may break the distinctive word ("Ken Wick", "Dove and Elle").
const MOST_PIECES: usize = 3;
/// How alike the words after the distinctive one must be, by their letters.
const TAIL: f64 = 0.7;
/// How alike the distinctive word must be where nothing else of the brand is there to confirm it.
const ALONE: f64 = 0.8;
/// A distinctive word with fewer letters says too little alone.
const LONG: usize = 7;
/// Words that begin a name and distinguish nothing.
const ARTICLES: [&str; 4] = ["the", "a", "an", "my"];

/// The spellings of a brand, ready to be looked for.
#[derive(Clone, Debug)]
pub(crate) struct Names(Vec<Name>);

/// One spelling: a distinctive word, and those that say what kind of business it is.
#[derive(Clone, Debug)]
struct Name {
    head: Sound,
    tail: String,
    tail_words: usize,
}

/// How something is written, and roughly how it sounds.
#[derive(Clone, Debug)]
struct Sound {
    letters: String,
    classes: String,
}

/// A stretch of words that may be the brand.
#[derive(Debug)]
struct Candidate {
    likeness: f64,
    at: Range<usize>,
}

impl Names {
    /// The brand's name and its aliases.
    pub(crate) fn of(brand: &Brand) -> Self {
        let spellings = std::iter::once(&brand.name).chain(&brand.aliases);
        Self(spellings.filter_map(|spelling| Name::of(spelling)).collect())
    }

    /// Every mention in a text as it is spelled there, in order; no two of them share a word.
    pub(crate) fn mentions<'a>(&self, text: &'a str) -> Vec<&'a str> {
        let said = words(text);
        let mut candidates: Vec<Candidate> = self.0.iter().flat_map(|name| name.candidates(&said, text)).collect();
        candidates.sort_by(|a, b| b.likeness.total_cmp(&a.likeness).then(b.at.len().cmp(&a.at.len())));
        let mut taken = vec![false; said.len()];
        let mut found: Vec<Range<usize>> = Vec::new();
        for Candidate { at, .. } in candidates {
            if !taken[at.clone()].contains(&true) {
                taken[at.clone()].fill(true);
                found.push(at);
            }
        }
        found.sort_by_key(|at| at.start);
        found
            .into_iter()
            .filter_map(|at| text.get(said[at.start].at.start..said[at.end - 1].at.end))
            .collect()
    }
}

impl Name {
    fn of(spelling: &str) -> Option<Self> {
        let words = spelled(spelling);
        let (head, tail) = match words.split_first()? {
            // Without its article, a name of two words would be the name of its kind.
            (first, rest) if rest.len() > 1 && ARTICLES.contains(&first.as_str()) => rest.split_first()?,
            whole => whole,
        };
        Some(Self {
            head: Sound::of(head.clone()),
            tail: tail.concat(),
            tail_words: tail.len(),
        })
    }

    fn candidates(&self, said: &[Word], text: &str) -> Vec<Candidate> {
        let mut candidates = Vec::new();
        for start in 0..said.len() {
            for pieces in 1..=MOST_PIECES.min(said.len() - start) {
                let after = start + pieces;
                let likeness = self.head.likeness(&Sound::of(join(&said[start..after])));
                if self.stands_alone(likeness, is_capital(&said[start], text)) {
                    candidates.push(Candidate {
                        likeness,
                        at: start..after,
                    });
                }
                if self.tail_words > 0
                    && likeness >= self.least(pieces)
                    && let Some((tail, end)) = self.confirmed(said, after)
                {
                    // A mention with its tail is the better reading of the same words.
                    candidates.push(Candidate {
                        likeness: 1.0 + likeness + tail,
                        at: start..end,
                    });
                }
            }
        }
        candidates
    }

    /// How alike the distinctive word must be where the tail confirms it. Many ordinary words are like a short one,
    /// and many pairs of ordinary words are like a long one.
    fn least(&self, pieces: usize) -> f64 {
        match self.head.length() {
            0..=4 => 0.9,
            5..=6 => 0.75,
            _ if pieces > 1 => 0.65,
            _ => 0.55,
        }
    }

    /// Whether the distinctive word is the brand without its tail. A name of one word is always complete;
    /// of a longer one, the first word may be an ordinary word as well, which is not written with a capital.
    fn stands_alone(&self, likeness: f64, capital: bool) -> bool {
        let short = self.head.length() < LONG;
        if self.tail_words == 0 {
            likeness >= if short { 1.0 } else { ALONE }
        } else {
            !short && capital && likeness >= ALONE
        }
    }

    /// How alike the words from `start` are to the tail, and where they end.
    fn confirmed(&self, said: &[Word], start: usize) -> Option<(f64, usize)> {
        let fewest = (self.tail_words - 1).max(1);
        (fewest..=self.tail_words + 1)
            .filter_map(|count| {
                let tail = join(said.get(start..start + count)?);
                Some((normalized_damerau_levenshtein(&self.tail, &tail), start + count))
            })
            .filter(|(likeness, _)| *likeness >= TAIL)
            .max_by(|a, b| a.0.total_cmp(&b.0))
    }
}

fn join(words: &[Word]) -> String {
    words.iter().map(|word| word.text.as_str()).collect()
}

fn is_capital(word: &Word, text: &str) -> bool {
    let spelled = text.get(word.at.clone()).and_then(|spelled| spelled.chars().next());
    spelled.is_some_and(|c| !c.is_lowercase())
}

impl Sound {
    fn of(letters: String) -> Self {
        let classes = classes(&letters);
        Self { letters, classes }
    }

    /// From 0 to 1. Letters alone miss "Chest Rain" for "Kestrine", sounds alone take too much for the same;
    /// their mean found the most misspellings at the fewest false finds.
    fn likeness(&self, other: &Self) -> f64 {
        if !self.is_as_long_as(other) {
            return 0.0;
        }
        f64::midpoint(
            normalized_damerau_levenshtein(&self.letters, &other.letters),
            normalized_damerau_levenshtein(&self.classes, &other.classes),
        )
    }

    /// Roughly. Half of a name is not the name, and counting is cheaper than comparing.
    fn is_as_long_as(&self, other: &Self) -> bool {
        let (this, other) = (self.length(), other.length());
        10 * other >= 6 * this && 10 * this >= 6 * other
    }

    fn length(&self) -> usize {
        self.letters.chars().count()
    }
}

/// Consonants by how they are formed, every run of vowels as one: what survives a bad line.
fn classes(letters: &str) -> String {
    let mut classes = String::with_capacity(letters.len());
    let mut rest = letters.chars().peekable();
    while let Some(c) = rest.next() {
        let next = rest.peek().copied();
        let class = match c {
            'h' => continue,
            'a' | 'e' | 'i' | 'o' | 'u' | 'y' => 'a',
            'p' if next == Some('h') => 'f',
            'b' | 'p' => 'p',
            'd' | 't' => 't',
            'c' if matches!(next, Some('e' | 'i' | 'y')) => 's',
            'c' | 'g' | 'j' | 'k' | 'q' => 'k',
            'f' | 'v' => 'f',
            's' | 'z' => 's',
            'm' | 'n' => 'n',
            other => other,
        };
        if !classes.ends_with(class) {
            classes.push(class);
        }
    }
    classes
}

#[cfg(test)]
mod tests;
