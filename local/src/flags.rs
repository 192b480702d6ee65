//! What is wrong with an input, in the words of whoever typed flags.

/// A command line that cannot be run: names the flag and the remedy.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Misused(String);

/// What is wrong with the flags of `callmark sync`.
pub(crate) fn of_sync(error: &sync::InvalidInput) -> Misused {
    use sync::InvalidInput as Wrong;

    Misused(match error {
        Wrong::UnknownMode(mode) => {
            format!("unknown --mode \"{mode}\": expected auto, full, incremental, range or call")
        }
        Wrong::Date { field, value } => format!(
            "{} is not a date: \"{value}\"; write it as 2026-08-03 or 2026-08-03T10:00:00Z",
            flag(field)
        ),
        Wrong::Backwards { from, to } => format!("--from ({from}) is after --to ({to}): exchange them"),
        Wrong::Missing(mode, field) => format!("--mode {mode} needs {}", flag(field)),
        Wrong::Stray(mode, field, remedy) => format!(
            "{} has no meaning with --mode {mode}: leave it out, or use --mode {remedy}",
            flag(field)
        ),
        Wrong::CallId(id) => format!(
            "--call-id is not a Vapi call id: \"{id}\"; it is a UUID such as 0b9d3c52-7a1e-4f6f-8d2b-51a0e6c4f301"
        ),
        Wrong::Type(field, expected) => format!("{} must be {expected}", flag(field)),
        Wrong::NotAnObject | Wrong::UnknownField(_) => error.to_string(),
    })
}

/// What is wrong with the flags of `callmark qci`.
pub(crate) fn of_qci(error: &qci::InvalidInput) -> Misused {
    use qci::InvalidInput as Wrong;

    Misused(match error {
        Wrong::ForceWithoutCalls => "--force scores again what has a score: --force needs --call-id".to_owned(),
        Wrong::Type("call_ids", _) => "--call-id must be a call's id, and be given 10000 times at most".to_owned(),
        Wrong::Type(field, expected) => format!("{} must be {expected}", flag(field)),
        Wrong::NotAnObject | Wrong::UnknownField(_) => error.to_string(),
    })
}

/// The flag that fills a field.
fn flag(field: &str) -> String {
    let name = if field == "call_ids" { "call-id" } else { field };
    format!("--{}", name.replace('_', "-"))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use crate::command::{Command, Line};

    /// What is said of a line.
    fn refusal(arguments: &[&str]) -> String {
        match Line::try_parse_from(["callmark"].iter().chain(arguments))
            .unwrap()
            .command
        {
            Command::Sync(options) => options.refusal(sync::Input::parse(&options.input()).unwrap_err()),
            Command::Qci(options) => options.refusal(qci::Input::parse(&options.input()).unwrap_err()),
            command => panic!("{command:?}"),
        }
        .to_string()
    }

    #[test]
    fn an_error_names_the_flag_that_was_typed() {
        for (arguments, said) in [
            (&["sync", "--mode", "all"][..], "unknown --mode \"all\": expected auto"),
            (&["sync", "--mode", "range"], "--mode range needs --from"),
            (&["sync", "--mode", "call"], "--mode call needs --call-id"),
            (
                &["sync", "--mode", "range", "--from", "3.8."],
                "--from is not a date: \"3.8.\"",
            ),
            (
                &["sync", "--mode", "range", "--from", "2026-08-01", "--to", "soon"],
                "--to is not a date: \"soon\"",
            ),
            (
                &["sync", "--mode", "range", "--from", "2026-08-02", "--to", "2026-08-01"],
                "is after --to (",
            ),
            (
                &["sync", "--from", "2026-08-01"],
                "--from has no meaning with --mode auto: leave it out, or use --mode range",
            ),
            (
                &["sync", "--mode", "full", "--call-id", "x"],
                "--call-id has no meaning with --mode full",
            ),
            (
                &["sync", "--mode", "call", "--call-id", "7"],
                "--call-id is not a Vapi call id: \"7\"",
            ),
            (&["qci", "--force"], "--force needs --call-id"),
            (&["qci", "--limit", "0"], "--limit must be a number of calls from 1 on"),
            (
                &["qci", "--framework", "standard"],
                "--framework must be a name and version",
            ),
            (&["qci", "--call-id", " "], "--call-id must be a call's id"),
        ] {
            let error = refusal(arguments);

            assert!(
                error.contains(said) && !error.contains('`'),
                "{arguments:?} gave {error}"
            );
        }
    }

    #[test]
    fn an_input_in_json_is_told_by_its_fields() {
        assert_eq!(
            refusal(&["sync", "--input", r#"{"mode": "range"}"#]),
            "mode range needs `from`"
        );
        assert!(refusal(&["qci", "--input", r#"{"force": true}"#]).contains("`call_ids`"));
    }
}
