//! What a sync can be asked for.

use chrono::{DateTime, NaiveDate, Utc};
use serde_json::{Map, Value};

/// A checked input.
#[derive(Clone, Debug, PartialEq)]
pub struct Input {
    /// What to read.
    pub mode: Mode,
    /// Read and compare, and write nothing but the run.
    pub dry_run: bool,
}

/// What to read.
#[derive(Clone, Debug, PartialEq)]
pub enum Mode {
    /// Incremental where a watermark exists, else full.
    Auto,
    /// Everything that Vapi still has.
    Full,
    /// What is new or changed since the watermark; everything where there is none.
    Incremental,
    /// The calls created within these bounds.
    Range {
        /// The oldest instant.
        from: DateTime<Utc>,
        /// The newest instant; the start of the run where absent.
        to: Option<DateTime<Utc>>,
    },
    /// One call, by its id.
    Call(String),
}

/// An input that cannot be run: names the field and the remedy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidInput {
    /// Not an object.
    #[error("the input must be a JSON object, such as {{}} or {{\"mode\": \"full\"}}")]
    NotAnObject,
    /// A field that no mode knows.
    #[error("unknown field `{0}`: expected mode, from, to, call_id or dry_run")]
    UnknownField(String),
    /// A field of the wrong type.
    #[error("`{0}` must be {1}")]
    Type(&'static str, &'static str),
    /// A mode that does not exist.
    #[error("unknown mode \"{0}\": expected auto, full, incremental, range or call")]
    UnknownMode(String),
    /// A date that cannot be read.
    #[error("`{field}` is not a date: \"{value}\"; write it as 2026-08-03 or 2026-08-03T10:00:00Z")]
    Date {
        /// The field.
        field: &'static str,
        /// What it held.
        value: String,
    },
    /// A range that runs backwards.
    #[error("`from` ({from}) is after `to` ({to}): exchange them")]
    Backwards {
        /// The later instant.
        from: String,
        /// The earlier one.
        to: String,
    },
    /// A field that the mode needs.
    #[error("mode {0} needs `{1}`")]
    Missing(&'static str, &'static str),
    /// A field that the mode has no use for.
    #[error("`{1}` has no meaning in mode {0}: leave it out, or use mode {2}")]
    Stray(&'static str, &'static str, &'static str),
    /// An id that Vapi cannot have given.
    #[error("`call_id` is not a Vapi call id: \"{0}\"; it is a UUID such as 0b9d3c52-7a1e-4f6f-8d2b-51a0e6c4f301")]
    CallId(String),
}

impl Mode {
    /// Its name.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Full => "full",
            Self::Incremental => "incremental",
            Self::Range { .. } => "range",
            Self::Call(_) => "call",
        }
    }
}

impl Input {
    /// Reads `{"mode", "from", "to", "call_id", "dry_run"}`; all are optional, and null is absent.
    pub fn parse(input: &Value) -> Result<Self, InvalidInput> {
        let fields = input.as_object().ok_or(InvalidInput::NotAnObject)?;
        if let Some(name) = fields
            .keys()
            .find(|name| !["mode", "from", "to", "call_id", "dry_run"].contains(&name.as_str()))
        {
            return Err(InvalidInput::UnknownField(name.clone()));
        }
        let dry_run = match fields.get("dry_run") {
            None | Some(Value::Null) => false,
            Some(Value::Bool(dry_run)) => *dry_run,
            Some(_) => return Err(InvalidInput::Type("dry_run", "true or false")),
        };
        Ok(Self {
            mode: mode(fields)?,
            dry_run,
        })
    }
}

