//! The list of runs as a file: every run that matches, not only those of a page.

use axum::extract::State;
use axum::response::Response;
use futures::StreamExt as _;
use rust_decimal::Decimal;
use shared::platform::db;
use shared::run::{Row, list};

use super::filters::Filters;
use crate::error::PageError;
use crate::parameters::Parameters;
use crate::viewer::Viewer;
use crate::{App, export};

const HEADER: [&str; 17] = [
    "id",
    "script_name",
    "status",
    "triggered_by",
    "batch_id",
    "started_at",
    "deadline_at",
    "finished_at",
    "duration_ms",
    "records_fetched",
    "records_inserted",
    "records_updated",
    "records_failed",
    "calls_analyzed",
    "api_cost",
    "error_message",
    "metadata",
];

pub(super) async fn csv(State(app): State<App>, viewer: Viewer, parameters: Parameters) -> Result<Response, PageError> {
    let filters = Filters::read(&parameters, &viewer)?;
    let client = db::connect(&app.pool).await?;
    let rows = list::all(&client, &filters.filter()).await?;
    let name = format!("callmark-runs-{}.csv", filters.period());
    let records = rows.map(|row| row.map(record));
    Ok(export::csv(&name, &HEADER, export::over(client, records)))
}

pub(super) async fn ndjson(
    State(app): State<App>,
    viewer: Viewer,
    parameters: Parameters,
) -> Result<Response, PageError> {
    let filters = Filters::read(&parameters, &viewer)?;
    let client = db::connect(&app.pool).await?;
    let rows = list::all(&client, &filters.filter()).await?;
    let name = format!("callmark-runs-{}.ndjson", filters.period());
    Ok(export::ndjson(&name, export::over(client, rows)))
}

fn record(row: Row) -> Vec<String> {
    let counters = row.counters;
    vec![
        row.id.to_string(),
        row.script_name,
        row.status,
        row.triggered_by,
        row.batch_id.to_string(),
        export::instant(row.started_at),
        export::instant(row.deadline_at),
        row.finished_at.map(export::instant).unwrap_or_default(),
        row.duration_ms.map(|ms| ms.to_string()).unwrap_or_default(),
        counters.records_fetched.to_string(),
        counters.records_inserted.to_string(),
        counters.records_updated.to_string(),
        counters.records_failed.to_string(),
        counters.calls_analyzed.to_string(),
        counters
            .api_cost
            .map(|cost: Decimal| cost.to_string())
            .unwrap_or_default(),
        row.error_message.unwrap_or_default(),
        row.metadata.to_string(),
    ]
}
