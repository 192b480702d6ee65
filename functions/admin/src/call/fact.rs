//! What was measured in a call, with names and units that people read.

use chrono::TimeDelta;
use serde_json::{Map, Value};
use shared::domain::rubric::Measure;

use super::verdict::words;
use crate::format;

/// How a fact is written.
#[derive(Clone, Copy)]
enum Unit {
    Seconds,
    /// From the start of the call.
    Moment,
    Share,
    Count,
    Word,
    List,
}

/// The facts in the order in which they are read.
const KNOWN: [(&str, &str, Unit); 23] = [
    ("timed", "Begin and end of turns known", Unit::Word),
    (
        "agent_talk_share",
        "Agent\u{2019}s share of the speech, by time",
        Unit::Share,
    ),
    (
        "agent_talk_share_by_words",
        "Agent\u{2019}s share of the speech, by words",
        Unit::Share,
    ),
    ("talk_share_by", "Share that counts is measured by", Unit::Word),
    ("agent_speech_seconds", "Agent spoke", Unit::Seconds),
    ("caller_speech_seconds", "Caller spoke", Unit::Seconds),
    ("agent_words", "Words of the agent", Unit::Count),
    ("caller_words", "Words of the caller", Unit::Count),
    (
        "response_latency_p50_seconds",
        "Agent\u{2019}s answers came after, median",
        Unit::Seconds,
    ),
    (
        "response_latency_p95_seconds",
        "Agent\u{2019}s answers came after, 95th percentile",
        Unit::Seconds,
    ),
    ("response_count", "Answers that were timed", Unit::Count),
    ("dead_air_seconds", "Silences of more than 3 s, together", Unit::Seconds),
    ("dead_air_count", "Silences of more than 3 s", Unit::Count),
    ("tool_wait_seconds", "Of them, while a tool was working", Unit::Seconds),
    ("longest_silence_seconds", "Longest silence", Unit::Seconds),
    ("agent_interruptions", "Agent interrupted the caller", Unit::Count),
    ("caller_interruptions", "Caller interrupted the agent", Unit::Count),
    (
        "time_to_value_seconds",
        "Agent first said what the caller gains",
        Unit::Moment,
    ),
    ("value_statements", "Turns in which the agent did", Unit::Count),
    (
        "brand_first_mention_seconds",
        "Agent first named the brand",
        Unit::Moment,
    ),
    ("brand_mentions", "Agent named the brand", Unit::Count),
    ("brand_heard_as", "Brand was heard as", Unit::List),
    ("repeated_phrases", "Sentences that the agent repeated", Unit::Count),
];
/// Beyond these, a fact is cut.
const LONGEST: usize = 500;

/// All facts of an analysis: name and value. Those that are null are not known, and say so.
pub(crate) fn all(facts: &Map<String, Value>) -> Vec<(String, String)> {
    let known = KNOWN.iter().filter_map(|(key, name, unit)| {
        let value = facts.get(*key)?;
        Some(((*name).to_owned(), text(value, *unit)))
    });
    let is_known = |key: &str| KNOWN.iter().any(|(known, ..)| *known == key);
    let others = facts
        .iter()
        .filter(|(key, value)| !is_known(key) && !value.as_array().is_some_and(Vec::is_empty))
        .map(|(key, value)| (cut(&words(key)), text(value, Unit::List)));
    known.chain(others).collect()
}

/// The fact that a criterion is measured by. Without a bound it is the time of what never happened.
pub(crate) fn of_criterion(measure: Option<Measure>, fact: Option<f64>, never: bool) -> Option<String> {
    let Some(fact) = fact else {
        return never.then(|| "never in this call".to_owned());
    };
    Some(match measure {
        None => plain(fact),
        Some(Measure::AgentTalkShare) => format!("{} of the speech was the agent\u{2019}s", share(fact)),
        Some(Measure::DeadAirSeconds) => format!("{} of silence", seconds(fact)),
        Some(Measure::AgentInterruptions) => format!("the agent interrupted {}", times(fact)),
        Some(Measure::ResponseLatencyP50) => format!("{} to answer, median", seconds(fact)),
        Some(Measure::ResponseLatencyP95) => format!("{} to answer, 95th percentile", seconds(fact)),
        Some(Measure::TimeToValue) => format!("{} into the call", seconds(fact)),
        Some(Measure::BrandFirstMention) => format!("named {} into the call", seconds(fact)),
        Some(Measure::BrandMentions) => format!("named {}", times(fact)),
        Some(Measure::RepeatedPhrases) => format!("repeated {}", times(fact)),
    })
}

