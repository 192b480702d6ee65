//! `/admin/alerts`: what is failing, who was told of what, and whether messages arrive.
//!
//! address ─▶ [`filters`] ─▶ `shared::store::{incident, notification}` ─▶ [`failing`], [`channels`], [`messages`]; [`test`] asks
//! for a message

mod channels;
mod failing;
mod filters;
mod messages;
mod notice;
mod test;

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use futures::{TryFutureExt as _, try_join};
use shared::platform::db;
use shared::store::{incident, notification};

use crate::App;
use crate::error::PageError;
use crate::format::{self, Moment};
use crate::page::{self, Section};
use crate::pager::{Pager, newest_first};
use crate::parameters::Parameters;
use crate::run_requests::{self, Button};
use crate::viewer::Viewer;

pub(crate) use notice::{Notice, notice};

use channels::{Channel, Unheard};
use failing::{Failing, Told};
use filters::Filters;
use messages::Message;
use test::Banner;

const PATH: &str = "/admin/alerts";
/// Messages on a page.
const ON_A_PAGE: i64 = 50;
/// Open incidents that are shown; the oldest come first.
const INCIDENTS: usize = 50;

pub(crate) fn routes() -> Router<App> {
    // A form that was sent after its session had ended comes back as a GET, once somebody signed in.
    Router::new()
        .route(PATH, get(show))
        .route("/admin/alerts/test", get(test::to_page).post(test::send))
}

#[derive(Template)]
#[template(path = "alerts.html")]
struct Page<'a> {
    viewer: &'a Viewer,
    section: Section,
    banner: Option<Banner>,
    refusal: Option<&'static str>,
    send_test: Button,
    failing: Vec<Failing>,
    /// Open incidents that are not shown.
    others: usize,
    /// When the last incident was over, and how long ago.
    well_since: Option<(Moment, String)>,
    channels: [Channel; 2],
    unheard: Option<Unheard>,
    filters: &'a Filters,
    messages: Vec<Message>,
    pager: Pager,
}

async fn show(State(app): State<App>, viewer: Viewer, parameters: Parameters) -> Result<Response, PageError> {
    let filters = Filters::read(&parameters)?;
    let part = newest_first(&parameters)?;
    let client = db::connect(&app.pool).await?;
    let db = &client;
    // One connection answers them one after the other, without waiting for the next question.
    let (banner, open, last_end, newest, mut rows) = try_join!(
        test::banner(db, &parameters, &viewer),
        incident::open(db, None).err_into(),
        incident::last_end(db).err_into(),
        notification::newest_by_channel(db).err_into(),
        notification::page(db, filters.filter(), part, ON_A_PAGE + 1).err_into(),
    )?;
    drop(client);
    let pager = Pager::newest_first(&parameters, part, &mut rows, ON_A_PAGE, |row| {
        (row.notification.created_at, row.notification.id)
    });
    let well_since = last_end.map(|at| (format::moment(at, viewer.zone()), format::ago(at, viewer.now)));
    page::show(&Page {
        viewer: &viewer,
        section: Section::Alerts,
        banner,
        refusal: run_requests::refusal(&app),
        send_test: run_requests::send_test(&app, &viewer),
        others: open.len().saturating_sub(INCIDENTS),
        failing: open
            .into_iter()
            .take(INCIDENTS)
            .map(|incident| Failing::new(incident, &viewer))
            .collect(),
        well_since,
        channels: channels::both(&newest, &viewer),
        unheard: channels::unheard(&newest, &viewer),
        filters: &filters,
        messages: rows.into_iter().map(|row| Message::new(row, &viewer)).collect(),
        pager,
    })
}
