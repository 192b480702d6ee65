//! What keeps a page from being shown, and the page that says so instead.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use shared::db::{ConnectError, DbError};

use crate::page;
use crate::viewer::Viewer;

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
            Self::Broken(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn heading(&self) -> &'static str {
        match self {
            Self::NotFound(_) => "Not found",
            Self::Parameter { .. } => "That address cannot be used",
            Self::Forged => "Not done",
            Self::NotAsked(_) => "Not asked for",
            Self::Away => "No answer from the database",
            Self::Broken(_) => "That did not work",
        }
    }
}

/// The answer to an address that nothing is at.
pub(crate) async fn no_such_page() -> Trouble {
    Trouble::NotFound("There is no page at this address.")
}

/// The page that says what went wrong, in place of the bare answer that a handler gave.
pub(crate) fn dressed(trouble: &Trouble, viewer: &Viewer, bare: Response) -> Response {
    let page = Page {
        viewer,
        section: page::Section::None,
        status: trouble.status(),
        heading: trouble.heading(),
        trouble,
    };
    match page.render() {
        Ok(html) => (trouble.status(), axum::response::Html(html)).into_response(),
        Err(_) => bare,
    }
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
        tracing::warn!("no connection for a page: {:#}", anyhow::Error::new(error));
        Self::Away
    }
}

impl From<DbError> for Trouble {
    fn from(error: DbError) -> Self {
        if shared::db::is_transient(&error) {
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
