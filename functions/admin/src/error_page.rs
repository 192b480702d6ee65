//! What keeps a page from being shown, and the page that says so instead.

use askama::Template;
use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use shared::platform::db::{ConnectError, DbError};

use crate::page;
use crate::session_guard::Viewer;

/// Why there is no page. What it says is for the reader; the cause is for the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Trouble {
    /// The address, or what it names, does not exist.
    #[error("{0}")]
    NotFound(&'static str),
    /// A parameter of the address cannot be used; says which, and what was expected.
    #[error("The parameter \u{201c}{name}\u{201d} is not usable: expected {expected}.")]
    Parameter {
        /// As the address has it.
        name: &'static str,
        /// Such as "a date like 2026-08-01".
        expected: &'static str,
    },
    /// The form did not come from a page of ours, or from an old one.
    #[error(
        "The form did not come from this page, or the page had been open for too long. Go back, load it again, and repeat what you did."
    )]
    Forged,
    /// A run was asked for, and nobody took the request; says why.
    #[error("{0}")]
    NotAsked(String),
    /// The address exists, and not for this method.
    #[error("This address cannot be used in this way.")]
    Method,
    /// The form is longer than any form of ours.
    #[error("The form is longer than this page takes.")]
    TooLong,
    /// The request is not one that a page of ours makes; its status is kept.
    #[error("The request cannot be understood. Go back, load the page again, and repeat what you did.")]
    Unreadable(StatusCode),
    /// The database does not answer.
    #[error("The database does not answer. Runs go on by themselves once it does; try again in a moment.")]
    Away,
    /// Something that should not happen; the log has it under this id.
    #[error("Something went wrong here, and it is on record. The log has it under {0}.")]
    Broken(uuid::Uuid),
}

#[derive(Template)]
#[template(path = "trouble.html")]
struct Page<'a> {
    viewer: &'a Viewer,
    section: page::Section,
    status: StatusCode,
    heading: &'static str,
    trouble: &'a Trouble,
}

impl Trouble {
    fn status(&self) -> StatusCode {
        match self {
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Parameter { .. } => StatusCode::BAD_REQUEST,
            Self::Forged => StatusCode::FORBIDDEN,
            Self::NotAsked(_) | Self::Away => StatusCode::SERVICE_UNAVAILABLE,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooLong => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Unreadable(status) => *status,
            Self::Broken(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn heading(&self) -> &'static str {
        match self {
            Self::NotFound(_) => "Not found",
            Self::Parameter { .. } | Self::Method => "That address cannot be used",
            Self::Forged | Self::TooLong | Self::Unreadable(_) => "Not done",
            Self::NotAsked(_) => "Not asked for",
            Self::Away => "No answer from the database",
            Self::Broken(_) => "That did not work",
        }
    }

    /// What an answer stands for that says it in a few words of the framework's, and is no page.
    fn behind(bare: &Response) -> Option<Self> {
        let kind = bare.headers().get(header::CONTENT_TYPE);
        let is_page = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
        let status = bare.status();
        if is_page || !(status.is_client_error() || status.is_server_error()) {
            return None;
        }
        Some(match status {
            StatusCode::NOT_FOUND => Self::NotFound("There is no page at this address."),
            StatusCode::METHOD_NOT_ALLOWED => Self::Method,
            StatusCode::PAYLOAD_TOO_LARGE => Self::TooLong,
            status if status.is_client_error() => Self::Unreadable(status),
            status => Self::from(anyhow::anyhow!("a page answered {status} and said no more")),
        })
    }
}

/// The answer to an address that nothing is at.
pub(crate) async fn no_such_page() -> Trouble {
    Trouble::NotFound("There is no page at this address.")
}

/// Whether an answer says that the database is away.
pub(crate) fn lost_its_database(answer: &Response) -> bool {
    answer.extensions().get() == Some(&Trouble::Away)
}

/// The page that says what went wrong, in place of the bare answer that a handler or the framework gave; an answer
/// that is what was asked for stays as it is.
pub(crate) fn dressed(mut bare: Response, viewer: &Viewer) -> Response {
    let known = bare.extensions_mut().remove::<Trouble>();
    let Some(trouble) = known.or_else(|| Trouble::behind(&bare)) else {
        return bare;
    };
    let page = Page {
        viewer,
        section: page::Section::None,
        status: trouble.status(),
        heading: trouble.heading(),
        trouble: &trouble,
    };
    let Ok(html) = page.render() else { return bare };
    // Its other headers stay: `Allow` says which methods there are.
    let (mut parts, _) = bare.into_parts();
    parts.status = trouble.status();
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/html; charset=utf-8"),
    );
    Response::from_parts(parts, Body::from(html))
}

/// A bare answer that carries its trouble to where the viewer is known.
impl IntoResponse for Trouble {
    fn into_response(self) -> Response {
        let mut response = (self.status(), self.to_string()).into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<ConnectError> for Trouble {
    fn from(error: ConnectError) -> Self {
        tracing::error!("no connection for a page: {:#}", anyhow::Error::new(error));
        Self::Away
    }
}

impl From<DbError> for Trouble {
    fn from(error: DbError) -> Self {
        if shared::platform::db::is_transient(&error) {
            tracing::warn!("a page lost its database: {:#}", anyhow::Error::new(error));
            return Self::Away;
        }
        Self::from(anyhow::Error::new(error))
    }
}

impl From<anyhow::Error> for Trouble {
    fn from(error: anyhow::Error) -> Self {
        let id = uuid::Uuid::now_v7();
        tracing::error!(%id, "a page failed: {error:#}");
        Self::Broken(id)
    }
}

impl From<askama::Error> for Trouble {
    fn from(error: askama::Error) -> Self {
        Self::from(anyhow::Error::new(error))
    }
}
