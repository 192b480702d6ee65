//! The list of calls as a file: all that the filters leave, with phone numbers masked.

use axum::extract::State;
use axum::response::Response;
use futures::TryStreamExt as _;
use futures::stream::Stream;
use shared::domain::telephone;
use shared::platform::db::{self, DbError};
use shared::store::dashboard::Listed;

use super::filters::Filters;
use crate::error::PageError;
use crate::parameters::Parameters;
use crate::viewer::Viewer;
use crate::{App, export};

/// The columns of the CSV file; the members of an NDJSON object have the same names.
const HEADER: [&str; 19] = [
    "id",
    "call_at",
    "started_at",
    "duration_seconds",
    "assistant_id",
    "assistant_name",
    "customer_number",
    "qci_score",
    "has_transcript",
    "has_qci",
    "status",
    "quality",
    "cost",
    "ended_reason",
    "analysis_status",
    "skip_reason",
    "call_classification",
    "is_flagged",
    "analysis_run_id",
];

pub(crate) async fn csv(State(app): State<App>, viewer: Viewer, parameters: Parameters) -> Result<Response, PageError> {
    let rows = rows(&app, &viewer, &parameters).await?;
    Ok(export::csv("calls.csv", &HEADER, rows.map_ok(cells)))
}

pub(crate) async fn ndjson(
    State(app): State<App>,
    viewer: Viewer,
    parameters: Parameters,
) -> Result<Response, PageError> {
    let rows = rows(&app, &viewer, &parameters).await?;
    Ok(export::ndjson("calls.ndjson", rows))
}

async fn rows(
    app: &App,
    viewer: &Viewer,
    parameters: &Parameters,
) -> Result<impl Stream<Item = Result<Listed, DbError>> + Send + 'static + use<>, PageError> {
    let filters = Filters::read(parameters, viewer)?;
    let connection = db::connect(&app.pool).await?;
    let rows = filters.stream(&connection).await?;
    Ok(export::over(connection, rows).map_ok(masked))
}

fn masked(mut call: Listed) -> Listed {
    call.customer_number = call.customer_number.as_deref().map(telephone::masked);
    call
}

/// In the order of the header; blank where there is nothing.
fn cells(call: Listed) -> Vec<String> {
    fn text(value: Option<impl ToString>) -> String {
        value.map(|value| value.to_string()).unwrap_or_default()
    }
    vec![
        call.id,
        export::instant(call.call_at),
        text(call.started_at.map(export::instant)),
        text(call.duration_seconds),
        text(call.assistant_id),
        text(call.assistant_name),
        text(call.customer_number),
        text(call.qci_score),
        call.has_transcript.to_string(),
        call.has_qci.to_string(),
        text(call.status),
        text(call.quality),
        text(call.cost),
        text(call.ended_reason),
        text(call.analysis_status),
        text(call.skip_reason),
        text(call.call_classification),
        text(call.is_flagged),
        text(call.analysis_run_id),
    ]
}