/// Such as `3.3 s`, `2 min 05 s`.
pub(crate) fn seconds(seconds: f64) -> String {
    if !(0.0..86_400.0).contains(&seconds) {
        return plain(seconds);
    }
    if seconds < 60.0 {
        return format!("{seconds:.1} s");
    }
    #[expect(clippy::cast_possible_truncation, reason = "it is less than a day")]
    let whole = seconds as i64;
    format::duration(TimeDelta::seconds(whole))
}

fn text(value: &Value, unit: Unit) -> String {
    match (value, unit) {
        (Value::Null, _) => "not known".to_owned(),
        (Value::Bool(yes), _) => if *yes { "yes" } else { "no" }.to_owned(),
        (Value::Number(number), unit) => number.as_f64().map_or_else(
            || number.to_string(),
            |number| match unit {
                Unit::Seconds => seconds(number),
                Unit::Moment => format!("{} into the call", seconds(number)),
                Unit::Share => share(number),
                Unit::Count | Unit::Word | Unit::List => plain(number),
            },
        ),
        (Value::String(text), Unit::Word) => cut(&words(text)),
        (Value::String(text), _) => cut(text),
        (Value::Array(items), _) if items.is_empty() => "nothing".to_owned(),
        (Value::Array(items), _) if items.iter().all(Value::is_string) => {
            let texts = items.iter().filter_map(Value::as_str).take(20);
            cut(&texts
                .map(|text| format!("\u{201c}{text}\u{201d}"))
                .collect::<Vec<_>>()
                .join(", "))
        }
        (other, _) => cut(&other.to_string()),
    }
}

fn share(share: f64) -> String {
    format!("{} %", plain((share * 1000.0).round() / 10.0))
}

fn times(times: f64) -> String {
    if (times - 1.0).abs() < f64::EPSILON {
        "once".to_owned()
    } else {
        format!("{} times", plain(times))
    }
}

/// Without digits that say nothing.
fn plain(number: f64) -> String {
    if number.abs() < 1e12 {
        format!("{}", (number * 1000.0).round() / 1000.0)
    } else {
        format!("{number:e}")
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((cut, _)) => format!("{}\u{2026} (cut)", &text[..cut]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn facts_have_names_and_units() {
        let Value::Object(facts) = json!({
            "agent_talk_share": 0.687, "dead_air_seconds": 3.27, "time_to_value_seconds": null, "brand_mentions": 2,
            "brand_heard_as": ["Fenwick"], "repeated": [], "new_fact": {"a": 1}, "timed": true,
            "response_latency_p95_seconds": "late", "agent_speech_seconds": 125,
        }) else {
            unreachable!()
        };

        let all = all(&facts);

        let value = |name: &str| {
            let found = all.iter().find(|(known, _)| known.contains(name));
            found.map(|(_, value)| value.as_str())
        };
        assert_eq!(value("by time"), Some("68.7 %"));
        assert_eq!(value("together"), Some("3.3 s"));
        assert_eq!(value("caller gains"), Some("not known"));
        assert_eq!(value("named the brand"), Some("2"));
        assert_eq!(value("heard as"), Some("\u{201c}Fenwick\u{201d}"));
        assert_eq!(value("new fact"), Some("{\"a\":1}"));
        assert_eq!(value("95th"), Some("late"));
        assert_eq!(value("Agent spoke"), Some("2 min 05 s"));
        assert_eq!(value("repeated"), None);
    }

    #[test]
    fn a_criterions_fact_says_what_it_is() {
        let of = |measure, fact| of_criterion(Some(measure), Some(fact), false).unwrap();

        assert_eq!(of(Measure::AgentInterruptions, 1.0), "the agent interrupted once");
        assert_eq!(
            of(Measure::ResponseLatencyP95, 1.827),
            "1.8 s to answer, 95th percentile"
        );
        assert_eq!(of_criterion(None, Some(1e300), false).as_deref(), Some("1e300"));
        assert_eq!(
            of_criterion(Some(Measure::TimeToValue), None, true).as_deref(),
            Some("never in this call")
        );
        assert_eq!(of_criterion(Some(Measure::TimeToValue), None, false), None);
    }
}
