//! The customer's number: masked wherever the page has it, unless it was asked for.

use shared::domain::telephone;

/// A customer's number on one page.
#[derive(Debug)]
pub(crate) struct Number {
    number: Option<String>,
    /// Whether it was asked for.
    pub(crate) is_shown: bool,
}

impl Number {
    pub(crate) fn new(number: Option<String>, is_shown: bool) -> Self {
        Self { number, is_shown }
    }

    /// As the page shows it; absent where there is none.
    pub(crate) fn text(&self) -> Option<String> {
        let number = self.number.as_deref()?;
        Some(if self.is_shown {
            number.to_owned()
        } else {
            telephone::masked(number)
        })
    }

    /// A text, or JSON as text, with the number masked: tools are told it, and prompts repeat it.
    pub(crate) fn hidden_in(&self, text: String) -> String {
        match self
            .number
            .as_deref()
            .filter(|number| !self.is_shown && is_telling(number))
        {
            Some(number) => text.replace(number, &telephone::masked(number)),
            None => text,
        }
    }
}

/// An international number. Fewer digits, or digits alone, may as well be part of something else.
fn is_telling(number: &str) -> bool {
    let digits = number.strip_prefix('+').unwrap_or_default();
    digits.len() > 5 && digits.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_masked_in_texts_until_it_is_asked_for() {
        let text = r#"{"phone": "+15550142", "n": 15550142}"#.to_owned();
        let number = |shown| Number::new(Some("+15550142".to_owned()), shown);

        assert_eq!(
            number(false).hidden_in(text.clone()),
            r#"{"phone": "••• 42", "n": 15550142}"#
        );
        assert_eq!(number(true).hidden_in(text.clone()), text);
        assert_eq!(Number::new(Some("1".to_owned()), false).hidden_in(text.clone()), text);
        assert_eq!(Number::new(None, false).text(), None);
    }
}
