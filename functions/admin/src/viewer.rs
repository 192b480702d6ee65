//! Who is looking: the session of a request, and what pages need to know of it.

use std::convert::Infallible;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::header;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use shared::clock;

use crate::session::Session;
use crate::trouble::{self, Trouble};
use crate::{App, page, sign_in};

/// Who is looking, from where, and when.
#[derive(Clone, Debug)]
pub(crate) struct Viewer {
    /// Absent before sign-in.
    pub(crate) session: Option<Session>,
    /// The time at which the request came.
    pub(crate) now: DateTime<Utc>,
    /// The path and query that were asked for.
    pub(crate) address: String,
}

impl Viewer {
    /// The zone that times are shown in.
    pub(crate) fn zone(&self) -> Tz {
        self.session.as_ref().map_or(Tz::UTC, |session| session.zone)
    }

    /// The name of who signed in.
    pub(crate) fn user(&self) -> &str {
        self.session.as_ref().map_or("", |session| &session.user)
    }

    /// What every form of theirs sends back in its field `csrf`.
    pub(crate) fn csrf(&self) -> &str {
        self.session.as_ref().map_or("", |session| &session.csrf)
    }
}

impl<S: Sync> FromRequestParts<S> for Viewer {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        let known = parts.extensions.get::<Self>().cloned();
        Ok(known.unwrap_or_else(|| Self {
            session: None,
            now: clock::now(),
            address: parts.uri.to_string(),
        }))
    }
}

/// Finds out who is looking, dresses up what went wrong, and sets the headers of every answer.
pub(crate) async fn identify(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let now = clock::now();
    let session = Session::read(&app, request.headers(), now);
    let refreshed = session.as_ref().and_then(|session| session.refreshed(now));
    let address = request
        .uri()
        .path_and_query()
        .map_or_else(|| "/".to_owned(), ToString::to_string);
    let viewer = Viewer { session, now, address };
    request.extensions_mut().insert(viewer.clone());
    let mut response = next.run(request).await;
    if let Some(trouble) = response.extensions_mut().remove::<Trouble>() {
        response = trouble::dressed(&trouble, &viewer, response);
    }
    // A sign-in or sign-out has set its own.
    if let Some(session) = refreshed
        && !response.headers().contains_key(header::SET_COOKIE)
    {
        response = (session.keep(&app), response).into_response();
    }
    page::harden(response)
}

/// Lets only those in who signed in; shows others where to.
pub(crate) async fn require(State(_): State<App>, viewer: Viewer, request: Request, next: Next) -> Response {
    if viewer.session.is_some() {
        next.run(request).await
    } else {
        sign_in::redirect(&viewer.address)
    }
}
