//! A run as a line of a list.

use shared::run::{Row, Status};
use uuid::Uuid;

use crate::format::{self, Moment, StatusMark};
use crate::viewer::Viewer;

/// A run in words and figures.
pub(crate) struct Entry {
    pub(crate) id: Uuid,
    pub(crate) started: Moment,
    pub(crate) script: String,
    pub(crate) status: StatusMark,
    pub(crate) is_running: bool,
    /// It still runs, and should have ended.
    pub(crate) is_late: bool,
    pub(crate) trigger: String,
    pub(crate) duration: String,
    /// Fetched, new, changed, failed, scored.
    pub(crate) counts: [String; 5],
    pub(crate) cost: String,
    pub(crate) reason: String,
}

impl Entry {
    pub(crate) fn new(row: Row, viewer: &Viewer) -> Self {
        let is_running = row.status == Status::Running.as_str();
        let counters = &row.counters;
        let counts = [
            counters.records_fetched,
            counters.records_inserted,
            counters.records_updated,
            counters.records_failed,
            counters.calls_analyzed,
        ];
        Self {
            id: row.id,
            started: format::moment(row.started_at, viewer.zone()),
            status: format::status(&row.status),
            is_running,
            is_late: is_running && row.deadline_at < viewer.now,
            duration: format::duration(format::took(row.started_at, row.finished_at, viewer.now)),
            counts: counts.map(|number| format::count(number.into())),
            cost: format::dollars(counters.api_cost),
            reason: format::first_line(row.reason().unwrap_or_default(), 160),
            trigger: row.triggered_by,
            script: row.script_name,
        }
    }
}
