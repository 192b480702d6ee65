//! Answers requests.
//!
//! key → limit → [`question`](super::question) → faults → [`opinion`](super::opinion) → reply, and a line in the log.

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Instant,
};

use axum::{
    body::{Body, Bytes},
    extract::{ConnectInfo, State},
    http::{HeaderMap, Method, Response, Uri, header},
};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::{
    caching::{self, Cache},
    faults::{Fault, Faults},
    limit::{Allowance, Gate},
    opinion,
    question::Question,
    refusal::Refused,
    reply::{Completion, Reply},
    requests::{Request, Usage},
    settings::Settings,
    spoil,
    transcript::Transcript,
};
use crate::connection::Fate;

/// What the handlers and the [`Server`](super::Server) share.
pub(crate) struct Shared {
    settings: Settings,
    gate: Mutex<Gate>,
    cache: Mutex<Cache>,
    serial: AtomicU64,
    open: AtomicUsize,
    pub(crate) requests: Mutex<Vec<Request>>,
    pub(crate) faults: Faults,
    pub(crate) most_open: AtomicUsize,
    pub(crate) stopped: CancellationToken,
}

const DECLINED: &str = "I'm sorry, but I can't assist with that request.";
const SMALL_TALK: &str = "Without a schema there is nothing for me to judge by.";

/// Answers one request.
pub(crate) async fn serve(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(fate): ConnectInfo<Fate>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let path = uri.path().trim_end_matches('/');
    let path = path.strip_prefix("/v1").unwrap_or(path);
    let refused = match (path, &method) {
        ("/chat/completions", &Method::POST) => return complete(&shared, &fate, &headers, &body).await,
        ("/models", &Method::GET) => match shared.let_in(&headers) {
            Ok(()) => return Reply::models(&shared.models()).render(),
            Err(refused) => refused,
        },
        ("/chat/completions" | "/models", _) => Refused::wrong_method(method.as_str()),
        _ => Refused::no_route(method.as_str(), uri.path()),
    };
    Reply::refused(&refused).render()
}

async fn complete(shared: &Arc<Shared>, fate: &Fate, headers: &HeaderMap, body: &Bytes) -> Response<Body> {
    let _open = Open::count(shared);
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let serial = shared.note(&body);
    let let_in = shared.let_in(headers);
    let limit = shared.settings.limit.filter(|_| let_in.is_ok());
    let allowance = limit.map(|limit| locked(&shared.gate).admit(limit, Instant::now()));
    let admitted = let_in.and_then(|()| match allowance {
        Some(Allowance { wait: Some(_), .. }) => Err(Refused::rate_limited()),
        _ => Question::read(&body, &shared.settings),
    });
    let reply = match admitted {
        Ok(question) => match shared.ask(serial, &question).await {
            Some(reply) => reply,
            None => return shared.say_nothing(serial, fate).await,
        },
        Err(refused) => Reply::refused(&refused),
    };
    let limits = allowance.map(|allowance| allowance.headers()).unwrap_or_default();
    shared.log(serial, |request| request.status = reply.status.as_u16());
    // What the answer itself says about limits stands.
    let mut reply = Reply {
        headers: limits,
        ..reply
    }
    .with(reply.headers);
    reply.headers.push(("x-request-id", format!("req_{serial:024x}")));
    reply.render()
}

