//! Pages over HTTP that show runs, calls, scores and alerts, and ask for runs.
//!
//! ```text
//! request ─▶ session_guard (who is it) ─▶ a page's module (runs, calls, …) ─▶ shared::{run, call, score, …} ─▶ rows
//!                                     └─▶ run_requests ─▶ "Run Requested", "Test Requested" on the bus
//! ```
//!
//! A page's module parses its [`parameters`], asks `shared` for rows, and fills a template. Every answer that is not
//! what was asked for is a [`error_page`], and that is a page, too.

mod alerts;
mod assets;
mod assistants;
mod call;
mod calls;
mod chart;
mod csrf;
mod error;
mod error_page;
mod export;
mod format;
mod health;
mod login_throttle;
mod page;
mod pager;
mod parameters;
mod run;
mod run_id;
mod run_requests;
mod runs;
mod session;
mod session_guard;
mod sign_in;
mod users;
mod viewer;

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::response::Redirect;
use axum::routing::get;
use shared::platform::db::Pool;
use shared::platform::event::Bus;

pub use session::Key;
pub use users::{MalformedUsers, Users, hash};

/// What the pages work with.
#[derive(Debug)]
pub struct Deps {
    /// The database.
    pub pool: Pool,
    /// Where requests for runs go; on [`Bus::Nowhere`] the pages offer none.
    pub bus: Bus,
    /// Who may sign in.
    pub users: Users,
    /// Encrypts the session's cookie.
    pub key: Key,
    /// How browsers reach the pages.
    pub scheme: Scheme,
}

/// How browsers reach the pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// On this machine's loopback.
    Http,
    /// From anywhere: cookies are marked `Secure`.
    Https,
}

type App = Arc<Deps>;

/// All pages.
pub fn router(deps: Deps) -> Router {
    let pool = deps.pool.for_pages();
    let app: App = Arc::new(Deps { pool, ..deps });
    let pages = Router::new()
        .merge(runs::routes())
        .merge(run::routes())
        .merge(calls::routes())
        .merge(call::routes())
        .merge(assistants::routes())
        .merge(alerts::routes())
        .merge(run_requests::routes())
        .route("/admin/sign-out", axum::routing::post(sign_in::sign_out));
    Router::new()
        .merge(pages)
        .route("/", get(home))
        .route("/admin", get(home))
        .route("/admin/sign-in", get(sign_in::form).post(sign_in::submit))
        .route("/admin/assets/{name}", get(assets::serve))
        .route("/healthz", get(health::check))
        .fallback(error::no_such_page)
        .layer(from_fn_with_state(Arc::clone(&app), session_guard::identify))
        .with_state(app)
}

async fn home() -> Redirect {
    Redirect::to("/admin/execution-logs")
}
