//! Cuts a streamed JSON array into its elements without holding the array.
//!
//! A page may be a hundred megabytes; memory holds one element and the chunk it arrived in.

use bytes::{Buf, Bytes, BytesMut};

use crate::redact::quote_or_backslash;

/// An element larger than this is taken for a broken stream.
const LARGEST: usize = 256 * 1024 * 1024;

/// The body is not the array that it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BrokenArray {
    /// It begins with something else: an HTML page, an object.
    #[error("the body is not a JSON array; it begins with «{0}»")]
    NotAnArray(String),
    /// It stopped before its closing bracket.
    #[error("the body ended inside the array")]
    CutOff,
    /// Something stands where a comma or bracket should.
    #[error("the array is malformed after element {0}")]
    Malformed(usize),
    /// An element that never ends.
    #[error("an element is larger than {LARGEST} bytes")]
    Endless,
}

/// A push parser: feed it chunks, take elements out.
#[derive(Debug, Default)]
pub(crate) struct Elements {
    buffer: BytesMut,
    place: Place,
    /// How far into the buffer the present element has been looked at.
    looked: usize,
    depth: usize,
    in_string: bool,
    taken: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Before,
    /// After `[` or `,`.
    ElementOrEnd,
    Element,
    /// After an element.
    Between,
    After,
}

impl Elements {
    /// Takes in the next chunk of the body.
    pub(crate) fn feed(&mut self, chunk: &[u8]) {
        self.buffer.extend_from_slice(chunk);
    }

    /// The next whole element, or `None` until more is fed.
    pub(crate) fn next(&mut self) -> Result<Option<Bytes>, BrokenArray> {
        loop {
            if self.place == Place::Element {
                return self.element();
            }
            let blank = self.buffer.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            self.buffer.advance(blank);
            let Some(&byte) = self.buffer.first() else {
                return Ok(None);
            };
            self.place = match (self.place, byte) {
                (Place::Before, b'[') | (Place::Between, b',') => Place::ElementOrEnd,
                (Place::ElementOrEnd | Place::Between, b']') => Place::After,
                (Place::ElementOrEnd, b',') | (Place::Between | Place::After, _) => {
                    return Err(BrokenArray::Malformed(self.taken));
                }
                (Place::Before, _) => return Err(BrokenArray::NotAnArray(self.beginning())),
                (Place::ElementOrEnd | Place::Element, _) => Place::Element,
            };
            if self.place != Place::Element {
                self.buffer.advance(1);
            }
        }
    }

    /// Ends the body: an error unless the array was closed.
    pub(crate) fn end(&self) -> Result<(), BrokenArray> {
        match self.place {
            Place::After => Ok(()),
            Place::Before if self.buffer.is_empty() => Err(BrokenArray::NotAnArray(String::new())),
            _ => Err(BrokenArray::CutOff),
        }
    }

    /// Looks for the end of the element, on local copies of the state: this loop sees every byte of a download.
    fn element(&mut self) -> Result<Option<Bytes>, BrokenArray> {
        let bytes = &self.buffer[..];
        let (mut at, mut depth, mut in_string) = (self.looked, self.depth, self.in_string);
        let end = loop {
            if in_string {
                match quote_or_backslash(&bytes[at..]) {
                    None => at = bytes.len(),
                    Some(found) if bytes[at + found] == b'"' => {
                        at += found + 1;
                        in_string = false;
                    }
                    Some(found) if at + found + 1 < bytes.len() => {
                        at += found + 2;
                        continue;
                    }
                    // The escaped character is in the next chunk.
                    Some(found) => {
                        at += found;
                        break None;
                    }
                }
            }
            let Some(found) = bytes[at..].iter().position(|byte| matters(*byte)) else {
                at = bytes.len();
                break None;
            };
            at += found;
            match bytes[at] {
                b'"' => in_string = true,
                b'{' | b'[' => depth += 1,
                b'}' | b']' if depth > 0 => {
                    depth -= 1;
                    if depth == 0 {
                        break Some(at + 1);
                    }
                }
                // The end of a bare value: a number, a literal, a string.
                b',' | b']' if depth == 0 => break Some(at),
                _ => {}
            }
            at += 1;
        };
        (self.looked, self.depth, self.in_string) = (at, depth, in_string);
        match end {
            Some(end) => Ok(Some(self.take(end))),
            None => self.wait(),
        }
    }

    fn wait(&self) -> Result<Option<Bytes>, BrokenArray> {
        if self.buffer.len() > LARGEST {
            Err(BrokenArray::Endless)
        } else {
            Ok(None)
        }
    }

    fn take(&mut self, length: usize) -> Bytes {
        let element = self.buffer.split_to(length).freeze();
        (self.place, self.looked, self.taken) = (Place::Between, 0, self.taken + 1);
        element
    }

    fn beginning(&self) -> String {
        let text: String = String::from_utf8_lossy(&self.buffer[..self.buffer.len().min(200)])
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        text.chars().take(60).collect()
    }
}

/// Whether a byte outside of a string may begin a string, or begin or end a value.
fn matters(byte: u8) -> bool {
    matches!(byte, b'"' | b'{' | b'}' | b'[' | b']' | b',')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(body: &str, chunk: usize) -> Result<Vec<String>, BrokenArray> {
        let (mut elements, mut out) = (Elements::default(), Vec::new());
        for piece in body.as_bytes().chunks(chunk) {
            elements.feed(piece);
            while let Some(element) = elements.next()? {
                out.push(String::from_utf8_lossy(&element).trim().to_owned());
            }
        }
        elements.end()?;
        Ok(out)
    }

    #[test]
    fn elements_come_whole_whatever_the_chunks() {
        let body = r#" [ {"a":"]},[{\"\\"} , {"b":[1,{"c":"é\u0041"}]},3, "x,]" ] "#;

        for chunk in 1..=body.len() {
            assert_eq!(
                cut(body, chunk).unwrap(),
                [r#"{"a":"]},[{\"\\"}"#, r#"{"b":[1,{"c":"é\u0041"}]}"#, "3", r#""x,]""#],
                "chunks of {chunk}"
            );
        }
    }

    #[test]
    fn an_empty_array_has_no_element() {
        assert_eq!(cut("[]", 1).unwrap(), Vec::<String>::new());
    }

    #[test]
    fn a_body_that_is_cut_off_is_not_taken_for_a_short_page() {
        for body in [r#"[{"a":1}"#, r#"[{"a":1},"#, r#"[{"a":"#, "["] {
            assert_eq!(cut(body, 3), Err(BrokenArray::CutOff), "{body}");
        }
    }

    #[test]
    fn what_is_no_array_is_named_by_its_beginning() {
        assert_eq!(
            cut("<html>\n <body>Bad gateway", 100),
            Err(BrokenArray::NotAnArray("<html> <body>Bad gateway".into()))
        );
        assert_eq!(cut("", 1), Err(BrokenArray::NotAnArray(String::new())));
        assert!(matches!(cut(r#"{"results":[]}"#, 99), Err(BrokenArray::NotAnArray(_))));
    }

    #[test]
    fn what_follows_the_array_or_stands_between_elements_is_an_error() {
        assert_eq!(cut("[1] x", 9), Err(BrokenArray::Malformed(1)));
        assert_eq!(cut(r#"[{"a":1}{"b":2}]"#, 9), Err(BrokenArray::Malformed(1)));
    }
}
