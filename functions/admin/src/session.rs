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
    let mut gone = cookie(deps.scheme, String::new());
    gone.make_removal();
    // The jar's own way to remove a cookie says nothing to a browser whose cookie it has not seen.
    PrivateCookieJar::new(deps.key.clone()).add(gone)
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

#[cfg(test)]
pub(crate) mod tests {
    use axum::http::header;
    use axum::response::IntoResponse as _;
    use shared::platform::config;
    use shared::platform::event::Bus;

    use super::*;
    use crate::Users;

    const HASH: &str = "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$Hk0+ZyO0QNVYfJxCpHCvQHBXAZzKZhYIEAPCmFNhDxk";
    const OTHER: &str = "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$Ik0+ZyO0QNVYfJxCpHCvQHBXAZzKZhYIEAPCmFNhDxk";

    fn deps(user: &str, hash: &str, key: u8, scheme: Scheme) -> Deps {
        let nowhere = config::Database {
            url: "postgres://nobody@127.0.0.1:1/nothing".into(),
            ca: None,
            pool: 2,
            timeout: std::time::Duration::from_secs(15),
        };
        Deps {
            pool: shared::platform::db::pool(&nowhere).unwrap(),
            bus: Bus::Nowhere,
            users: Users::new([(user.to_owned(), hash.into())]).unwrap(),
            key: Key::derive_from(&[key; 32]),
            scheme,
        }
    }

    /// Pages without a database, and one user.
    pub(crate) fn ours() -> Deps {
        deps("ada", HASH, 1, Scheme::Https)
    }

    fn noon() -> DateTime<Utc> {
        "2026-08-01T12:00:00Z".parse().unwrap()
    }

    fn begun(deps: &Deps) -> Session {
        Session::begin(deps, "ada", Tz::Europe__Rome, noon()).unwrap()
    }

    /// What a browser is told to keep.
    pub(crate) fn set_cookie(jar: PrivateCookieJar) -> String {
        let response = jar.into_response();
        response.headers()[header::SET_COOKIE].to_str().unwrap().to_owned()
    }

    /// What it sends back.
    pub(crate) fn sent(cookie: &str) -> HeaderMap {
        let pair = cookie.split(';').next().unwrap();
        HeaderMap::from_iter([(header::COOKIE, pair.parse().unwrap())])
    }

    fn headers(session: &Session, deps: &Deps) -> HeaderMap {
        sent(&set_cookie(session.keep(deps)))
    }

    #[tokio::test]
    async fn a_session_comes_back_as_it_went() {
        let deps = ours();
        let session = begun(&deps);

        assert_eq!(Session::read(&deps, &headers(&session, &deps), noon()), Some(session));
    }

    #[tokio::test]
    async fn a_session_ends_after_two_hours_of_rest() {
        let deps = ours();
        let headers = headers(&begun(&deps), &deps);

        let lives_at = |now| Session::read(&deps, &headers, now).is_some();

        assert!(lives_at(noon() + IDLE - TimeDelta::seconds(1)));
        assert!(!lives_at(noon() + IDLE));
    }

    #[tokio::test]
    async fn a_session_ends_after_twelve_hours_however_busy() {
        let deps = ours();
        let mut session = begun(&deps);
        let mut now = noon();

        while let Some(read) = Session::read(&deps, &headers(&session, &deps), now) {
            session = read.refreshed(now).unwrap_or(read);
            now += TimeDelta::minutes(59);
        }

        assert!(
            now >= noon() + LONGEST && now < noon() + LONGEST + TimeDelta::hours(1),
            "{now}"
        );
    }

    #[tokio::test]
    async fn a_cookie_is_written_again_once_a_minute() {
        let session = begun(&ours());

        assert_eq!(session.refreshed(noon() + TimeDelta::seconds(59)), None);
        let later = session.refreshed(noon() + REFRESH).unwrap();
        assert_eq!((later.used_at, later.began_at), (noon() + REFRESH, noon()));
        // The forms of a page that is open stay usable.
        assert_eq!(later.csrf, session.csrf);
    }

