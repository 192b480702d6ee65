//! Where quotes stand in a transcript: each is found at its turn, and a turn knows what it is evidence for.

use std::collections::HashMap;

use shared::domain::findings::EvidenceFound;

use shared::domain::transcript::Transcript;

/// So many quotes of a turn are looked for in its text; it is marked as a whole for those beyond.
const MOST_QUOTES: usize = 20;

/// A finding that quotes a call.
#[derive(Debug)]
pub(crate) struct Cited<'a> {
    /// Where the finding stands on the page.
    pub(crate) anchor: String,
    /// As it is called.
    pub(crate) name: String,
    /// The quote.
    pub(crate) evidence: &'a EvidenceFound,
}

/// What the findings say of one turn.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    /// The parts of its text that are quoted: byte ranges, sorted, apart from each other.
    pub(crate) ranges: Vec<(usize, usize)>,
    /// The findings, each once: anchor and name.
    pub(crate) findings: Vec<(String, String)>,
    /// Whether a quote was found in it that does not stand in its text to the letter.
    pub(crate) is_whole: bool,
}

/// The marks of all turns, by the turns' places.
#[derive(Debug)]
pub(crate) struct Evidence {
    marks: HashMap<usize, Marks>,
    messages: HashMap<usize, Vec<usize>>,
    numbers: HashMap<usize, usize>,
}

impl Evidence {
    /// Looks up every quote that was verified.
    pub(crate) fn find<'a>(transcript: &Transcript, cited: impl Iterator<Item = Cited<'a>>) -> Self {
        let mut evidence = Self::places(transcript);
        let mut quotes: HashMap<usize, Vec<&str>> = HashMap::new();
        for cited in cited.filter(|cited| cited.evidence.verification != "unverified") {
            let Some(place) = evidence.place(transcript, cited.evidence) else {
                continue;
            };
            quotes.entry(place).or_default().push(&cited.evidence.quote);
            let findings = &mut evidence.marks.entry(place).or_default().findings;
            let finding = (cited.anchor, cited.name);
            // One finding's quotes come one after the other.
            if findings.last() != Some(&finding) {
                findings.push(finding);
            }
        }
        for (place, quotes) in quotes {
            let marks = evidence.marks.entry(place).or_default();
            marks.quote(&transcript.turns[place].text, &quotes);
        }
        evidence
    }

    /// What is said of the turn at a place.
    pub(crate) fn of(&self, place: usize) -> Option<&Marks> {
        self.marks.get(&place)
    }

    /// The number of the turn that a quote stands in, or is said to stand in; absent where there is no such turn.
    pub(crate) fn number(&self, transcript: &Transcript, evidence: &EvidenceFound) -> Option<usize> {
        let place = self.place(transcript, evidence)?;
        transcript.turns.get(place)?.number
    }

    fn places(transcript: &Transcript) -> Self {
        let mut messages: HashMap<usize, Vec<usize>> = HashMap::new();
        let mut numbers = HashMap::new();
        for (place, turn) in transcript.turns.iter().enumerate() {
            if let Some(message) = turn.message {
                messages.entry(message).or_default().push(place);
            }
            if let Some(number) = turn.number {
                numbers.insert(number, place);
            }
        }
        Self {
            marks: HashMap::new(),
            messages,
            numbers,
        }
    }

    /// By its message, which says exactly where; one message may be several turns, and then the number tells.
    fn place(&self, transcript: &Transcript, evidence: &EvidenceFound) -> Option<usize> {
        let number = evidence.turn.and_then(|turn| usize::try_from(turn).ok());
        let numbered = number.and_then(|number| self.numbers.get(&number).copied());
        let Some(message) = evidence.message.filter(|_| transcript.has_messages) else {
            return numbered;
        };
        let places = self.messages.get(&message)?;
        let cited = numbered.filter(|place| places.contains(place));
        cited.or(places.first().copied())
    }
}

impl Marks {
    fn quote(&mut self, text: &str, quotes: &[&str]) {
        self.is_whole = quotes.len() > MOST_QUOTES;
        let mut ranges: Vec<(usize, usize)> = Vec::new();
        for quote in quotes.iter().take(MOST_QUOTES) {
            match text.find(*quote).filter(|_| !quote.is_empty()) {
                Some(start) => ranges.push((start, start + quote.len())),
                None => self.is_whole = true,
            }
        }
        ranges.sort_unstable();
        for (start, end) in ranges {
            match self.ranges.last_mut().filter(|last| start <= last.1) {
                Some(last) => last.1 = last.1.max(end),
                None => self.ranges.push((start, end)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transcript() -> Transcript {
        let list = serde_json::json!([
            {"role": "system", "message": "Be polite."},
            {"role": "bot", "message": "Good morning, this is the desk of Fennwick."},
            {"role": "tool_calls", "toolCalls": [{"function": {"name": "a"}}, {"function": {"name": "b"}}]},
        ]);
        Transcript::read(&[Some(list.to_string())], None)
    }

    fn quote(turn: i64, message: Option<usize>, quote: &str) -> EvidenceFound {
        EvidenceFound {
            turn: Some(turn),
            message,
            quote: quote.to_owned(),
            verification: "exact".to_owned(),
            ..EvidenceFound::default()
        }
    }

    fn found(quotes: &[EvidenceFound]) -> Evidence {
        let cited = quotes.iter().map(|evidence| Cited {
            anchor: "criterion-a".to_owned(),
            name: "A".to_owned(),
            evidence,
        });
        Evidence::find(&transcript(), cited)
    }

    #[test]
    fn quotes_that_overlap_are_marked_as_one() {
        let evidence = found(&[
            quote(1, Some(1), "this is the desk"),
            quote(1, Some(1), "Good morning, this"),
            quote(1, Some(1), "Fennwick"),
        ]);

        let marks = evidence.of(0).unwrap();
        assert_eq!(marks.ranges, [(0, 30), (34, 42)]);
        assert_eq!((marks.findings.len(), marks.is_whole), (1, false));
    }

    #[test]
    fn a_quote_that_does_not_stand_there_to_the_letter_marks_the_whole_turn() {
        let evidence = found(&[quote(1, Some(1), "good morning this is"), quote(2, Some(2), "")]);

        assert!(evidence.of(0).unwrap().is_whole && evidence.of(0).unwrap().ranges.is_empty());
        assert!(evidence.of(1).unwrap().is_whole);
    }

    #[test]
    fn a_quote_belongs_to_its_message_and_among_several_turns_to_its_number() {
        let evidence = found(&[
            quote(3, Some(2), "b()"),
            quote(1, Some(0), "Be polite."),
            quote(9, None, "x"),
        ]);

        assert_eq!(evidence.of(2).unwrap().ranges, [(0, 3)]);
        assert!(evidence.of(0).is_none() && evidence.of(1).is_none());
        assert_eq!(evidence.number(&transcript(), &quote(9, Some(2), "a")), Some(2));
        assert_eq!(evidence.number(&transcript(), &quote(9, None, "a")), None);
    }

    #[test]
    fn a_quote_that_was_not_verified_marks_nothing() {
        let evidence = found(&[EvidenceFound {
            verification: "unverified".to_owned(),
            ..quote(1, Some(1), "Fennwick")
        }]);

        assert!(evidence.of(0).is_none());
    }
}
