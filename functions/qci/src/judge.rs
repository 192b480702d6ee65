//! The client of the judge: chat completions as `OpenAI` has them, and errors that say what to do.

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use chrono::{DateTime, Utc};
use reqwest::{Response, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use shared::platform::http::NoAnswer;
use shared::platform::{clock, config, http, telemetry};
use shared::store::price::Usage;
use tokio_util::sync::CancellationToken;
use url::Url;
use uuid::Uuid;

use crate::concurrency_limit::Throttle;
use crate::ledger::Entry;

mod quiet;

use quiet::quiet;

/// The judge.
#[derive(Debug)]
pub struct Judge {
    http: reqwest::Client,
    endpoint: Url,
    api_key: SecretString,
    /// The model that is asked in place of the framework's.
    pub(crate) model: Option<String>,
    pub(crate) format: config::ResponseFormat,
    attempts: usize,
    throttle: Throttle,
}

/// One request.
#[derive(Serialize)]
pub(crate) struct Question<'a> {
    pub(crate) model: &'a str,
    pub(crate) messages: &'a [Message],
    pub(crate) response_format: &'a RawValue,
    /// What the framework adds, such as `temperature`.
    #[serde(flatten)]
    pub(crate) request: &'a Map<String, Value>,
}

/// One message of a request.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Message {
    pub(crate) role: &'static str,
    pub(crate) content: String,
}

/// An answer that was paid for.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    /// Its row in the ledger.
    pub(crate) id: Uuid,
    pub(crate) requested_at: DateTime<Utc>,
    pub(crate) took: Duration,
    /// As the endpoint names it.
    pub(crate) model: Option<String>,
    pub(crate) usage: Usage,
    pub(crate) content: Result<String, Useless>,
}

/// How an answer is of no use although one came.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Useless {
    /// The model would not answer.
    #[error("the judge refused to answer: {0}")]
    Refusal(String),
    /// It ran out of tokens.
    #[error(
        "the judge's answer was cut off at its token limit: max_tokens in the framework's model_config, or what the model can hold"
    )]
    Truncated,
    /// The provider held it back.
    #[error("the provider's content filter held the answer back")]
    Filtered,
    /// There was no text in it.
    #[error("the judge's answer was empty")]
    Blank,
}

/// The judge gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum JudgeError {
    /// The key is wrong or revoked.
    #[error("the judge refused the key ({status}): check OPENAI_API_KEY: {message}")]
    Unauthorized {
        /// 401 or 403.
        status: StatusCode,
        /// What it said.
        message: String,
    },
    /// There is no such endpoint or model.
    #[error(
        "the judge does not know the endpoint or the model (404 at {endpoint}): check OPENAI_BASE_URL{path} and OPENAI_MODEL: {message}"
    )]
    NotFound {
        /// Where it was asked.
        endpoint: String,
        /// What looks wrong with the path of the base URL.
        path: &'static str,
        /// What it said.
        message: String,
    },
    /// The account is used up: waiting does not help.
    #[error("the judge's account is used up: {message}")]
    UsedUp {
        /// What it said.
        message: String,
    },
    /// Asked too often.
    #[error("the judge is rate limiting us (429)")]
    TooFast {
        /// For how long it wants to be left alone.
        quiet: Option<Duration>,
    },
    /// The server's trouble.
    #[error("the judge is unavailable ({status}): {message}")]
    Unavailable {
        /// A 5xx, 408 or 409.
        status: StatusCode,
        /// What it said.
        message: String,
    },
    /// Nothing came, or only a part.
    #[error("the judge did not answer")]
    NoAnswer(#[source] NoAnswer),
    /// Something came that is no chat completion.
    #[error("the judge's answer is no chat completion: {0}")]
    Malformed(String),
    /// It does not know how we ask for the form of an answer.
    #[error(
        "the judge does not know this form of request ({status}): set OPENAI_RESPONSE_FORMAT=json_object: {message}"
    )]
    UnknownFormat {
        /// A 400, 422 or 500.
        status: StatusCode,
        /// What it said.
        message: String,
    },
    /// The call is longer than what the model can hold: the fault of nobody but this call.
    #[error("the call is too long for the judge: {message}")]
    TooLong {
        /// What it said.
        message: String,
    },
    /// It was not asked: the run ends.
    #[error("the judge was not asked any more")]
    Stopped,
    /// The database would not take the row that stands for a request before it goes out.
    #[error("a request to the judge could not be written down before it was made, and was not made: {0}")]
    NotRecorded(String),
    /// The request itself is what it does not like.
    #[error("the judge refused the request ({status}): {message}")]
    Refused {
        /// A 4xx.
        status: StatusCode,
        /// What it said.
        message: String,
    },
}

