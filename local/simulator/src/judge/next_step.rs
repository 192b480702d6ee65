//! What the conversation came to.

use super::{
    rules::{Finding, Mark},
    transcript::{Speaker, Transcript, Turn},
    words::{self, Evidence},
};

const BOOKING_TOOLS: [&str; 4] = ["book", "reserve", "appointment", "schedule"];
const CALLBACK_TOOLS: [&str; 3] = ["callback", "call_back", "call-back"];
const WORKED: [&str; 6] = [
    "\"ok\":true",
    "\"ok\": true",
    "\"success\":true",
    "confirmed",
    "booked",
    "bookingid",
];
const BROKE: [&str; 5] = ["error", "failed", "\"ok\":false", "unavailable", "timed out"];
const CONFIRMS: [&str; 7] = [
    "you're booked",
    "that's booked",
    "you down for",
    "your reference",
    "the reference",
    "see you on",
    "is confirmed",
];
const CALLBACK: [&str; 8] = [
    "call you",
    "called you",
    "ring you",
    "call back",
    "calls you",
    "speak then",
    "send you the offer",
    "text you",
];
const TIMES: [&str; 10] = [
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
    "tomorrow",
    "o'clock",
    "noon",
];
const ACCEPTS: [&str; 11] = [
    "okay",
    "yes",
    "fine",
    "let's do it",
    "works",
    "perfect",
    "go on",
    "convinced",
    "good",
    "sure",
    "please",
];
const DECLINES: [&str; 8] = [
    "no",
    "not",
    "rather",
    "don't",
    "call again",
    "somebody else",
    "too long",
    "forget it",
];

pub(crate) fn next_step(transcript: &Transcript) -> Finding {
    if let Some(at) = booked(transcript) {
        let turns = &transcript.turns;
        let said = turns[at..].iter().chain(turns[..at].iter().rev());
        let evidence = first_quote(said, &[&CONFIRMS, &TIMES]);
        return Finding::new(Mark::HIGHEST, evidence, "A tool made the booking.");
    }
    let evidence = first_quote(transcript.turns.iter().rev(), &[&CALLBACK]);
    let tools = transcript.of(Speaker::Tool);
    if !evidence.is_empty() || tools.into_iter().any(|turn| is_tool(turn, &CALLBACK_TOOLS)) {
        return Finding::new(Mark::MIDDLE, evidence, "They will speak again.");
    }
    match agreed(transcript) {
        Some(evidence) => Finding::new(Mark::HIGHEST, vec![evidence], "They agree on a time."),
        None => Finding::new(0, Vec::new(), "The call leads to nothing."),
    }
}

/// The turn in which a tool says that it booked.
fn booked(transcript: &Transcript) -> Option<usize> {
    transcript.turns.iter().position(|turn| {
        let answered = is_tool(turn, &BOOKING_TOOLS) && !is_tool(turn, &CALLBACK_TOOLS);
        answered && words::says(turn, &WORKED) && !words::says(turn, &BROKE)
    })
}

/// True if this is about a tool whose name has one of these parts.
fn is_tool(turn: &Turn, parts: &[&str]) -> bool {
    let name = turn.text.split('→').next().unwrap_or_default().to_ascii_lowercase();
    turn.speaker == Speaker::Tool && parts.iter().any(|part| name.contains(part))
}

/// The agent's words about a time that the caller accepts in the next turn.
fn agreed(transcript: &Transcript) -> Option<Evidence> {
    let pairs = transcript.turns.windows(2).rev();
    pairs.into_iter().find_map(|pair| {
        let offers = pair[0].speaker == Speaker::Agent && words::says(&pair[0], &TIMES);
        let accepts = pair[1].speaker == Speaker::Caller && words::says(&pair[1], &ACCEPTS);
        let agreed = offers && accepts && !words::says(&pair[1], &DECLINES);
        agreed.then(|| words::quote_of(&pair[0], &TIMES)).flatten()
    })
}

/// A quote of the first of these turns that has a phrase, of the first list that any has.
fn first_quote<'a>(turns: impl Iterator<Item = &'a Turn> + Clone, lists: &[&[&str]]) -> Vec<Evidence> {
    let agent = turns.filter(|turn| turn.speaker == Speaker::Agent);
    let mut found = lists
        .iter()
        .filter_map(|phrases| agent.clone().find_map(|turn| words::quote_of(turn, phrases)));
    found.next().into_iter().collect()
}