fn mode(fields: &Map<String, Value>) -> Result<Mode, InvalidInput> {
    let [from, to] = [date(fields, "from")?, date(fields, "to")?];
    let call_id = text(fields, "call_id")?;
    let name = text(fields, "mode")?.unwrap_or("auto");
    match name {
        "auto" | "full" | "incremental" => {
            let mode = if name == "auto" {
                Mode::Auto
            } else if name == "full" {
                Mode::Full
            } else {
                Mode::Incremental
            };
            for (field, is_there, remedy) in [
                ("from", from.is_some(), "range"),
                ("to", to.is_some(), "range"),
                ("call_id", call_id.is_some(), "call"),
            ] {
                if is_there {
                    return Err(InvalidInput::Stray(mode.as_str(), field, remedy));
                }
            }
            Ok(mode)
        }
        "range" => match (from, to, call_id) {
            (_, _, Some(_)) => Err(InvalidInput::Stray("range", "call_id", "call")),
            (None, ..) => Err(InvalidInput::Missing("range", "from")),
            (Some(from), Some(to), None) if from > to => Err(InvalidInput::Backwards {
                from: shared::platform::clock::rfc3339(from),
                to: shared::platform::clock::rfc3339(to),
            }),
            (Some(from), to, None) => Ok(Mode::Range { from, to }),
        },
        "call" => match (from.or(to), call_id) {
            (Some(_), _) => Err(InvalidInput::Stray(
                "call",
                if from.is_some() { "from" } else { "to" },
                "range",
            )),
            (None, None) => Err(InvalidInput::Missing("call", "call_id")),
            (None, Some(id)) => {
                uuid::Uuid::try_parse(id).map_err(|_| InvalidInput::CallId(id.to_owned()))?;
                Ok(Mode::Call(id.to_owned()))
            }
        },
        unknown => Err(InvalidInput::UnknownMode(unknown.to_owned())),
    }
}

fn text<'a>(fields: &'a Map<String, Value>, field: &'static str) -> Result<Option<&'a str>, InvalidInput> {
    match fields.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str())),
        Some(_) => Err(InvalidInput::Type(field, "a text")),
    }
}

/// An instant with its offset, or a day, which stands for its first moment in UTC.
fn date(fields: &Map<String, Value>, field: &'static str) -> Result<Option<DateTime<Utc>>, InvalidInput> {
    let Some(value) = text(fields, field)? else {
        return Ok(None);
    };
    DateTime::parse_from_rfc3339(value)
        .map(|instant| instant.to_utc())
        .ok()
        .or_else(|| {
            value
                .parse::<NaiveDate>()
                .ok()
                .and_then(|day| day.and_hms_opt(0, 0, 0))
                .map(|start| start.and_utc())
        })
        .map(Some)
        .ok_or_else(|| InvalidInput::Date {
            field,
            value: value.to_owned(),
        })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refusal(input: &Value) -> String {
        Input::parse(input).unwrap_err().to_string()
    }

    #[test]
    fn an_empty_input_is_an_automatic_sync() {
        assert_eq!(
            Input::parse(&json!({})),
            Ok(Input {
                mode: Mode::Auto,
                dry_run: false
            })
        );
        assert_eq!(
            Input::parse(&json!({"mode": null, "dry_run": null})),
            Ok(Input {
                mode: Mode::Auto,
                dry_run: false
            })
        );
    }

    #[test]
    fn a_range_takes_days_and_instants() {
        let input =
            Input::parse(&json!({"mode": "range", "from": "2026-08-03", "to": "2026-08-03T12:00:00+02:00"})).unwrap();

        let Mode::Range { from, to } = input.mode else {
            panic!("{input:?}")
        };
        assert_eq!(shared::platform::clock::rfc3339(from), "2026-08-03T00:00:00.000Z");
        assert_eq!(
            to.map(shared::platform::clock::rfc3339).as_deref(),
            Some("2026-08-03T10:00:00.000Z")
        );
    }

    #[test]
    fn each_bad_input_names_its_field_and_the_remedy() {
        for (input, expected) in [
            (json!([]), "must be a JSON object"),
            (
                json!({"mode": "everything"}),
                "unknown mode \"everything\": expected auto",
            ),
            (json!({"modus": "full"}), "unknown field `modus`"),
            (json!({"mode": 3}), "`mode` must be a text"),
            (json!({"dry_run": "yes"}), "`dry_run` must be true or false"),
            (json!({"mode": "range"}), "mode range needs `from`"),
            (
                json!({"mode": "range", "from": "3.8.2026"}),
                "`from` is not a date: \"3.8.2026\"; write it as 2026-08-03",
            ),
            (
                json!({"mode": "range", "from": "2026-08-04", "to": "2026-08-03"}),
                "is after `to`",
            ),
            (
                json!({"from": "2026-08-04"}),
                "`from` has no meaning in mode auto: leave it out, or use mode range",
            ),
            (json!({"mode": "call"}), "mode call needs `call_id`"),
            (
                json!({"mode": "call", "call_id": "7"}),
                "`call_id` is not a Vapi call id",
            ),
            (
                json!({"mode": "call", "call_id": "0b9d3c52-7a1e-4f6f-8d2b-51a0e6c4f301", "to": "2026-01-01"}),
                "`to` has no meaning",
            ),
        ] {
            assert!(refusal(&input).contains(expected), "{input} gave {}", refusal(&input));
        }
    }
}
