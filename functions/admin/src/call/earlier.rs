//! What the earlier system said of a call. Nobody verified it, and it is told apart from a score of ours.

use rust_decimal::Decimal;
use serde_json::Value;
use shared::store::score::earlier::Earlier;

use super::long::{self, Long};
use super::number::Number;

/// How the parts are called, in their order.
const PARTS: [&str; 4] = ["Dynamics", "Objections", "Brand", "Outcome"];

/// The members that say what an item is about.
const LEADS: [&str; 5] = ["issue", "tip", "text", "description", "title"];

/// More tips or issues are not shown.
const MOST: usize = 50;

/// An analysis of the earlier system, ready to be shown.
pub(crate) struct Shown<'a> {
    pub(crate) analysis: &'a Earlier,
    pub(crate) total: Option<Decimal>,
    pub(crate) parts: Vec<(&'static str, Decimal)>,
    /// What the parts come to, where the total says something else.
    pub(crate) sum: Option<Decimal>,
    pub(crate) tips: Vec<Long>,
    pub(crate) issues: Vec<Long>,
}

/// All of them, with the customer's number masked.
pub(crate) fn shown<'a>(analyses: &'a [Earlier], number: &Number) -> Vec<Shown<'a>> {
    let show = |analysis: &'a Earlier| {
        let parts: Vec<(&'static str, Decimal)> = PARTS
            .into_iter()
            .zip(analysis.parts)
            .filter_map(|(name, part)| Some((name, part?.normalize())))
            .collect();
        Shown {
            total: analysis.total.map(|total| total.normalize()),
            sum: (!analysis.sums_up).then(|| parts.iter().map(|(_, part)| part).sum::<Decimal>().normalize()),
            parts,
            tips: texts(&analysis.coaching_tips, number),
            issues: texts(&analysis.key_issues, number),
            analysis,
        }
    };
    analyses.iter().map(show).collect()
}

/// The texts of a list, whatever its items are: that system asked its model for no form.
fn texts(json: &str, number: &Number) -> Vec<Long> {
    let value = serde_json::from_str(json).unwrap_or_else(|_| Value::from(json));
    let items = match value {
        Value::Array(items) => items,
        Value::Null => Vec::new(),
        other => vec![other],
    };
    let texts = items.iter().map(text).filter(|text| !text.trim().is_empty()).take(MOST);
    texts.map(|text| long::plain(&number.hidden_in(text))).collect()
}

fn text(item: &Value) -> String {
    match item {
        Value::String(text) => text.clone(),
        Value::Object(members) => {
            let lead = LEADS
                .into_iter()
                .find(|name| members.get(*name).is_some_and(Value::is_string));
            let others = members.iter().filter(|(name, _)| Some(name.as_str()) != lead);
            let others: Vec<String> = others
                .map(|(name, value)| format!("{}: {}", super::verdict::words(name), text(value)))
                .collect();
            match lead.map(|name| text(&members[name])) {
                Some(lead) if others.is_empty() => lead,
                Some(lead) => format!("{lead} ({})", others.join(", ")),
                None => others.join(", "),
            }
        }
        Value::Null => String::new(),
        other => other.to_string(),
    }
}
