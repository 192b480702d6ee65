//! What errors have in common: their first line without what differs from one to the next.

use std::collections::HashMap;

/// Kinds that have a bar of their own.
const MOST: usize = 8;
/// Characters of a kind that are shown.
const LENGTH: usize = 90;

/// The most frequent kinds, then all others together, if there are any.
pub(super) fn ranked(lines: &[String]) -> Vec<(String, usize)> {
    let mut counts: HashMap<String, usize> = HashMap::new();
    for line in lines {
        *counts.entry(kind(line)).or_default() += 1;
    }
    let mut kinds: Vec<(String, usize)> = counts.into_iter().collect();
    kinds.sort_by(|(a, more), (b, less)| less.cmp(more).then_with(|| a.cmp(b)));
    let others: usize = kinds.iter().skip(MOST).map(|(_, count)| count).sum();
    kinds.truncate(MOST);
    if others > 0 {
        kinds.push(("All others".to_owned(), others));
    }
    kinds
}

/// A line in which `…` stands for each number, id and quoted part.
fn kind(line: &str) -> String {
    let mut kind = String::new();
    let mut rest = line.trim();
    while let Some(first) = rest.chars().next() {
        let begins_word = !kind.ends_with(char::is_alphanumeric);
        let end = if begins_word { quoted(rest) } else { None };
        let end = end.or_else(|| begins_word.then(|| varying(rest)).flatten());
        if let Some(end) = end {
            if !kind.ends_with('…') {
                kind.push('…');
            }
            rest = &rest[end..];
        } else {
            kind.push(first);
            rest = &rest[first.len_utf8()..];
        }
        if kind.chars().count() >= LENGTH {
            kind.push('…');
            break;
        }
    }
    if kind.is_empty() {
        "No reason given".to_owned()
    } else {
        kind
    }
}

/// The length of a quoted part that a text begins with.
fn quoted(text: &str) -> Option<usize> {
    const PAIRS: [(char, char); 6] = [('"', '"'), ('\'', '\''), ('`', '`'), ('«', '»'), ('“', '”'), ('‘', '’')];
    let first = text.chars().next()?;
    let (open, close) = PAIRS.into_iter().find(|(open, _)| *open == first)?;
    let inside = &text[open.len_utf8()..];
    let length = inside.find(close)?;
    Some(open.len_utf8() + length + close.len_utf8())
}

/// The length of a word with a digit in it that a text begins with: a number, a time, an id.
fn varying(text: &str) -> Option<usize> {
    let is_part = |character: char| character.is_alphanumeric() || "-_.:+/".contains(character);
    let end = text.find(|character| !is_part(character)).unwrap_or(text.len());
    let word = text[..end].trim_end_matches(['.', ':', '/', '-']);
    word.contains(|character: char| character.is_ascii_digit())
        .then_some(word.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_that_differ_in_numbers_ids_and_quotes_are_of_one_kind() {
        for (line, expected) in [
            (
                "Vapi answered 503 Service Unavailable",
                "Vapi answered … Service Unavailable",
            ),
            (
                "run 0199a1b2-7c3d-7e4f-8a9b-0c1d2e3f4a5b holds the lease until 2026-08-01T10:00:00.123Z at most",
                "run … holds the lease until … at most",
            ),
            ("no model \"gpt-9\": it doesn't exist", "no model …: it doesn't exist"),
            ("the field `a` of «b» is 1.", "the field … of … is …."),
            ("an 'open quote", "an 'open quote"),
            ("", "No reason given"),
            (
                "lost: no result before its deadline",
                "lost: no result before its deadline",
            ),
        ] {
            assert_eq!(kind(line), expected);
        }
    }

    #[test]
    fn beyond_the_most_frequent_kinds_errors_are_counted_together() {
        let kinds: Vec<String> = ('a'..='l')
            .flat_map(|name| [format!("{name} failed"), format!("{name} failed")])
            .collect();

        let ranked = ranked(&kinds);

        assert_eq!(ranked.len(), 9);
        assert_eq!(ranked[0], ("a failed".to_owned(), 2));
        assert_eq!(ranked[8], ("All others".to_owned(), 8));
    }

    #[test]
    fn a_long_line_is_cut() {
        assert_eq!(kind(&"é ".repeat(500)).chars().count(), LENGTH + 1);
    }
}
