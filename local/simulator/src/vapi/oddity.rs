//! Documents that no schema promises and that a client must survive all the same.
//!
//! Each oddity is an ordinary conversation with one thing wrong, so that what is right about it
//! can still be looked for.

mod distort;

use bytes::Bytes;
use chrono::{DateTime, Utc};

use super::{document::Document, generate, spec::Spec};

/// What is odd about a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Oddity {
    /// `\u0000` in a message, in the transcript and in a name.
    NullBytes,
    /// Half of a surrogate pair in a message and in the transcript.
    LoneSurrogates,
    /// Fields that nobody has heard of, at every level.
    UnknownFields,
    /// Values that no enum lists: status, type, reason, cost type, role, provider.
    UnknownValues,
    /// A cost as text, a number for a text, an object for a date, a text for an object.
    WrongTypes,
    /// Nothing but what is required.
    OnlyRequired,
    /// `null` for every field that may be missing.
    ExplicitNulls,
    /// No `id`.
    MissingId,
    /// An `id` without a character.
    EmptyId,
    /// A number for an `id`.
    NumericId,
    /// `null` for an `id`.
    NullId,
    /// An `id` that needs escaping in a URL, in SQL and in HTML.
    HostileId,
    /// `createdAt` and `updatedAt` are objects; lists still sort the call where it belongs.
    UnreadableDates,
    /// `startedAt` in the year 0 and `endedAt` in the year 99999.
    AbsurdDates,
    /// It ends before it starts, and lines last less than no time.
    NegativeDurations,
    /// A cost of 1e400, which no double holds.
    OverflowingCost,
    /// Arrays inside arrays, a thousand deep.
    DeepNesting,
    /// Objects inside objects, 127 deep: in messages, in the analysis and in the metadata.
    DeepObjects,
    /// Numbers that no double holds: in messages, in the analysis and in the costs.
    HugeNumbers,
    /// Texts and numbers where lists and objects should be.
    WrongShapes,
    /// One message of five million characters.
    HugeMessage,
    /// Transcript, recording and summary at the top, where they were before there were artifacts.
    OldShape,
    /// No message, no transcript, no analysis: zero data retention.
    NoContent,
    /// A secret in each place where one can be.
    Secrets,
}

impl Oddity {
    /// All of them.
    pub const ALL: [Self; 24] = [
        Self::NullBytes,
        Self::LoneSurrogates,
        Self::UnknownFields,
        Self::UnknownValues,
        Self::WrongTypes,
        Self::OnlyRequired,
        Self::ExplicitNulls,
        Self::MissingId,
        Self::EmptyId,
        Self::NumericId,
        Self::NullId,
        Self::HostileId,
        Self::UnreadableDates,
        Self::AbsurdDates,
        Self::NegativeDurations,
        Self::OverflowingCost,
        Self::DeepNesting,
        Self::DeepObjects,
        Self::HugeNumbers,
        Self::WrongShapes,
        Self::HugeMessage,
        Self::OldShape,
        Self::NoContent,
        Self::Secrets,
    ];

    /// True if the call cannot be told from others, and so cannot be kept.
    #[must_use]
    pub fn has_unusable_id(self) -> bool {
        matches!(self, Self::MissingId | Self::EmptyId | Self::NumericId | Self::NullId)
    }
}

/// The id of a [`Oddity::HostileId`] ends with this.
const HOSTILE: &str = "' or 1=1;--/../<b>&amp;%2e\u{1f600}";

/// What stands in a value where only text can say what is meant.
const MARK: &str = "@oddity@";

/// Writes an odd call that was created at this instant.
pub(crate) fn write(oddity: Oddity, spec: &Spec, serial: u64, created: DateTime<Utc>, now: DateTime<Utc>) -> Document {
    let plain = generate::planted(spec, serial, created, now);
    let dates = (plain.created, plain.updated);
    let Some(mut call) = plain.value() else {
        return plain;
    };
    distort::distort(oddity, &mut call);
    let text = call.to_string();
    let text = match oddity {
        Oddity::LoneSurrogates => text.replace(MARK, "\\ud83d"),
        Oddity::OverflowingCost | Oddity::HugeNumbers => text.replace(&format!("\"{MARK}\""), "1e400"),
        Oddity::DeepObjects => text.replace(
            &format!("\"{MARK}\""),
            &["{\"a\":".repeat(127), "1".into(), "}".repeat(127)].concat(),
        ),
        Oddity::DeepNesting => text.replace(&format!("\"{MARK}\""), &["[".repeat(1000), "]".repeat(1000)].concat()),
        _ => text,
    };
    Document::with_text(&call, Bytes::from(text), dates)
}
