//! What keeps a page from being shown.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use shared::platform::db::{ConnectError, DbError};

/// Why there is no page. What it says is for the reader; the cause is for the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PageError {
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

impl PageError {
    /// The status of its answer.
    pub(crate) fn status(&self) -> StatusCode {
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
}

/// The answer to an address that nothing is at.
pub(crate) async fn no_such_page() -> PageError {
    PageError::NotFound("There is no page at this address.")
}

/// Whether an answer says that the database is away.
pub(crate) fn lost_its_database(answer: &Response) -> bool {
    answer.extensions().get() == Some(&PageError::Away)
}

/// A bare answer that carries its trouble to where the viewer is known.
impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        let mut response = (self.status(), self.to_string()).into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<ConnectError> for PageError {
    fn from(error: ConnectError) -> Self {
        tracing::error!("no connection for a page: {:#}", anyhow::Error::new(error));
        Self::Away
    }
}

impl From<DbError> for PageError {
    fn from(error: DbError) -> Self {
        if shared::platform::db::is_transient(&error) {
            tracing::warn!("a page lost its database: {:#}", anyhow::Error::new(error));
            return Self::Away;
        }
        Self::from(anyhow::Error::new(error))
    }
}

impl From<anyhow::Error> for PageError {
    fn from(error: anyhow::Error) -> Self {
        let id = uuid::Uuid::now_v7();
        tracing::error!(%id, "a page failed: {error:#}");
        Self::Broken(id)
    }
}

impl From<askama::Error> for PageError {
    fn from(error: askama::Error) -> Self {
        Self::from(anyhow::Error::new(error))
    }
}
