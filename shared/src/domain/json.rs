//! JSON text as a value, whatever is in it.
//!
//! PostgreSQL keeps documents that `serde_json` refuses as a whole: nested more than 127 levels, or with a number that
//! no double holds. One such member must not cost the rest of its document.

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// Levels below which what can't be read stays text. Each costs one more pass over the part that can't be read.
const LEVELS: usize = 8;

/// Reads JSON. A member that can't be a [`Value`] stands as its own text.
#[must_use]
pub fn lenient(text: &str) -> Value {
    down_to(text, LEVELS)
}

fn down_to(text: &str, levels: usize) -> Value {
    if let Ok(value) = serde_json::from_str(text) {
        return value;
    }
    if levels > 0 {
        if let Ok(items) = serde_json::from_str::<Vec<&RawValue>>(text) {
            return items.iter().map(|item| down_to(item.get(), levels - 1)).collect();
        }
        if let Ok(members) = serde_json::from_str::<BTreeMap<String, &RawValue>>(text) {
            let members = members.into_iter();
            let read = members.map(|(name, member)| (name, down_to(member.get(), levels - 1)));
            return Value::Object(read.collect::<Map<_, _>>());
        }
    }
    Value::String(text.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_no_value_holds_is_text_and_its_neighbours_are_read() {
        let deep = format!("{}1{}", "[".repeat(5000), "]".repeat(5000));
        let text =
            format!(r#"[{{"message": "Hello.", "time": 1e400, "result": {deep}}}, {{"a": [7, 1e999]}}, {deep}]"#);

        let value = lenient(&text);

        assert_eq!(value[0]["message"], "Hello.");
        assert_eq!((&value[0]["time"], value[0]["time"].as_f64()), (&json!("1e400"), None));
        assert_eq!(
            value[0]["result"].as_str().map(str::len),
            None,
            "it is read to the eighth level"
        );
        assert_eq!(value[1], json!({"a": [7, "1e999"]}));
    }

    #[test]
    fn ordinary_json_is_read_as_it_is_and_no_json_is_text() {
        assert_eq!(lenient(r#"{"a": [1, null, "x"]}"#), json!({"a": [1, null, "x"]}));
        assert_eq!(lenient("{\"a\": "), json!("{\"a\": "));
    }
}
