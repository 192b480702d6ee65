//! A session: who signed in, kept by the browser in an encrypted cookie.

use axum::http::HeaderMap;
use axum_extra::extract::cookie::{Cookie, PrivateCookieJar, SameSite};
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use xxhash_rust::xxh3::xxh3_64;

use crate::{Deps, Scheme};

pub use axum_extra::extract::cookie::Key;

/// A session that nobody used for this long has ended.
const IDLE: TimeDelta = TimeDelta::hours(2);
/// A session ends after this long, however busy.
const LONGEST: TimeDelta = TimeDelta::hours(12);
/// How old the time of last use may be before the cookie is written again.
const REFRESH: TimeDelta = TimeDelta::minutes(1);

/// What the cookie holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Session {
    /// Who signed in.
    pub(crate) user: String,
    /// What every form sends back.
    pub(crate) csrf: String,
    /// The time zone of the browser that signed in.
    pub(crate) zone: Tz,
    /// A hash of the password's hash: with another password it is another session.
    password: u64,
    began_at: DateTime<Utc>,
    used_at: DateTime<Utc>,
}

impl Session {
    /// A session of a user who has just signed in; none for a user that there is not.
    pub(crate) fn begin(deps: &Deps, user: &str, zone: Tz, now: DateTime<Utc>) -> Option<Self> {
        Some(Self {
            user: user.to_owned(),
            csrf: Uuid::new_v4().simple().to_string(),
            zone,
            password: password(deps, user)?,
            began_at: now,
            used_at: now,
        })
    }

    /// The session that a request belongs to, unless it has ended.
    pub(crate) fn read(deps: &Deps, headers: &HeaderMap, now: DateTime<Utc>) -> Option<Self> {
        let jar = PrivateCookieJar::from_headers(headers, deps.key.clone());
        let cookie = jar.get(name(deps.scheme))?;
        let session: Self = serde_json::from_str(cookie.value()).ok()?;
        let lives = now < session.used_at + IDLE
            && now < session.began_at + LONGEST
            && password(deps, &session.user) == Some(session.password);
        lives.then_some(session)
    }

    /// The session as used now, if that is worth writing the cookie again.
    pub(crate) fn refreshed(&self, now: DateTime<Utc>) -> Option<Self> {
        (now >= self.used_at + REFRESH).then(|| Self {
            used_at: now,
            ..self.clone()
        })
    }

    /// The cookies that make the browser keep it.
    pub(crate) fn keep(&self, deps: &Deps) -> PrivateCookieJar {
        let value = serde_json::to_string(self).unwrap_or_default();
        PrivateCookieJar::new(deps.key.clone()).add(cookie(deps.scheme, value))
    }
}

/// The cookies that make the browser forget its session.
pub(crate) fn forget(deps: &Deps) -> PrivateCookieJar {
    let mut jar = PrivateCookieJar::new(deps.key.clone());
    let mut gone = cookie(deps.scheme, String::new());
    gone.make_removal();
    jar = jar.add(gone);
    jar
}

/// Browsers take a name that begins like this only with `Secure`, without a domain, and for all paths.
fn name(scheme: Scheme) -> &'static str {
    match scheme {
        Scheme::Https => "__Host-callmark",
        Scheme::Http => "callmark",
    }
}

/// Lax, so that a link in an alert finds the session; every POST is checked for where it comes from.
fn cookie(scheme: Scheme, value: String) -> Cookie<'static> {
    Cookie::build((name(scheme), value))
        .path("/")
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(scheme == Scheme::Https)
        .build()
}

fn password(deps: &Deps, user: &str) -> Option<u64> {
    let hash = deps.users.hash_of(user)?;
    Some(xxh3_64(hash.expose_secret().as_bytes()))
}
