//! `/healthz`: whether the pages and their database answer, and nothing else.

use axum::extract::State;
use axum::http::StatusCode;
use shared::platform::db::{self, Executor as _};

use crate::App;

pub(crate) async fn check(State(app): State<App>) -> (StatusCode, &'static str) {
    let answer = async {
        let client = db::connect(&app.pool).await?;
        client.batch_execute("select 1").await?;
        anyhow::Ok(())
    };
    match answer.await {
        Ok(()) => (StatusCode::OK, "ok\n"),
        Err(error) => {
            tracing::error!("the pages have no database: {error:#}");
            (StatusCode::SERVICE_UNAVAILABLE, "the database does not answer\n")
        }
    }
}
