//! What goes back over the wire.

use std::time::{SystemTime, UNIX_EPOCH};

use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, Response, StatusCode, header},
};
use serde_json::{Value, json};

use super::{faults::Fault, limit::Allowance, refusal::Refused, requests::Usage};

/// An answer ready to be sent.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) content_type: &'static str,
    pub(crate) body: String,
}

/// What the model said.
#[derive(Debug)]
pub(crate) struct Completion {
    pub(crate) content: Option<String>,
    pub(crate) refusal: Option<&'static str>,
    pub(crate) finish_reason: &'static str,
    pub(crate) usage: Usage,
}

const HTML: &str = "<!DOCTYPE html>\n<html><head><title>Service unavailable</title></head>\
    <body><h1>Service unavailable</h1><p>The gateway got no answer.</p></body></html>\n";

impl Reply {
    pub(crate) fn json(body: &Value) -> Self {
        Self {
            status: StatusCode::OK,
            headers: Vec::new(),
            content_type: "application/json",
            body: body.to_string(),
        }
    }

    pub(crate) fn refused(refused: &Refused) -> Self {
        Self {
            status: refused.status,
            ..Self::json(&refused.body())
        }
    }

    fn html(status: u16) -> Self {
        Self {
            status: StatusCode::from_u16(status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE),
            headers: Vec::new(),
            content_type: "text/html; charset=utf-8",
            body: HTML.to_owned(),
        }
    }

    /// What this fault sends in place of a completion, if it does.
    pub(crate) fn instead(fault: &Fault, tokens: usize) -> Option<Self> {
        match fault {
            Fault::HtmlPage(status) => Some(Self::html(*status)),
            Fault::Status(status) => Some(Self::refused(&Refused::status(*status))),
            Fault::QuotaExhausted => Some(Self::refused(&Refused::quota_exhausted())),
            Fault::ContextTooLong => Some(Self::refused(&Refused::context_too_long(tokens))),
            Fault::RateLimited { retry_after } => {
                let headers = retry_after.map(|wait| Allowance::used_up(wait).headers());
                Some(Self::refused(&Refused::rate_limited()).with(headers.unwrap_or_default()))
            }
            _ => None,
        }
    }

    pub(crate) fn models(models: &[&str]) -> Self {
        let model = |id: &&str| json!({"id": id, "object": "model", "created": 1_700_000_000, "owned_by": "simulator"});
        let data: Vec<Value> = models.iter().map(model).collect();
        Self::json(&json!({"object": "list", "data": data}))
    }

    pub(crate) fn with(mut self, headers: Vec<(&'static str, String)>) -> Self {
        self.headers.extend(headers);
        self
    }

    pub(crate) fn render(self) -> Response<Body> {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
        response
    }
}

impl Completion {
    /// The `chat.completion` object.
    pub(crate) fn body(&self, model: &str, serial: u64) -> Value {
        let created = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_secs();
        json!({
            "id": format!("chatcmpl-{serial:024x}"),
            "object": "chat.completion",
            "created": created,
            "model": model,
            "choices": [{
                "index": 0,
                "message": {"role": "assistant", "content": self.content, "refusal": self.refusal},
                "logprobs": null,
                "finish_reason": self.finish_reason,
            }],
            "usage": {
                "prompt_tokens": self.usage.prompt_tokens,
                "completion_tokens": self.usage.completion_tokens,
                "total_tokens": self.usage.total(),
                "prompt_tokens_details": {"cached_tokens": self.usage.cached_tokens},
                "completion_tokens_details": {"reasoning_tokens": 0},
            },
        })
    }
}
