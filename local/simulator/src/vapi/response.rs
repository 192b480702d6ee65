//! Sends an answer, whole or in one of the ways in which bodies go wrong.

use std::{io, time::Duration};

use axum::{
    body::Body,
    http::{HeaderValue, Response, StatusCode, header},
};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::{StreamExt, stream};
use tokio_util::sync::CancellationToken;

use super::body::{Part, gzipped};

/// An answer ready to be sent.
#[derive(Debug)]
pub(crate) struct Ready {
    pub(crate) status: StatusCode,
    pub(crate) content_type: &'static str,
    pub(crate) retry_after: Option<u32>,
    pub(crate) parts: Vec<Part>,
    pub(crate) delivery: Delivery,
}

/// How a body travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    Whole,
    Drip {
        pieces: usize,
        pause: Duration,
    },
    /// The connection breaks in the middle of the body.
    Break {
        says_length: bool,
    },
    /// The body stands still in its middle until the server stops.
    Stall,
    /// There is no body, for the connection ends before.
    Never,
    Reset,
    Close,
}

impl Delivery {
    /// True if nothing is answered at all.
    pub(crate) fn is_silent(self) -> bool {
        matches!(self, Self::Never | Self::Reset | Self::Close)
    }
}

/// Waited before a connection breaks, so that what was sent until then arrives.
const FLUSH: Duration = Duration::from_millis(20);

/// `dated` is what the answer says of the time; the true time where absent.
pub(crate) fn render(
    ready: &Ready,
    gzip: bool,
    dated: Option<DateTime<Utc>>,
    stopped: CancellationToken,
) -> Response<Body> {
    let pieces: Vec<Bytes> = if gzip {
        gzipped(&ready.parts)
    } else {
        ready.parts.iter().map(|part| part.text().clone()).collect()
    };
    let length: usize = pieces.iter().map(Bytes::len).sum();
    let mut response = Response::new(body(pieces, length, ready.delivery, stopped));
    *response.status_mut() = ready.status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(ready.content_type));
    if ready.delivery != (Delivery::Break { says_length: false }) {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    if gzip {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    let dated = dated.map(|at| at.format("%a, %d %b %Y %H:%M:%S GMT").to_string());
    if let Some(date) = dated.and_then(|date| HeaderValue::try_from(date).ok()) {
        headers.insert(header::DATE, date);
    }
    if let Some(seconds) = ready.retry_after {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

fn body(pieces: Vec<Bytes>, length: usize, delivery: Delivery, stopped: CancellationToken) -> Body {
    match delivery {
        Delivery::Whole | Delivery::Never | Delivery::Reset | Delivery::Close => {
            Body::from_stream(stream::iter(pieces).map(Ok::<_, io::Error>))
        }
        Delivery::Drip { pieces: count, pause } => {
            let text = pieces.concat();
            let size = text.len().div_ceil(count.max(1)).max(1);
            let drops: Vec<Bytes> = text.chunks(size).map(Bytes::copy_from_slice).collect();
            Body::from_stream(stream::iter(drops).then(move |drop| async move {
                tokio::time::sleep(pause).await;
                Ok::<_, io::Error>(drop)
            }))
        }
        Delivery::Break { .. } => half(&pieces, length, async {
            tokio::time::sleep(FLUSH).await;
        }),
        Delivery::Stall => half(&pieces, length, async move { stopped.cancelled().await }),
    }
}

/// The first half of the body, then, after `pause`, the end of the connection.
fn half(pieces: &[Bytes], length: usize, pause: impl Future<Output = ()> + Send + 'static) -> Body {
    let mut text = pieces.concat();
    text.truncate(length / 2);
    let first = stream::iter([Ok(Bytes::from(text))]);
    let end = stream::once(async move {
        pause.await;
        Err(io::Error::from(io::ErrorKind::BrokenPipe))
    });
    Body::from_stream(first.chain(end))
}
