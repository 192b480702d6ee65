//! Cuts a streamed JSON array into its elements without holding the array.
//!
//! A page may be a hundred megabytes; memory holds one element and the chunk it arrived in.

use bytes::{Buf, Bytes, BytesMut};
use memchr::memchr2;

use crate::brackets::{BLOCK, Brackets};

/// An element larger than this is taken for a broken stream.
const LARGEST: usize = 256 * 1024 * 1024;
/// Likewise one that is neither object nor array. It is looked at anew with each chunk.
const LARGEST_BARE: usize = 1024 * 1024;

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
    #[error("an element is larger than any document")]
    Endless,
}

/// A push parser: feed it chunks, take elements out.
#[derive(Debug, Default)]
pub(crate) struct Elements {
    buffer: BytesMut,
    place: Place,
    /// How far into the buffer the present element has been looked at.
    looked: usize,
    brackets: Brackets,
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

    fn element(&mut self) -> Result<Option<Bytes>, BrokenArray> {
        let (end, largest) = match self.buffer.first() {
            Some(b'{' | b'[') => (self.closed(), LARGEST),
            _ => (bare_end(&self.buffer), LARGEST_BARE),
        };
        match end {
            Some(end) => Ok(Some(self.take(end))),
            None if self.buffer.len() > largest => Err(BrokenArray::Endless),
            None => Ok(None),
        }
    }

    /// Where the element's closing bracket ends it.
    fn closed(&mut self) -> Option<usize> {
        let (blocks, rest) = self.buffer[self.looked..].as_chunks::<BLOCK>();
        for block in blocks {
            if let Some(at) = self.brackets.close_in(block) {
                return Some(self.looked + at + 1);
            }
            self.looked += BLOCK;
        }
        // Part of a block is looked at again when there is more of it.
        let mut block = [b' '; BLOCK];
        block[..rest.len()].copy_from_slice(rest);
        let mut brackets = self.brackets;
        Some(self.looked + brackets.close_in(&block)? + 1)
    }

    fn take(&mut self, length: usize) -> Bytes {
        let element = self.buffer.split_to(length).freeze();
        (self.place, self.looked, self.taken) = (Place::Between, 0, self.taken + 1);
        self.brackets = Brackets::default();
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

/// Where a number, a literal or a string ends.
fn bare_end(bytes: &[u8]) -> Option<usize> {
    if bytes.first() != Some(&b'"') {
        return bytes.iter().position(|byte| matches!(byte, b',' | b']'));
    }
    let mut at = 1;
    loop {
        at += memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes[at] == b'"' {
            return Some(at + 1);
        }
        at += 2;
    }
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
