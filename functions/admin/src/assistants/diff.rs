//! What changed between two texts, line by line.

use similar::{Algorithm, ChangeTag, capture_diff_slices};

/// Lines that are compared with each other, once what both texts begin and end with is set aside.
const MOST: usize = 400;
/// Unchanged lines that are shown beside changed ones.
const CONTEXT: usize = 2;

/// A line of the comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line<'a> {
    /// Both texts have it.
    Same(&'a str),
    /// Only the older text has it.
    Removed(&'a str),
    /// Only the newer text has it.
    Added(&'a str),
    /// So many lines that both have, and that are far from any change.
    Folded(usize),
}

/// The changes from one text to another; absent where too many lines differ to be compared.
pub(super) fn lines<'a>(before: &'a str, after: &'a str) -> Option<Vec<Line<'a>>> {
    let (before, after): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let same = |pair: &(&&str, &&str)| pair.0 == pair.1;
    let head = before.iter().zip(&after).take_while(same).count();
    let (old, new) = (&before[head..], &after[head..]);
    let tail = old.iter().rev().zip(new.iter().rev()).take_while(same).count();
    let (old, new) = (&old[..old.len() - tail], &new[..new.len() - tail]);
    if old.len() > MOST || new.len() > MOST {
        return None;
    }
    let operations = capture_diff_slices(Algorithm::Myers, &before, &after);
    let changes = operations
        .iter()
        .flat_map(|operation| operation.iter_changes(&before, &after));
    let changes = changes.map(|change| match change.tag() {
        ChangeTag::Equal => Line::Same(change.value()),
        ChangeTag::Delete => Line::Removed(change.value()),
        ChangeTag::Insert => Line::Added(change.value()),
    });
    Some(folded(&changes.collect::<Vec<_>>()))
}

/// Without the unchanged lines that are far from any change; a single one is shown rather than counted.
fn folded<'a>(all: &[Line<'a>]) -> Vec<Line<'a>> {
    let is_change = |line: &Line| !matches!(line, Line::Same(_));
    let is_near = |index: usize| {
        let from = index.saturating_sub(CONTEXT);
        all[from..(index + CONTEXT + 1).min(all.len())].iter().any(is_change)
    };
    let (mut shown, mut far) = (Vec::new(), Vec::new());
    for (index, line) in all.iter().enumerate() {
        if is_near(index) {
            unfold(&mut shown, &mut far);
            shown.push(*line);
        } else {
            far.push(*line);
        }
    }
    unfold(&mut shown, &mut far);
    shown
}

fn unfold<'a>(shown: &mut Vec<Line<'a>>, far: &mut Vec<Line<'a>>) {
    match far.len() {
        0 | 1 => shown.append(far),
        number => shown.push(Line::Folded(number)),
    }
    far.clear();
}

#[cfg(test)]
mod tests {
    use super::Line::{Added, Folded, Removed, Same};
    use super::*;

    #[test]
    fn a_changed_line_is_removed_and_added_among_its_neighbours() {
        let found = lines("a\nb\nc\nd\ne\nf\ng\nh\n", "a\nb\nc\nd\nE\nf\ng\nh\n").unwrap();

        let expected = [
            Folded(2),
            Same("c"),
            Same("d"),
            Removed("e"),
            Added("E"),
            Same("f"),
            Same("g"),
            Same("h"),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_moved_line_leaves_the_others_as_they_are() {
        let found = lines("one\ntwo\nthree", "two\nthree\none").unwrap();

        assert_eq!(found, [Removed("one"), Same("two"), Same("three"), Added("one")]);
    }

    #[test]
    fn nothing_becomes_something_and_back() {
        assert_eq!(lines("", "a").unwrap(), [Added("a")]);
        assert_eq!(lines("a", "").unwrap(), [Removed("a")]);
        assert_eq!(lines("", "").unwrap(), []);
        assert_eq!(
            lines("a\na\na", "a\na")
                .unwrap()
                .iter()
                .filter(|line| **line == Removed("a"))
                .count(),
            1
        );
    }

    #[test]
    fn texts_in_which_too_many_lines_differ_are_not_compared() {
        let text = |letter: &str, number| {
            let lines: Vec<String> = (0..number).map(|line| format!("{letter}{line}")).collect();
            lines.join("\n")
        };

        assert!(lines(&text("a", 400), &text("b", 400)).is_some());
        assert_eq!(lines(&text("a", 401), &text("b", 1)), None);
        let long = text("a", 5000);
        assert_eq!(
            lines(&long, &format!("{long}\nend")).unwrap().len(),
            4,
            "what is the same is no work"
        );
    }
}
