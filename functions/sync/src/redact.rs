//! One pass over a JSON text that takes out what must not be stored and repairs what PostgreSQL refuses.
//!
//! The text is known to be valid JSON; everything that stays is copied as it came.

use std::borrow::Cow;

use memchr::{memchr, memchr2, memmem};

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
        while let Some(found) = memchr(b'"', &self.bytes[at..]) {
            let start = at + found;
            let (end, escaped) = string_end(self.bytes, start);
            if escaped {
                self.repair(start, end);
            }
            let after = skip_blank(self.bytes, end);
            // Only a member's name is followed by a colon.
            at = if self.bytes.get(after) == Some(&b':') {
                self.member(start, end, after + 1)
            } else {
                end
            };
        }
        self.copy_to(self.bytes.len());
    }

    /// Deals with a member; returns where to go on.
    fn member(&mut self, start: usize, name_end: usize, after_colon: usize) -> usize {
        let value = skip_blank(self.bytes, after_colon);
        match fate(&self.text[start + 1..name_end - 1]) {
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
    while let Some(found) = memchr2(b'"', b'\\', &bytes[at..]) {
        at += found;
        if bytes[at] == b'"' {
            return (at + 1, escaped);
        }
        escaped = true;
        at = (at + 2).min(bytes.len());
    }
    (bytes.len(), escaped)
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

/// Secrets are known by the name of their member, wherever it stands.
fn fate(name: &str) -> Fate {
    // The names that make up most of a document.
    if matches!(
        name,
        "role"
            | "message"
            | "time"
            | "endTime"
            | "secondsFromStart"
            | "duration"
            | "source"
            | "type"
            | "id"
            | "name"
            | "word"
            | "start"
            | "end"
            | "confidence"
            | "metadata"
            | "cost"
            | "content"
            | "turnLatency"
            | "modelLatency"
            | "voiceLatency"
            | "transcriberLatency"
            | "endpointingLatency"
    ) {
        return Fate::Keep;
    }
    let name = if name.contains('\\') {
        serde_json::from_str(&format!("\"{name}\"")).map_or(Cow::Borrowed(name), Cow::Owned)
    } else {
        Cow::Borrowed(name)
    };
    if name.starts_with("presigned") || matches!(&*name, "listenUrl" | "controlUrl") {
        return Fate::Omit;
    }
    let plain: String = name
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect();
    let whole = ["credentials", "headers", "authorization"];
    let part = [
        "secret",
        "password",
        "authtoken",
        "apikey",
        "accesstoken",
        "refreshtoken",
        "bearertoken",
        "privatekey",
    ];
    let found = whole.contains(&plain.as_str())
        // One token is a secret; `promptTokens` are counted.
        || plain.ends_with("token")
        || part.iter().any(|word| memmem::find(plain.as_bytes(), word.as_bytes()).is_some());
    if found { Fate::Redact } else { Fate::Keep }
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
