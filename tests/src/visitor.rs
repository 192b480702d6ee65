//! Somebody who looks at the pages, without a browser.

use std::sync::LazyLock;

use admin::{Deps, Key, Scheme, Users, hash};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, Response, StatusCode, header};
use shared::platform::config;
use shared::platform::event::{Bus, Event};
use tokio::sync::mpsc;
use tower::ServiceExt as _;

use crate::TestDb;

/// Made once: a session ends where the hash is another one, and hashing takes its time.
static HASH: LazyLock<String> = LazyLock::new(|| hash(Visitor::PASSWORD).expect("a hash"));

/// A browser that keeps cookies and runs no script.
#[derive(Debug)]
pub struct Visitor {
    router: Router,
    cookie: Option<String>,
    /// What the pages asked the bus for.
    pub asked: mpsc::UnboundedReceiver<Event>,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: axum::http::HeaderMap,
    /// The body.
    pub body: String,
}

impl Visitor {
    /// The name of the one user there is.
    pub const USER: &str = "ada";
    /// Their password.
    pub const PASSWORD: &str = "correct horse battery staple";
    /// The host that pages are asked from.
    pub const HOST: &str = "callmark.test";

    /// Somebody who has not signed in.
    #[must_use]
    pub fn stranger(db: &TestDb) -> Self {
        Self::by(&config::Database {
            url: db.url().into(),
            ca: None,
            pool: 4,
            timeout: std::time::Duration::from_secs(15),
        })
    }

    /// Somebody who has not signed in, to pages that reach their database in this way.
    #[must_use]
    pub fn by(database: &config::Database) -> Self {
        let (sender, asked) = mpsc::unbounded_channel();
        let user = (Self::USER.to_owned(), HASH.as_str().into());
        let deps = Deps {
            pool: shared::platform::db::pool(database).expect("a usable database URL"),
            bus: Bus::InProcess(sender),
            users: Users::new([user]).expect("usable users"),
            key: Key::derive_from(&[7; 32]),
            scheme: Scheme::Https,
        };
        Self {
            router: admin::router(deps),
            cookie: None,
            asked,
        }
    }

    /// Somebody who has signed in, in this time zone.
    pub async fn signed_in(db: &TestDb, zone: &str) -> Self {
        let mut visitor = Self::stranger(db);
        let answer = visitor
            .post(
                "/admin/sign-in",
                &[("user", Self::USER), ("password", Self::PASSWORD), ("zone", zone)],
            )
            .await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
        visitor
    }

    /// Loads a page.
    pub async fn get(&mut self, address: &str) -> Answer {
        let request = Request::get(address).body(Body::empty()).expect("a request");
        self.send(request).await
    }

    /// Loads a page that must be there.
    pub async fn page(&mut self, address: &str) -> String {
        let answer = self.get(address).await;
        assert_eq!(answer.status, StatusCode::OK, "{address}: {}", answer.body);
        answer.body
    }

    /// Sends a form from a page of ours.
    pub async fn post(&mut self, address: &str, fields: &[(&str, &str)]) -> Answer {
        let request = Request::builder()
            .method(Method::POST)
            .uri(address)
            .header(header::ORIGIN, format!("https://{}", Self::HOST))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(form(fields)))
            .expect("a request");
        self.send(request).await
    }

    /// Sends any request, with the cookie if there is one.
    pub async fn send(&mut self, mut request: Request<Body>) -> Answer {
        let headers = request.headers_mut();
        headers.insert(header::HOST, Self::HOST.parse().expect("a header"));
        if let Some(cookie) = &self.cookie {
            headers.insert(header::COOKIE, cookie.parse().expect("a header"));
        }
        let response = self.router.clone().oneshot(request).await.expect("an answer");
        self.keep(&response);
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.expect("a body");
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: String::from_utf8_lossy(&body).into_owned(),
        }
    }

    /// What the forms of a page send back in `csrf`.
    pub async fn csrf(&mut self, address: &str) -> String {
        let page = self.page(address).await;
        let (_, rest) = page.split_once("name=\"csrf\" value=\"").expect("a form");
        rest.split('"').next().unwrap_or_default().to_owned()
    }

    /// The cookie, as a browser sends it.
    #[must_use]
    pub fn cookie(&self) -> Option<&str> {
        self.cookie.as_deref()
    }

    /// Sends this cookie from now on.
    pub fn set_cookie(&mut self, cookie: Option<String>) {
        self.cookie = cookie;
    }

    fn keep(&mut self, response: &Response<Body>) {
        for value in response.headers().get_all(header::SET_COOKIE) {
            let text = value.to_str().unwrap_or_default();
            let pair = text.split(';').next().unwrap_or_default();
            let is_gone = text.contains("Max-Age=0");
            self.cookie = (!is_gone).then(|| pair.to_owned());
        }
    }
}

fn form(fields: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish()
}
