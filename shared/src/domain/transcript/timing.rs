//! When a message was spoken, in seconds from the start of the call.
//!
//! `time` and `endTime` are milliseconds since 1970. `secondsFromStart` is what it says, unless it is an epoch as
//! well. `duration` is documented as seconds and sent as milliseconds; it is speech, without the pauses.

use serde_json::Value;

/// A call that lasts longer is not one.
const LONGEST_CALL: f64 = 24.0 * 3600.0;
/// A turn that lasts longer is not one either.
const LONGEST_TURN: f64 = 3600.0;
/// Nobody says anything in less than 100 ms, nor speaks for 100 s: smaller numbers are seconds.
const SECONDS_BELOW: f64 = 100.0;

/// What one call's times are counted from, and in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    /// When the call began, in milliseconds since 1970.
    began: Option<f64>,
    /// How many of `duration`'s units are a second.
    units: f64,
}

/// When a turn was, as far as its message says.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Moment {
    pub(super) start: Option<f64>,
    pub(super) end: Option<f64>,
    pub(super) speech: Option<f64>,
}

impl Clock {
    /// Looks at all messages: a single one may look right in a wrong unit.
    pub(super) fn of(messages: &[Value]) -> Self {
        let times = || messages.iter().filter_map(time);
        let said = messages
            .iter()
            .find_map(|message| Some(time(message)? - seconds_from_start(message)? * 1000.0));
        let (in_seconds, all) = messages
            .iter()
            .filter_map(is_in_seconds)
            .fold((0, 0), |(yes, all), vote| (yes + u32::from(vote), all + 1));
        Self {
            began: said.or_else(|| times().min_by(f64::total_cmp)),
            units: if 2 * in_seconds > all { 1.0 } else { 1000.0 },
        }
    }

    pub(super) fn moment(self, message: &Value) -> Moment {
        let start =
            seconds_from_start(message).or_else(|| within(LONGEST_CALL, (time(message)? - self.began?) / 1000.0));
        let spoken = number(message, "duration").and_then(|duration| within(LONGEST_TURN, duration / self.units));
        // A turn without length that was spoken for a while has a wrong end.
        let span = span(message).filter(|span| *span > 0.0 || spoken.is_none());
        let end = start.and_then(|start| Some(start + span.or(spoken)?));
        let length = start.zip(end).map_or(span, |(start, end)| Some(end - start));
        let speech = match (spoken, length) {
            (Some(spoken), Some(length)) => Some(spoken.min(length)),
            (spoken, length) => spoken.or(length),
        };
        Moment { start, end, speech }
    }
}

/// Speech cannot be longer than its turn; as milliseconds, it would then be under a thousandth of it.
fn is_in_seconds(message: &Value) -> Option<bool> {
    let duration = number(message, "duration").filter(|duration| *duration > 0.0)?;
    let span = span(message).filter(|span| *span > 0.0);
    Some(duration <= span.map_or(SECONDS_BELOW, |span| 1.5 * span))
}

/// From the start of a message to its end, in seconds.
fn span(message: &Value) -> Option<f64> {
    within(LONGEST_TURN, (number(message, "endTime")? - time(message)?) / 1000.0)
}

fn seconds_from_start(message: &Value) -> Option<f64> {
    within(LONGEST_CALL, number(message, "secondsFromStart")?)
}

fn time(message: &Value) -> Option<f64> {
    number(message, "time").filter(|time| *time > 0.0)
}

fn number(message: &Value, field: &str) -> Option<f64> {
    message.get(field)?.as_f64()
}

/// Neither negative, nor that long, nor no number at all.
fn within(longest: f64, seconds: f64) -> Option<f64> {
    (0.0..longest).contains(&seconds).then_some(seconds)
}

#[cfg(test)]
mod tests;
