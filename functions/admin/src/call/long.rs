//! Texts that may be long: the beginning is on the page, and the rest in a fold that says how much it is.

use askama::Template;
use askama::filters::HtmlSafe;

/// So many characters of a text are shown at once.
const SHOWN: usize = 2000;

/// A text in pieces, some of them marked.
#[derive(Debug, Template)]
#[template(path = "call/long.html")]
pub(crate) struct Long {
    head: Vec<Piece>,
    rest: Vec<Piece>,
    rest_length: String,
    /// Whether something is marked that would not be seen.
    is_open: bool,
}

#[derive(Debug, PartialEq, Eq)]
struct Piece {
    text: String,
    is_marked: bool,
}

impl HtmlSafe for Long {}

/// A text without marks.
pub(crate) fn plain(text: &str) -> Long {
    marked(text, &[])
}

/// A text of which these byte ranges are marked; they are sorted and do not overlap.
pub(crate) fn marked(text: &str, ranges: &[(usize, usize)]) -> Long {
    let cut = text.char_indices().nth(SHOWN).map_or(text.len(), |(cut, _)| cut);
    let rest = pieces(text, ranges, cut, text.len());
    Long {
        head: pieces(text, ranges, 0, cut),
        rest_length: crate::format::count(i64::try_from(text[cut..].chars().count()).unwrap_or(i64::MAX)),
        is_open: rest.iter().any(|piece| piece.is_marked),
        rest,
    }
}

fn pieces(text: &str, ranges: &[(usize, usize)], from: usize, to: usize) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut push = |start: usize, end: usize, is_marked| {
        let part = text.get(start..end).unwrap_or_default();
        if !part.is_empty() {
            pieces.push(Piece {
                text: part.to_owned(),
                is_marked,
            });
        }
    };
    let mut place = from;
    for (start, end) in ranges {
        let (start, end) = ((*start).clamp(from, to), (*end).clamp(from, to));
        push(place, start, false);
        push(start, end, true);
        place = end.max(place);
    }
    push(place, to, false);
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(pieces: &[Piece]) -> Vec<(&str, bool)> {
        pieces
            .iter()
            .map(|piece| (piece.text.as_str(), piece.is_marked))
            .collect()
    }

    #[test]
    fn a_mark_across_the_cut_is_in_both_parts() {
        let text = format!("{}äbcdef", "x".repeat(SHOWN - 1));

        let long = marked(&text, &[(SHOWN - 2, SHOWN + 3)]);

        let head = texts(&long.head);
        assert_eq!(head[1..], [("xä", true)]);
        assert_eq!(texts(&long.rest), [("bc", true), ("def", false)]);
        assert_eq!((long.rest_length.as_str(), long.is_open), ("5", true));
    }

    #[test]
    fn a_short_text_has_no_rest() {
        let long = marked("Good morning.", &[(0, 4), (5, 12)]);

        let head = texts(&long.head);
        assert_eq!(head, [("Good", true), (" ", false), ("morning", true), (".", false)]);
        assert!(long.rest.is_empty() && !long.is_open);
        assert!(plain("").head.is_empty());
    }
}
