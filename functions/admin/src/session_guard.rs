//! The middleware around every page: who is let in, what is shown in place of what failed, the headers.
//!
//! request ─▶ [`identify`]: csrf ─▶ session ─▶ the page's module ─▶ error page ─▶ cookie, headers

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use futures::FutureExt as _;
use shared::platform::clock;
use tokio::time::Instant;

use crate::error::{PageError, lost_its_database};
use crate::error_page;
use crate::viewer::Viewer;
use crate::{App, Deps, csrf, page, sign_in};

/// Whether the machine is well; for machines, so that its errors are no pages.
const HEALTH: &str = "/healthz";
/// A page that took longer than this to fail is not made again: its host ends it after 30 s.
const PATIENCE: Duration = Duration::from_secs(12);
/// How large a form may be, in bytes. Ours are much smaller.
const LARGEST_FORM: usize = 64 * 1024;

/// Finds out who is looking and lets them in, dresses up what went wrong, and sets the headers of every answer.
pub(crate) async fn identify(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let viewer = Viewer::of(&app, &request, clock::now());
    let is_for_people = request.uri().path() != HEALTH;
    request.extensions_mut().insert(viewer.clone());
    DefaultBodyLimit::max(LARGEST_FORM).apply(&mut request);
    let mut response = match refusal(&app, &viewer, &request) {
        Some(refusal) => refusal,
        None => answer(request, next).await,
    };
    if is_for_people {
        response = error_page::dressed(response, &viewer);
    }
    page::harden(refreshed(response, &app, &viewer), app.scheme)
}

/// Sends anybody without a session to the sign-in, whether the page exists or not, so that outsiders learn nothing. Only the
/// pages named here are open.
fn refusal(deps: &Deps, viewer: &Viewer, request: &Request) -> Option<Response> {
    let (method, path) = (request.method(), request.uri().path());
    if let Err(error) = csrf::check(method, request.headers(), deps.scheme) {
        return Some(error.into_response());
    }
    let is_open = [HEALTH, sign_in::PATH].contains(&path) || path.starts_with("/admin/assets/");
    if is_open || viewer.session.is_some() {
        return None;
    }
    Some(sign_in::redirect(if is_for_reading(method) {
        &viewer.address
    } else {
        ""
    }))
}

fn is_for_reading(method: &Method) -> bool {
    [Method::GET, Method::HEAD].contains(method)
}

/// The answer of the page's module. A page that lost its database is made once more, on another connection: a reader
/// would only load it again. What changes something is not, since it may have been done.
async fn answer(request: Request, next: Next) -> Response {
    if !is_for_reading(request.method()) {
        return one_answer(request, next).await;
    }
    let begun = Instant::now();
    let (parts, _) = request.into_parts();
    let copy = Request::from_parts(parts.clone(), Body::empty());
    let first = one_answer(Request::from_parts(parts, Body::empty()), next.clone()).await;
    if lost_its_database(&first) && begun.elapsed() < PATIENCE {
        return one_answer(copy, next).await;
    }
    first
}

/// One that panics has still answered: the connection would break off otherwise.
async fn one_answer(request: Request, next: Next) -> Response {
    let answer = AssertUnwindSafe(next.run(request)).catch_unwind();
    answer.await.unwrap_or_else(|panic| {
        let told = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied());
        PageError::from(anyhow::anyhow!("panicked: {}", told.unwrap_or("without a word"))).into_response()
    })
}

/// Writes the cookie again where that is due. A sign-in or sign-out has set its own; and an answer that caches may
/// keep must not carry anybody's session.
fn refreshed(response: Response, app: &App, viewer: &Viewer) -> Response {
    let headers = response.headers();
    if headers.contains_key(header::SET_COOKIE) || headers.contains_key(header::CACHE_CONTROL) {
        return response;
    }
    match viewer
        .session
        .as_ref()
        .and_then(|session| session.refreshed(viewer.now))
    {
        Some(session) => (session.keep(app), response).into_response(),
        None => response,
    }
}

#[cfg(test)]
mod tests {
    use chrono_tz::Tz;

    use crate::session::Session;
    use std::sync::Arc;

    use axum::Router;
    use axum::body::{Body, to_bytes};
    use axum::http::StatusCode;
    use axum::middleware::from_fn_with_state;
    use axum::routing::get;
    use chrono::TimeDelta;
    use tower::ServiceExt as _;

    use super::*;
    use crate::session::tests::{ours, sent, set_cookie};

    /// Pages that misbehave, behind the door.
    fn pages() -> Router {
        let app = Arc::new(ours());
        let cached = [(header::CACHE_CONTROL, "public, max-age=31536000")];
        Router::new()
            .route(
                "/admin/panics",
                get(async || -> &'static str { panic!("a secret detail") }),
            )
            .route(
                "/admin/fails",
                get(async || (StatusCode::BAD_GATEWAY, "a secret detail")),
            )
            .route("/admin/works", get(async || "fine"))
            .route("/admin/lasts", get(async move || (cached, "fine")))
            .layer(from_fn_with_state(app, identify))
    }

    /// A session that began and was used last so long ago.
    async fn ask(address: &str, age: TimeDelta) -> Response {
        let session = Session::begin(&ours(), "ada", Tz::UTC, clock::now() - age).unwrap();
        let cookie = sent(&set_cookie(session.keep(&ours())));
        let mut request = Request::get(address).body(Body::empty()).unwrap();
        request.headers_mut().extend(cookie);
        pages().oneshot(request).await.unwrap()
    }

    async fn body(response: Response) -> String {
        String::from_utf8(to_bytes(response.into_body(), 1 << 20).await.unwrap().to_vec()).unwrap()
    }

    #[tokio::test]
    async fn a_page_that_panics_or_fails_says_so_and_no_more() {
        for address in ["/admin/panics", "/admin/fails"] {
            let response = ask(address, TimeDelta::zero()).await;

            assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR, "{address}");
            assert!(response.headers().contains_key(header::CONTENT_SECURITY_POLICY));
            let page = body(response).await;
            assert!(
                page.starts_with("<!doctype html>") && page.contains("it is on record"),
                "{page}"
            );
            assert!(!page.contains("secret detail"), "{page}");
        }
    }

    #[tokio::test]
    async fn a_session_that_has_ended_is_sent_to_sign_in() {
        let fresh = ask("/admin/works", TimeDelta::minutes(119)).await;
        let ended = ask("/admin/works?a=b", TimeDelta::minutes(121)).await;

        assert_eq!(fresh.status(), StatusCode::OK);
        assert_eq!(ended.status(), StatusCode::SEE_OTHER);
        assert_eq!(
            ended.headers()[header::LOCATION],
            "/admin/sign-in?next=%2Fadmin%2Fworks%3Fa%3Db"
        );
    }

    #[tokio::test]
    async fn a_cookie_is_written_again_but_never_on_an_answer_that_caches_keep() {
        let is_written = async |address, age| ask(address, age).await.headers().contains_key(header::SET_COOKIE);

        assert!(is_written("/admin/works", TimeDelta::minutes(5)).await);
        assert!(!is_written("/admin/works", TimeDelta::seconds(5)).await);
        assert!(!is_written("/admin/lasts", TimeDelta::minutes(5)).await);
    }
}
