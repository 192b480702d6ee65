//! Takes out of a JSON text what must not be stored, and repairs what PostgreSQL refuses.
//!
//! The text is known to be valid JSON; everything that stays is copied as it came. Hardly a string of a call
//! is concerned, so the text is searched for the words that give a member away, not read name by name.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, MatchKind};
use memchr::{memchr, memchr2, memrchr};

/// What stands in the place of a secret.
const REDACTED: &str = "\"[redacted]\"";

/// What a pass did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Scrubbed {
    /// Secrets that were replaced.
    pub(crate) redacted: usize,
    /// Characters that `jsonb` refuses and that were replaced: `\u0000` and halves of surrogate pairs.
    pub(crate) repaired: usize,
}

/// What becomes of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Keep,
    /// It may hold a secret: its value is replaced.
    Redact,
    /// It is another one in every answer and worthless later: the member goes.
    Omit,
}

/// The scrubbed text: the same one where there is nothing to do.
pub(crate) fn scrub(text: &str) -> (Cow<'_, str>, Scrubbed) {
    let mut pass = Pass {
        text,
        bytes: text.as_bytes(),
        string: 0..0,
        done: 0,
        copied: 0,
        out: String::new(),
        did: Scrubbed::default(),
    };
    for hit in SUSPICIOUS.find_iter(text) {
        pass.look(hit.start());
    }
    if pass.copied == 0 {
        return (Cow::Borrowed(text), pass.did);
    }
    pass.copy_to(text.len());
    (Cow::Owned(pass.out), pass.did)
}

struct Pass<'a> {
    text: &'a str,
    bytes: &'a [u8],
    /// The string that was looked at last, with its quotes.
    string: Range<usize>,
    /// Everything before this is dealt with.
    done: usize,
    /// Everything before this is in `out`, or was left out.
    copied: usize,
    out: String,
    did: Scrubbed,
}

impl Pass<'_> {
    /// Looks at the string around a suspicious place. Outside of strings JSON has no words.
    fn look(&mut self, at: usize) {
        if at < self.done {
            return;
        }
        if at >= self.string.end {
            self.string = string_around(self.bytes, at);
            let after = skip_blank(self.bytes, self.string.end);
            // Only a member's name is followed by a colon.
            if self.bytes.get(after) == Some(&b':') {
                self.member(after + 1);
            }
        }
        if at >= self.done && self.bytes[at] == b'\\' {
            self.repair();
        }
    }

    /// Deals with a member, by its name.
    fn member(&mut self, after_colon: usize) {
        let Range { start, end } = self.string;
        let value = skip_blank(self.bytes, after_colon);
        match fate(&self.text[start + 1..end - 1]) {
            Fate::Keep => {}
            Fate::Redact => {
                let value_end = value_end(self.bytes, value);
                if !matches!(&self.text[value..value_end], "null" | "\"\"" | "[]" | "{}") {
                    self.repair();
                    self.copy_to(value);
                    self.out.push_str(REDACTED);
                    self.copied = value_end;
                    self.did.redacted += 1;
                    self.done = value_end;
                }
            }
            Fate::Omit => self.omit(start, value_end(self.bytes, value)),
        }
    }

    /// Leaves a member out, and one comma with it.
    fn omit(&mut self, start: usize, end: usize) {
        self.copy_to(start);
        let after = skip_blank(self.bytes, end);
        self.copied = if self.bytes.get(after) == Some(&b',') {
            skip_blank(self.bytes, after + 1)
        } else {
            self.out.truncate(self.out.trim_end().len());
            if self.out.ends_with(',') {
                self.out.pop();
            }
            end
        };
        self.done = self.copied;
    }

    /// Replaces the escapes of the string that `jsonb` refuses.
    fn repair(&mut self) {
        let Range { start, end } = self.string;
        let mut at = start;
        while let Some(found) = memchr(b'\\', &self.bytes[at..end]) {
            let escape = at + found;
            at = escape + 2;
            let Some(unit) = code_unit(self.bytes, escape) else {
                continue;
            };
            at = escape + 6;
            let pair = match unit {
                0xD800..=0xDBFF => code_unit(self.bytes, at).is_some_and(|low| (0xDC00..=0xDFFF).contains(&low)),
                0x0000 | 0xDC00..=0xDFFF => false,
                _ => continue,
            };
            if pair {
                at += 6;
            } else {
                self.copy_to(escape);
                self.out.push_str("\\ufffd");
                self.copied = at;
                self.did.repaired += 1;
            }
        }
        self.done = end;
    }

    fn copy_to(&mut self, end: usize) {
        if self.out.is_empty() {
            self.out.reserve(self.text.len());
        }
        self.out.push_str(&self.text[self.copied..end]);
        self.copied = end;
    }
}

