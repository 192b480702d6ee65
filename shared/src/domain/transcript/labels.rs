//! Reads the text of a call, "AI: …" and "User: …" line by line. Both labels can be configured, so that any two will do.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::{Speaker, Turn, one_line};

/// A longer beginning of a line is speech with a colon in it.
const LONGEST_LABEL: usize = 40;
const MOST_WORDS: usize = 4;

/// Which labels are speakers, in lower case.
#[derive(Debug)]
struct Labels(Vec<(String, Speaker)>);

/// The turns in the order of their lines; the numbers are given later. A text without speakers is one turn of nobody.
pub(super) fn read(text: &str) -> Vec<Turn> {
    let labels = Labels::of(text);
    let mut turns: Vec<Turn> = Vec::new();
    for line in text.lines() {
        match (labels.speaker(line), turns.last_mut()) {
            (Some((speaker, said)), _) => turns.push(turn(speaker, said)),
            (None, Some(turn)) => {
                turn.text.push(' ');
                turn.text.push_str(line);
            }
            (None, None) => turns.push(turn(Speaker::Other, line)),
        }
    }
    for turn in &mut turns {
        turn.text = one_line(&turn.text);
    }
    turns.retain(|turn| !turn.text.is_empty());
    turns
}

fn turn(speaker: Speaker, said: &str) -> Turn {
    Turn {
        speaker,
        text: said.to_owned(),
        ..Turn::default()
    }
}

impl Labels {
    fn of(text: &str) -> Self {
        let mut counted: BTreeMap<String, (usize, usize)> = BTreeMap::new();
        for (place, (label, _)) in text.lines().filter_map(split).enumerate() {
            counted.entry(label).or_insert((place, 0)).1 += 1;
        }
        let (mut speakers, mut others) = (Vec::new(), Vec::new());
        for (label, (first, count)) in counted {
            match Speaker::called(&label) {
                Some(speaker) => speakers.push((label, speaker)),
                None => others.push((label, first, count)),
            }
        }
        let mut missing = vec![Speaker::Agent, Speaker::Caller];
        missing.retain(|speaker| speakers.iter().all(|(_, known)| known != speaker));
        // Of the labels that nobody knows, those that come most often are speakers, the others speech with a colon.
        others.sort_by_key(|(_, first, count)| (Reverse(*count), *first));
        others.truncate(missing.len());
        others.sort_by_key(|(_, first, _)| *first);
        speakers.extend(others.into_iter().map(|(label, ..)| label).zip(missing));
        Self(speakers)
    }

    fn speaker<'a>(&self, line: &'a str) -> Option<(Speaker, &'a str)> {
        let (label, said) = split(line)?;
        let (_, speaker) = self.0.iter().find(|(known, _)| *known == label)?;
        Some((*speaker, said))
    }
}

/// What may be a label, in lower case, and the text after it.
fn split(line: &str) -> Option<(String, &str)> {
    let (label, said) = line.split_once(':')?;
    let label = label.trim();
    let looks_like_one = label.chars().count() <= LONGEST_LABEL
        && (1..=MOST_WORDS).contains(&label.split_whitespace().count())
        && label.chars().all(|c| c.is_alphanumeric() || " .'’_()-".contains(c))
        && label.starts_with(char::is_alphabetic);
    let ends_well = Speaker::called(label).is_some() || said.is_empty() || said.starts_with(char::is_whitespace);
    (looks_like_one && ends_well).then(|| (label.to_lowercase(), said))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::transcript::tests::{of_document, said};

    #[test]
    fn a_text_is_read_by_its_labels() {
        let text = "ignored\nAI: Hello.\r\nUser: Hi,\n\n  I have a question:\nNote: it is short\nai:\nAI: Go on.\n";

        let transcript = of_document(&json!({}), Some(text));

        let caller = "Hi, I have a question: Note: it is short";
        assert_eq!(
            said(&transcript),
            [
                (1, Speaker::Agent, "Hello."),
                (2, Speaker::Caller, caller),
                (3, Speaker::Agent, "Go on.")
            ]
        );
        let first = &transcript.turns[0];
        assert_eq!(
            (first.number, first.speaker, first.text.as_str()),
            (None, Speaker::Other, "ignored")
        );
        assert_eq!((first.message, first.start), (None, None));
    }

    #[test]
    fn of_two_unknown_labels_the_first_to_speak_is_the_agent() {
        let text = "Mira: Hello.\nNote: it is late.\nMr. Smith: I see this: open at 5:30?\nMr. Smith: Hello?\n\
                    Mira: Yes.\nMr. Smith: Good.";

        let transcript = of_document(&json!({}), Some(text));

        let speakers: Vec<Speaker> = transcript.turns.iter().map(|turn| turn.speaker).collect();
        let (agent, caller) = (Speaker::Agent, Speaker::Caller);
        assert_eq!(speakers, [agent, caller, caller, agent, caller]);
        assert_eq!(transcript.turns[0].text, "Hello. Note: it is late.");
        assert_eq!(transcript.turns[1].text, "I see this: open at 5:30?");
    }

    #[test]
    fn an_unknown_label_is_the_speaker_who_is_missing() {
        let transcript = of_document(&json!({}), Some("Customer: Hello?\nMira: Hello."));

        assert_eq!(
            said(&transcript),
            [(1, Speaker::Caller, "Hello?"), (2, Speaker::Agent, "Hello.")]
        );
    }

    #[test]
    fn a_text_without_labels_is_nobodys() {
        let transcript = of_document(&json!({}), Some("Hello there.\nSee https://example.com at 5:30"));

        assert_eq!(transcript.judged().count(), 0);
        assert_eq!(transcript.turns[0].text, "Hello there. See https://example.com at 5:30");
    }
}
