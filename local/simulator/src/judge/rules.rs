//! What this judge thinks about a conversation, criterion by criterion.

use super::{
    next_step, objections,
    transcript::{Speaker, Transcript, Turn},
    words::{self, Evidence},
};

/// The answer to one criterion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) mark: Mark,
    pub(crate) evidence: Vec<Evidence>,
    pub(crate) reason: String,
}

/// How well it was met, whatever its levels are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// From 0, the lowest level, to [`Mark::HIGHEST`].
    Quarters(usize),
    NotApplicable,
    CannotTell,
}

impl Mark {
    pub(crate) const HIGHEST: usize = 4;
    pub(crate) const MIDDLE: usize = 2;
}

impl Finding {
    pub(crate) fn new(quarters: usize, evidence: Vec<Evidence>, reason: impl Into<String>) -> Self {
        Self {
            mark: Mark::Quarters(quarters.min(Mark::HIGHEST)),
            evidence,
            reason: reason.into(),
        }
    }

    pub(crate) fn not_applicable(reason: &str) -> Self {
        Self {
            mark: Mark::NotApplicable,
            evidence: Vec::new(),
            reason: reason.to_owned(),
        }
    }
}

/// More quotes than this prove nothing more.
const MOST_EVIDENCE: usize = 2;

const LISTENS: [&str; 14] = [
    "i understand",
    "i hear you",
    "that helps",
    "thanks for telling me",
    "thank you for telling me",
    "got it",
    "i see",
    "sorry to hear",
    "of course",
    "that makes sense",
    "good that you",
    "i get that",
    "that's fair",
    "right to ask",
];
const INTERRUPTED: [&str; 8] = [
    "let me finish",
    "wasn't done",
    "hold on",
    "cutting me off",
    "not listening",
    "can you hear me",
    "are you there",
    "is this thing working",
];
const VALUE: [&str; 14] = [
    "because",
    "what people like",
    "the good thing",
    "worth knowing",
    "just so you know",
    "guarantee",
    "guaranteed",
    "included",
    "at no cost",
    "free of charge",
    "saves you",
    "so you don't",
    "we can also",
    "on us",
];
const GREETS_FOR: [&str; 5] = [
    "thanks for calling",
    "thank you for calling",
    "calling from",
    "here from",
    "this is",
];
const UNWORTHY: [&str; 7] = [
    "they're probably worse",
    "just doing my job",
    "can't prove it",
    "have to believe me",
    "that wasn't us",
    "the price is the price",
    "only for today",
];
const GOODBYE: [&str; 12] = [
    "goodbye",
    "bye",
    "have a good",
    "have a lovely",
    "have a nice",
    "take care",
    "speak soon",
    "enjoy the rest",
    "look forward",
    "speak then",
    "call you then",
    "drive safely",
];
const THANKS: [&str; 4] = ["thank you", "thanks", "pleasure", "look forward"];
const ANYTHING_ELSE: [&str; 2] = ["anything else", "can i do anything"];

/// The opinion on one criterion. What it does not know it finds middling.
pub(crate) fn find(criterion: &str, transcript: &Transcript) -> Finding {
    if !transcript
        .of(Speaker::Agent)
        .any(|turn| words::quote(turn, 0).is_some())
    {
        return Finding {
            mark: Mark::CannotTell,
            evidence: Vec::new(),
            reason: "The agent says too little to tell.".to_owned(),
        };
    }
    let mut finding = match criterion {
        "listening" => listening(transcript),
        "acknowledged" => objections::acknowledged(transcript),
        "answered" => objections::answered(transcript),
        "checked" => objections::checked(transcript),
        "value_stated" => value_stated(transcript),
        "speaks_for_brand" => speaks_for_brand(transcript),
        "need_understood" => need_understood(transcript),
        "next_step" => next_step::next_step(transcript),
        "closing" => closing(transcript),
        _ => unknown(transcript),
    };
    finding.evidence.truncate(MOST_EVIDENCE);
    // What cannot be proved is not claimed.
    if finding.evidence.is_empty() && matches!(finding.mark, Mark::Quarters(_)) {
        finding.mark = Mark::Quarters(0);
    }
    finding
}

/// The agent's turn that shows best what a tip is about, if there is no better one.
pub(crate) fn longest(transcript: &Transcript) -> Option<Evidence> {
    let longest = transcript
        .of(Speaker::Agent)
        .max_by_key(|turn| (words::count(turn), turn.number))?;
    words::quote(longest, 0)
}