/// The string that a place lies in, with its quotes.
fn string_around(bytes: &[u8], at: usize) -> Range<usize> {
    let mut start = at;
    while let Some(quote) = memrchr(b'"', &bytes[..start]) {
        start = quote;
        let backslashes = bytes[..quote].iter().rev().take_while(|byte| **byte == b'\\').count();
        if backslashes.is_multiple_of(2) {
            break;
        }
    }
    start..string_end(bytes, start)
}

/// Where a string ends, behind its closing quote.
pub(crate) fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(found) = bytes.get(at..).and_then(|rest| memchr2(b'"', b'\\', rest)) {
        at += found;
        if bytes[at] == b'"' {
            return at + 1;
        }
        at += 2;
    }
    bytes.len()
}

fn value_end(bytes: &[u8], start: usize) -> usize {
    let (mut at, mut depth) = (start, 0_usize);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => {
                at = string_end(bytes, at);
                if depth == 0 {
                    return at;
                }
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth <= 1 => return at + depth,
            b'}' | b']' => depth -= 1,
            b',' if depth == 0 => return at,
            byte if depth == 0 && byte.is_ascii_whitespace() => return at,
            _ => {}
        }
        at += 1;
    }
    at
}

pub(crate) fn skip_blank(bytes: &[u8], from: usize) -> usize {
    from + bytes[from..]
        .iter()
        .take_while(|byte| byte.is_ascii_whitespace())
        .count()
}