impl Shared {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            settings,
            gate: Mutex::default(),
            cache: Mutex::default(),
            serial: AtomicU64::new(1),
            open: AtomicUsize::new(0),
            requests: Mutex::default(),
            faults: Faults::default(),
            most_open: AtomicUsize::new(0),
            stopped: CancellationToken::new(),
        }
    }

    /// Answers a question in its time, unless a fault swallows the answer.
    async fn ask(&self, serial: u64, question: &Question) -> Option<Reply> {
        let transcript = question.transcript();
        let struck = self.faults.strike(&transcript.text(), question.is_retry());
        self.log(serial, |request| request.fault.clone_from(&struck.fault));
        let pause = self.settings.latency + struck.delay;
        // Even no sleep at all would take a millisecond.
        if !pause.is_zero() {
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.stopped.cancelled() => {}
            }
        }
        if matches!(struck.fault, Some(Fault::Hang | Fault::Drop)) {
            return None;
        }
        if let Some(reply) = struck
            .fault
            .as_ref()
            .and_then(|fault| Reply::instead(fault, question.tokens()))
        {
            return Some(reply);
        }
        let completion = match self.completion(question, &transcript, struck.fault.as_ref()) {
            Ok(completion) => completion,
            Err(refused) => return Some(Reply::refused(&refused)),
        };
        self.log(serial, |request| {
            request.content.clone_from(&completion.content);
            request.finish_reason = Some(completion.finish_reason.to_owned());
            request.usage = Some(completion.usage);
        });
        Some(Reply::json(&completion.body(&self.settings.model, serial)))
    }

    fn completion(
        &self,
        question: &Question,
        transcript: &Transcript,
        fault: Option<&Fault>,
    ) -> Result<Completion, Refused> {
        let mut content = match &question.schema {
            Some(schema) => self.content(schema, transcript, fault)?,
            None => SMALL_TALK.to_owned(),
        };
        let mut finish_reason = "stop";
        let room = question.most_tokens.unwrap_or(usize::MAX);
        if fault == Some(&Fault::Length) || caching::tokens(&content) > room {
            finish_reason = "length";
            content.truncate(caching::beginning(&content, room.min(content.len())).len());
        }
        let (content, refusal) = match fault {
            Some(Fault::Refusal) => (None, Some(DECLINED)),
            Some(Fault::ContentFilter) => {
                finish_reason = "content_filter";
                (None, None)
            }
            _ => (Some(content), None),
        };
        let usage = Usage {
            prompt_tokens: question.tokens(),
            cached_tokens: locked(&self.cache).read(&question.system()),
            completion_tokens: caching::tokens(content.as_deref().or(refusal).unwrap_or_default()),
        };
        Ok(Completion {
            content,
            refusal,
            finish_reason,
            usage,
        })
    }

    /// The text of the answer: an instance of the schema, unless a fault makes it something else.
    fn content(&self, schema: &Value, transcript: &Transcript, fault: Option<&Fault>) -> Result<String, Refused> {
        let answer = opinion::answer(schema, transcript, self.settings.obeys_injection);
        if let Err(error) = jsonschema::validate(schema, &answer) {
            let message = format!("the simulator has no answer for this schema: {error}");
            return Err(Refused::beyond_us(message));
        }
        Ok(match fault {
            Some(fault) => spoil::text(&spoil::answer(answer, fault, schema, transcript).to_string(), fault),
            None => answer.to_string(),
        })
    }

    /// Leaves the client without an answer, at once or for as long as it waits.
    async fn say_nothing(&self, serial: u64, fate: &Fate) -> Response<Body> {
        let mut hangs = false;
        self.log(serial, |request| hangs = request.fault == Some(Fault::Hang));
        if hangs {
            self.stopped.cancelled().await;
        }
        fate.reset();
        Response::default()
    }

    fn let_in(&self, headers: &HeaderMap) -> Result<(), Refused> {
        let key = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.strip_prefix("Bearer "))
            .filter(|key| !key.is_empty());
        match (key, &self.settings.api_key) {
            (None, _) => Err(Refused::no_key()),
            (Some(key), Some(right)) if key != right => Err(Refused::wrong_key()),
            _ => Ok(()),
        }
    }

    fn models(&self) -> Vec<&str> {
        let known = &self.settings.models;
        if known.is_empty() {
            return vec![&self.settings.model];
        }
        known.iter().map(String::as_str).collect()
    }

    /// Begins a line of the log.
    fn note(&self, body: &Value) -> u64 {
        let serial = self.serial.fetch_add(1, Ordering::Relaxed);
        locked(&self.requests).push(Request {
            serial,
            model: body["model"].as_str().unwrap_or_default().to_owned(),
            body: body.clone(),
            at: Instant::now(),
            status: 0,
            content: None,
            finish_reason: None,
            usage: None,
            fault: None,
        });
        serial
    }

    /// Adds to a line of the log, unless it was forgotten meanwhile.
    fn log(&self, serial: u64, add: impl FnOnce(&mut Request)) {
        if let Some(request) = locked(&self.requests)
            .iter_mut()
            .find(|request| request.serial == serial)
        {
            add(request);
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

/// Counts requests that are being answered, for as long as it lives.
struct Open(Arc<Shared>);

impl Open {
    fn count(shared: &Arc<Shared>) -> Self {
        let open = shared.open.fetch_add(1, Ordering::Relaxed) + 1;
        shared.most_open.fetch_max(open, Ordering::Relaxed);
        Self(Arc::clone(shared))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A test that panicked while it held the lock has failed already; the others need not.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