impl Judge {
    /// A client that asks at most `concurrency` times at once; connects when it is first used.
    ///
    /// # Errors
    ///
    /// If the HTTP client cannot be built.
    pub fn new(settings: &config::Judge, concurrency: usize) -> anyhow::Result<Self> {
        let mut endpoint = settings.base_url.clone();
        // A base URL with a host always has a path to extend; `config` refuses any other.
        if let Ok(mut segments) = endpoint.path_segments_mut() {
            segments.pop_if_empty().extend(["chat", "completions"]);
        }
        Ok(Self {
            http: http::client(settings.timeout)?,
            endpoint,
            api_key: settings.api_key.clone(),
            model: settings.model.clone(),
            format: settings.format,
            attempts: settings.attempts,
            throttle: Throttle::new(concurrency),
        })
    }

    /// Asks, with tries, each of which has its row in the ledger before it is made. To be asked too often counts for no try: it passes, and the throttle waits. Once `stop` is
    /// cancelled no request is begun; those under way are waited for.
    pub(crate) async fn ask(
        &self,
        question: &Question<'_>,
        entry: &Entry<'_>,
        stop: &CancellationToken,
    ) -> Result<Reply, JudgeError> {
        let body = serde_json::to_vec(question).map_err(|error| JudgeError::Malformed(error.to_string()))?;
        let patience = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(500))
            .with_max_delay(Duration::from_secs(20))
            .with_max_times(self.attempts.saturating_sub(1))
            .with_jitter();
        let asked = (|| self.try_until_heard(&body, entry, stop))
            .retry(patience)
            .when(JudgeError::is_transient)
            .notify(|error, wait| {
                tracing::warn!(
                    wait_ms = wait.as_millis(),
                    "asking the judge again: {}",
                    telemetry::chain(error)
                );
            })
            .await;
        if asked.is_err() {
            entry.refused().await;
        }
        asked
    }

    async fn try_until_heard(
        &self,
        body: &[u8],
        entry: &Entry<'_>,
        stop: &CancellationToken,
    ) -> Result<Reply, JudgeError> {
        loop {
            let turn = stop.run_until_cancelled(self.throttle.turn()).await;
            // A turn may have come free just because of what ended the run.
            let Some(turn) = turn.filter(|_| !stop.is_cancelled()) else {
                return Err(JudgeError::Stopped);
            };
            entry.open().await?;
            match self.try_once(body, entry).await {
                Err(JudgeError::TooFast { quiet }) => {
                    tracing::debug!(
                        quiet_ms = quiet.map(|quiet| quiet.as_millis()),
                        "the judge is asked too often"
                    );
                    turn.refused(quiet);
                }
                Ok(reply) => {
                    turn.answered();
                    return Ok(reply);
                }
                Err(error) => {
                    // Our turn is held meanwhile: the next one would ask in vain, where this error ends the run.
                    if error.may_be_paid_for() {
                        entry.lost().await;
                    } else if !error.is_transient() {
                        entry.refused().await;
                    }
                    return Err(error);
                }
            }
        }
    }

    async fn try_once(&self, body: &[u8], entry: &Entry<'_>) -> Result<Reply, JudgeError> {
        let (requested_at, began) = (clock::now(), tokio::time::Instant::now());
        let response = self
            .http
            .post(self.endpoint.clone())
            .bearer_auth(self.api_key.expose_secret())
            .header("content-type", "application/json")
            .body(body.to_owned())
            .send()
            .await
            .map_err(JudgeError::unanswered)?;
        if response.status() != StatusCode::OK {
            return Err(refusal(response, &self.endpoint).await);
        }
        let bytes = response.bytes().await.map_err(JudgeError::unanswered)?;
        let completion: WireCompletion =
            serde_json::from_slice(&bytes).map_err(|error| JudgeError::Malformed(error.to_string()))?;
        let usage = completion.usage.unwrap_or_default();
        let content = content(completion.choices)?;
        Ok(Reply {
            id: entry.answered(),
            requested_at,
            took: began.elapsed(),
            model: completion.model,
            usage: Usage {
                input: usage.prompt_tokens,
                cached: usage
                    .prompt_tokens_details
                    .unwrap_or_default()
                    .cached_tokens
                    .unwrap_or_default(),
                output: usage.completion_tokens,
            },
            content,
        })
    }
}

