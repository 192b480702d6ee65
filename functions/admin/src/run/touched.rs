//! What a run left behind: the calls that it scored or stored, and what it could not store.

use shared::domain::script::Script;
use shared::run::Row;
use shared::run::touched::{self, MOST_COUNTED, Rejected};

use crate::error::PageError;
use crate::format::{self, Moment};
use crate::viewer::Viewer;
use shared::platform::db::Executor;

/// Calls that are listed.
const LISTED: i64 = 20;
/// Documents that are listed.
const REJECTED: i64 = 50;

/// What is shown of it.
#[derive(Default)]
pub(super) struct Touched {
    /// Such as `12 scored, 3 skipped`; blank where there is nothing.
    pub(super) summary: String,
    pub(super) calls: Vec<Call>,
    /// Where all of them are listed.
    pub(super) all: Option<String>,
    pub(super) is_scoring: bool,
    pub(super) rejected: Vec<Rejected>,
}

/// One call.
pub(super) struct Call {
    pub(super) id: String,
    pub(super) at: Option<Moment>,
    pub(super) assistant: String,
    pub(super) status: String,
    pub(super) score: String,
    pub(super) reason: String,
}

/// Looked up by what the script does.
pub(super) async fn of(db: &impl Executor, run: &Row, viewer: &Viewer) -> Result<Touched, PageError> {
    match Script::named(&run.script_name) {
        Some(Script::Qci) => scored(db, run, viewer).await,
        Some(Script::Sync) => stored(db, run, viewer).await,
        _ => Ok(Touched::default()),
    }
}

async fn scored(db: &impl Executor, run: &Row, viewer: &Viewer) -> Result<Touched, PageError> {
    let (counts, calls) = futures::try_join!(
        touched::scored_by_status(db, run.id),
        touched::scored(db, run.id, LISTED)
    )?;
    let counts = counts
        .iter()
        .map(|(status, calls)| format!("{} {status}", format::count(*calls)));
    Ok(Touched {
        summary: counts.collect::<Vec<_>>().join(", "),
        all: (!calls.is_empty()).then(|| format!("/admin/calls?run={}", run.id)),
        calls: calls.into_iter().map(|call| Call::new(call, viewer)).collect(),
        is_scoring: true,
        rejected: Vec::new(),
    })
}

async fn stored(db: &impl Executor, run: &Row, viewer: &Viewer) -> Result<Touched, PageError> {
    let during = (run.started_at, run.finished_at.unwrap_or(viewer.now));
    let ((count, calls), rejected) = futures::try_join!(
        touched::stored(db, during, LISTED),
        touched::rejected(db, run.id, REJECTED)
    )?;
    let summary = match count {
        0 => String::new(),
        1 => "1 stored".to_owned(),
        count if count > MOST_COUNTED => format!("more than {} stored", format::count(MOST_COUNTED)),
        count => format!("{} stored", format::count(count)),
    };
    Ok(Touched {
        summary,
        calls: calls.into_iter().map(|call| Call::new(call, viewer)).collect(),
        all: None,
        is_scoring: false,
        rejected,
    })
}

impl Call {
    fn new(call: touched::Touched, viewer: &Viewer) -> Self {
        Self {
            id: call.id,
            at: call.call_at.map(|at| format::moment(at, viewer.zone())),
            assistant: call.assistant.unwrap_or_default(),
            status: call.status.unwrap_or_default(),
            score: call
                .score
                .map(|score| score.round_dp(1).to_string())
                .unwrap_or_default(),
            reason: call.reason.unwrap_or_default(),
        }
    }
}
