//! Quotes as a finding shows them: the words, where they stand, and how they were found there.

use askama::Template;
use askama::filters::HtmlSafe;
use shared::domain::findings::EvidenceFound;

use super::evidence::Evidence;
use super::long::{self, Long};
use super::verdict::words;
use shared::domain::transcript::Transcript;

/// The quotes of one finding.
#[derive(Debug, Template)]
#[template(path = "call/quotes.html")]
pub(crate) struct Quotes {
    quotes: Vec<Quote>,
    counts: bool,
}

#[derive(Debug)]
struct Quote {
    text: Long,
    /// The turn, if it is on the page.
    turn: Option<usize>,
    /// The turn that was cited and is not there.
    missing: Option<i64>,
    how: String,
    cited: Option<Long>,
}

impl HtmlSafe for Quotes {}

/// Where quotes are looked up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record<'a> {
    pub(crate) transcript: &'a Transcript,
    pub(crate) evidence: &'a Evidence,
}

impl Quotes {
    /// Quotes that count, or those that do not.
    pub(crate) fn new<'a>(
        record: Record<'_>,
        quotes: impl IntoIterator<Item = &'a EvidenceFound>,
        counts: bool,
    ) -> Self {
        let quotes = quotes.into_iter().map(|quote| Quote::new(record, quote)).collect();
        Self { quotes, counts }
    }

    /// Both kinds of the one quote that a tip or the like may have.
    pub(crate) fn of_finding(record: Record<'_>, quote: Option<&EvidenceFound>) -> Self {
        let quote = quote.filter(|quote| !quote.quote.is_empty());
        let counts = quote.is_none_or(|quote| quote.verification != "unverified");
        Self::new(record, quote, counts)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.quotes.is_empty()
    }
}

impl Quote {
    fn new(record: Record<'_>, quote: &EvidenceFound) -> Self {
        let turn = record.evidence.number(record.transcript, quote);
        Self {
            text: long::plain(&quote.quote),
            turn,
            missing: quote.turn.filter(|_| turn.is_none()),
            how: how(quote),
            cited: quote.cited_quote.as_deref().map(long::plain),
        }
    }
}

fn how(quote: &EvidenceFound) -> String {
    let how = match quote.verification.as_str() {
        "exact" => "found word for word".to_owned(),
        "normalised" => "found, but for capitals, punctuation or words left out".to_owned(),
        "repaired" => "found nearly so, or in another turn".to_owned(),
        "unverified" => match quote.reason.as_deref() {
            Some("no_words") => "there is no word in it".to_owned(),
            Some("not_found") | None => "nobody said this".to_owned(),
            Some("caller") => "the caller said this, and only the agent\u{2019}s words count here".to_owned(),
            Some("instruction") => "its turn reads like an instruction to the judge".to_owned(),
            Some(other) => words(other),
        },
        "" => "not known how it was found".to_owned(),
        other => words(other),
    };
    match quote.cited_turn {
        Some(turn) => format!("{how}; the judge cited turn {turn}"),
        None => how,
    }
}
