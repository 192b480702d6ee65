//! Finds the bracket that closes a JSON object or array, 64 bytes at a time.
//!
//! Each byte of a download passes here, so that a branch a byte would be a third of all the work: masks of a
//! block say at once which bytes stand in strings, and a block that cannot close the value is only counted.

use wide::u8x16;

/// Bytes that are looked at together.
pub(crate) const BLOCK: usize = 64;

/// The state between two blocks; begins at the opening bracket.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Brackets {
    depth: u32,
    /// All bits set inside of a string.
    in_string: u64,
    /// Whether the next byte is escaped.
    escaped: bool,
}

/// A bit a byte.
struct Masks {
    quotes: u64,
    backslashes: u64,
    opening: u64,
    closing: u64,
}

impl Brackets {
    /// Takes in the next block; says which of its bytes closes the value.
    pub(crate) fn close_in(&mut self, block: &[u8; BLOCK]) -> Option<usize> {
        let masks = Masks::of(block);
        let quotes = masks.quotes & !self.escapes(masks.backslashes);
        let in_string = until_next(quotes) ^ self.in_string;
        self.in_string = if in_string >> (BLOCK - 1) == 1 { u64::MAX } else { 0 };
        let (opening, closing) = (masks.opening & !in_string, masks.closing & !in_string);
        if closing.count_ones() < self.depth {
            self.depth = self.depth + opening.count_ones() - closing.count_ones();
            return None;
        }
        let mut brackets = opening | closing;
        while brackets != 0 {
            let at = brackets.trailing_zeros();
            if opening >> at & 1 == 1 {
                self.depth += 1;
            } else {
                self.depth = self.depth.saturating_sub(1);
                if self.depth == 0 {
                    return Some(at as usize);
                }
            }
            brackets &= brackets - 1;
        }
        None
    }

    /// The escaped bytes of a block. Outside of strings there are no backslashes.
    fn escapes(&mut self, mut backslashes: u64) -> u64 {
        let mut escaped = u64::from(self.escaped);
        backslashes &= !escaped;
        self.escaped = false;
        while backslashes != 0 {
            let at = backslashes.trailing_zeros();
            if at == 63 {
                self.escaped = true;
                break;
            }
            escaped |= 2 << at;
            // The escaped byte escapes nothing, even if it is a backslash.
            backslashes &= !(3 << at);
        }
        escaped
    }
}

impl Masks {
    fn of(block: &[u8; BLOCK]) -> Self {
        let mut masks = Self {
            quotes: 0,
            backslashes: 0,
            opening: 0,
            closing: 0,
        };
        let (lanes, _) = block.as_chunks::<16>();
        for (lane, shift) in lanes.iter().zip((0..).step_by(16)) {
            let bytes = u8x16::new(*lane);
            let mask = |bytes: u8x16, byte: u8| u64::from(bytes.simd_eq(u8x16::splat(byte)).to_bitmask()) << shift;
            masks.quotes |= mask(bytes, b'"');
            masks.backslashes |= mask(bytes, b'\\');
            // The two kinds of brackets differ in one bit.
            let brackets = bytes | u8x16::splat(0x20);
            masks.opening |= mask(brackets, b'{');
            masks.closing |= mask(brackets, b'}');
        }
        masks
    }
}

/// From each odd bit to just before the next even one: the bytes of strings, given their quotes.
fn until_next(quotes: u64) -> u64 {
    [1, 2, 4, 8, 16, 32]
        .iter()
        .fold(quotes, |bits, shift| bits ^ bits << shift)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The same, a byte at a time.
    fn expected(text: &[u8]) -> Option<usize> {
        let (mut depth, mut in_string, mut escaped) = (0, false, false);
        for (at, byte) in text.iter().enumerate() {
            match byte {
                _ if escaped => escaped = false,
                b'\\' if in_string => escaped = true,
                b'"' => in_string = !in_string,
                b'{' | b'[' if !in_string => depth += 1,
                b'}' | b']' if !in_string => {
                    depth -= 1;
                    if depth == 0 {
                        return Some(at);
                    }
                }
                _ => {}
            }
        }
        None
    }

    fn found(text: &[u8]) -> Option<usize> {
        let mut brackets = Brackets::default();
        text.chunks(BLOCK).enumerate().find_map(|(index, chunk)| {
            let mut block = [b' '; BLOCK];
            block[..chunk.len()].copy_from_slice(chunk);
            brackets.close_in(&block).map(|at| index * BLOCK + at)
        })
    }

    proptest! {
        #[test]
        fn blocks_find_the_bracket_that_single_bytes_find(
            pieces in prop::collection::vec(
                prop::sample::select(vec!["{", "[", "}", "]", "\"\\\\\"", "\"\\\"\"", "\"}{[\"", "\"a\\\\\\\"]\"", ",:  ", "1234567"]),
                0..200,
            ),
        ) {
            let text = format!("{{{}", pieces.concat());

            prop_assert_eq!(found(text.as_bytes()), expected(text.as_bytes()), "{}", text);
        }
    }
}
