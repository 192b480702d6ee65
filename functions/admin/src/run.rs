//! `/admin/execution-logs/{run_id}`: one run, its steps, what it touched, and its log lines.

mod facts;
mod files;
mod lines;
mod steps;
mod touched;

use askama::Template;
use axum::Router;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::get;
use futures::{TryFutureExt as _, try_join};
use shared::platform::db;
use shared::run;
use shared::run::{Row, Status};

use crate::App;
use crate::error::PageError;
use crate::format::took;
use crate::format::{self, Moment};
use crate::page::{self, Section};
use crate::pager::{Pager, oldest_first};
use crate::parameters::Parameters;
use crate::run_id::{NO_SUCH_RUN, id_of};
use crate::run_requests::{self, Button};
use crate::runs::Entry;
use crate::viewer::Viewer;

use facts::{Fact, Text};
use lines::{Line, Lines};
use steps::Timeline;
use touched::Touched;

/// Log lines on a page.
const ON_A_PAGE: i64 = 200;
/// Runs of the batch that are listed.
const BATCH: usize = 100;
const BATCH_AND_ONE: i64 = 101;

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/admin/execution-logs/{run_id}", get(show))
        .route("/admin/execution-logs/{run_id}/logs.csv", get(files::csv))
        .route("/admin/execution-logs/{run_id}/logs.ndjson", get(files::ndjson))
}

#[derive(Template)]
#[template(path = "run.html")]
struct Page<'a> {
    viewer: &'a Viewer,
    section: Section,
    run: &'a Row,
    is_running: bool,
    is_late: bool,
    started: Moment,
    deadline: Moment,
    finished: Option<Moment>,
    duration: String,
    counts: Vec<(&'static str, String)>,
    cost: String,
    reason: Option<Text>,
    facts: Vec<Fact>,
    timeline: Option<Timeline>,
    batch: Vec<Entry>,
    is_batch_cut: bool,
    touched: Touched,
    lines: Vec<Line>,
    filters: Lines,
    latest: String,
    address: String,
    files: [String; 2],
    parameters: &'a Parameters,
    pager: Pager,
    again: Option<Button>,
    refusal: Option<&'static str>,
}

async fn show(
    State(app): State<App>,
    viewer: Viewer,
    path: Result<Path<String>, PathRejection>,
    parameters: Parameters,
) -> Result<Response, PageError> {
    let id = id_of(path)?;
    let filters = Lines::read(&parameters)?;
    let part = oldest_first(&parameters)?;
    let client = db::connect(&app.pool).await?;
    let db = &client;
    let run = run::find(db, id).await?.ok_or(NO_SUCH_RUN)?;
    let (steps, mut lines, batch, touched) = try_join!(
        run::steps(db, id).err_into(),
        run::log_page(db, id, &filters.filter, part, ON_A_PAGE + 1).err_into(),
        run::batch(db, run.batch_id, BATCH_AND_ONE).err_into(),
        touched::of(db, &run, &viewer),
    )?;
    drop(client);
    let pager = Pager::oldest_first(&parameters, part, &mut lines, ON_A_PAGE, |line| {
        (line.timestamp, line.id)
    });
    let is_running = run.status == Status::Running.as_str();
    let counters = &run.counters;
    let is_batch_cut = batch.len() > BATCH;
    page::show(&Page {
        viewer: &viewer,
        section: Section::Runs,
        is_running,
        is_late: is_running && run.deadline_at < viewer.now,
        started: format::moment(run.started_at, viewer.zone()),
        deadline: format::moment(run.deadline_at, viewer.zone()),
        finished: run.finished_at.map(|at| format::moment(at, viewer.zone())),
        duration: format::duration(took(run.started_at, run.finished_at, viewer.now)),
        counts: facts::counts(counters),
        cost: format::dollars(counters.api_cost),
        reason: run.reason().map(Text::cut),
        facts: facts::of(&run.metadata),
        timeline: Timeline::of(&steps, &run, viewer.now),
        batch: batch
            .into_iter()
            .take(BATCH)
            .map(|row| Entry::new(row, &viewer))
            .collect(),
        is_batch_cut,
        touched,
        lines: lines.into_iter().map(|line| Line::new(line, &viewer)).collect(),
        latest: lines::latest(&parameters, viewer.now),
        files: ["csv", "ndjson"].map(|kind| parameters.at(&format!("/admin/execution-logs/{id}/logs.{kind}"))),
        address: format!("/admin/execution-logs/{id}"),
        filters: filters.among(&steps),
        parameters: &parameters,
        pager,
        again: run_requests::run_again(&app, &viewer, &run),
        refusal: run_requests::refusal(&app),
        run: &run,
    })
}
