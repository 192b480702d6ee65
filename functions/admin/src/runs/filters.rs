//! Which runs a page is about: read from its address, shown in its form.

use chrono::Days;
use shared::run::Status;
use shared::run::list::Filter;
use shared::run::overview::{Scope, Script};

use crate::error::PageError;
use crate::parameters::{Dates, Parameters};
use crate::viewer::Viewer;

/// Days that a page shows where its address names none.
const DAYS: u64 = 30;
const PRESETS: [(u64, &str); 4] = [(1, "Today"), (7, "7 days"), (30, "30 days"), (90, "90 days")];
pub(super) const STATUSES: [&str; 5] = ["running", "success", "partial", "error", "skipped"];

/// The filters of the list; all but status and text go for tiles and charts, too.
#[derive(Debug)]
pub(super) struct Filters {
    pub(super) dates: Dates,
    pub(super) script: Option<String>,
    pub(super) status: Option<Status>,
    pub(super) trigger: Option<String>,
    pub(super) text: Option<String>,
}

/// A link to the last days.
pub(super) struct Preset {
    pub(super) label: &'static str,
    pub(super) address: String,
    pub(super) is_chosen: bool,
}

impl Filters {
    pub(super) fn read(parameters: &Parameters, viewer: &Viewer) -> Result<Self, PageError> {
        let text = |name| Ok::<_, PageError>(parameters.text(name)?.map(str::to_owned));
        let status = parameters.one_of(
            "status",
            &STATUSES,
            "one of running, success, partial, error and skipped",
        )?;
        Ok(Self {
            dates: parameters.dates(viewer.zone(), viewer.now, DAYS)?,
            script: text("script")?,
            status: status.and_then(Status::parse),
            trigger: text("trigger")?,
            text: text("text")?,
        })
    }

    pub(super) fn filter(&self) -> Filter {
        Filter {
            from: self.dates.start,
            to: self.dates.end,
            script_name: self.script.clone(),
            status: self.status,
            triggered_by: self.trigger.clone(),
            text: self.text.clone(),
        }
    }

    pub(super) fn scope(&self) -> Scope<'_> {
        Scope {
            script_name: self.script.as_deref(),
            triggered_by: self.trigger.as_deref(),
        }
    }

    pub(super) fn presets(&self, parameters: &Parameters, viewer: &Viewer) -> Vec<Preset> {
        let today = viewer.now.with_timezone(&viewer.zone()).date_naive();
        let until_today = parameters.without("to");
        let preset = |(days, label)| {
            let from = today.checked_sub_days(Days::new(days - 1)).unwrap_or(today);
            Preset {
                label,
                address: until_today.with("from", &from.to_string()),
                is_chosen: self.dates.from == from && self.dates.to == today,
            }
        };
        PRESETS.into_iter().map(preset).collect()
    }

    /// The scripts to choose from; one that never ran stays chosen.
    pub(super) fn names(&self, scripts: &[Script]) -> Vec<String> {
        let known = scripts.iter().map(|script| script.name.clone());
        let unknown = self
            .script
            .clone()
            .filter(|name| scripts.iter().all(|script| script.name != *name));
        known.chain(unknown).collect()
    }

    pub(super) fn is_script(&self, name: &str) -> bool {
        self.script.as_deref() == Some(name)
    }

    pub(super) fn is_status(&self, status: &str) -> bool {
        self.status.is_some_and(|chosen| chosen.as_str() == status)
    }

    /// Such as `2026-08-01-to-2026-08-30`.
    pub(super) fn period(&self) -> String {
        format!("{}-to-{}", self.dates.from, self.dates.to)
    }
}