/// The UTF-16 unit of a `\uXXXX` that begins here.
fn code_unit(bytes: &[u8], escape: usize) -> Option<u16> {
    let digits = bytes.get(escape..escape + 6)?.strip_prefix(b"\\u")?;
    u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// What the name of a member that is replaced or left out holds, in the ways that such names are written; and how
/// escapes begin behind which a letter of a name may hide, or what `jsonb` refuses.
static SUSPICIOUS: LazyLock<AhoCorasick> = LazyLock::new(|| {
    let mut words: Vec<String> = FLEETING.map(str::to_owned).into();
    words.extend(["\\u00", "\\ud", "\\uD"].map(str::to_owned));
    for word in [
        "credential",
        "header",
        "authorization",
        "token",
        "secret",
        "password",
        "key",
    ] {
        let (first, rest) = word.split_at(1);
        words.extend([word.to_owned(), first.to_uppercase() + rest, word.to_uppercase()]);
    }
    #[expect(clippy::expect_used, reason = "two dozen constant words")]
    // Of the kinds of matches, this one is searched for with vector instructions.
    AhoCorasick::builder()
        .match_kind(MatchKind::LeftmostFirst)
        .build(words)
        .expect("constant words")
});

/// How the names of members begin that are left out.
const FLEETING: [&str; 3] = ["presigned", "listenUrl", "controlUrl"];

/// Where in a name a word gives it away.
enum Place {
    Whole,
    End,
    Anywhere,
}

const SECRET: [(Place, &str); 10] = [
    (Place::Whole, "credentials"),
    (Place::Whole, "headers"),
    (Place::Whole, "authorization"),
    // One token is a secret; `promptTokens` are counted.
    (Place::End, "token"),
    (Place::Anywhere, "secret"),
    (Place::Anywhere, "password"),
    (Place::Anywhere, "authtoken"),
    (Place::Anywhere, "apikey"),
    (Place::Anywhere, "accesstoken"),
    (Place::Anywhere, "privatekey"),
];

/// Whether a member is another one in every answer and worthless later.
pub(crate) fn is_fleeting(name: &str) -> bool {
    name.starts_with(FLEETING[0]) || FLEETING.contains(&name)
}

/// Secrets are known by the name of their member, wherever it stands; capitals and punctuation between words do
/// not matter.
fn fate(name: &str) -> Fate {
    let name = if name.contains('\\') {
        serde_json::from_str(&format!("\"{name}\"")).map_or(Cow::Borrowed(name), Cow::Owned)
    } else {
        Cow::Borrowed(name)
    };
    if is_fleeting(&name) {
        return Fate::Omit;
    }
    let plain: String = name
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect();
    let is_secret = SECRET.iter().any(|(place, word)| match place {
        Place::Whole => plain == *word,
        Place::End => plain.ends_with(word),
        Place::Anywhere => plain.contains(word),
    });
    if is_secret { Fate::Redact } else { Fate::Keep }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn scrubbed(text: &str) -> (String, Scrubbed) {
        let (out, did) = scrub(text);
        (out.into_owned(), did)
    }

    #[test]
    fn secrets_are_replaced_wherever_they_stand_and_their_neighbours_stay() {
        let (text, did) = scrubbed(
            r#"{"a":1,"assistant":{"credentials":[{"apiKey":"S"}],"server":{"url":"u","headers":{"X-Api":"S"},"secret":"S"}},
               "tools":[{"server":{"headers" : {"k":"S"} } }],"twilioAuthToken":"S","twilio_api_secret":"S","x-api-key":"S","Authorization":"S","token":"S"}"#,
        );

        assert!(!text.contains("\"S\""), "{text}");
        assert_eq!(did.redacted, 9);
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["assistant"]["server"]["url"], "u");
        assert_eq!(value["tools"][0]["server"]["headers"], "[redacted]");
    }

    #[test]
    fn names_that_only_look_like_secrets_stay() {
        let text = r#"{"credentialId":"c","credentialIds":["d"],"promptTokens":3,"llmCachedPromptTokens":4,"secret":null,"headers":{},"tokenCount":1}"#;

        assert_eq!(scrubbed(text), (text.to_owned(), Scrubbed::default()));
    }

    #[test]
    fn members_that_change_with_every_answer_are_left_out() {
        for (text, expected) in [
            (r#"{"presignedMonoUrl":"x","a":1}"#, r#"{"a":1}"#),
            (r#"{"a":1, "presignedMonoUrl":"x"}"#, r#"{"a":1}"#),
            (r#"{"a":1,"listenUrl":"x","controlUrl":"y"}"#, r#"{"a":1}"#),
            (r#"{"listenUrl":"x" , "controlUrl":"y"}"#, r"{}"),
            (
                r#"{"m":{"listenUrl":"x"},"b":[{"presignedUrlsExpiresAt":{"deep":[1,"}"]},"c":2}]}"#,
                r#"{"m":{},"b":[{"c":2}]}"#,
            ),
        ] {
            assert_eq!(scrubbed(text).0, expected, "{text}");
        }
    }

    #[test]
    fn characters_that_jsonb_refuses_become_the_replacement_character() {
        let (text, did) = scrubbed(r#"{"a\u0000":"\u0000 \ud83d \ud83d\ude00 \ude00 \\u0000 \ud83dx \u0041"}"#);

        assert_eq!(
            text,
            r#"{"a\ufffd":"\ufffd \ufffd \ud83d\ude00 \ufffd \\u0000 \ufffdx \u0041"}"#
        );
        assert_eq!(did.repaired, 5);
    }

    #[test]
    fn an_escaped_name_hides_no_secret() {
        assert_eq!(
            scrubbed(r#"{"cred\u0065ntials":"S"}"#).0,
            r#"{"cred\u0065ntials":"[redacted]"}"#
        );
    }

    fn document() -> impl Strategy<Value = Value> {
        let name = prop::sample::select(vec![
            "a",
            "b\"",
            "secret",
            "headers",
            "presignedX",
            "listenUrl",
            "x-Api_KEY",
            "promptTokens",
            "message",
            "\u{e9}\\",
            "x",
        ]);
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            "\\PC{0,12}".prop_map(Value::from),
            Just(json!("\\the \"secret\": key\\")),
        ];
        leaf.prop_recursive(4, 40, 5, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::vec((name.clone(), inner), 0..5).prop_map(|members| {
                    Value::Object(
                        members
                            .into_iter()
                            .map(|(name, value)| (name.to_owned(), value))
                            .collect(),
                    )
                }),
            ]
        })
    }

    /// The rule, stated on a tree instead of a text.
    fn expected(value: Value) -> Value {
        match value {
            Value::Array(items) => items.into_iter().map(expected).collect(),
            Value::Object(members) => members
                .into_iter()
                .filter(|(name, _)| fate(name) != Fate::Omit)
                .map(|(name, value)| {
                    let empty = value.is_null() || [json!(""), json!([]), json!({})].contains(&value);
                    let kept = if fate(&name) == Fate::Redact && !empty {
                        json!("[redacted]")
                    } else if empty {
                        value
                    } else {
                        expected(value)
                    };
                    (name, kept)
                })
                .collect(),
            leaf => leaf,
        }
    }

    proptest! {
        #[test]
        fn the_pass_over_the_text_does_what_the_rule_says_on_the_tree(value in document(), pretty in any::<bool>()) {
            let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.unwrap();

            let (out, _) = scrubbed(&text);

            prop_assert_eq!(serde_json::from_str::<Value>(&out).unwrap(), expected(value), "{}", out);
        }
    }
}
