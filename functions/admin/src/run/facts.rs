//! What a run counted and noted, as people read it.

use serde_json::{Map, Value};
use shared::run::Counters;

use crate::format;

/// Characters of a text that are shown at once.
const AT_ONCE: usize = 1_000;
/// Characters of a text that are shown at all; a file has the rest.
const AT_ALL: usize = 100_000;

/// What a run notes under these names, in the order of the page.
const KNOWN: [(&str, &str); 24] = [
    ("input", "Asked to do"),
    ("mode", "Mode"),
    ("dry_run", "Dry run"),
    ("framework", "Framework"),
    ("force", "Scored again by force"),
    ("estimate_only", "Estimate only"),
    ("limit", "Most calls"),
    ("models", "Models, with calls scored"),
    ("skipped", "Skipped, by reason"),
    ("flagged", "Flagged"),
    ("quotes", "Quotes"),
    ("estimate", "Estimate"),
    ("records_unchanged", "Unchanged"),
    ("assistants", "Assistants"),
    ("watermark", "Stored up to"),
    ("retention_headroom_hours", "Retention headroom, in hours"),
    ("retention_gaps", "What Vapi no longer had"),
    ("retention_gaps_total", "Such gaps in all"),
    ("unlisted_instants", "Milliseconds too crowded to list"),
    ("unlisted_instants_total", "Such milliseconds in all"),
    ("log_lines_lost", "Log lines lost"),
    ("reason", "Reason"),
    ("attempt", "Attempt"),
    ("event_id", "Event"),
];

/// A long text, whose end is folded.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Text {
    /// What is shown at once.
    pub(super) beginning: String,
    /// What is folded.
    pub(super) rest: Option<String>,
    /// How many characters are not here at all.
    pub(super) missing: usize,
}

/// Something that a run noted.
pub(super) struct Fact {
    pub(super) name: String,
    pub(super) value: Text,
    /// It is shown as written, with its line breaks.
    pub(super) is_document: bool,
}

impl Text {
    pub(super) fn cut(text: &str) -> Self {
        let text = text.trim_end();
        let at = |most: usize| text.char_indices().nth(most).map_or(text.len(), |(index, _)| index);
        let (fold, end) = (at(AT_ONCE), at(AT_ALL));
        Self {
            beginning: text[..fold].to_owned(),
            rest: (fold < end).then(|| text[fold..end].to_owned()),
            missing: text[end..].chars().count(),
        }
    }
}

/// What was counted, by name.
pub(super) fn counts(counters: &Counters) -> Vec<(&'static str, String)> {
    let all = [
        ("Fetched", counters.records_fetched),
        ("New", counters.records_inserted),
        ("Changed", counters.records_updated),
        ("Failed", counters.records_failed),
        ("Scored", counters.calls_analyzed),
    ];
    all.into_iter()
        .map(|(name, count)| (name, format::count(count.into())))
        .collect()
}

/// What was noted: what the page knows by name first, then the rest as it is.
pub(super) fn of(metadata: &Value) -> Vec<Fact> {
    let nothing = Map::new();
    let noted = metadata.as_object().unwrap_or(&nothing);
    let known = KNOWN
        .iter()
        .filter_map(|(key, name)| Some(fact(name, noted.get(*key)?)));
    let others = noted
        .iter()
        .filter(|(key, _)| KNOWN.iter().all(|(known, _)| known != key));
    let others = others.map(|(key, value)| fact(key, value));
    known
        .chain(others)
        .filter(|fact| !fact.value.beginning.is_empty())
        .collect()
}

fn fact(name: &str, value: &Value) -> Fact {
    let (text, is_document) = words(value);
    Fact {
        name: Text::cut(name).beginning,
        value: Text::cut(&text),
        is_document,
    }
}

/// A value in words; JSON where it is nested.
fn words(value: &Value) -> (String, bool) {
    match value {
        Value::Null => (String::new(), false),
        Value::Bool(true) => ("yes".to_owned(), false),
        Value::Bool(false) => ("no".to_owned(), false),
        Value::String(text) => (text.clone(), text.contains('\n')),
        Value::Number(number) => (figure(number), false),
        Value::Object(members) if members.values().all(is_plain) => {
            let members = members.iter().map(|(name, value)| format!("{name} {}", words(value).0));
            (members.collect::<Vec<_>>().join(", "), false)
        }
        Value::Object(_) | Value::Array(_) => (serde_json::to_string_pretty(value).unwrap_or_default(), true),
    }
}

fn figure(number: &serde_json::Number) -> String {
    match (number.as_i64(), number.as_f64()) {
        (Some(whole), _) => format::count(whole),
        (None, Some(float)) => format!("{float:.1}"),
        (None, None) => number.to_string(),
    }
}

fn is_plain(value: &Value) -> bool {
    matches!(value, Value::Bool(_) | Value::Number(_)) || value.as_str().is_some_and(|text| text.len() < 100)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn known_facts_have_a_name_and_come_first_and_the_rest_is_there_too() {
        let facts =
            of(&json!({"zebra": [1], "mode": "auto", "dry_run": false, "limit": null, "models": {"m-1": 1234}}));

        let found: Vec<(&str, &str)> = facts
            .iter()
            .map(|fact| (fact.name.as_str(), fact.value.beginning.as_str()))
            .collect();
        assert_eq!(
            found,
            [
                ("Mode", "auto"),
                ("Dry run", "no"),
                ("Models, with calls scored", "m-1 1,234"),
                ("zebra", "[\n  1\n]")
            ]
        );
    }

    #[test]
    fn a_long_text_is_folded_and_a_huge_one_cut() {
        let text = Text::cut(&"é".repeat(AT_ALL + 7));

        assert_eq!(text.beginning.chars().count(), AT_ONCE);
        assert_eq!(text.rest.unwrap().chars().count(), AT_ALL - AT_ONCE);
        assert_eq!(text.missing, 7);
        assert_eq!(Text::cut("short").rest, None);
    }
}
