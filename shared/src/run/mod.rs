//! A run: one row in `runs` and its steps in `logs`, closed whatever happens.
//!
//! event ─▶ function ─▶ [`execute`] ─▶ claim the lease ─▶ the function's work ─▶ close the row ─▶ "Run Finished"

pub mod adopted;
mod claim;
mod execute;
mod journal;
pub mod list;
mod logs;
pub mod overview;
mod pulse;
mod row;
mod text;
pub mod touched;

pub use claim::{Claim, Claimant, GONE, GRACE, LOST, Lost, announce_lost, claim, close_gone, close_lost};
pub use execute::{Context, Failure, Outcome, Report, RunSpec, RunStore, execute, set_holder};
pub use journal::{append, prune};
pub use logs::{LogFilter, LogRow, StepSpan, all_logs, log_page, logs, steps};
pub use pulse::{Brought, Noted, Pulse, brought, noted, pulse};
pub use row::{Row, batch, begun, find, latest};

use std::fmt::{self, Display};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};
use tokio::sync::watch;
use uuid::Uuid;

use crate::platform::clock;
use journal::{Journal, Line};

/// How a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It holds the lease.
    Running,
    /// All of the work is done.
    Success,
    /// Useful work is done and some is left, for a reason that the row gives.
    Partial,
    /// It failed.
    Error,
    /// Another run holds the lease, or this event was handled before.
    Skipped,
}

/// How much a log line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// For whoever follows one run closely.
    Debug,
    /// A step.
    Info,
    /// Something was not as it should be, and the run went on.
    Warning,
    /// Something failed.
    Error,
}

/// The stage of the work that a log line belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The run began.
    Start,
    /// Reading from outside.
    Fetch,
    /// Checking what was read.
    Validate,
    /// Deciding.
    Process,
    /// Scoring.
    Analyze,
    /// Writing.
    Save,
    /// The run ended.
    End,
    /// What ended it badly.
    Error,
}

/// What a run counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Counters {
    /// Distinct records that were read.
    pub records_fetched: i32,
    /// Rows that are new.
    pub records_inserted: i32,
    /// Rows that changed.
    pub records_updated: i32,
    /// Records that could not be stored.
    pub records_failed: i32,
    /// Calls that were scored.
    pub calls_analyzed: i32,
    /// What was spent outside, in USD; unknown once a price was.
    #[serde(serialize_with = "dollars")]
    pub api_cost: Option<Decimal>,
}

/// A run that paid for nothing spent nothing.
impl Default for Counters {
    fn default() -> Self {
        Self {
            records_fetched: 0,
            records_inserted: 0,
            records_updated: 0,
            records_failed: 0,
            calls_analyzed: 0,
            api_cost: Some(Decimal::ZERO),
        }
    }
}

/// What the run under way counted so far, for whoever shows progress.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Watched {
    /// Its script; blank before the first run.
    pub script_name: &'static str,
    /// What it counted.
    pub counters: Counters,
}

/// A living run, as the work sees it: it counts, notes facts and logs, and knows its deadline.
#[derive(Debug)]
pub struct Run {
    /// The row's id.
    pub id: Uuid,
    /// The script.
    pub script_name: &'static str,
    /// The batch.
    pub batch_id: Uuid,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When its host ends it.
    pub deadline_at: DateTime<Utc>,
    counters: Mutex<Counters>,
    watch: Option<watch::Sender<Watched>>,
    metadata: Mutex<Map<String, Value>>,
    journal: Journal,
}

/// The part of the time limit that is kept for the checkpoint, the closing row and the continuation.
const RESERVE: TimeDelta = TimeDelta::seconds(30);

impl Run {
    /// Counts.
    pub fn count(&self, change: impl FnOnce(&mut Counters)) {
        let counters = {
            let mut counters = held(&self.counters);
            change(&mut counters);
            *counters
        };
        if let Some(watch) = &self.watch {
            watch.send_replace(Watched {
                script_name: self.script_name,
                counters,
            });
        }
    }

