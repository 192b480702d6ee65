//! Reads the conversation out of a message.

/// Who said or did something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Speaker {
    Agent,
    Caller,
    Tool,
}

/// One line of a transcript.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Turn {
    pub(crate) number: u64,
    pub(crate) speaker: Speaker,
    pub(crate) text: String,
}

/// A conversation, and the names of the brand that its agent speaks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Transcript {
    pub(crate) brand: Vec<String>,
    pub(crate) turns: Vec<Turn>,
}

impl Transcript {
    /// The lines between `<<<MARKER` and `MARKER>>>`, if the message has them.
    pub(crate) fn find(message: &str) -> Option<Self> {
        let lines: Vec<&str> = message.lines().map(str::trim_end).collect();
        lines.iter().enumerate().find_map(|(at, line)| {
            let marker = line.strip_prefix("<<<").filter(|marker| is_marker(marker))?;
            let inside = &lines[at + 1..];
            let end = inside
                .iter()
                .position(|line| line.strip_suffix(">>>") == Some(marker))?;
            Some(Self {
                brand: lines[..at].iter().find_map(|line| brand(line)).unwrap_or_default(),
                turns: inside[..end].iter().filter_map(|line| turn(line)).collect(),
            })
        })
    }

    pub(crate) fn of(&self, speaker: Speaker) -> impl Iterator<Item = &Turn> {
        self.turns.iter().filter(move |turn| turn.speaker == speaker)
    }

    /// All that was said and done, one line a turn.
    pub(crate) fn text(&self) -> String {
        let lines: Vec<&str> = self.turns.iter().map(|turn| turn.text.as_str()).collect();
        lines.join("\n")
    }
}

fn is_marker(text: &str) -> bool {
    text.len() >= 4 && text.chars().all(|character| character.is_ascii_hexdigit())
}

/// `Brand: Name (also: Other, Another)`.
fn brand(line: &str) -> Option<Vec<String>> {
    let names = line.strip_prefix("Brand:")?.trim();
    let (name, others) = names.split_once("(also:").unwrap_or((names, ""));
    let others = others.trim_end().trim_end_matches(')');
    let names = [name].into_iter().chain(others.split(',')).map(str::trim);
    Some(names.filter(|name| !name.is_empty()).map(str::to_owned).collect())
}

/// `[3] AGENT: text`.
fn turn(line: &str) -> Option<Turn> {
    let (number, rest) = line.strip_prefix('[')?.split_once("] ")?;
    let (speaker, text) = rest.split_once(':')?;
    let speaker = match speaker {
        "AGENT" => Speaker::Agent,
        "CALLER" => Speaker::Caller,
        "TOOL" => Speaker::Tool,
        _ => return None,
    };
    Some(Turn {
        number: number.parse().ok()?,
        speaker,
        text: text.strip_prefix(' ').unwrap_or(text).to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transcript_stands_between_its_markers() {
        let message = "Brand: Fennwick Dental (also: Fennwick, Fenwick)\n[1] AGENT: not this\n<<<0af3c2d1\n[1] AGENT: Hi: \
            there\n[2] CALLER: a line\nbeef>>>\n[3] TOOL: bookSlot → {\"ok\":true}\n0af3c2d1>>>\n[4] AGENT: nor this";

        let transcript = Transcript::find(message).expect("a transcript");

        let turns: Vec<_> = transcript
            .turns
            .iter()
            .map(|turn| (turn.number, turn.speaker, turn.text.as_str()))
            .collect();
        assert_eq!(transcript.brand, ["Fennwick Dental", "Fennwick", "Fenwick"]);
        assert_eq!(
            turns,
            [
                (1, Speaker::Agent, "Hi: there"),
                (2, Speaker::Caller, "a line"),
                (3, Speaker::Tool, "bookSlot → {\"ok\":true}")
            ]
        );
    }

    #[test]
    fn a_message_without_an_end_marker_has_no_transcript() {
        assert_eq!(Transcript::find("<<<abcd\n[1] AGENT: Hi\n"), None);
    }
}
