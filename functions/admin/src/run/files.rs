//! The log lines of a run as a file: every line that matches, not only those of a page.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use futures::StreamExt as _;
use shared::platform::db;
use shared::platform::db::Client;
use shared::run;
use shared::run::LogRow;
use uuid::Uuid;

use super::lines::Lines;
use crate::error::PageError;
use crate::parameters::Parameters;
use crate::run_id::{NO_SUCH_RUN, id_of};
use crate::{App, export};

const HEADER: [&str; 7] = ["id", "run_id", "timestamp", "level", "step", "message", "meta"];

pub(super) async fn csv(
    State(app): State<App>,
    path: Result<Path<String>, PathRejection>,
    parameters: Parameters,
) -> Result<Response, PageError> {
    let (client, id, lines) = asked_for(&app, path, &parameters).await?;
    let rows = run::all_logs(&client, id, &lines.filter).await?;
    let records = rows.map(|row| row.map(record));
    let name = format!("callmark-run-{id}-logs.csv");
    Ok(export::csv(&name, &HEADER, export::over(client, records)))
}

pub(super) async fn ndjson(
    State(app): State<App>,
    path: Result<Path<String>, PathRejection>,
    parameters: Parameters,
) -> Result<Response, PageError> {
    let (client, id, lines) = asked_for(&app, path, &parameters).await?;
    let rows = run::all_logs(&client, id, &lines.filter).await?;
    let name = format!("callmark-run-{id}-logs.ndjson");
    Ok(export::ndjson(&name, export::over(client, rows)))
}

async fn asked_for(
    app: &App,
    path: Result<Path<String>, PathRejection>,
    parameters: &Parameters,
) -> Result<(Client, Uuid, Lines), PageError> {
    let id = id_of(path)?;
    let lines = Lines::read(parameters)?;
    let client = db::connect(&app.pool).await?;
    run::find(&client, id).await?.ok_or(NO_SUCH_RUN)?;
    Ok((client, id, lines))
}

fn record(row: LogRow) -> Vec<String> {
    vec![
        row.id.to_string(),
        row.run_id.to_string(),
        export::instant(row.timestamp),
        row.level,
        row.step,
        row.message,
        row.meta.to_string(),
    ]
}
