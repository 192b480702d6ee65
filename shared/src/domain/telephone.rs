//! Telephone numbers as anybody may see them.

/// The last two digits, where there are enough others to hide.
#[must_use]
pub fn masked(number: &str) -> String {
    let digits: Vec<char> = number.chars().filter(char::is_ascii_digit).collect();
    let end: String = digits[digits.len().saturating_sub(2)..].iter().collect();
    if digits.len() > 4 {
        format!("••• {end}")
    } else {
        "•••".to_owned()
    }
}
