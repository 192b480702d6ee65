//! Which parts a document has, in eight bytes: two documents of one shape lack nothing of each other.

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::empty::is_empty;
use super::members::{APART, Members};
use super::redact::is_fleeting;

/// The shape of a call. Its order of members does not matter.
///
/// A number or a text may change as long as it is there. An object or array counts with all it holds, since nobody looks
/// into it here, and so does a transcript, which may have been cut. How it is written that a part is not there counts too.
pub(crate) fn shape(members: &Members<'_>, artifact: &Members<'_>) -> i64 {
    let analysis = members.object("analysis");
    let has_analysis = analysis.iter().next().is_some();
    let top = members
        .iter()
        .filter(|(name, text)| *text != APART && !(has_analysis && *name == "analysis"));
    let parts = [
        sum("", top),
        sum("artifact", artifact.iter()),
        sum("analysis", analysis.iter()),
    ];
    parts.into_iter().fold(0_u64, u64::wrapping_add).cast_signed()
}

fn sum<'a>(place: &str, members: impl Iterator<Item = (&'a str, &'a str)>) -> u64 {
    let place = xxh3_64(place.as_bytes());
    members
        .filter(|(name, _)| !is_fleeting(name))
        .map(|(name, text)| {
            let name_there = xxh3_64_with_seed(name.as_bytes(), place);
            if text.starts_with(['{', '[']) || name == "transcript" || is_empty(text) {
                xxh3_64_with_seed(text.as_bytes(), name_there)
            } else {
                name_there
            }
        })
        .fold(0, u64::wrapping_add)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(document: &str) -> i64 {
        let (members, artifact) = Members::parse_call(document).unwrap();
        shape(&members, &artifact)
    }

    #[test]
    fn a_number_or_a_text_may_change_and_nothing_may_be_lost() {
        let whole =
            r#"{"id":"c","cost":1,"analysis":{"summary":"s"},"artifact":{"transcript":"t u","nodes":[{"a":1}]}}"#;

        let reordered =
            r#"{"cost":2,"id":"c","artifact":{"nodes":[{"a":1}],"transcript":"t u"},"analysis":{"summary":"x"}}"#;
        assert_eq!(of(whole), of(reordered));
        for (part, less) in [
            ("\"cost\":1,", ""),
            ("\"cost\":1", "\"cost\":null"),
            ("\"s\"", "\"\""),
            ("t u", "t"),
            ("[{\"a\":1}]", "[{\"a\":0}]"),
            ("\"analysis\":{\"summary\":\"s\"},", ""),
        ] {
            assert_ne!(of(whole), of(&whole.replace(part, less)), "{part} {less}");
        }
    }
}
