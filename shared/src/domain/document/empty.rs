//! Tells whether a JSON text says anything: in one pass, whatever its depth.

use super::redact::{skip_blank, string_end};

/// Whether a value is null, a blank text, or holds nothing but such values.
pub(crate) fn is_empty(text: &str) -> bool {
    !has(text, true)
}

/// Whether a text that is not blank stands anywhere in a value. Names of members are none.
pub(crate) fn has_words(text: &str) -> bool {
    has(text, false)
}

fn has(text: &str, or_numbers: bool) -> bool {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => {
                let end = string_end(bytes, at);
                let is_name = bytes.get(skip_blank(bytes, end)) == Some(&b':');
                if !is_name && !is_blank(&text[at + 1..end - 1]) {
                    return true;
                }
                at = end;
                continue;
            }
            // A number, or a truth; `null` begins with none of these.
            b'0'..=b'9' | b't' | b'f' if or_numbers => return true,
            _ => {}
        }
        at += 1;
    }
    false
}

/// Whether the inside of a string shows nothing.
fn is_blank(inside: &str) -> bool {
    let mut rest = inside.trim_start();
    while let Some(after) = ["\\n", "\\r", "\\t"].iter().find_map(|blank| rest.strip_prefix(blank)) {
        rest = after.trim_start();
    }
    rest.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_empty_if_nothing_in_it_says_anything() {
        for text in [
            "null",
            "\"\"",
            "\" \\n\"",
            "[]",
            "{}",
            r#"{"a": null, "b": {"c": [{}, "", null]}}"#,
            r#"[{"a:\"b": ""}]"#,
        ] {
            assert!(is_empty(text), "{text}");
        }
        for text in [
            "0",
            "false",
            "\"x\"",
            "-1",
            "[0]",
            r#"{"a": {"b": [null, true]}}"#,
            r#"["\\"]"#,
        ] {
            assert!(!is_empty(text), "{text}");
        }
        let deep = [&"[".repeat(100_000), &*"]".repeat(100_000)].concat();
        assert!(is_empty(&deep));
    }

    #[test]
    fn numbers_and_names_are_no_words() {
        assert!(!has_words(r#"{"time": 12, "ok": true, "text": " "}"#));
        assert!(has_words(r#"{"time": 12, "text": "x"}"#));
    }
}
