//! What `callmark adopt` says, in lines of eighty columns.

use std::fmt::Write as _;

use migrate::adopt::{Adopted, Compared, Plan, Planned, Verified};

use crate::report::{heading, number};

/// The longest line.
const WIDTH: usize = 80;

/// What would be done.
pub(super) fn plan(plan: &Plan) -> String {
    let mut text = heading("What would be taken");
    for table in &plan.tables {
        planned(&mut text, table);
    }
    if !plan.functions.is_empty() {
        text.push_str(&heading("Functions that Callmark replaces; these move with the tables"));
        for signature in &plan.functions {
            say(&mut text, 2, signature);
        }
    }
    if !plan.dependents.is_empty() {
        text.push_str(&heading("What was built on these tables"));
        for dependent in &plan.dependents {
            say(&mut text, 2, &format!("{} {}", dependent.kind, dependent.name));
            say(&mut text, 4, &dependent.fate);
        }
    }
    if plan.obstacles.is_empty() {
        text.push_str("\nNothing was changed. `callmark adopt` does it.");
    } else {
        text.push_str(&heading("What stands in the way"));
        for obstacle in &plan.obstacles {
            say(&mut text, 2, obstacle);
        }
        text.push_str("\nNothing was changed. Try again once this is out of the way.");
    }
    text
}

fn planned(text: &mut String, table: &Planned) {
    let taken = if table.taken == table.rows {
        number(table.rows)
    } else {
        format!("{} of {}", number(table.taken), number(table.rows))
    };
    let rows = if table.rows == 1 { "row" } else { "rows" };
    say(text, 2, &format!("{}.{}: {taken} {rows}", table.schema, table.table));
    say(text, 4, &format!("become {}", table.becomes));
    for note in &table.refused {
        say(
            text,
            4,
            &format!("{} cannot be taken: {}", number(note.rows), note.what),
        );
    }
    for note in &table.odd {
        say(text, 4, &format!("{} {}", number(note.rows), note.what));
    }
    if !table.missing_columns.is_empty() {
        say(text, 4, &format!("lacks {}", table.missing_columns.join(", ")));
    }
    if !table.unread_columns.is_empty() {
        let columns = table.unread_columns.join(", ");
        say(text, 4, &format!("not taken, and kept where it is: {columns}"));
    }
}

/// What came of it.
pub(crate) fn adopted(adopted: &Adopted) -> String {
    let mut text = heading("What was adopted");
    for table in &adopted.tables {
        let mut counts = vec![format!("{} new", number(table.rows_taken))];
        if table.rows_present > 0 {
            counts.push(format!("{} there already", number(table.rows_present)));
        }
        if table.rows_refused > 0 {
            counts.push(format!("{} refused", number(table.rows_refused)));
        }
        let rows = number(table.rows_read);
        say(
            &mut text,
            2,
            &format!("{}: {rows} rows, {}", table.table_name, counts.join(", ")),
        );
        if table.done_at.is_none() {
            say(&mut text, 4, "not at its end");
        }
        for (reason, rows) in &table.reasons {
            say(&mut text, 4, &format!("{} {reason}", number(*rows)));
        }
    }
    if !adopted.moved.is_empty() {
        text.push_str(&heading("Moved, untouched, to the schema before_callmark"));
        for name in &adopted.moved {
            say(&mut text, 2, name);
        }
    }
    text.push_str(if adopted.is_complete {
        "\nAll is copied. `callmark adopt --verify` compares both sides;\n`callmark sync` brings in what is new."
    } else {
        "\nStopped before its end. `callmark adopt` goes on where it was."
    });
    text
}

/// Both sides.
pub(super) fn verified(verified: &Verified) -> String {
    let rows: Vec<[String; 4]> = verified.figures.iter().map(compared).collect();
    let head = ["", "earlier", "now", "difference"];
    let widths = [0, 1, 2, 3].map(|column| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.max().unwrap_or_default().max(head[column].len())
    });
    let line = |[what, old, new, difference]: [&str; 4]| {
        let [first, second, third, fourth] = widths;
        format!("{what:<first$}  {old:>second$}  {new:>third$}  {difference:>fourth$}")
    };
    let mut text = line(head);
    text.push('\n');
    for (row, figure) in rows.iter().zip(&verified.figures) {
        let _ = writeln!(text, "{}", line(row.each_ref().map(String::as_str)));
        if !figure.is_explained {
            say(&mut text, 4, &format!("NOT EXPLAINED {}", figure.why));
        } else if !figure.why.is_empty() {
            say(&mut text, 4, &figure.why);
        }
    }
    text.push_str(if verified.is_good {
        "\nEvery figure agrees, or its difference is explained."
    } else {
        "\nSome difference is not explained: the earlier tables still have it, in the\nschema before_callmark."
    });
    text
}

fn compared(figure: &Compared) -> [String; 4] {
    let difference = figure.new - figure.old;
    let difference = if difference.is_zero() {
        "-".to_owned()
    } else {
        difference.normalize().to_string()
    };
    [
        figure.what.clone(),
        figure.old.normalize().to_string(),
        figure.new.normalize().to_string(),
        difference,
    ]
}

/// Adds a sentence, broken into lines behind an indent; what follows its first line is set in by two more.
fn say(text: &mut String, indent: usize, sentence: &str) {
    let mut line = " ".repeat(indent);
    let mut is_empty = true;
    for word in sentence.split_whitespace() {
        let is_full = line.chars().count() + 1 + word.chars().count() > WIDTH;
        if is_full && !is_empty {
            let _ = writeln!(text, "{line}");
            line = " ".repeat(indent + 2);
            is_empty = true;
        }
        if !is_empty {
            line.push(' ');
        }
        line.push_str(word);
        is_empty = false;
    }
    let _ = writeln!(text, "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_is_broken_at_eighty_columns_and_no_word_is_lost() {
        let sentence = "word ".repeat(40);
        let long = "x".repeat(100);
        let mut text = String::new();

        say(&mut text, 4, &format!("{sentence}{long} end"));

        let lines: Vec<&str> = text.lines().collect();
        assert!(
            lines
                .iter()
                .filter(|line| !line.contains(&long))
                .all(|line| line.len() <= 80),
            "{text}"
        );
        assert!(lines[0].starts_with("    word") && lines[1].starts_with("      word"));
        let words: Vec<&str> = text.split_whitespace().collect();
        assert_eq!((words.len(), words[40], words[41]), (42, long.as_str(), "end"));
    }
}
