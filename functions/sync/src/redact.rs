//! One pass over a JSON text that takes out what must not be stored and repairs what PostgreSQL refuses.
//!
//! The text is known to be valid JSON; everything that stays is copied as it came.

use std::borrow::Cow;

use memchr::{memchr, memchr2};

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

/// Appends the scrubbed text to `out`.
pub(crate) fn scrub(text: &str, out: &mut String) -> Scrubbed {
    let mut pass = Pass {
        text,
        bytes: text.as_bytes(),
        copied: 0,
        out,
        did: Scrubbed::default(),
    };
    pass.run();
    pass.did
}

struct Pass<'a> {
    text: &'a str,
    bytes: &'a [u8],
    /// Everything before this is in `out`, or was left out.
    copied: usize,
    out: &'a mut String,
    did: Scrubbed,
}

impl Pass<'_> {
    fn run(&mut self) {
        let mut at = 0;
        // Between two strings there are a few bytes only: too few for a vectorised search to pay.
        while let Some(found) = self.bytes[at..].iter().position(|byte| *byte == b'"') {
            let start = at + found;
            let (end, escaped) = string_end(self.bytes, start);
            if escaped {
                self.repair(start, end);
            }
            let after = skip_blank(self.bytes, end);
            // Only a member's name is followed by a colon.
            at = if self.bytes.get(after) == Some(&b':') {
                let fate = fate(&self.text[start + 1..end - 1], escaped);
                self.member(start, after + 1, fate)
            } else {
                end
            };
        }
        self.copy_to(self.bytes.len());
    }

    /// Deals with a member; returns where to go on.
    fn member(&mut self, start: usize, after_colon: usize, fate: Fate) -> usize {
        let value = skip_blank(self.bytes, after_colon);
        match fate {
            Fate::Keep => value,
            Fate::Redact => {
                let end = value_end(self.bytes, value);
                if !matches!(&self.text[value..end], "null" | "\"\"" | "[]" | "{}") {
                    self.copy_to(value);
                    self.out.push_str(REDACTED);
                    self.copied = end;
                    self.did.redacted += 1;
                }
                end
            }
            Fate::Omit => self.omit(start, value_end(self.bytes, value)),
        }
    }

    /// Leaves a member out, and one comma with it.
    fn omit(&mut self, start: usize, end: usize) -> usize {
        self.copy_to(start);
        let after = skip_blank(self.bytes, end);
        let next = if self.bytes.get(after) == Some(&b',') {
            skip_blank(self.bytes, after + 1)
        } else {
            self.out.truncate(self.out.trim_end().len());
            if self.out.ends_with(',') {
                self.out.pop();
            }
            end
        };
        self.copied = next;
        next
    }

    /// Replaces the escapes of a string that `jsonb` refuses.
    fn repair(&mut self, start: usize, end: usize) {
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
    }

    fn copy_to(&mut self, end: usize) {
        // A repair inside a value that is then redacted has moved on already.
        if end > self.copied {
            self.out.push_str(&self.text[self.copied..end]);
            self.copied = end;
        }
    }
}

/// Where a string ends, behind its closing quote, and whether it holds an escape.
fn string_end(bytes: &[u8], start: usize) -> (usize, bool) {
    let (mut at, mut escaped) = (start + 1, false);
    while let Some(found) = quote_or_backslash(&bytes[at..]) {
        at += found;
        if bytes[at] == b'"' {
            return (at + 1, escaped);
        }
        escaped = true;
        at = (at + 2).min(bytes.len());
    }
    (bytes.len(), escaped)
}

/// The next character that matters in a string.
pub(crate) fn quote_or_backslash(bytes: &[u8]) -> Option<usize> {
    // Most strings are names: too short for a vectorised search to pay.
    let (first, rest) = bytes.split_at(bytes.len().min(20));
    first
        .iter()
        .position(|byte| matches!(byte, b'"' | b'\\'))
        .or_else(|| memchr2(b'"', b'\\', rest).map(|found| found + first.len()))
}

fn value_end(bytes: &[u8], start: usize) -> usize {
    let (mut at, mut depth) = (start, 0_usize);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => {
                at = string_end(bytes, at).0;
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

fn skip_blank(bytes: &[u8], from: usize) -> usize {
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

/// A word in the names of members that hold secrets.
struct Word {
    place: Place,
    text: &'static str,
    letters: u32,
}

/// Where in a name a word gives it away.
enum Place {
    Whole,
    End,
    Anywhere,
}

const SECRET: [Word; 10] = [
    word(Place::Whole, "credentials"),
    word(Place::Whole, "headers"),
    word(Place::Whole, "authorization"),
    // One token is a secret; `promptTokens` are counted.
    word(Place::End, "token"),
    word(Place::Anywhere, "secret"),
    word(Place::Anywhere, "password"),
    word(Place::Anywhere, "authtoken"),
    word(Place::Anywhere, "apikey"),
    word(Place::Anywhere, "accesstoken"),
    word(Place::Anywhere, "privatekey"),
];

const fn word(place: Place, text: &'static str) -> Word {
    Word {
        place,
        text,
        letters: letters(text),
    }
}

/// The letters of a name, a bit each, capitals or not. A name that lacks a letter of a word does not hold the word.
const fn letters(name: &str) -> u32 {
    let (bytes, mut at, mut found) = (name.as_bytes(), 0, 0);
    while at < bytes.len() {
        found |= 1 << (bytes[at] & 31);
        at += 1;
    }
    found
}

/// The letters of the names that are left out.
const FLEETING: [u32; 3] = [letters("presigned"), letters("listenUrl"), letters("controlUrl")];

/// Secrets are known by the name of their member, wherever it stands; capitals and punctuation do not matter.
fn fate(name: &str, escaped: bool) -> Fate {
    let name = if escaped {
        serde_json::from_str(&format!("\"{name}\"")).map_or(Cow::Borrowed(name), Cow::Owned)
    } else {
        Cow::Borrowed(name)
    };
    let letters = letters(&name);
    let lacks = |needed: u32| needed & !letters != 0;
    let plain = FLEETING.iter().all(|needed| lacks(*needed)) && SECRET.iter().all(|word| lacks(word.letters));
    // Two frequent names have the letters of "secret".
    if plain || matches!(&*name, "secondsFromStart" | "transcriberLatency") {
        return Fate::Keep;
    }
    if name.starts_with("presigned") || matches!(&*name, "listenUrl" | "controlUrl") {
        return Fate::Omit;
    }
    if SECRET.iter().any(|word| !lacks(word.letters) && word.is_in(&name)) {
        Fate::Redact
    } else {
        Fate::Keep
    }
}

impl Word {
    fn is_in(&self, name: &str) -> bool {
        let plain: String = name
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .map(|c| c.to_ascii_lowercase())
            .collect();
        match self.place {
            Place::Whole => plain == self.text,
            Place::End => plain.ends_with(self.text),
            Place::Anywhere => plain.contains(self.text),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn scrubbed(text: &str) -> (String, Scrubbed) {
        let mut out = String::new();
        let did = scrub(text, &mut out);
        (out, did)
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
            "message",
            "\u{e9}\\",
            "x",
        ]);
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            "\\PC{0,12}".prop_map(Value::from),
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
                .filter(|(name, _)| fate(name, false) != Fate::Omit)
                .map(|(name, value)| {
                    let empty = value.is_null() || [json!(""), json!([]), json!({})].contains(&value);
                    let kept = if fate(&name, false) == Fate::Redact && !empty {
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
