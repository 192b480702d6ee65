//! Sentences with choices: `[Sure|Of course], {agent} here.` reads differently each time.
//!
//! `[a|b|]` is one of its alternatives, which may hold more of the same; `{name}` is a slot.

use super::dice::Dice;

/// Where slots get their words from.
pub(crate) trait Slots {
    /// Appends the words for this slot.
    fn fill(&self, slot: &str, dice: &mut Dice, into: &mut String);
}

/// Makes one sentence of a template.
pub(crate) fn say(template: &str, slots: &impl Slots, dice: &mut Dice) -> String {
    let mut said = String::with_capacity(template.len());
    expand(template, slots, dice, &mut said);
    capitalised(said.trim())
}

/// The text with a capital at the start of each sentence.
fn capitalised(text: &str) -> String {
    let mut starts = true;
    let mut ended = false;
    let capital = |character: char| {
        let upper = starts && character.is_alphabetic();
        starts = (starts && !character.is_alphanumeric()) || (ended && character == ' ');
        ended = matches!(character, '.' | '?' | '!');
        if upper {
            character.to_ascii_uppercase()
        } else {
            character
        }
    };
    text.chars().map(capital).collect()
}

fn expand(template: &str, slots: &impl Slots, dice: &mut Dice, into: &mut String) {
    let mut rest = template;
    while let Some(at) = rest.find(['[', '{']) {
        into.push_str(&rest[..at]);
        let inside = &rest[at + 1..];
        if rest.as_bytes()[at] == b'{' {
            let end = inside.find('}').unwrap_or(inside.len());
            slots.fill(&inside[..end], dice, into);
            rest = inside.get(end + 1..).unwrap_or_default();
        } else {
            let (alternatives, after) = alternatives(inside);
            expand(dice.pick(&alternatives), slots, dice, into);
            rest = after;
        }
    }
    into.push_str(rest);
}

/// The alternatives up to the bracket that closes them, and what follows it.
fn alternatives(text: &str) -> (Vec<&str>, &str) {
    let mut found = Vec::new();
    let (mut depth, mut start) = (0, 0);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'[' => depth += 1,
            b']' if depth > 0 => depth -= 1,
            b'|' if depth == 0 => {
                found.push(&text[start..at]);
                start = at + 1;
            }
            b']' => {
                found.push(&text[start..at]);
                return (found, &text[at + 1..]);
            }
            _ => {}
        }
    }
    found.push(&text[start..]);
    (found, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Upper;

    impl Slots for Upper {
        fn fill(&self, slot: &str, _: &mut Dice, into: &mut String) {
            into.push_str(&slot.to_uppercase());
        }
    }

    #[test]
    fn a_template_yields_each_of_its_readings_and_no_other() {
        let readings: std::collections::BTreeSet<String> = (0..100)
            .map(|n| say("[Hi|Hello[ there|]], {name}!", &Upper, &mut Dice::new(1, "test", n)))
            .collect();

        assert_eq!(
            readings.into_iter().collect::<Vec<_>>(),
            ["Hello there, NAME!", "Hello, NAME!", "Hi, NAME!"]
        );
    }
}
