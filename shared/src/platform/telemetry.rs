//! What leaves the process as text: JSON log lines for CloudWatch, readable ones for a terminal, metrics.

use std::error::Error;
use std::io::{self, Write};
use std::sync::OnceLock;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};
use tracing_subscriber::EnvFilter;

use crate::platform::config;

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// One JSON object a line on standard output, for CloudWatch.
    Json,
    /// Readable lines on standard error, so that standard output stays the command's answer.
    Text,
}

/// The form that was installed first.
static FORM: OnceLock<Form> = OnceLock::new();

/// Installs the subscriber. `RUST_LOG` narrows or widens what is shown; `info` of our own crates by default.
pub fn init(form: Form, default_filter: &str) {
    FORM.get_or_init(|| form);
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default_filter));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_target(false);
    // A second call changes nothing: the first subscriber stays.
    let installed = match form {
        Form::Json => builder
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(true)
            .try_init(),
        Form::Text => builder.with_writer(io::stderr).with_ansi(false).try_init(),
    };
    drop(installed);
}

/// Writes metrics in CloudWatch's embedded metric format: one line, no API call. Only where log lines are
/// JSON: elsewhere nobody collects them, and standard output is the command's answer.
///
/// `dimensions` are few and bounded (a script's name), and the stack is always one of them: two stacks in one account
/// would hide behind each other. `values` carry their unit, such as `("Calls", "Count", 3.0)`.
pub fn metrics(now: DateTime<Utc>, dimensions: &[(&str, &str)], values: &[(&str, &str, f64)]) {
    if FORM.get() != Some(&Form::Json) {
        return;
    }
    let line = embedded_metrics(now, config::stack(), dimensions, values);
    // Standard output gone means nobody reads; there is nowhere left to say so.
    drop(writeln!(io::stdout().lock(), "{line}"));
}

/// An error with its causes, in one line; a cause that the line above it has told already is not repeated.
#[must_use]
pub fn chain(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut last = line.clone();
    let mut cause = error.source();
    while let Some(error) = cause {
        let told = error.to_string();
        if !last.ends_with(&told) {
            line.push_str(": ");
            line.push_str(&told);
            last = told;
        }
        cause = error.source();
    }
    line
}

fn embedded_metrics(
    now: DateTime<Utc>,
    stack: &str,
    dimensions: &[(&str, &str)],
    values: &[(&str, &str, f64)],
) -> Value {
    let dimensions = [dimensions, &[("Stack", stack)]].concat();
    let names: Vec<&str> = dimensions.iter().map(|(name, _)| *name).collect();
    let metrics: Vec<Value> = values
        .iter()
        .map(|(name, unit, _)| json!({"Name": name, "Unit": unit}))
        .collect();
    let mut line = Map::new();
    line.insert(
        "_aws".to_owned(),
        json!({
            "Timestamp": now.timestamp_millis(),
            "CloudWatchMetrics": [{"Namespace": "Callmark", "Dimensions": [names], "Metrics": metrics}],
        }),
    );
    line.extend(
        dimensions
            .iter()
            .map(|(name, value)| ((*name).to_owned(), json!(value))),
    );
    line.extend(values.iter().map(|(name, _, value)| ((*name).to_owned(), json!(value))));
    Value::Object(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_of_causes_tells_each_of_them_once() {
        let error = anyhow::anyhow!("refused")
            .context("connecting: refused")
            .context("claiming the lease");

        assert_eq!(chain(error.as_ref()), "claiming the lease: connecting: refused");
    }

    #[test]
    fn a_metric_line_names_its_dimensions_unit_and_value() {
        let line = embedded_metrics(
            DateTime::UNIX_EPOCH,
            "callmark-prod",
            &[("Script", "vapi-sync")],
            &[("RetentionHeadroom", "None", 312.5)],
        );

        assert_eq!(
            line["_aws"]["CloudWatchMetrics"][0]["Metrics"][0]["Name"],
            "RetentionHeadroom"
        );
        assert_eq!(
            line["_aws"]["CloudWatchMetrics"][0]["Dimensions"],
            json!([["Script", "Stack"]])
        );
        assert_eq!(
            (&line["Script"], &line["Stack"]),
            (&json!("vapi-sync"), &json!("callmark-prod"))
        );
        assert_eq!(line["RetentionHeadroom"], 312.5);
    }
}
