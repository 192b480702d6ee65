//! What Vapi charged for a call, item by item.

use std::str::FromStr as _;

use rust_decimal::Decimal;
use serde_json::Value;
use shared::domain::json;

use super::verdict::words;
use crate::format;

/// More items are not shown.
const MOST: usize = 100;
/// Longer names are cut.
const LONGEST: usize = 80;

/// One item.
#[derive(Debug)]
pub(crate) struct Item {
    /// What for, such as `Voice`.
    pub(crate) name: String,
    /// By whom and how much of it.
    pub(crate) detail: String,
    /// In USD.
    pub(crate) cost: String,
}

/// The items of the document's list of costs; those that make no sense are left out.
pub(crate) fn items(list: Option<&str>) -> Vec<Item> {
    let list = list.map(json::lenient).unwrap_or_default();
    let items = list.as_array().into_iter().flatten();
    items.filter(|item| item.is_object()).take(MOST).map(Item::of).collect()
}

impl Item {
    fn of(item: &Value) -> Self {
        let part = |name: &str| item[name].as_str().filter(|text| !text.is_empty()).map(cut);
        let kind = part("type").unwrap_or_default();
        let name = match kind.as_str() {
            "transport" => "Line".to_owned(),
            "transcriber" => "Transcription".to_owned(),
            "model" => "Language model".to_owned(),
            "voice" => "Voice".to_owned(),
            "vapi" => "Vapi".to_owned(),
            "analysis" => match part("analysisType") {
                Some(kind) => format!("Vapi\u{2019}s analysis: {kind}"),
                None => "Vapi\u{2019}s analysis".to_owned(),
            },
            "voicemail-detection" => "Detection of voicemail".to_owned(),
            "knowledge-base" => "Knowledge base".to_owned(),
            "" => "Other".to_owned(),
            other => words(other),
        };
        let maker = ["transcriber", "model", "voice"].iter().find_map(|kind| {
            let maker = &item[*kind];
            let parts = ["provider", "model", "voiceId"].map(|part| maker[part].as_str().map(cut));
            let parts: Vec<String> = parts.into_iter().flatten().collect();
            (!parts.is_empty()).then(|| parts.join(" "))
        });
        let quantities = [
            ("minutes", "min"),
            ("characters", "characters"),
            ("promptTokens", "tokens read"),
            ("cachedPromptTokens", "of them cached"),
            ("completionTokens", "tokens written"),
        ];
        let quantities = quantities.iter().filter_map(|(field, unit)| {
            let quantity = item[*field].as_f64().filter(|quantity| *quantity > 0.0)?;
            Some(format!("{} {unit}", (quantity * 100.0).round() / 100.0))
        });
        let detail: Vec<String> = maker
            .or_else(|| part("provider"))
            .into_iter()
            .chain(quantities)
            .collect();
        Self {
            name,
            detail: detail.join(", "),
            cost: format::dollars(amount(&item["cost"])),
        }
    }
}

fn amount(cost: &Value) -> Option<Decimal> {
    let text = cost.as_number()?.to_string();
    Decimal::from_str(&text)
        .or_else(|_| Decimal::from_scientific(&text))
        .ok()
}

fn cut(text: &str) -> String {
    text.chars().take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_say_who_how_much_and_for_what() {
        let list = r#"[
            {"type": "model", "model": {"provider": "openai", "model": "gpt-4.1-mini"}, "promptTokens": 10153,
             "completionTokens": 275, "cachedPromptTokens": 0, "cost": 0.0045},
            {"type": "vapi", "minutes": 2.0309, "cost": 1e-3}, 7, {"cost": "x"}, {"type": "a", "cost": 1e999}
        ]"#;

        let items = items(Some(list));

        let texts: Vec<_> = items
            .iter()
            .map(|item| (item.name.as_str(), item.detail.as_str(), item.cost.as_str()))
            .collect();
        assert_eq!(
            texts,
            [
                (
                    "Language model",
                    "openai gpt-4.1-mini, 10153 tokens read, 275 tokens written",
                    "$0.0045"
                ),
                ("Vapi", "2.03 min", "$0.001"),
                ("Other", "", "\u{2013}"),
                ("a", "", "\u{2013}"),
            ]
        );
        assert!(super::items(Some("{}")).is_empty() && super::items(None).is_empty());
    }
}
