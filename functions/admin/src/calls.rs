//! `/admin/calls`: the dashboard, and the list of calls.

use axum::Router;

use crate::App;

pub(crate) fn routes() -> Router<App> {
    Router::new()
}
