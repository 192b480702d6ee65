//! `/admin/assistants`: how assistants and versions of their prompts do.

use axum::Router;

use crate::App;

pub(crate) fn routes() -> Router<App> {
    Router::new()
}
