//! The answer to a request: put as a document where the request says.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use backon::{ExponentialBuilder, Retryable};
use reqwest::{Client, StatusCode};
use serde::Serialize;
use shared::platform::{http, telemetry};
use tokio::time::{Instant, timeout_at};
use url::Url;

use crate::Done;
use crate::request::Request;

/// CloudFormation takes no more bytes than this.
const SIZE: usize = 4096;
/// One try may take this long; less than what is kept for the answer, so that there is time for another.
const ATTEMPT: Duration = Duration::from_secs(4);

/// What is said of a request.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Answer<'a> {
    pub(crate) status: Status,
    reason: String,
    physical_resource_id: &'a str,
    stack_id: &'a str,
    request_id: &'a str,
    logical_resource_id: &'a str,
    no_echo: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Data>,
}

/// How it went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Status {
    Success,
    Failed,
}

/// What the template can read of the resource; text, since it has no numbers.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Data {
    applied: String,
    /// Whether every row of the earlier system was copied, where there were any.
    #[serde(skip_serializing_if = "Option::is_none")]
    adoption: Option<&'static str>,
}

/// The answer was not taken.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    /// Something answered, and not with success.
    #[error("it was refused with {0}")]
    Status(StatusCode),
    /// Nothing answered.
    #[error("it could not be sent")]
    Request(#[from] reqwest::Error),
}

impl<'a> Answer<'a> {
    /// `log` says where more is to be read of a failure.
    pub(crate) fn new(request: &'a Request, outcome: &Result<Done>, log: &str) -> Self {
        let mut answer = Self {
            status: Status::Failed,
            reason: String::new(),
            physical_resource_id: &request.physical_id,
            stack_id: &request.stack_id,
            request_id: &request.id,
            logical_resource_id: &request.logical_id,
            no_echo: false,
            data: None,
        };
        match outcome {
            Ok(done) => {
                answer.status = Status::Success;
                answer.reason = format!("applied {} migrations", done.applied.len());
                if !done.left.is_empty() {
                    let left = format!("; left to `callmark migrate`: {}", done.left.join(", "));
                    let _ = write!(answer.reason, "{}", cut(&left, SIZE / 2));
                }
                answer.data = Some(Data {
                    applied: done.applied.len().to_string(),
                    adoption: done.adopted.as_ref().map(
                        |adopted| {
                            if adopted.is_complete { "complete" } else { "incomplete" }
                        },
                    ),
                });
            }
            Err(error) => {
                // The hint stands for what is cut off: it comes last and stays whole.
                let hint = format!(" ({log})");
                answer.reason.clone_from(&hint);
                let room = SIZE.saturating_sub(answer.body().len() + 1);
                answer.reason = cut(&telemetry::chain(error.as_ref()), room) + &hint;
            }
        }
        answer
    }

    /// Puts it to `url`, again and again while that can help, until it is taken or the time is up.
    pub(crate) async fn deliver(&self, url: &Url, until: Instant) -> Result<()> {
        let http = http::client(ATTEMPT).context("building the HTTP client")?;
        let pauses = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(200))
            .with_max_delay(Duration::from_secs(2))
            .without_max_times()
            .with_jitter();
        // A short time must do for two tries, too.
        let limit = ATTEMPT.min((until - Instant::now()) / 2);
        let mut trouble = "nothing answered".to_owned();
        let tries = (|| put(&http, url, self.body(), limit))
            .retry(pauses)
            .when(Refusal::may_pass)
            .notify(|refusal, _| {
                trouble = telemetry::chain(refusal);
                tracing::warn!("trying again to answer: {trouble}");
            });
        let ended = timeout_at(until, tries).await;
        match ended {
            Ok(ended) => Ok(ended?),
            Err(_) => bail!("out of time: {trouble}"),
        }
    }

    fn body(&self) -> String {
        #[expect(clippy::expect_used, reason = "text in fields with names always becomes JSON")]
        serde_json::to_string(self).expect("JSON of an answer")
    }
}

impl Refusal {
    fn may_pass(&self) -> bool {
        match self {
            Self::Status(status) => {
                status.is_server_error()
                    || matches!(*status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS)
            }
            Self::Request(error) => !error.is_builder(),
        }
    }
}

async fn put(http: &Client, url: &Url, body: String, limit: Duration) -> Result<(), Refusal> {
    // No content type: it is part of what the URL's signature covers, and was signed as empty.
    let sent = http.put(url.clone()).body(body).timeout(limit).send().await;
    match sent.map_err(reqwest::Error::without_url)?.status() {
        status if status.is_success() => Ok(()),
        status => Err(Refusal::Status(status)),
    }
}

/// The longest beginning of `text` that takes no more than `room` bytes as JSON.
fn cut(text: &str, room: usize) -> String {
    const ELLIPSIS: &str = "…";
    let size = |text: &str| serde_json::to_string(text).map_or(usize::MAX, |json| json.len() - 2);
    if size(text) <= room {
        return text.to_owned();
    }
    let room = room.saturating_sub(ELLIPSIS.len());
    let mut buffer = [0; 4];
    let ends = text.char_indices().scan(0, |used, (start, letter)| {
        *used += size(letter.encode_utf8(&mut buffer));
        (*used <= room).then_some(start + letter.len_utf8())
    });
    format!("{}{ELLIPSIS}", &text[..ends.last().unwrap_or_default()])
}
