//! The answers that are no data, in the shape that a service built with `NestJS` gives them.

use axum::http::StatusCode;
use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

/// A status and the body that says why.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) status: StatusCode,
    pub(crate) body: Bytes,
}

impl Refused {
    /// The ordinary shape: a message, the status' name and its number.
    pub(crate) fn new(status: StatusCode, message: impl Into<Value>) -> Self {
        let body = json!({
            "message": message.into(),
            "error": status.canonical_reason().unwrap_or("Error"),
            "statusCode": status.as_u16(),
        });
        Self {
            status,
            body: Bytes::from(body.to_string()),
        }
    }

    /// Parameters that did not validate, one message each.
    pub(crate) fn invalid(messages: Vec<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, messages)
    }

    pub(crate) fn unauthorized() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "Invalid key.")
    }

    pub(crate) fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, format!("{what} not found"))
    }

    pub(crate) fn no_route(method: &str, path: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, format!("Cannot {method} {path}"))
    }

    /// A known path asked to change something, which the product must never do.
    pub(crate) fn read_only(method: &str) -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            format!("{method} is not served here: this account is read-only"),
        )
    }

    /// A bound beyond retention.
    pub(crate) fn beyond_retention(oldest: DateTime<Utc>) -> Self {
        let oldest = oldest.to_rfc3339_opts(SecondsFormat::Millis, true);
        Self::new(
            StatusCode::BAD_REQUEST,
            format!("Retention window exceeded: the oldest data your plan serves is from {oldest}"),
        )
    }
}