    /// What was counted so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        *held(&self.counters)
    }

    /// Keeps a fact in the row's metadata.
    pub fn note(&self, name: &str, value: impl Into<Value>) {
        held(&self.metadata).insert(name.to_owned(), value.into());
    }

    /// Whether a fact was noted.
    #[must_use]
    pub fn has_note(&self, name: &str) -> bool {
        held(&self.metadata).contains_key(name)
    }

    /// Adds to a list in the row's metadata; beyond twenty entries only their number is kept.
    pub fn note_one_more(&self, name: &str, value: Value) {
        let mut metadata = held(&self.metadata);
        let total_name = format!("{name}_total");
        let total = metadata.get(&total_name).and_then(Value::as_u64).unwrap_or_default() + 1;
        metadata.insert(total_name, json!(total));
        if let Value::Array(entries) = metadata.entry(name).or_insert_with(|| json!([]))
            && entries.len() < 20
        {
            entries.push(value);
        }
    }

    /// The time at which work must be cut so that the run can still close and continue itself.
    ///
    /// Thirty seconds before the deadline, or a quarter of a limit shorter than two minutes.
    #[must_use]
    pub fn checkpoint_at(&self) -> DateTime<Utc> {
        self.deadline_at - RESERVE.min((self.deadline_at - self.started_at) / 4)
    }

    /// How long there is until the checkpoint.
    #[must_use]
    pub fn time_left(&self) -> Duration {
        (self.checkpoint_at() - clock::now()).to_std().unwrap_or_default()
    }

    /// Whether the checkpoint has come.
    #[must_use]
    pub fn is_out_of_time(&self) -> bool {
        clock::now() >= self.checkpoint_at()
    }

    /// A step that went as it should.
    pub fn info(&self, step: Step, message: impl Into<String>, meta: Value) {
        self.log(Level::Info, step, message, meta);
    }

    /// Something that was not as it should be.
    pub fn warn(&self, step: Step, message: impl Into<String>, meta: Value) {
        self.log(Level::Warning, step, message, meta);
    }

    /// Logs a line: to standard output at once, to `logs` in the next batch.
    pub fn log(&self, level: Level, step: Step, message: impl Into<String>, meta: Value) {
        let line = Line {
            id: Uuid::now_v7(),
            at: clock::now(),
            level,
            step,
            message: message.into(),
            meta,
        };
        line.emit(self.id, self.script_name);
        self.journal.push(line);
    }
}

impl Status {
    /// Every one there is.
    pub const ALL: [Self; 5] = [Self::Running, Self::Success, Self::Partial, Self::Error, Self::Skipped];

    /// As the row has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Success => "success",
            Self::Partial => "partial",
            Self::Error => "error",
            Self::Skipped => "skipped",
        }
    }

    /// Reads what a row has.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }
}

impl Level {
    /// From what matters least to what matters most.
    pub const ALL: [Self; 4] = [Self::Debug, Self::Info, Self::Warning, Self::Error];

    /// As the row has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Warning => "WARNING",
            Self::Error => "ERROR",
        }
    }
}

impl Step {
    fn as_str(self) -> &'static str {
        match self {
            Self::Start => "START",
            Self::Fetch => "FETCH",
            Self::Validate => "VALIDATE",
            Self::Process => "PROCESS",
            Self::Analyze => "ANALYZE",
            Self::Save => "SAVE",
            Self::End => "END",
            Self::Error => "ERROR",
        }
    }
}

impl Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[expect(clippy::ref_option, reason = "the form that serde asks for")]
/// As a number: exact to the micro-dollar, and what readers of JSON expect of an amount.
fn dollars<S: Serializer>(amount: &Option<Decimal>, serializer: S) -> Result<S::Ok, S::Error> {
    amount.and_then(|amount| amount.to_f64()).serialize(serializer)
}

/// Locks; a holder that panicked left plain numbers behind, which stay usable.
fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
