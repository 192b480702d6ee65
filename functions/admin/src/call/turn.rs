//! Turns as the page shows them: who, when, what, and what they are evidence for.

use super::evidence::{Evidence, Marks};
use super::long::{self, Long};
use shared::domain::transcript::{Speaker, Transcript, Turn};

/// So many turns are shown before the fold.
pub(crate) const AT_ONCE: usize = 500;

/// One turn.
#[derive(Debug)]
pub(crate) struct ShownTurn {
    /// Absent where the judge did not see it.
    pub(crate) number: Option<usize>,
    /// The class of its speaker.
    pub(crate) kind: &'static str,
    /// Who, in words.
    pub(crate) speaker: String,
    /// Such as `1:05`.
    pub(crate) at: Option<String>,
    /// Whether it is folded away: what tools are told is long, and seldom read.
    pub(crate) is_folded: bool,
    /// Whether all of it is evidence.
    pub(crate) is_whole: bool,
    pub(crate) text: Long,
    /// The findings that it is evidence for: anchor and name.
    pub(crate) findings: Vec<(String, String)>,
}

/// All turns in their order.
pub(crate) fn all(transcript: &Transcript, evidence: &Evidence) -> Vec<ShownTurn> {
    let turns = transcript.turns.iter().enumerate();
    turns
        .map(|(place, turn)| ShownTurn::new(turn, evidence.of(place)))
        .collect()
}

impl ShownTurn {
    fn new(turn: &Turn, marks: Option<&Marks>) -> Self {
        let name = short(turn.name.as_deref().unwrap_or_default());
        let (kind, speaker) = match turn.speaker {
            Speaker::Agent => ("agent", "Agent".to_owned()),
            Speaker::Caller => ("caller", "Caller".to_owned()),
            Speaker::ToolCall => ("tool", format!("Tool used: {name}")),
            Speaker::ToolResult => ("tool", format!("Tool answered: {name}")),
            Speaker::Other if name.is_empty() => ("other", "Text".to_owned()),
            Speaker::Other => ("other", format!("Other: {name}")),
        };
        let is_whole = marks.is_some_and(|marks| marks.is_whole);
        let whole = [(0, turn.text.len())];
        let ranges = match marks {
            Some(_) if is_whole => &whole[..],
            Some(marks) => &marks.ranges,
            None => &[],
        };
        Self {
            number: turn.number,
            kind,
            speaker,
            at: turn.start.map(clock),
            is_folded: kind == "tool",
            is_whole,
            text: long::marked(&turn.text, ranges),
            findings: marks.map(|marks| marks.findings.clone()).unwrap_or_default(),
        }
    }

    pub(crate) fn is_marked(&self) -> bool {
        !self.findings.is_empty()
    }
}

/// Minutes and seconds into the call.
fn clock(seconds: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the reader keeps it between 0 and a day"
    )]
    let whole = seconds as u64;
    let (hours, minutes, seconds) = (whole / 3600, whole / 60 % 60, whole % 60);
    match hours {
        0 => format!("{minutes}:{seconds:02}"),
        _ => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

fn short(name: &str) -> String {
    name.chars().take(80).collect()
}
