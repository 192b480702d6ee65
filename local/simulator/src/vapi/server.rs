//! Serves a world over real HTTP on loopback.
//!
//! request → script → faults → [`list`] → [`spoil`] → response, and a line in the log.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use axum::{
    Router,
    extract::{ConnectInfo, Request as HttpRequest, State},
    http::{HeaderMap, header},
    response::Response,
};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use url::form_urlencoded;

use super::{
    connection::{Fate, Loopback},
    faults::{Fault, Faults},
    list::{self, Answer},
    refusal::Refused,
    requests::{Kind, Request},
    response,
    script::Script,
    settings::Settings,
    spoil,
    world::World,
};

/// A running Vapi. It stops when it is dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: Option<JoinHandle<io::Result<()>>>,
}

struct Shared {
    settings: Settings,
    world: Mutex<World>,
    script: Mutex<Script>,
    requests: Mutex<Vec<Request>>,
    faults: Faults,
    /// Counts the single calls served, so that no two have the same signed URLs.
    serial: AtomicU64,
    open: AtomicUsize,
    most_open: AtomicUsize,
    stopped: CancellationToken,
}

impl Server {
    /// Binds 127.0.0.1 and serves until stopped or dropped.
    pub async fn start(world: World, settings: Settings) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, settings.port)).await?;
        let address = listener.local_addr()?;
        let stopped = CancellationToken::new();
        let shared = Arc::new(Shared {
            settings,
            world: Mutex::new(world),
            script: Mutex::default(),
            requests: Mutex::default(),
            faults: Faults::default(),
            serial: AtomicU64::new(1),
            open: AtomicUsize::new(0),
            most_open: AtomicUsize::new(0),
            stopped: stopped.clone(),
        });
        let app = Router::new().fallback(serve).with_state(Arc::clone(&shared));
        let service = app.into_make_service_with_connect_info::<Fate>();
        let serving = axum::serve(Loopback(listener), service).with_graceful_shutdown(stopped.cancelled_owned());
        let task = tokio::spawn(serving.into_future());
        Ok(Self {
            address,
            shared,
            task: Some(task),
        })
    }

    /// `http://127.0.0.1:port`, without a slash at its end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The world, to look at and to change. Requests wait while the guard is held, so never
    /// hold it across an `await`.
    #[must_use]
    pub fn world(&self) -> MutexGuard<'_, World> {
        locked(&self.shared.world)
    }

    /// What was asked so far, in the order in which it was answered.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        locked(&self.shared.requests).clone()
    }

    /// Forgets what was asked so far.
    pub fn forget_requests(&self) {
        locked(&self.shared.requests).clear();
    }

    /// The most requests that were being answered at one time.
    #[must_use]
    pub fn most_open_requests(&self) -> usize {
        self.shared.most_open.load(Ordering::Relaxed)
    }

    /// The faults in force.
    #[must_use]
    pub fn faults(&self) -> Faults {
        self.shared.faults.clone()
    }

    /// Changes the world just before the `n`-th request from now is answered.
    pub fn on_request(&self, n: u32, change: impl FnOnce(&mut World) + Send + 'static) {
        locked(&self.shared.script).once(None, n, change);
    }

    /// Changes the world just before the `n`-th page of calls from now is answered.
    pub fn on_page(&self, n: u32, change: impl FnOnce(&mut World) + Send + 'static) {
        locked(&self.shared.script).once(Some(Kind::CallList), n, change);
    }

    /// Changes the world just before each page of calls from now on is answered.
    pub fn on_every_page(&self, change: impl FnMut(&mut World) + Send + 'static) {
        locked(&self.shared.script).always(Some(Kind::CallList), change);
    }

    /// Stops serving and waits until the port is free. Answers that hang end at once.
    pub async fn stop(mut self) {
        self.shared.stopped.cancel();
        if let Some(task) = self.task.take() {
            // Only a panic could end the task otherwise, and it has been reported by then.
            let _ended = task.await;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stopped.cancel();
    }
}

