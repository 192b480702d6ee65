//! Lists as files: CSV for spreadsheets, NDJSON for programs, sent row by row as they come from the database.
//!
//! Nothing is gathered on the way: a file of millions of rows takes as much memory as one of ten.

use std::io;

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures::stream::{self, Stream, StreamExt as _};
use serde::Serialize;
use shared::platform::db::{Client, DbError};

/// Rows that go out together, where so many are there.
const TOGETHER: usize = 128;

/// A CSV file of this name: the header, then a record a row. Cells that a spreadsheet would take for a formula
/// are made text.
pub(crate) fn csv<S>(name: &str, header: &[&str], rows: S) -> Response
where
    S: Stream<Item = Result<Vec<String>, DbError>> + Send + 'static,
{
    let head = stream::iter([record(header.iter().copied())]);
    let chunks = rows.ready_chunks(TOGETHER).map(|rows| {
        let mut chunk = Vec::new();
        for row in rows {
            let cells = row.map_err(broken)?;
            chunk.extend_from_slice(&record(cells.iter().map(String::as_str))?);
        }
        Ok(Bytes::from(chunk))
    });
    file(name, "text/csv; charset=utf-8; header=present", head.chain(chunks))
}

/// An NDJSON file of this name: an object a line.
pub(crate) fn ndjson<S, T>(name: &str, rows: S) -> Response
where
    S: Stream<Item = Result<T, DbError>> + Send + 'static,
    T: Serialize + Send + 'static,
{
    let chunks = rows.ready_chunks(TOGETHER).map(|rows| {
        let mut chunk = Vec::new();
        for row in rows {
            serde_json::to_writer(&mut chunk, &row.map_err(broken)?)?;
            chunk.push(b'\n');
        }
        Ok(Bytes::from(chunk))
    });
    file(name, "application/x-ndjson; charset=utf-8", chunks)
}

/// Rows together with the connection that they come over, which goes back to its pool after the last one; where the
/// reader goes away half-way, it is given up.
pub(crate) fn over<T: Send + 'static>(
    connection: Client,
    rows: impl Stream<Item = Result<T, DbError>> + Send + 'static,
) -> impl Stream<Item = Result<T, DbError>> + Send + 'static {
    let begin = (Box::pin(rows), connection);
    stream::unfold(begin, |(mut rows, connection)| async move {
        let row = rows.next().await?;
        Some((row, (rows, connection)))
    })
}

/// An instant as files have it.
pub(crate) fn instant(at: chrono::DateTime<chrono::Utc>) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::Micros, true)
}

/// An error in the stream breaks the transfer, so that half a file is not taken for a whole one.
fn file<S>(name: &str, kind: &'static str, chunks: S) -> Response
where
    S: Stream<Item = io::Result<Bytes>> + Send + 'static,
{
    let disposition = HeaderValue::from_str(&format!("attachment; filename=\"{name}\""))
        .unwrap_or(HeaderValue::from_static("attachment"));
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::CONTENT_DISPOSITION, disposition),
    ];
    (headers, Body::from_stream(chunks)).into_response()
}

fn record<'a>(cells: impl Iterator<Item = &'a str>) -> io::Result<Bytes> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for cell in cells {
        if is_formula(cell) {
            writer.write_field(format!("'{cell}"))?;
        } else {
            writer.write_field(cell)?;
        }
    }
    writer.write_record(None::<&[u8]>)?;
    let bytes = writer
        .into_inner()
        .map_err(|error| io::Error::other(error.to_string()))?;
    Ok(bytes.into())
}

/// Whether a spreadsheet would run a cell. A negative number is none.
fn is_formula(cell: &str) -> bool {
    let is_number = cell
        .strip_prefix('-')
        .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'));
    cell.starts_with(['=', '+', '-', '@', '\t', '\r']) && !is_number
}

fn broken(error: DbError) -> io::Error {
    let error = anyhow::Error::new(error);
    tracing::error!("a file was broken off: {error:#}");
    io::Error::other(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(cells: &[&str]) -> String {
        String::from_utf8(record(cells.iter().copied()).unwrap().to_vec()).unwrap()
    }

    #[tokio::test]
    async fn an_error_halfway_breaks_the_transfer() {
        let error = "port=x".parse::<tokio_postgres::Config>().unwrap_err();
        let rows = [Ok(vec!["1".to_owned()]), Err(error.into())];
        let answer = csv("a.csv", &["n"], stream::iter(rows));

        let body = axum::body::to_bytes(answer.into_body(), usize::MAX).await;

        assert!(body.is_err(), "{body:?}");
    }

    #[test]
    fn a_cell_that_a_spreadsheet_would_run_is_text() {
        for cell in ["=1+1", "+15550100", "-1+1", "@SUM(A1)", "\tx", "-", "-x"] {
            assert!(line(&[cell]).trim_start_matches('"').starts_with('\''), "{cell:?}");
        }
        assert_eq!(line(&["\r=1"]), "\"'\r=1\"\n");
        assert_eq!(line(&["-12.5", "1=1", "", "a'b"]), "-12.5,1=1,,a'b\n");
    }

    #[test]
    fn quotes_commas_and_lines_stay_in_their_cell() {
        assert_eq!(
            line(&["a,b", "say \"hi\"", "two\nlines"]),
            "\"a,b\",\"say \"\"hi\"\"\",\"two\nlines\"\n"
        );
        assert_eq!(line(&[""]), "\"\"\n");
    }
}
