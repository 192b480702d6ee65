//! `/admin/execution-logs/{run_id}`: one run, its steps and its log lines.

use axum::Router;

use crate::App;

pub(crate) fn routes() -> Router<App> {
    Router::new()
}
