//! `/admin/execution-logs`: how runs went, and the list of them.

use axum::Router;

use crate::App;

pub(crate) fn routes() -> Router<App> {
    Router::new()
}
