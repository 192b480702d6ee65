//! `/admin/execution-logs`: how runs went, and the list of them.
//!
//! address ─▶ [`filters`] ─▶ `shared::run` ─▶ [`tiles`], [`charts`], [`scripts`] and the [`entry`] of each run

mod charts;
mod entry;
mod files;
mod filters;
mod kind;
mod scripts;
mod tiles;

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use futures::{TryFutureExt as _, try_join};
use shared::platform::db;
use shared::run::{list, overview};
use shared::store::{incident, sync_state};

use crate::App;
use crate::alerts::{self, Notice};
use crate::chart::Chart;
use crate::error::PageError;
use crate::page::{self, Section};
use crate::pager::{self, Pager};
use crate::parameters::Parameters;
use crate::run_requests::{self, Banner};
use crate::viewer::Viewer;

pub(crate) use entry::Entry;

use charts::Buckets;
use filters::Filters;
use scripts::ScriptLine;
use tiles::Tile;

/// Runs on a page.
const ON_A_PAGE: i64 = 50;
/// Failed runs that are sorted by kind.
const ERRORS: i64 = 2_000;

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/admin/execution-logs", get(show))
        .route("/admin/execution-logs.csv", get(files::csv))
        .route("/admin/execution-logs.ndjson", get(files::ndjson))
}

#[derive(Template)]
#[template(path = "runs.html")]
struct Page<'a> {
    viewer: &'a Viewer,
    section: Section,
    parameters: &'a Parameters,
    filters: &'a Filters,
    presets: Vec<filters::Preset>,
    names: Vec<String>,
    statuses: [&'static str; 5],
    triggers: Vec<String>,
    notice: Notice,
    banner: Option<Banner>,
    refusal: Option<&'static str>,
    tiles: Vec<Tile>,
    charts: Vec<Chart>,
    scripts: Vec<ScriptLine>,
    entries: Vec<Entry>,
    /// There has never been a run.
    is_new: bool,
    is_live: bool,
    pager: Pager,
}

async fn show(State(app): State<App>, viewer: Viewer, parameters: Parameters) -> Result<Response, PageError> {
    let filters = Filters::read(&parameters, &viewer)?;
    let part = pager::newest_first(&parameters)?;
    let buckets = Buckets::of(&filters.dates, viewer.zone());
    let client = db::connect(&app.pool).await?;
    let (db, filter, scope) = (&client, filters.filter(), filters.scope());
    // One connection answers them one after the other, without waiting for the next question.
    let (open, banner, mut rows, slices, lines, scripts, headroom, state, triggers) = try_join!(
        incident::open(db, None).err_into(),
        run_requests::banner(db, &parameters, &viewer),
        list::page(db, &filter, part, ON_A_PAGE + 1).err_into(),
        overview::slices(db, scope, buckets.bounds()).err_into(),
        overview::errors(db, scope, (filter.from, filter.to), ERRORS).err_into(),
        overview::scripts(db).err_into(),
        overview::headroom(db).err_into(),
        sync_state::read(db).err_into(),
        overview::triggers(db).err_into(),
    )?;
    drop(client);
    let pager = Pager::newest_first(&parameters, part, &mut rows, ON_A_PAGE, |row| (row.started_at, row.id));
    let entries: Vec<Entry> = rows.into_iter().map(|row| Entry::new(row, &viewer)).collect();
    let seen: Vec<_> = scripts
        .iter()
        .filter(|script| filters.script.as_ref().is_none_or(|name| *name == script.name))
        .collect();
    page::show(&Page {
        viewer: &viewer,
        section: Section::Runs,
        presets: filters.presets(&parameters, &viewer),
        names: filters.names(&scripts),
        statuses: filters::STATUSES,
        triggers,
        notice: alerts::notice(&open, &viewer),
        banner,
        refusal: run_requests::refusal(&app),
        tiles: tiles::all(&slices, &seen, headroom, &state, viewer.now),
        charts: charts::all(&buckets, &slices, &lines, ERRORS),
        scripts: scripts
            .iter()
            .map(|script| ScriptLine::new(&app, &viewer, script))
            .collect(),
        is_live: entries.iter().any(|entry| entry.is_running) || scripts.iter().any(scripts::is_running),
        is_new: scripts.is_empty(),
        entries,
        pager,
        parameters: &parameters,
        filters: &filters,
    })
}