fn content(choices: Vec<WireChoice>) -> Result<Result<String, Useless>, JudgeError> {
    let Some(choice) = choices.into_iter().next() else {
        return Err(JudgeError::Malformed("it has no choices".to_owned()));
    };
    let text = choice.message.content.filter(|text| !text.trim().is_empty());
    Ok(match (choice.finish_reason.as_deref(), choice.message.refusal, text) {
        (_, Some(refusal), _) if !refusal.is_empty() => Err(Useless::Refusal(excerpt(&refusal))),
        (Some("length"), ..) => Err(Useless::Truncated),
        (Some("content_filter"), ..) => Err(Useless::Filtered),
        (_, _, Some(text)) => Ok(text),
        (_, _, None) => Err(Useless::Blank),
    })
}

impl Useless {
    /// For `judge_requests.outcome`.
    pub(crate) fn as_str(&self) -> &'static str {
        match self {
            Self::Refusal(_) => "refusal",
            Self::Truncated => "truncated",
            Self::Filtered => "filtered",
            Self::Blank => "blank",
        }
    }
}

impl JudgeError {
    fn unanswered(error: reqwest::Error) -> Self {
        Self::NoAnswer(error.into())
    }

    fn is_transient(&self) -> bool {
        match self {
            Self::Unavailable { .. } | Self::Malformed(_) | Self::TooFast { .. } => true,
            Self::NoAnswer(error) => !error.reason().is_builder(),
            Self::Unauthorized { .. }
            | Self::NotFound { .. }
            | Self::UsedUp { .. }
            | Self::UnknownFormat { .. }
            | Self::TooLong { .. }
            | Self::Stopped
            | Self::NotRecorded(_)
            | Self::Refused { .. } => false,
        }
    }

    /// Whether the request may have been worked on, although no answer came of it.
    fn may_be_paid_for(&self) -> bool {
        match self {
            Self::NoAnswer(error) => !error.reason().is_builder() && !error.reason().is_connect(),
            Self::Malformed(_) => true,
            _ => false,
        }
    }

    /// Whether every other request would fare the same.
    pub(crate) fn is_final(&self) -> bool {
        matches!(
            self,
            Self::Unauthorized { .. }
                | Self::NotFound { .. }
                | Self::UsedUp { .. }
                | Self::UnknownFormat { .. }
                | Self::NotRecorded(_)
        )
    }
}

/// Reads what an answer other than 200 means.
async fn refusal(response: Response, endpoint: &Url) -> JudgeError {
    let status = response.status();
    let quiet = quiet(response.headers());
    let body = response.bytes().await.unwrap_or_default();
    let wire = serde_json::from_slice::<WireRefusal>(&body)
        .ok()
        .map(|refusal| refusal.error);
    let code = wire
        .as_ref()
        .and_then(|error| error.code.as_ref()?.as_str().map(str::to_owned));
    let message = wire
        .and_then(|error| error.message)
        .unwrap_or_else(|| String::from_utf8_lossy(&body).into_owned());
    let message = excerpt(&message);
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => JudgeError::Unauthorized { status, message },
        StatusCode::NOT_FOUND => JudgeError::NotFound {
            endpoint: endpoint.to_string(),
            path: doubt(endpoint),
            message,
        },
        StatusCode::PAYMENT_REQUIRED => JudgeError::UsedUp { message },
        StatusCode::TOO_MANY_REQUESTS if code.as_deref() == Some("insufficient_quota") => {
            JudgeError::UsedUp { message }
        }
        StatusCode::TOO_MANY_REQUESTS => JudgeError::TooFast { quiet },
        StatusCode::BAD_REQUEST if is_too_long(code.as_deref(), &message) => JudgeError::TooLong { message },
        StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY | StatusCode::INTERNAL_SERVER_ERROR
            if is_about_the_format(&message) =>
        {
            JudgeError::UnknownFormat { status, message }
        }
        StatusCode::REQUEST_TIMEOUT | StatusCode::CONFLICT => JudgeError::Unavailable { status, message },
        status if status.is_server_error() => JudgeError::Unavailable { status, message },
        status => JudgeError::Refused { status, message },
    }
}

