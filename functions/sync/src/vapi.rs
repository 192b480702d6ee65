//! The client of Vapi's API: lists as streams of elements, single calls, and errors that say what to do.

use std::time::Duration;

use anyhow::Result;
use backon::{ExponentialBuilder, Retryable};
use bytes::Bytes;
use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use futures::StreamExt;
use futures::stream::BoxStream;
use reqwest::header::CONTENT_TYPE;
use reqwest::{RequestBuilder, Response, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use shared::platform::http::NoAnswer;
use shared::platform::retry_after::retry_after;
use shared::platform::{clock, config, telemetry};
use url::Url;

use crate::array::{BrokenArray, Elements};
use crate::clock_skew::ClockSkew;
use crate::rate_limit::Pace;

/// The longest that we obey a `Retry-After`.
const LONGEST_QUIET: Duration = Duration::from_mins(2);

/// Vapi's API, seen with one organisation's key.
#[derive(Debug)]
pub struct Vapi {
    http: reqwest::Client,
    base_url: Url,
    api_key: SecretString,
    pace: Pace,
    pub(crate) clock_skew: ClockSkew,
    pub(crate) page_limit: usize,
    pub(crate) downloads: usize,
    attempts: usize,
}

/// What can go wrong, by what follows from it.
#[derive(Debug, thiserror::Error)]
pub enum VapiError {
    /// The key is wrong, revoked or another organisation's; trying again cannot help.
    #[error(
        "Vapi refused the key in VAPI_API_KEY ({status}: {message}); check that it is the private key of this organisation and of this region"
    )]
    Unauthorized {
        /// 401 or 403.
        status: StatusCode,
        /// What Vapi said.
        message: String,
    },
    /// The bounds reach back further than Vapi keeps calls.
    #[error("Vapi does not keep calls for that long: {message}")]
    BeyondRetention {
        /// What Vapi said.
        message: String,
    },
    /// There is no such thing.
    #[error("Vapi does not know it: it is older than Vapi keeps calls, or another organisation's")]
    NotFound,
    /// There is no such listing: this is not where Vapi's API is.
    #[error(
        "there is no `/{listed}` at {base} (404): VAPI_BASE_URL is wrong{path}; it should be https://api.vapi.ai, or your region's"
    )]
    NoListing {
        /// What was listed.
        listed: &'static str,
        /// `VAPI_BASE_URL`.
        base: String,
        /// What looks wrong with its path, where it has one.
        path: String,
    },
    /// The request is wrong; trying again cannot help.
    #[error("Vapi refused the request ({status}: {message})")]
    Refused {
        /// The status.
        status: StatusCode,
        /// What Vapi said.
        message: String,
    },
    /// Asked too often.
    #[error("Vapi is asked too often (429)")]
    TooFast {
        /// For how long Vapi wants quiet.
        quiet: Option<Duration>,
    },
    /// Vapi, or what stands in front of it, is in trouble.
    #[error("Vapi is in trouble ({status}: {message})")]
    Unavailable {
        /// The status.
        status: StatusCode,
        /// What was said.
        message: String,
    },
    /// The answer is damaged.
    #[error("Vapi's answer is damaged")]
    Damaged(#[source] BrokenAnswer),
    /// No answer, or none that ended.
    #[error("no answer from Vapi")]
    NoAnswer(#[source] NoAnswer),
}

/// How an answer is damaged.
#[derive(Debug, thiserror::Error)]
pub enum BrokenAnswer {
    /// The array around the elements.
    #[error("{0}")]
    Array(String),
    /// An element.
    #[error("an element is {0}")]
    Element(String),
}

/// What is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Listed {
    Calls,
    Assistants,
}

/// The bounds of a listing; all of them hold together. Each bound is a millisecond, and includes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Query {
    pub(crate) created_from: Option<DateTime<Utc>>,
    pub(crate) created_to: Option<DateTime<Utc>>,
    pub(crate) updated_from: Option<DateTime<Utc>>,
    pub(crate) updated_to: Option<DateTime<Utc>>,
    pub(crate) assistant_id: Option<String>,
    pub(crate) limit: usize,
}

/// A page on its way.
pub(crate) struct Page {
    chunks: BoxStream<'static, reqwest::Result<Bytes>>,
    elements: Elements,
    ended: bool,
}

impl Vapi {
    /// A client; connects when it is first used.
    ///
    /// # Errors
    ///
    /// If the HTTP client cannot be built.
    pub fn new(settings: &config::Vapi) -> Result<Self> {
        Ok(Self {
            http: shared::platform::http::client(settings.timeout)?,
            base_url: settings.base_url.clone(),
            api_key: settings.api_key.clone(),
            pace: Pace::new(settings.rate),
            clock_skew: ClockSkew::default(),
            page_limit: settings.page_limit,
            downloads: settings.downloads,
            attempts: settings.attempts,
        })
    }