fn listening(transcript: &Transcript) -> Finding {
    let spoken = |speaker| transcript.of(speaker).map(words::count).sum::<usize>();
    let (agent, caller) = (spoken(Speaker::Agent), spoken(Speaker::Caller));
    let share = agent * 100 / (agent + caller).max(1);
    let complaints = transcript
        .of(Speaker::Caller)
        .filter(|turn| words::says(turn, &INTERRUPTED))
        .count();
    let shown: Vec<&Turn> = transcript
        .of(Speaker::Agent)
        .filter(|turn| words::says(turn, &LISTENS))
        .collect();
    let lost = usize::from(share > 70) + usize::from(share > 82) + 2 * complaints + usize::from(shown.is_empty());
    let mut evidence: Vec<Evidence> = shown
        .iter()
        .filter_map(|turn| words::quote_of(turn, &LISTENS))
        .collect();
    if evidence.is_empty() {
        evidence = quotes(questions(transcript));
    }
    let reason = format!("Share of words that are the agent's: {share} %; complaints of the caller: {complaints}.");
    Finding::new(Mark::HIGHEST.saturating_sub(lost), evidence, reason)
}

fn value_stated(transcript: &Transcript) -> Finding {
    let evidence: Vec<Evidence> = transcript
        .of(Speaker::Agent)
        .filter_map(|turn| words::quote_of(turn, &VALUE))
        .collect();
    let quarters = [0, 2, 3, 4][evidence.len().min(3)];
    let reason = format!("Statements of what the caller gains: {}.", evidence.len());
    Finding::new(quarters, evidence, reason)
}

fn speaks_for_brand(transcript: &Transcript) -> Finding {
    let names: Vec<String> = transcript.brand.iter().map(|name| name.to_ascii_lowercase()).collect();
    let mut phrases: Vec<&str> = names.iter().map(String::as_str).collect();
    if phrases.is_empty() {
        phrases.extend(GREETS_FOR);
    }
    let evidence: Vec<Evidence> = transcript
        .of(Speaker::Agent)
        .filter_map(|turn| words::quote_of(turn, &phrases))
        .collect();
    let unworthy = transcript
        .of(Speaker::Agent)
        .filter(|turn| words::says(turn, &UNWORTHY))
        .count();
    let quarters: usize = [0, 2, 4][evidence.len().min(2)];
    let reason = format!(
        "Turns that speak for the brand: {}; against it: {unworthy}.",
        evidence.len()
    );
    Finding::new(quarters.saturating_sub(2 * unworthy), evidence, reason)
}

fn need_understood(transcript: &Transcript) -> Finding {
    let asked = questions(transcript);
    let heard: Vec<&str> = transcript
        .of(Speaker::Caller)
        .flat_map(|turn| long_words(&turn.text))
        .collect();
    let repeats = |turn: &&Turn| long_words(&turn.text).any(|word| heard.contains(&word));
    let taken_up = transcript.of(Speaker::Agent).filter(repeats).count();
    let quarters = (asked.len().saturating_sub(1) / 2).min(3) + usize::from(taken_up > 1);
    let reason = format!("Questions asked: {}; answers taken up: {taken_up}.", asked.len());
    Finding::new(quarters, quotes(asked), reason)
}

fn closing(transcript: &Transcript) -> Finding {
    let agent: Vec<&Turn> = transcript.of(Speaker::Agent).collect();
    let end = &agent[agent.len().saturating_sub(3)..];
    let among = |phrases: &[&str]| end.iter().any(|turn| words::says(turn, phrases));
    let (goodbye, thanks, offers) = (among(&GOODBYE), among(&THANKS), among(&ANYTHING_ELSE));
    let said = [&GOODBYE[..], &ANYTHING_ELSE, &THANKS];
    let evidence: Vec<Evidence> = said
        .iter()
        .filter_map(|phrases| end.iter().rev().find_map(|turn| words::quote_of(turn, phrases)))
        .collect();
    let quarters = 2 * usize::from(goodbye) + usize::from(thanks) + usize::from(offers);
    let reason = format!("Goodbye: {goodbye}; thanks: {thanks}; asks for anything else: {offers}.");
    Finding::new(quarters, evidence, reason)
}

fn unknown(transcript: &Transcript) -> Finding {
    let evidence = longest(transcript).into_iter().collect();
    Finding::new(
        Mark::MIDDLE,
        evidence,
        "There is nothing special to be said about this.",
    )
}

/// The agent's questions that can be quoted.
fn questions(transcript: &Transcript) -> Vec<&Turn> {
    let asks = |turn: &&Turn| turn.text.contains('?') && words::quote(turn, 0).is_some();
    transcript.of(Speaker::Agent).filter(asks).collect()
}

/// The ends of these turns, where their questions stand.
fn quotes(turns: Vec<&Turn>) -> Vec<Evidence> {
    let last = |turn: &Turn| turn.text.rfind('?').unwrap_or(0);
    turns
        .into_iter()
        .rev()
        .filter_map(|turn| words::quote(turn, last(turn)))
        .collect()
}

/// Words that are long enough to mean something.
fn long_words(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|character: char| !character.is_alphanumeric());
    words.filter(|word| word.chars().count() > 5)
}