async fn serve(State(shared): State<Arc<Shared>>, ConnectInfo(fate): ConnectInfo<Fate>, http: HttpRequest) -> Response {
    let _open = Open::count(&shared);
    let method = http.method().as_str();
    let path = http.uri().path();
    let kind = Kind::of(method, path);
    let query: Vec<(String, String)> = form_urlencoded::parse(http.uri().query().unwrap_or_default().as_bytes())
        .into_owned()
        .collect();
    locked(&shared.script).advance(kind, &mut locked(&shared.world));
    let faults = shared.faults.strike(kind);
    tokio::time::sleep(shared.settings.latency).await;

    let answer = shared.answer(kind, &http, &query, &faults);
    let rows = answer.rows();
    let fault = faults.iter().find(|fault| !fault.is_about_rows()).cloned();
    let accepts_gzip = shared.settings.gzip && accepts_gzip(http.headers());
    let spoilt = spoil::answer(answer, fault.as_ref(), &shared.oldest());
    locked(&shared.requests).push(Request {
        method: method.to_owned(),
        kind,
        path: path.to_owned(),
        query,
        status: if matches!(fault, Some(Fault::Hang | Fault::Reset | Fault::Close)) {
            0
        } else {
            spoilt.status.as_u16()
        },
        rows,
        fault: fault.or_else(|| faults.into_iter().next()),
    });
    match spoilt.delivery {
        response::Delivery::Never => shared.stopped.cancelled().await,
        response::Delivery::Reset => fate.reset(),
        response::Delivery::Close => fate.close(),
        _ => {}
    }
    if matches!(spoilt.delivery, response::Delivery::Never) {
        fate.close();
    }
    response::render(spoilt, accepts_gzip, shared.stopped.clone())
}

impl Shared {
    /// The answer as it would be if only rows could be spoilt.
    fn answer(&self, kind: Kind, http: &HttpRequest, query: &[(String, String)], faults: &[Fault]) -> Answer {
        let path = http.uri().path();
        let id = path.trim_matches('/').rsplit('/').next().unwrap_or_default();
        if let Some(refused) = self.refusal(kind, http) {
            return Answer::Refused(refused);
        }
        let cap = faults.iter().fold(self.settings.page_cap, |cap, fault| match fault {
            Fault::PageCap(lower) => cap.min(*lower),
            _ => cap,
        });
        let world = locked(&self.world);
        let answer = match kind {
            Kind::CallList => list::calls(&world, &self.settings, query, cap).map(Answer::Page),
            Kind::AssistantList => list::assistants(&world, &self.settings, query, cap).map(Answer::Page),
            Kind::Call => {
                let serial = self.serial.fetch_add(1, Ordering::Relaxed);
                list::call(&world, &self.settings, id, serial).map(Answer::One)
            }
            Kind::Assistant => list::assistant(&world, id).map(Answer::One),
            Kind::Write | Kind::Unknown => Err(Refused::no_route(http.method().as_str(), path)),
        };
        match answer {
            Ok(Answer::Page(rows)) => Answer::Page(spoil::rows(rows, faults)),
            Ok(answer) => answer,
            Err(refused) => Answer::Refused(refused),
        }
    }

    /// Why this request gets no data, if it is not let in.
    fn refusal(&self, kind: Kind, http: &HttpRequest) -> Option<Refused> {
        let method = http.method().as_str();
        if kind == Kind::Unknown {
            return Some(Refused::no_route(method, http.uri().path()));
        }
        if !self.lets_in(http.headers()) {
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

    fn oldest(&self) -> chrono::DateTime<chrono::Utc> {
        let world = locked(&self.world);
        list::oldest(&world, &self.settings).map_or_else(|| world.now() - chrono::Days::new(14), |(oldest, _)| oldest)
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
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

fn accepts_gzip(headers: &HeaderMap) -> bool {
    let accepted = headers
        .get(header::ACCEPT_ENCODING)
        .and_then(|value| value.to_str().ok());
    accepted.is_some_and(|accepted| accepted.contains("gzip"))
}

/// A test that panicked while it held the lock has failed already; the others need not.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