    /// Opens a page of a listing. One request: the caller tries again, since a page may also break half-way.
    pub(crate) async fn page(&self, listed: Listed, query: &Query) -> Result<Page, VapiError> {
        let mut url = self.url(&[listed.path()]);
        query.write(&mut url);
        let response = self.get(url).await.map_err(|error| self.doubted(error, listed))?;
        Ok(Page {
            chunks: response.bytes_stream().boxed(),
            elements: Elements::default(),
            ended: false,
        })
    }

    /// All elements of a page of a listing, with tries. For small pages: it holds them.
    pub(crate) async fn whole_page(&self, listed: Listed, query: &Query) -> Result<Vec<Bytes>, VapiError> {
        self.patiently(|| async {
            let (mut page, mut elements) = (self.page(listed, query).await?, Vec::new());
            while let Some(element) = page.next().await? {
                elements.push(element);
            }
            Ok(elements)
        })
        .await
    }

    /// One call as Vapi has it, with tries.
    pub(crate) async fn call(&self, id: &str) -> Result<Bytes, VapiError> {
        self.one(&["call", id]).await
    }

    /// One assistant as Vapi has it, with tries.
    pub(crate) async fn assistant(&self, id: &str) -> Result<Bytes, VapiError> {
        self.one(&["assistant", id]).await
    }

    async fn one(&self, path: &[&str]) -> Result<Bytes, VapiError> {
        self.patiently(|| async {
            self.get(self.url(path))
                .await?
                .bytes()
                .await
                .map_err(VapiError::unanswered)
        })
        .await
    }

    /// Whether a call that is not there may mean that there is no Vapi: a wrong base URL has no listing either.
    pub(crate) async fn check_base_url(&self) -> Result<(), VapiError> {
        let one = Query {
            limit: 1,
            ..Query::default()
        };
        match self.page(Listed::Calls, &one).await {
            Err(error @ VapiError::NoListing { .. }) => Err(error),
            // What else is wrong now says nothing of the call.
            _ => Ok(()),
        }
    }

    async fn patiently<T, F: Future<Output = Result<T, VapiError>>>(
        &self,
        ask: impl FnMut() -> F,
    ) -> Result<T, VapiError> {
        ask.retry(self.patience())
            .when(VapiError::is_transient)
            .notify(|error, wait| {
                tracing::warn!(
                    wait_ms = wait.as_millis(),
                    "asking Vapi again: {}",
                    telemetry::chain(error)
                );
            })
            .await
    }

    /// Waits between tries: from half a second, doubled up to half a minute, with jitter. A longer `Retry-After` is
    /// obeyed by the pace, which closes the gate for every request.
    pub(crate) fn patience(&self) -> ExponentialBuilder {
        ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(500))
            .with_max_delay(Duration::from_secs(30))
            .with_max_times(self.attempts.saturating_sub(1))
            .with_jitter()
    }

    /// Asks a question that has a body, once. Nothing is changed at Vapi by it.
    pub(crate) async fn post(&self, path: &[&str], question: &Value) -> Result<Bytes, VapiError> {
        let request = self
            .http
            .post(self.url(path))
            .header(CONTENT_TYPE, "application/json")
            .body(question.to_string());
        self.send(request).await?.bytes().await.map_err(VapiError::unanswered)
    }

    async fn get(&self, url: Url) -> Result<Response, VapiError> {
        self.send(self.http.get(url)).await
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, VapiError> {
        self.pace.turn().await;
        let response = request
            .bearer_auth(self.api_key.expose_secret())
            .send()
            .await
            .map_err(VapiError::unanswered)?;
        self.clock_skew.note(response.headers(), clock::now());
        if matches!(response.status(), StatusCode::OK | StatusCode::CREATED) {
            self.pace.answered();
            return Ok(response);
        }
        let error = refusal(response).await;
        if let VapiError::TooFast { quiet } = &error {
            self.pace.too_fast(*quiet);
        }
        Err(error)
    }

    /// A listing that is not there says that the base URL is wrong: Vapi has an empty one where there is nothing.
    fn doubted(&self, error: VapiError, listed: Listed) -> VapiError {
        let VapiError::NotFound = error else { return error };
        let path = match self.base_url.path() {
            "" | "/" => String::new(),
            path => format!(", most likely its path `{path}`"),
        };
        VapiError::NoListing {
            listed: listed.path(),
            base: self.base_url.to_string(),
            path,
        }
    }

    fn url(&self, path: &[&str]) -> Url {
        let mut url = self.base_url.clone();
        // A base URL with a host always has a path to extend; `config` refuses any other.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        url
    }
}

impl Page {
    /// The next element; `None` once the array was closed properly.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, VapiError> {
        loop {
            if let Some(element) = self.elements.next().map_err(|error| VapiError::broken_array(&error))? {
                return Ok(Some(element));
            }
            if self.ended {
                return self
                    .elements
                    .end()
                    .map(|()| None)
                    .map_err(|error| VapiError::broken_array(&error));
            }
            match self.chunks.next().await {
                Some(chunk) => self.elements.feed(&chunk.map_err(VapiError::unanswered)?),
                None => self.ended = true,
            }
        }
    }
}

