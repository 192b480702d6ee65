//! The log lines of a run: which are asked for, and each as it is shown.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use shared::run::{Level, LogFilter, LogRow, StepSpan};
use uuid::Uuid;

use crate::error::PageError;
use crate::pager::key;
use crate::parameters::Parameters;
use crate::viewer::Viewer;

/// From which level on, as the address has it and as the form does.
const LEVELS: [(&str, &str, Level); 4] = [
    ("debug", "All", Level::Debug),
    ("info", "Info and above", Level::Info),
    ("warning", "Warnings and errors", Level::Warning),
    ("error", "Errors", Level::Error),
];

/// The filters of the lines.
pub(super) struct Lines {
    pub(super) filter: LogFilter,
    /// The steps to choose from.
    pub(super) steps: Vec<String>,
}

/// One line.
pub(super) struct Line {
    pub(super) id: Uuid,
    /// To the millisecond, in the viewer's zone.
    pub(super) time: String,
    /// Exactly.
    pub(super) exact: String,
    pub(super) level: String,
    pub(super) tone: &'static str,
    pub(super) step: String,
    pub(super) message: String,
    pub(super) meta: String,
}

impl Lines {
    pub(super) fn read(parameters: &Parameters) -> Result<Self, PageError> {
        let names = LEVELS.map(|(name, ..)| name);
        let level = parameters.one_of("level", &names, "one of debug, info, warning and error")?;
        let level = LEVELS.into_iter().find(|(name, ..)| Some(*name) == level);
        let filter = LogFilter {
            level: level.map(|(.., level)| level),
            step: parameters.text("step")?.map(str::to_owned),
            text: parameters.text("text")?.map(str::to_owned),
        };
        Ok(Self {
            filter,
            steps: Vec::new(),
        })
    }

    /// With the steps that the run has, and the chosen one, to choose from.
    pub(super) fn among(mut self, steps: &[StepSpan]) -> Self {
        self.steps = steps.iter().map(|span| span.step.clone()).collect();
        let chosen = self.filter.step.clone();
        self.steps
            .extend(chosen.filter(|step| steps.iter().all(|span| span.step != *step)));
        self
    }

    /// Value, label, and whether it is chosen.
    pub(super) fn levels(&self) -> [(&'static str, &'static str, bool); 4] {
        let chosen = self.filter.level.unwrap_or(Level::Debug);
        LEVELS.map(|(value, label, level)| (value, label, level == chosen))
    }

    pub(super) fn is_step(&self, step: &str) -> bool {
        self.filter.step.as_deref() == Some(step)
    }

    pub(super) fn text(&self) -> &str {
        self.filter.text.as_deref().unwrap_or_default()
    }

    pub(super) fn is_any(&self) -> bool {
        self.filter.step.is_some()
            || self.filter.text.is_some()
            || self.filter.level.is_some_and(|level| level != Level::Debug)
    }
}

impl Line {
    pub(super) fn new(row: LogRow, viewer: &Viewer) -> Self {
        Self {
            id: row.id,
            time: row
                .timestamp
                .with_timezone(&viewer.zone())
                .format("%H:%M:%S%.3f")
                .to_string(),
            exact: row.timestamp.to_rfc3339_opts(chrono::SecondsFormat::Micros, true),
            tone: match row.level.as_str() {
                "ERROR" => "mark-bad",
                "WARNING" => "mark-warn",
                _ => "mark-plain",
            },
            level: row.level,
            step: row.step,
            message: row.message,
            meta: match row.meta {
                Value::Object(members) if members.is_empty() => String::new(),
                // A document that was cut.
                Value::String(text) => text,
                meta => meta.to_string(),
            },
        }
    }
}

/// The address of the last page: before what is said from tomorrow on.
pub(super) fn latest(parameters: &Parameters, now: DateTime<Utc>) -> String {
    parameters.before(&key((now + TimeDelta::days(1), Uuid::max())))
}
