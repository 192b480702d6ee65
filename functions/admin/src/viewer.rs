//! Who is looking, from where, and when.

use std::convert::Infallible;

use axum::extract::{FromRequestParts, Request};
use axum::http::request::Parts;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use shared::platform::clock;

use crate::Deps;
use crate::session::Session;

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

    /// Of a request.
    pub(crate) fn of(deps: &Deps, request: &Request, now: DateTime<Utc>) -> Self {
        let address = request.uri().path_and_query();
        Self {
            session: Session::read(deps, request.headers(), now),
            now,
            address: address.map_or_else(|| "/".to_owned(), ToString::to_string),
        }
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
