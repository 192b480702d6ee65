//! Whether what the judge quotes was said, in the turn that it cites, and by somebody whose words count.
//!
//! [`Answer`](crate::answer::Answer) and [`Transcript`] ─▶ [`Verified`] ─▶ [`points`](crate::points)

mod fuzzy_match;
mod instructions;
#[cfg(test)]
mod tests;
mod verified;

use serde::Serialize;
use shared::domain::rubric::EvidenceFrom;
use shared::domain::words::{Word, position, words};

use self::instructions::instructions;
pub(crate) use self::verified::Verified;
use crate::answer::Quote;
use shared::domain::transcript::{Speaker, Transcript, Turn};

/// Fewer words than this may stand anywhere, so that nothing is concluded from where else they stand.
const TELLING: usize = 3;

/// A quote and what came of checking it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Evidence {
    /// The turn where it stands; where it was not found, the one that was cited.
    pub(crate) turn: i64,
    /// The place of its message in the document, from 0; absent where there is none, or the quote was not found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) message: Option<usize>,
    /// The words; as they were said, where they were repaired.
    pub(crate) quote: String,
    /// How they were found.
    pub(crate) verification: Verification,
    /// Why they were not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<Refusal>,
    /// The turn that was cited, if it was another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cited_turn: Option<i64>,
    /// The words that were cited, if they were others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cited_quote: Option<String>,
}

/// How a quote was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verification {
    /// To the letter.
    Exact,
    /// But for capitals, punctuation and spaces, or with words left out where it says so.
    Normalised,
    /// In one other turn only, or nearly so in the turn that was cited.
    Repaired,
    /// It does not count.
    Unverified,
}

/// Why a quote does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Refusal {
    /// There is no word in it.
    NoWords,
    /// Nobody said it, or several did and none of them where it was cited.
    NotFound,
    /// The caller said it, where only the agent's words count.
    Caller,
    /// Its turn reads like an instruction to the judge.
    Instruction,
}

impl Evidence {
    /// Whether it counts.
    #[must_use]
    pub(crate) fn is_verified(&self) -> bool {
        self.verification != Verification::Unverified
    }
}

/// A transcript that quotes are looked up in.
#[derive(Debug)]
pub(crate) struct QuoteMatcher<'a> {
    turns: Vec<IndexedTurn<'a>>,
}

#[derive(Debug)]
struct IndexedTurn<'a> {
    turn: &'a Turn,
    words: Vec<Word>,
    is_instruction: bool,
}

struct Found<'a> {
    said: &'a IndexedTurn<'a>,
    verification: Verification,
    quote: String,
}

impl<'a> QuoteMatcher<'a> {
    /// Reads a transcript once for all its quotes.
    #[must_use]
    pub(crate) fn new(transcript: &'a Transcript) -> Self {
        let instructions = instructions(transcript);
        let turns = transcript.judged().map(|turn| IndexedTurn {
            turn,
            words: words(&turn.text),
            is_instruction: turn.number.is_some_and(|number| instructions.contains(&number)),
        });
        Self { turns: turns.collect() }
    }

    /// Checks a quote.
    #[must_use]
    pub(crate) fn check(&self, quote: &Quote, from: EvidenceFrom) -> Evidence {
        let found = self
            .find(quote)
            .and_then(|found| found.said.may_count(from).map(|()| found));
        match found {
            Ok(found) => {
                let turn = number(found.said.turn);
                Evidence {
                    turn,
                    message: found.said.turn.message,
                    verification: found.verification,
                    reason: None,
                    cited_turn: Some(quote.turn).filter(|cited| *cited != turn),
                    cited_quote: Some(quote.quote.clone()).filter(|cited| *cited != found.quote),
                    quote: found.quote,
                }
            }
            Err(reason) => Evidence {
                turn: quote.turn,
                message: None,
                quote: quote.quote.clone(),
                verification: Verification::Unverified,
                reason: Some(reason),
                cited_turn: None,
                cited_quote: None,
            },
        }
    }

    fn find(&self, quote: &Quote) -> Result<Found<'_>, Refusal> {
        let cited = Cited::new(&quote.quote);
        if cited.words.is_empty() {
            return Err(Refusal::NoWords);
        }
        let said = self.turns.iter().find(|said| number(said.turn) == quote.turn);
        if let Some(said) = said
            && let Some(verification) = cited.stands_in(said)
        {
            let quote = quote.quote.clone();
            return Ok(Found {
                said,
                verification,
                quote,
            });
        }
        if cited.words.len() < TELLING {
            return Err(Refusal::NotFound);
        }
        self.elsewhere(&cited)
            .map(|said| (said, quote.quote.clone()))
            .or_else(|| {
                let said = said?;
                Some((said, fuzzy_match::nearest(&said.turn.text, &said.words, &cited.words)?))
            })
            .map(|(said, quote)| Found {
                said,
                verification: Verification::Repaired,
                quote,
            })
            .ok_or(Refusal::NotFound)
    }

    /// The only turn where it stands. The cited one is among those searched, and known not to hold it.
    fn elsewhere(&self, cited: &Cited) -> Option<&IndexedTurn<'_>> {
        let mut holding = self.turns.iter().filter(|said| cited.stands_in(said).is_some());
        holding.next().filter(|_| holding.next().is_none())
    }
}

impl IndexedTurn<'_> {
    fn may_count(&self, from: EvidenceFrom) -> Result<(), Refusal> {
        if self.is_instruction {
            return Err(Refusal::Instruction);
        }
        match (from, self.turn.speaker) {
            (EvidenceFrom::Agent, Speaker::Caller) => Err(Refusal::Caller),
            _ => Ok(()),
        }
    }
}

struct Cited<'a> {
    text: &'a str,
    words: Vec<Word>,
    /// Between ellipses, in their order; without any, the whole.
    parts: Vec<Vec<Word>>,
}

impl<'a> Cited<'a> {
    fn new(text: &'a str) -> Self {
        let elided = text.replace("...", "…");
        Self {
            text: text.trim(),
            words: words(text),
            parts: elided.split('…').map(words).filter(|part| !part.is_empty()).collect(),
        }
    }

    fn stands_in(&self, said: &IndexedTurn) -> Option<Verification> {
        // A match of whole words, so that "no" is not found in "know".
        if position(&said.words, &self.words, 0).is_some() {
            return Some(if said.turn.text.contains(self.text) {
                Verification::Exact
            } else {
                Verification::Normalised
            });
        }
        if self.parts.len() < 2 || self.words.len() < TELLING {
            return None;
        }
        self.parts
            .iter()
            .try_fold(0, |from, part| Some(position(&said.words, part, from)? + part.len()))
            .map(|_| Verification::Normalised)
    }
}

fn number(turn: &Turn) -> i64 {
    turn.number
        .and_then(|number| i64::try_from(number).ok())
        .unwrap_or(i64::MAX)
}
