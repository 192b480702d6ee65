//! Answers requests.
//!
//! request → script → faults → [`list`] → [`spoil`] → response, and a line in the log.

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::SystemTime,
};

use axum::{
    body::to_bytes,
    extract::{ConnectInfo, Request as HttpRequest, State},
    http::{HeaderMap, header, request::Parts},
    response::Response,
};
use chrono::{DateTime, Days, Utc};
use tokio_util::sync::CancellationToken;
use url::form_urlencoded;

use crate::connection::Fate;

use super::{
    analytics,
    faults::{Fault, Faults},
    list::{self, Answer},
    refusal::Refused,
    requests::{Kind, Request},
    response::{self, Delivery},
    script::Script,
    settings::Settings,
    spoil,
    world::World,
};

/// The most of a request's body that is read, in bytes.
const LARGEST_BODY: usize = 1_000_000;

/// What the handlers and the [`Server`](super::Server) share.
pub(crate) struct Shared {
    pub(crate) settings: Settings,
    pub(crate) world: Mutex<World>,
    pub(crate) script: Mutex<Script>,
    pub(crate) requests: Mutex<Vec<Request>>,
    pub(crate) faults: Faults,
    /// Counts the single calls served, so that no two have the same signed URLs.
    pub(crate) serial: AtomicU64,
    pub(crate) open: AtomicUsize,
    pub(crate) most_open: AtomicUsize,
    pub(crate) stopped: CancellationToken,
}

/// Answers one request.
pub(crate) async fn serve(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(fate): ConnectInfo<Fate>,
    http: HttpRequest,
) -> Response {
    let _open = Open::count(&shared);
    let (http, body) = http.into_parts();
    let method = http.method.as_str();
    let path = http.uri.path();
    let kind = Kind::of(method, path);
    let query: Vec<(String, String)> = form_urlencoded::parse(http.uri.query().unwrap_or_default().as_bytes())
        .into_owned()
        .collect();
    // A body that does not come through is as good as none.
    let body = to_bytes(body, LARGEST_BODY).await.unwrap_or_default();
    locked(&shared.script).advance(kind, &mut locked(&shared.world));
    let faults = shared.faults.strike(kind);
    // Even no sleep at all would take a millisecond.
    if !shared.settings.latency.is_zero() {
        tokio::time::sleep(shared.settings.latency).await;
    }

    let answer = shared.answer(kind, &http, &body, &query, &faults);
    let rows = answer.rows();
    let fault = faults.iter().find(|fault| !fault.is_about_rows()).cloned();
    let accepts_gzip = shared.settings.gzip && accepts_gzip(&http.headers);
    let spoilt = spoil::answer(answer, fault.as_ref(), shared.oldest());
    locked(&shared.requests).push(Request {
        method: method.to_owned(),
        kind,
        path: path.to_owned(),
        query,
        status: if spoilt.delivery.is_silent() {
            0
        } else {
            spoilt.status.as_u16()
        },
        rows,
        fault: fault.or_else(|| faults.into_iter().next()),
    });
    match spoilt.delivery {
        Delivery::Never => {
            shared.stopped.cancelled().await;
            fate.close();
        }
        Delivery::Reset => fate.reset(),
        Delivery::Close => fate.close(),
        _ => {}
    }
    response::render(&spoilt, accepts_gzip, shared.date(), shared.stopped.clone())
}

impl Shared {
    pub(crate) fn new(world: World, settings: Settings) -> Self {
        Self {
            settings,
            world: Mutex::new(world),
            script: Mutex::default(),
            requests: Mutex::default(),
            faults: Faults::default(),
            serial: AtomicU64::new(1),
            open: AtomicUsize::new(0),
            most_open: AtomicUsize::new(0),
            stopped: CancellationToken::new(),
        }
    }

    /// The answer as it would be if only rows could be spoilt.
    fn answer(&self, kind: Kind, http: &Parts, body: &[u8], query: &[(String, String)], faults: &[Fault]) -> Answer {
        let path = http.uri.path();
        let id = decoded(path.trim_matches('/').rsplit('/').next().unwrap_or_default());
        if let Some(refused) = self.refusal(kind, http) {
            return Answer::Refused(refused);
        }
        let cap = faults.iter().fold(self.settings.page_cap, |cap, fault| match fault {
            Fault::PageCap(lower) => cap.min(*lower).max(1),
            _ => cap,
        });
        let world = locked(&self.world);
        let answer = match kind {
            Kind::CallList => list::calls(&world, &self.settings, query, cap).map(Answer::Page),
            Kind::AssistantList => list::assistants(&world, &self.settings, query, cap).map(Answer::Page),
            Kind::Call => {
                let serial = self.serial.fetch_add(1, Ordering::Relaxed);
                list::call(&world, &self.settings, &id, serial).map(Answer::One)
            }
            Kind::Assistant => list::assistant(&world, &id).map(Answer::One),
            Kind::Analytics => analytics::answer(&world, body).map(Answer::One),
            Kind::Write | Kind::Unknown => Err(Refused::no_route(http.method.as_str(), path)),
        };
        match answer {
            Ok(Answer::Page(rows)) => Answer::Page(spoil::rows(rows, faults)),
            Ok(answer) => answer,
            Err(refused) => Answer::Refused(refused),
        }
    }

    /// Why this request gets no data, if it is not let in.
    fn refusal(&self, kind: Kind, http: &Parts) -> Option<Refused> {
        let method = http.method.as_str();
        if kind == Kind::Unknown {
            return Some(Refused::no_route(method, http.uri.path()));
        }
        if !self.lets_in(&http.headers) {
            return Some(Refused::unauthorized());
        }
        (kind == Kind::Write).then(|| Refused::read_only(method))
    }

    fn lets_in(&self, headers: &HeaderMap) -> bool {
        let token = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.strip_prefix("Bearer "))
            .filter(|token| !token.is_empty());
        match (&self.settings.api_key, token) {
            (_, None) => false,
            (None, Some(_)) => true,
            (Some(key), Some(token)) => key == token,
        }
    }

    /// What answers are dated by, where that is not the machine's clock.
    fn date(&self) -> Option<DateTime<Utc>> {
        let ahead = self.settings.clock_ahead + locked(&self.world).life.clock_ahead;
        (!ahead.is_zero()).then(|| DateTime::<Utc>::from(SystemTime::now()) + ahead)
    }

    /// What a retention refusal names: by the settings, or else two weeks ago.
    fn oldest(&self) -> DateTime<Utc> {
        let world = locked(&self.world);
        list::oldest(&world, &self.settings).map_or_else(|| world.now() - Days::new(14), |(oldest, _)| oldest)
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

/// A path segment without its percent signs.
fn decoded(segment: &str) -> String {
    let plain = segment.replace('+', "%2B").replace('&', "%26").replace('=', "%3D");
    let pair = form_urlencoded::parse(plain.as_bytes()).next();
    pair.map_or_else(String::new, |(text, _)| text.into_owned())
}

fn accepts_gzip(headers: &HeaderMap) -> bool {
    let accepted = headers
        .get(header::ACCEPT_ENCODING)
        .and_then(|value| value.to_str().ok());
    accepted.is_some_and(|accepted| accepted.contains("gzip"))
}

/// A test that panicked while it held the lock has failed already; the others need not.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
