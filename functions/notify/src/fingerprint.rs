//! What makes two errors the same trouble: their words, without what differs from one time to the next.

use shared::store::incident::Kind;
use xxhash_rust::xxh3::xxh3_64;

/// How much of an error counts, in words: what follows is detail.
const WORDS: usize = 40;

/// The fingerprint of an error. Words with digits are ids, times and counts; three digits alone tell one answer of an
/// API from another.
pub(crate) fn of(kind: Kind, error: &str) -> String {
    let words: Vec<String> = error
        .lines()
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .take(WORDS)
        .map(|word| {
            let word = word
                .trim_matches(|letter: char| !letter.is_alphanumeric())
                .to_lowercase();
            let is_status = word.len() == 3 && word.bytes().all(|byte| byte.is_ascii_digit());
            if is_status || !word.contains(|letter: char| letter.is_ascii_digit()) {
                word
            } else {
                "#".to_owned()
            }
        })
        .collect();
    format!("{} {:016x}", kind.as_str(), xxh3_64(words.join(" ").as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_same(one: &str, other: &str) -> bool {
        of(Kind::RunFailed, one) == of(Kind::RunFailed, other)
    }

    #[test]
    fn ids_times_and_counts_make_no_difference() {
        assert!(is_same(
            "closing run 0199c2a4-7b3e-7c11-8000-000000000001: 17 lines left after 3.2 s",
            "closing run 0199c2a4-9999-7c11-8000-0000000000ff: 4 lines left after 12.9 s",
        ));
        assert!(is_same(
            "Vapi answered 401: no\nat line 7",
            "Vapi answered 401: no\nelsewhere"
        ));
    }

    #[test]
    fn another_answer_another_host_and_another_kind_do() {
        assert!(!is_same("Vapi answered 401", "Vapi answered 503"));
        assert!(!is_same(
            "connecting to db.example.com",
            "connecting to other.example.com"
        ));
        assert_ne!(of(Kind::RunFailed, "x"), of(Kind::RunIncomplete, "x"));
    }
}