/// What looks wrong with the path of the base URL: nearly every endpoint has its API at `/v1`.
fn doubt(endpoint: &Url) -> &'static str {
    match endpoint.path().trim_end_matches("/chat/completions") {
        "" => ", which has no path and should most likely end in /v1,",
        path if path.ends_with("/v1") => "",
        _ => ", whose path looks wrong: it ends in /v1 at most providers,",
    }
}

fn is_too_long(code: Option<&str>, message: &str) -> bool {
    code == Some("context_length_exceeded") || message.to_ascii_lowercase().contains("context length")
}

fn is_about_the_format(message: &str) -> bool {
    ["response_format", "json_schema"]
        .iter()
        .any(|name| message.contains(name))
}

fn excerpt(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let line: String = words.join(" ").chars().take(200).collect();
    if line.is_empty() {
        "without a message".to_owned()
    } else {
        line
    }
}

#[derive(Deserialize)]
struct WireCompletion {
    model: Option<String>,
    choices: Vec<WireChoice>,
    usage: Option<WireUsage>,
}

#[derive(Deserialize)]
struct WireChoice {
    message: WireMessage,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct WireMessage {
    content: Option<String>,
    refusal: Option<String>,
}

#[derive(Default, Deserialize)]
struct WireUsage {
    #[serde(default)]
    prompt_tokens: u32,
    #[serde(default)]
    completion_tokens: u32,
    prompt_tokens_details: Option<WireDetails>,
}

#[derive(Default, Deserialize)]
struct WireDetails {
    cached_tokens: Option<u32>,
}

#[derive(Deserialize)]
struct WireRefusal {
    error: WireError,
}

#[derive(Deserialize)]
struct WireError {
    message: Option<String>,
    /// A text as `OpenAI` has it, a number elsewhere.
    code: Option<Value>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_that_is_refused_for_its_form_or_its_length_is_told_from_others() {
        let of_vllm = "1 validation error: {'loc': ('body', 'response_format', 'type'), 'msg': 'Input should be text'}";

        assert!(is_about_the_format(of_vllm) && !is_about_the_format("The server had an error"));
        assert!(is_too_long(Some("context_length_exceeded"), "") && !is_too_long(Some("invalid_value"), "temperature"));
        assert!(is_too_long(None, "This model's maximum Context Length is 4096 tokens"));
    }

    #[test]
    fn each_way_not_to_answer_is_told_from_the_others() {
        let read = |text: &str| content(serde_json::from_str(text).unwrap());

        assert_eq!(
            read(r#"[{"message":{"content":null,"refusal":"No."},"finish_reason":"stop"}]"#).unwrap(),
            Err(Useless::Refusal("No.".into()))
        );
        assert_eq!(
            read(r#"[{"message":{"content":"{\"cri"},"finish_reason":"length"}]"#).unwrap(),
            Err(Useless::Truncated)
        );
        assert_eq!(
            read(r#"[{"message":{"content":""},"finish_reason":"content_filter"}]"#).unwrap(),
            Err(Useless::Filtered)
        );
        assert_eq!(read(r#"[{"message":{"content":" "}}]"#).unwrap(), Err(Useless::Blank));
        assert_eq!(
            read(r#"[{"message":{"content":"{}","refusal":null}}]"#).unwrap(),
            Ok("{}".into())
        );
        assert!(read("[]").is_err());
    }
}
