//! What may leave in a message: no key, no password, no whole telephone number, no control character, no end of text.

use std::sync::LazyLock;

use regex_lite::{Captures, Regex};
use shared::domain::telephone;
use uuid::Uuid;

/// What is looked through of a text, in characters: a message shows far less.
const LOOKED_THROUGH: usize = 8_000;
/// What stands for something private.
const HIDDEN: &str = "[hidden]";

/// Forms in which keys and passwords are written, each with what of it may stay.
static SECRETS: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    [
        // postgres://user:password@host
        (r"(?i)([a-z][a-z0-9+.-]*://)[^\s/@]*@", "${1}[hidden]@"),
        (r"(?i)(hooks\.slack\.com/)[^\s]+", "${1}[hidden]"),
        (r"(?i)\b(bearer|basic)\s+[a-z0-9._~+/=-]{6,}", "${1} [hidden]"),
        (
            r#"(?i)((?:api[_-]?key|key|token|secret|password|passwd|pwd|authorization|signature|credential)s?["']?\s*[:=]\s*)("[^"]*"|'[^']*'|[^\s"',;&]+)"#,
            "${1}[hidden]",
        ),
        (r"\b(?:sk|pk|rk|xox[a-z])-[A-Za-z0-9_-]{6,}", "[hidden]"),
        (r"\b(?:AKIA|ASIA)[A-Z0-9]{12,}\b", "[hidden]"),
        (r"\beyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)*", "[hidden]"),
    ]
    .into_iter()
    .filter_map(|(pattern, stays)| Some((Regex::new(pattern).ok()?, stays)))
    .collect()
});

/// A run of letters and digits that is too long for a word.
static LONG: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"[A-Za-z0-9+_-]{32,}={0,2}").ok());
/// A telephone number: with a plus, with the brackets and dashes of North America, or as bare digits that are no part of an
/// id.
static NUMBER: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"\+\d[\d ().-]{5,18}\d|\(?\b\d{3}\)?[ .-]\d{3}[ .-]\d{4}\b|(?:^|[^\w-])\d{10,15}\b").ok()
});

/// The first line that says something, fit to leave, and no longer than `limit` characters.
pub(crate) fn line(text: &str, limit: usize) -> String {
    let line = text
        .lines()
        .map(str::trim)
        .find(|line| !line.is_empty())
        .unwrap_or_default();
    clamped(&scrubbed(&beginning(line)), limit)
}

/// The text with an ellipsis at its end where it is longer than `limit` characters.
pub(crate) fn clamped(text: &str, limit: usize) -> String {
    if text.chars().count() <= limit {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(limit.saturating_sub(1)).collect();
    short.push('…');
    short
}

/// As much as is looked through, without control characters; a word that is cut off is left out, since half a key is
/// not known for one.
fn beginning(line: &str) -> String {
    let mut text: String = line
        .chars()
        .map(|letter| {
            if letter.is_control() || is_invisible(letter) {
                ' '
            } else {
                letter
            }
        })
        .take(LOOKED_THROUGH)
        .collect();
    if text.chars().count() == LOOKED_THROUGH {
        text.truncate(text.rfind(' ').unwrap_or(0));
        text.push('…');
    }
    text
}

/// Marks that turn the direction of writing, or have no width: they can make a text look like another one.
fn is_invisible(letter: char) -> bool {
    matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

fn scrubbed(text: &str) -> String {
    let mut text = text.to_owned();
    for (pattern, stays) in SECRETS.iter() {
        text = pattern.replace_all(&text, *stays).into_owned();
    }
    if let Some(long) = LONG.as_ref() {
        text = long
            .replace_all(&text, |found: &Captures<'_>| hidden_unless_id(&found[0]))
            .into_owned();
    }
    match NUMBER.as_ref() {
        Some(number) => number
            .replace_all(&text, |found: &Captures<'_>| masked(&found[0]))
            .into_owned(),
        None => text,
    }
}

/// Ids of runs and calls are what one looks up by; a word of letters alone is a word.
fn hidden_unless_id(text: &str) -> String {
    let has = |is: fn(&char) -> bool| text.chars().any(|letter| is(&letter));
    if Uuid::try_parse(text).is_ok() || !(has(char::is_ascii_digit) && has(char::is_ascii_alphabetic)) {
        text.to_owned()
    } else {
        HIDDEN.to_owned()
    }
}

/// The number masked; what stands before it stays.
fn masked(number: &str) -> String {
    let start = number.find(|letter: char| letter.is_ascii_digit() || "+(".contains(letter));
    let (before, number) = number.split_at(start.unwrap_or(0));
    format!("{before}{}", telephone::masked(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scrub(text: &str) -> String {
        line(text, 500)
    }

    #[test]
    fn keys_and_passwords_do_not_leave() {
        for text in [
            "connecting to postgres://owner:p4ssw0rd-hunter2@db.example.com:5432/calls failed",
            "header Authorization: Bearer abc.hunter2.def was refused",
            "Authorization=hunter2secret",
            r#"{"api_key": "hunter2 with spaces"}"#,
            "password='hunter2'",
            "key sk-proj-hunter2-abcdef is wrong",
            "key AKIAHUNTER2HUNTER2XX is wrong",
            "token eyJhbGciOiJI.hunter2hunter2.sig",
            "post to https://hooks.slack.com/services/T0/B0/hunter2 failed",
            "got 0123456789hunter2abcdefABCDEF0123456789hunter2",
        ] {
            let scrubbed = scrub(text);
            assert!(!scrubbed.to_lowercase().contains("hunter2"), "{scrubbed}");
            assert!(scrubbed.contains(HIDDEN), "{scrubbed}");
        }
    }

    #[test]
    fn all_forms_are_known() {
        assert_eq!(SECRETS.len(), 7);
        assert!(LONG.is_some() && NUMBER.is_some());
    }

    #[test]
    fn what_one_looks_for_stays() {
        for text in [
            "closing run 0199c2a4-7b3e-7c11-8000-000000000001 at 2026-01-02T03:04:05.678Z after 12345 calls",
            "Vapi answered 401 to GET https://api.vapi.ai/call?limit=1000",
            "DATABASE_URL is malformed: expected a URL",
            "relation \"vapi_assistant_prompt_history\" does not exist",
        ] {
            assert_eq!(scrub(text), text);
        }
    }

    #[test]
    fn telephone_numbers_are_masked() {
        for text in [
            "+1 (555) 010-0142",
            "+15550100142",
            "555-010-0142",
            "(555) 010-0142",
            "15550100142",
        ] {
            assert_eq!(
                scrub(&format!("call to {text}, twice")),
                "call to ••• 42, twice",
                "{text}"
            );
        }
    }

    #[test]
    fn a_megabyte_becomes_a_line() {
        let text = format!(
            "\n\n  first \u{7}line\u{202e} {}\nsecond",
            "password=hunter2 ".repeat(70_000)
        );

        let line = line(&text, 300);

        assert!(
            line.starts_with("first  line  password=[hidden] password=[hidden]"),
            "{line}"
        );
        assert_eq!((line.chars().count(), line.contains("hunter2")), (300, false));
        assert_eq!(super::line(&"x1".repeat(500_000), 300), "…");
    }
}
