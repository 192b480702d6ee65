//! The page that says what kept another one from being shown.

use askama::Template;
use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;

use crate::error::PageError;
use crate::page;
use crate::viewer::Viewer;

#[derive(Template)]
#[template(path = "error.html")]
struct Page<'a> {
    viewer: &'a Viewer,
    section: page::Section,
    status: StatusCode,
    heading: &'static str,
    error: &'a PageError,
}

/// The page that says what went wrong, in place of the bare answer that a handler or the framework gave; an answer
/// that is what was asked for stays as it is.
pub(crate) fn dressed(mut bare: Response, viewer: &Viewer) -> Response {
    let known = bare.extensions_mut().remove::<PageError>();
    let Some(error) = known.or_else(|| behind(&bare)) else {
        return bare;
    };
    let page = Page {
        viewer,
        section: page::Section::None,
        status: error.status(),
        heading: heading(&error),
        error: &error,
    };
    let Ok(html) = page.render() else { return bare };
    // Its other headers stay: `Allow` says which methods there are.
    let (mut parts, _) = bare.into_parts();
    parts.status = error.status();
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/html; charset=utf-8"),
    );
    Response::from_parts(parts, Body::from(html))
}

fn heading(error: &PageError) -> &'static str {
    match error {
        PageError::NotFound(_) => "Not found",
        PageError::Parameter { .. } | PageError::Method => "That address cannot be used",
        PageError::Forged | PageError::TooLong | PageError::Unreadable(_) => "Not done",
        PageError::NotAsked(_) => "Not asked for",
        PageError::Away => "No answer from the database",
        PageError::Broken(_) => "That did not work",
    }
}

/// What an answer stands for that says it in a few words of the framework's, and is no page.
fn behind(bare: &Response) -> Option<PageError> {
    let kind = bare.headers().get(header::CONTENT_TYPE);
    let is_page = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    let status = bare.status();
    if is_page || !(status.is_client_error() || status.is_server_error()) {
        return None;
    }
    Some(match status {
        StatusCode::NOT_FOUND => PageError::NotFound("There is no page at this address."),
        StatusCode::METHOD_NOT_ALLOWED => PageError::Method,
        StatusCode::PAYLOAD_TOO_LARGE => PageError::TooLong,
        status if status.is_client_error() => PageError::Unreadable(status),
        status => PageError::from(anyhow::anyhow!("a page answered {status} and said no more")),
    })
}
