//! `/admin/calls/{id}`: one call, its transcript and its score.

use axum::Router;

use crate::App;

pub(crate) fn routes() -> Router<App> {
    Router::new()
}