    #[tokio::test]
    async fn a_new_password_or_a_user_who_is_gone_ends_sessions() {
        let headers = headers(&begun(&ours()), &ours());
        let read = |deps: &Deps| Session::read(deps, &headers, noon());

        assert!(read(&ours()).is_some());
        assert_eq!(read(&deps("ada", OTHER, 1, Scheme::Https)), None);
        assert_eq!(read(&deps("bob", HASH, 1, Scheme::Https)), None);
        assert!(Session::begin(&ours(), "bob", Tz::UTC, noon()).is_none());
    }

    #[tokio::test]
    async fn a_cookie_of_another_key_or_changed_on_the_way_is_ignored() {
        let deps = ours();
        let cookie = set_cookie(begun(&deps).keep(&deps));
        let pair = cookie.split(';').next().unwrap();
        let read = |cookie: &str| Session::read(&deps, &sent(cookie), noon());

        assert!(read(pair).is_some());
        let foreign = self::deps("ada", HASH, 2, Scheme::Https);
        assert_eq!(Session::read(&foreign, &sent(pair), noon()), None);
        let begin = pair.find('=').unwrap() + 1;
        for place in (begin..pair.len()).step_by(7) {
            let other = if &pair[place..=place] == "A" { "B" } else { "A" };
            let changed = format!("{}{other}{}", &pair[..place], &pair[place + 1..]);
            assert_eq!(read(&changed), None, "changed at {place}");
            assert_eq!(read(&pair[..place]), None, "cut at {place}");
        }
        assert_eq!(read("__Host-callmark={\"user\":\"ada\"}"), None);
    }

    #[tokio::test]
    async fn a_cookie_of_a_plain_host_is_none_of_a_secure_one() {
        let (https, http) = (ours(), deps("ada", HASH, 1, Scheme::Http));
        let plain = set_cookie(begun(&http).keep(&http));
        let renamed = format!("__Host-{plain}");

        assert!(Session::read(&http, &sent(&plain), noon()).is_some());
        assert_eq!(Session::read(&https, &sent(&plain), noon()), None);
        assert_eq!(Session::read(&https, &sent(&renamed), noon()), None);
    }

    #[tokio::test]
    async fn cookies_are_kept_from_scripts_other_sites_and_plain_connections() {
        let attributes = |cookie: String| {
            let (pair, attributes) = cookie.split_once("; ").unwrap();
            let mut attributes: Vec<&str> = attributes.split("; ").collect();
            attributes.sort_unstable();
            format!("{}; {}", pair.split('=').next().unwrap(), attributes.join("; "))
        };
        let (https, http) = (ours(), deps("ada", HASH, 1, Scheme::Http));

        let kept = attributes(set_cookie(begun(&https).keep(&https)));
        let plain = attributes(set_cookie(begun(&http).keep(&http)));
        let gone = attributes(set_cookie(forget(&https)));

        assert_eq!(kept, "__Host-callmark; HttpOnly; Path=/; SameSite=Lax; Secure");
        assert_eq!(plain, "callmark; HttpOnly; Path=/; SameSite=Lax");
        let gone = gone
            .split("; ")
            .filter(|part| !part.starts_with("Expires="))
            .collect::<Vec<_>>();
        assert_eq!(
            gone.join("; "),
            "__Host-callmark; HttpOnly; Max-Age=0; Path=/; SameSite=Lax; Secure"
        );
    }

    #[tokio::test]
    async fn each_session_has_proof_of_its_own() {
        let deps = ours();
        let (one, other) = (begun(&deps), begun(&deps));

        assert_ne!(one.csrf, other.csrf);
        assert_eq!(one.csrf.len(), 32);
    }

    #[tokio::test]
    async fn what_a_cookie_says_cannot_be_read_in_it() {
        let deps = ours();

        let cookie = set_cookie(begun(&deps).keep(&deps));

        assert!(!cookie.contains("ada") && !cookie.contains("Rome") && !cookie.contains(&begun(&deps).csrf));
    }
}
