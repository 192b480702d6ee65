//! Values of the earlier system's columns, read from their text as tolerantly as it takes.

use chrono::{DateTime, NaiveDateTime, Utc};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;
use serde_json::Value;
use uuid::{Builder, Uuid};
use xxhash_rust::xxh3::xxh3_128;

use super::old::Old;

impl Old {
    /// An instant; one without a zone is taken for UTC.
    pub(super) fn instant(&self, name: &str) -> Option<DateTime<Utc>> {
        let json = self.text(name)?;
        let text: String = serde_json::from_str(json).unwrap_or_else(|_| json.to_owned());
        let with_zone = DateTime::parse_from_rfc3339(&text).map(|at| at.to_utc());
        let without = || NaiveDateTime::parse_from_str(&text.replace(' ', "T"), "%Y-%m-%dT%H:%M:%S%.f");
        with_zone.ok().or_else(|| without().ok().map(|at| at.and_utc()))
    }

    /// A number; neither NaN nor infinity is one.
    pub(super) fn decimal(&self, name: &str) -> Option<Decimal> {
        let text = self.text(name)?.trim();
        text.parse().or_else(|_| Decimal::from_scientific(text)).ok()
    }

    /// A whole number within the bounds of a column; what lies beyond counts as the bound.
    pub(super) fn whole(&self, name: &str) -> Option<i32> {
        let number = self.decimal(name)?.round().to_i64()?;
        Some(i32::try_from(number).unwrap_or(if number < 0 { i32::MIN } else { i32::MAX }))
    }

    /// A truth.
    pub(super) fn truth(&self, name: &str) -> bool {
        matches!(self.get(name), Some("true" | "t" | "1" | "yes"))
    }

    /// The texts of a list, whether it is an array, JSON or an array as text.
    pub(super) fn list(&self, name: &str) -> Vec<String> {
        let Some(text) = self.text(name) else { return Vec::new() };
        let texts = |value: &Value| -> Vec<String> {
            let items = value.as_array().map(Vec::as_slice).unwrap_or_default();
            items
                .iter()
                .filter_map(|item| Some(item.as_str()?.to_owned()))
                .collect()
        };
        match serde_json::from_str(text) {
            Ok(Value::String(inner)) => match serde_json::from_str::<Value>(&inner) {
                Ok(value) => texts(&value),
                Err(_) => inner
                    .trim_matches(['{', '}'])
                    .split(',')
                    .map(|item| item.trim_matches('"').to_owned())
                    .filter(|item| !item.is_empty())
                    .collect(),
            },
            Ok(value) => texts(&value),
            Err(_) => Vec::new(),
        }
    }

    /// JSON without secrets; what is none is kept as a text.
    pub(super) fn redacted(&self, name: &str) -> Option<Value> {
        let text = self.text(name)?;
        if serde_json::from_str::<&serde_json::value::RawValue>(text).is_err() {
            return Some(Value::from(text));
        }
        let text = shared::domain::document::redacted(text);
        Some(serde_json::from_str(&text).unwrap_or_else(|_| Value::from(text)))
    }
}

/// The id that a text stands for: itself, or where it is none always the same one for the same text.
pub(super) fn id(space: &str, text: &str) -> Uuid {
    text.trim().parse().unwrap_or_else(|_| {
        let hash = xxh3_128(format!("{space}:{text}").as_bytes());
        Builder::from_custom_bytes(hash.to_be_bytes()).into_uuid()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_is_no_id_stands_for_the_same_one_each_time() {
        let known = "0b9d3c52-7a1e-4f6f-8d2b-51a0e6c4f301";

        assert_eq!(id("run", known).to_string(), known);
        assert_eq!(id("run", "17"), id("run", "17"));
        assert_ne!(id("run", "17"), id("run", "18"));
        assert_ne!(id("run", "17"), id("batch", "17"));
        assert_eq!(id("run", "17").get_version_num(), 8);
    }
}
