//! The errors of the API, in the body that it gives them.

use axum::http::StatusCode;
use serde_json::{Value, json};

/// Why a request gets no completion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) status: StatusCode,
    kind: &'static str,
    code: Option<&'static str>,
    param: Option<&'static str>,
    message: String,
}

impl Refused {
    /// 400 about this member of the request.
    pub(crate) fn invalid(param: &'static str, message: impl Into<String>) -> Self {
        Self {
            param: Some(param),
            ..Self::new(StatusCode::BAD_REQUEST, "invalid_request_error", message)
        }
    }

    /// 400 about a request that is no JSON object at all.
    pub(crate) fn no_json() -> Self {
        let message = "The body of the request is not a JSON object.";
        Self::new(StatusCode::BAD_REQUEST, "invalid_request_error", message)
    }

    pub(crate) fn missing(param: &'static str) -> Self {
        let message = format!("Missing required parameter: '{param}'.");
        Self::invalid(param, message).coded("missing_required_parameter")
    }

    pub(crate) fn no_key() -> Self {
        let message = "No API key was given. It belongs into the header 'Authorization: Bearer KEY'.";
        Self::new(StatusCode::UNAUTHORIZED, "invalid_request_error", message)
    }

    pub(crate) fn wrong_key() -> Self {
        let message = "Incorrect API key provided.";
        Self::new(StatusCode::UNAUTHORIZED, "invalid_request_error", message).coded("invalid_api_key")
    }

    pub(crate) fn unknown_model(model: &str) -> Self {
        let message = format!("The model `{model}` does not exist or you do not have access to it.");
        Self::new(StatusCode::NOT_FOUND, "invalid_request_error", message).coded("model_not_found")
    }

    pub(crate) fn no_route(method: &str, path: &str) -> Self {
        let message = format!("Invalid URL ({method} {path})");
        Self::new(StatusCode::NOT_FOUND, "invalid_request_error", message)
    }

    pub(crate) fn wrong_method(method: &str) -> Self {
        let message = format!("{method} is not allowed here.");
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "invalid_request_error", message).coded("method_not_supported")
    }

    pub(crate) fn rate_limited() -> Self {
        let message = "Rate limit reached for requests. Try again later.";
        Self::new(StatusCode::TOO_MANY_REQUESTS, "requests", message).coded("rate_limit_exceeded")
    }

    pub(crate) fn quota_exhausted() -> Self {
        let message = "You exceeded your current quota, please check your plan and billing details.";
        Self::new(StatusCode::TOO_MANY_REQUESTS, "insufficient_quota", message).coded("insufficient_quota")
    }

    pub(crate) fn context_too_long(tokens: usize) -> Self {
        let message =
            format!("The messages have {tokens} tokens, which is more than this model's context has room for.");
        Self::invalid("messages", message).coded("context_length_exceeded")
    }

    /// An ordinary error with this status.
    pub(crate) fn status(status: u16) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        match status {
            StatusCode::UNAUTHORIZED => Self::wrong_key(),
            StatusCode::TOO_MANY_REQUESTS => Self::rate_limited(),
            status if status.is_client_error() => {
                Self::new(status, "invalid_request_error", "The request was refused.")
            }
            status => Self::new(
                status,
                "server_error",
                "The server had an error while it processed the request.",
            ),
        }
    }

    /// 500, because this simulator cannot do what it was asked.
    pub(crate) fn beyond_us(message: String) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "simulator_error", message)
    }

    pub(crate) fn body(&self) -> Value {
        json!({"error": {
            "message": self.message,
            "type": self.kind,
            "param": self.param,
            "code": self.code,
        }})
    }

    fn new(status: StatusCode, kind: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            kind,
            code: None,
            param: None,
            message: message.into(),
        }
    }

    fn coded(self, code: &'static str) -> Self {
        Self {
            code: Some(code),
            ..self
        }
    }
}
