//! A signed-in client that asks for the same thing many times, one at a time, over one connection.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use admin::{Deps, Key, Scheme, Users};
use anyhow::{Context as _, Result};
use axum::Router;
use axum::body::Body;
use axum::http::{Request, header};
use shared::platform::event::Bus;
use tokio::net::TcpListener;
use tower::ServiceExt as _;

use crate::addresses::{Facts, PAGES, STATEMENTS};
use crate::{scans, seed};

/// Answers that are not timed: they fill caches.
const WARM_UP: usize = 5;

const USER: &str = "bench";
const PASSWORD: &str = "a password for a server that lives for minutes";

/// What came of asking for one thing.
#[derive(Debug)]
pub(crate) struct Visited {
    pub(crate) name: &'static str,
    /// How long each answer took, in order of length.
    pub(crate) times: Vec<Duration>,
    /// The first answer's size.
    pub(crate) bytes: usize,
    /// Large tables that were read from end to end for it.
    pub(crate) scanned: Vec<String>,
    /// The answer, where it was not the page.
    pub(crate) refusal: Option<String>,
}

/// Asks for everything. Each has connections of its own, so that it is known who scanned.
pub(crate) async fn all(url: &str, requests: usize) -> Result<Vec<Visited>> {
    let facts = Facts::read(&seed::connect(url).await?).await?;
    let watch = seed::connect(url).await?;
    let pages = Pages::new()?;
    let mut visited = Vec::with_capacity(STATEMENTS.len() + PAGES.len());
    let mut before = scans::count(&watch).await?;
    for (name, template) in STATEMENTS {
        let mut answers = statement(url, name, &facts.fill(template), requests).await?;
        let after = scans::count(&watch).await?;
        answers.scanned = scans::grown(&before, &after);
        visited.push(answers);
        before = after;
    }
    for (name, template) in PAGES {
        let mut answers = pages.ask(url, name, &facts.fill(template), requests).await?;
        let after = scans::count(&watch).await?;
        answers.scanned = scans::grown(&before, &after);
        visited.push(answers);
        before = after;
    }
    Ok(visited)
}

impl Visited {
    fn new(name: &'static str) -> Self {
        Self {
            name,
            times: Vec::new(),
            bytes: 0,
            scanned: Vec::new(),
            refusal: None,
        }
    }

    fn sorted(mut self) -> Self {
        self.times.sort_unstable();
        self
    }
}

async fn statement(url: &str, name: &'static str, query: &str, requests: usize) -> Result<Visited> {
    let client = seed::connect(url).await?;
    let mut visited = Visited::new(name);
    for turn in 0..WARM_UP + requests {
        let since = Instant::now();
        let rows = client.query_typed(query, &[]).await.with_context(|| query.to_owned())?;
        if turn >= WARM_UP {
            visited.times.push(since.elapsed());
        }
        visited.bytes = rows.iter().map(tokio_postgres::Row::raw_size_bytes).sum();
    }
    Ok(visited.sorted())
}

/// The pages, and how one signs in on them.
struct Pages {
    client: reqwest::Client,
    password: String,
    key: Key,
}

impl Pages {
    fn new() -> Result<Self> {
        Ok(Self {
            client: shared::platform::http::client(Duration::from_mins(1))?,
            password: admin::hash(PASSWORD)?,
            key: Key::derive_from(&[7; 32]),
        })
    }

    async fn ask(&self, url: &str, name: &'static str, address: &str, requests: usize) -> Result<Visited> {
        let router = self.router(url)?;
        let cookie = sign_in(router.clone()).await?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let page = format!("http://{}{address}", listener.local_addr()?);
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        let server = tokio::spawn(axum::serve(listener, service).into_future());
        let mut visited = Visited::new(name);
        for turn in 0..WARM_UP + requests {
            let since = Instant::now();
            let answer = self.client.get(&page).header(header::COOKIE, &cookie).send().await?;
            let status = answer.status();
            visited.bytes = answer.bytes().await?.len();
            if turn >= WARM_UP {
                visited.times.push(since.elapsed());
            }
            if !status.is_success() {
                visited.refusal = Some(format!("{address}: {status}"));
                break;
            }
        }
        server.abort();
        Ok(visited.sorted())
    }

    fn router(&self, url: &str) -> Result<Router> {
        Ok(admin::router(Deps {
            pool: shared::platform::db::pool(&seed::settings(url))?,
            bus: Bus::Nowhere,
            users: Users::new([(USER.to_owned(), self.password.clone().into())])?,
            key: self.key.clone(),
            scheme: Scheme::Http,
        }))
    }
}

/// Signs in without a socket, since a client that follows where it is sent loses the cookie on the way.
async fn sign_in(router: Router) -> Result<String> {
    const HOST: &str = "callmark.test";
    let form = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs([("user", USER), ("password", PASSWORD), ("zone", "Europe/Rome")])
        .finish();
    let request = Request::post("/admin/sign-in")
        .header(header::HOST, HOST)
        .header(header::ORIGIN, format!("http://{HOST}"))
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from(form))?;
    let answer = router.oneshot(request).await?;
    let cookie = answer.headers().get(header::SET_COOKIE);
    let cookie = cookie.with_context(|| format!("signing in: {}", answer.status()))?;
    let pair = cookie.to_str()?.split(';').next();
    Ok(pair.unwrap_or_default().to_owned())
}