impl VapiError {
    /// Whether trying again can help.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::TooFast { .. } | Self::Unavailable { .. } | Self::Damaged(_) => true,
            // A request that cannot be built is ours to mend; everything else may pass.
            Self::NoAnswer(error) => !error.reason().is_builder(),
            Self::Unauthorized { .. }
            | Self::BeyondRetention { .. }
            | Self::NotFound
            | Self::NoListing { .. }
            | Self::Refused { .. } => false,
        }
    }

    /// Whether a smaller page may come through where a large one did not.
    pub(crate) fn may_be_size(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::Damaged(_) | Self::NoAnswer(_))
    }

    fn unanswered(error: reqwest::Error) -> Self {
        Self::NoAnswer(error.into())
    }

    fn broken_array(error: &BrokenArray) -> Self {
        Self::Damaged(BrokenAnswer::Array(error.to_string()))
    }
}

impl Listed {
    fn path(self) -> &'static str {
        match self {
            Self::Calls => "call",
            Self::Assistants => "assistant",
        }
    }
}

impl Query {
    fn write(&self, url: &mut Url) {
        let mut pairs = url.query_pairs_mut();
        pairs.append_pair("limit", &self.limit.to_string());
        // An upper bound is sent as "before the next millisecond": Vapi prints milliseconds but may well
        // compare microseconds, and then `Le` would leave out most of the millisecond that it names.
        let next = |instant: DateTime<Utc>| instant.trunc_subsecs(3) + TimeDelta::milliseconds(1);
        let bounds = [
            ("createdAtGe", self.created_from),
            ("createdAtLt", self.created_to.map(next)),
            ("updatedAtGe", self.updated_from),
            ("updatedAtLt", self.updated_to.map(next)),
        ];
        for (name, bound) in bounds {
            if let Some(instant) = bound {
                pairs.append_pair(name, &clock::rfc3339(instant));
            }
        }
        if let Some(id) = &self.assistant_id {
            pairs.append_pair("assistantId", id);
        }
    }
}

/// Reads what an answer other than 200 means.
async fn refusal(response: Response) -> VapiError {
    let status = response.status();
    let quiet = retry_after(response.headers(), clock::now()).map(|wait| wait.min(LONGEST_QUIET));
    let message = message(&response.bytes().await.unwrap_or_default());
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => VapiError::Unauthorized { status, message },
        StatusCode::NOT_FOUND => VapiError::NotFound,
        StatusCode::TOO_MANY_REQUESTS => VapiError::TooFast { quiet },
        StatusCode::BAD_REQUEST if message.to_ascii_lowercase().contains("retention") => {
            VapiError::BeyondRetention { message }
        }
        StatusCode::REQUEST_TIMEOUT | StatusCode::CONFLICT => VapiError::Unavailable { status, message },
        status if status.is_server_error() => VapiError::Unavailable { status, message },
        status => VapiError::Refused { status, message },
    }
}

/// What Vapi says of an error: a text, a list of texts, or somebody else's HTML.
fn message(body: &[u8]) -> String {
    let text = match serde_json::from_slice::<Value>(body) {
        Ok(Value::Object(members)) => match members.get("message") {
            Some(Value::String(message)) => message.clone(),
            Some(Value::Array(messages)) => messages.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("; "),
            _ => String::from_utf8_lossy(body).into_owned(),
        },
        _ => String::from_utf8_lossy(body).into_owned(),
    };
    let words: Vec<&str> = text.split_whitespace().collect();
    let line: String = words.join(" ").chars().take(200).collect();
    if line.is_empty() {
        "without a message".to_owned()
    } else {
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_written_in_the_form_that_survives_a_query_string() {
        let mut url = Url::parse("https://api.vapi.ai/call").unwrap();
        let instant = DateTime::parse_from_rfc3339("2026-08-03T12:00:00.5+02:00")
            .unwrap()
            .to_utc();

        Query {
            created_to: Some(instant),
            limit: 100,
            ..Query::default()
        }
        .write(&mut url);

        assert_eq!(url.query(), Some("limit=100&createdAtLt=2026-08-03T10%3A00%3A00.501Z"));
    }

    #[test]
    fn an_error_is_told_in_one_line_whatever_its_form() {
        assert_eq!(message(br#"{"message":["a","b"],"statusCode":400}"#), "a; b");
        assert_eq!(message(br#"{"message":"Rate limit exceeded"}"#), "Rate limit exceeded");
        assert_eq!(message(b"<html>\n  <h1>521</h1>"), "<html> <h1>521</h1>");
        assert_eq!(message(b""), "without a message");
    }
}
