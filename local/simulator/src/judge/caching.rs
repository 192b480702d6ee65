//! Counts tokens, and those that the provider has seen before.

use super::requests::Usage;

/// The cache gives nothing for prefixes shorter than this.
const LEAST: usize = 1024;
/// What is cached comes in steps of this size.
const STEP: usize = 128;
/// Enough to be right about length and cost, for most languages.
const CHARACTERS_PER_TOKEN: usize = 4;

/// The different system messages that were seen.
#[derive(Debug, Default)]
pub(crate) struct Cache(Vec<String>);

impl Cache {
    /// How many tokens of this system message were seen before; from now on, all of it was.
    pub(crate) fn read(&mut self, system: &str) -> usize {
        let shared = self.0.iter().map(|earlier| common(earlier, system)).max().unwrap_or(0);
        if !self.0.iter().any(|earlier| earlier == system) {
            self.0.push(system.to_owned());
        }
        let tokens = shared / CHARACTERS_PER_TOKEN / STEP * STEP;
        if tokens < LEAST { 0 } else { tokens }
    }
}

/// How many tokens a text has.
pub(crate) fn tokens(text: &str) -> usize {
    text.chars().count().div_ceil(CHARACTERS_PER_TOKEN)
}

/// The beginning of a text that has this many tokens.
pub(crate) fn beginning(text: &str, tokens: usize) -> &str {
    let end = text.char_indices().nth(tokens * CHARACTERS_PER_TOKEN);
    end.map_or(text, |(at, _)| &text[..at])
}

impl Usage {
    pub(crate) fn total(&self) -> usize {
        self.prompt_tokens + self.completion_tokens
    }
}

fn common(one: &str, other: &str) -> usize {
    one.chars().zip(other.chars()).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_long_prefix_that_was_seen_before_is_cached() {
        let mut cache = Cache::default();
        let long = "abcd".repeat(1500);
        let similar = format!("{}other", "abcd".repeat(1200));

        let seen = [&long, &long, &similar, &"abcd".repeat(1000)].map(|system| cache.read(system));

        assert_eq!(seen, [0, 1408, 1152, 0]);
    }

    #[test]
    fn four_characters_are_a_token_and_a_part_of_four_is_one_too() {
        assert_eq!(
            [tokens(""), tokens("abcd"), tokens("abcde"), tokens("ääää")],
            [0, 1, 2, 1]
        );
    }
}
