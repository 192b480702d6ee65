//! Asking for a run: *Run now*, *Run again*, *Score again*.

use axum::Router;

use crate::App;

pub(crate) fn routes() -> Router<App> {
    Router::new()
}
