//! Signing in and out.

use askama::Template;
use axum::Form;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use chrono::TimeDelta;
use chrono_tz::Tz;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use shared::store::sign_in::Verdict;
use url::{Url, form_urlencoded};

use crate::error::PageError;
use crate::login_throttle::{Attempt, Source};
use crate::page::{self, Section};
use crate::session::{self, Session};
use crate::viewer::Viewer;
use crate::{App, csrf};

/// The page to sign in on.
pub(crate) const PATH: &str = "/admin/sign-in";
/// Where one lands who came to no page in particular.
const HOME: &str = "/admin/execution-logs";
/// Nobody's name is longer; in bytes.
const LONGEST_NAME: usize = 200;
/// What `callmark hash-password` takes at most; in bytes.
const LONGEST_PASSWORD: usize = 1000;
/// Longer addresses are not come back to: headers have a limit.
const LONGEST_NEXT: usize = 1000;

#[derive(Template)]
#[template(path = "sign_in.html")]
struct Page<'a> {
    viewer: &'a Viewer,
    section: Section,
    next: &'a str,
    user: &'a str,
    problem: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Asked {
    next: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Credentials {
    user: String,
    password: SecretString,
    #[serde(default)]
    next: String,
    /// The browser's time zone; blank without a script.
    #[serde(default)]
    zone: String,
}

/// The page to sign in on.
pub(crate) async fn form(viewer: Viewer, Query(asked): Query<Asked>) -> Result<Response, PageError> {
    let next = destination(asked.next.as_deref().unwrap_or_default());
    if viewer.session.is_some() {
        return Ok(Redirect::to(&next).into_response());
    }
    page::show(&Page {
        viewer: &viewer,
        section: Section::None,
        next: &next,
        user: "",
        problem: None,
    })
}

/// Checks who it is. What it says does not depend on whether there is such a user, and neither does what it does.
pub(crate) async fn submit(
    State(app): State<App>,
    viewer: Viewer,
    source: Source,
    Form(credentials): Form<Credentials>,
) -> Result<Response, PageError> {
    if credentials.are_too_long() {
        return refused(&viewer, &credentials);
    }
    let attempt = Attempt::of(&app.key, &credentials.user, &source);
    if let Verdict::Wait(until) = attempt.begin(&app, viewer.now).await? {
        tracing::warn!(client.address = %source, "a sign-in has to wait: too many attempts before it");
        return delayed(&viewer, &credentials, until - viewer.now);
    }
    if !app
        .users
        .verify(&credentials.user, credentials.password.clone())
        .await?
    {
        // A name that nobody has may be a password.
        let user = app.users.hash_of(&credentials.user).map(|_| credentials.user.as_str());
        tracing::warn!(client.address = %source, user, "a sign-in failed");
        return refused(&viewer, &credentials);
    }
    attempt.succeed(&app, viewer.now).await?;
    let zone: Tz = credentials.zone.parse().unwrap_or(Tz::UTC);
    match Session::begin(&app, &credentials.user, zone, viewer.now) {
        Some(session) => Ok((session.keep(&app), Redirect::to(&destination(&credentials.next))).into_response()),
        None => refused(&viewer, &credentials),
    }
}

/// Ends the session of this browser.
pub(crate) async fn sign_out(
    State(app): State<App>,
    viewer: Viewer,
    Form(proof): Form<csrf::Proof>,
) -> Result<Response, PageError> {
    proof.check(&viewer)?;
    Ok((session::forget(&app), Redirect::to(PATH)).into_response())
}

/// To the page to sign in on, and back to this address afterwards.
pub(crate) fn redirect(address: &str) -> Response {
    if address.is_empty() || address.len() > LONGEST_NEXT {
        return Redirect::to(PATH).into_response();
    }
    let query: String = form_urlencoded::Serializer::new(String::new())
        .append_pair("next", address)
        .finish();
    Redirect::to(&format!("{PATH}?{query}")).into_response()
}

impl Credentials {
    fn are_too_long(&self) -> bool {
        self.user.len() > LONGEST_NAME || self.password.expose_secret().len() > LONGEST_PASSWORD
    }
}

fn refused(viewer: &Viewer, credentials: &Credentials) -> Result<Response, PageError> {
    let page = again(viewer, credentials, "Wrong user name or password.".to_owned())?;
    Ok((StatusCode::UNAUTHORIZED, page).into_response())
}

fn delayed(viewer: &Viewer, credentials: &Credentials, wait: TimeDelta) -> Result<Response, PageError> {
    let seconds = wait.num_seconds().max(0) + 1;
    let span = if seconds <= 90 {
        format!("{seconds} seconds")
    } else {
        format!("{} minutes", (seconds + 59) / 60)
    };
    let page = again(
        viewer,
        credentials,
        format!("Too many attempts. Wait {span}, then try again."),
    )?;
    let header = [(header::RETRY_AFTER, seconds.to_string())];
    Ok((StatusCode::TOO_MANY_REQUESTS, header, page).into_response())
}

/// The form once more, with what was typed except for the password.
fn again(viewer: &Viewer, credentials: &Credentials, problem: String) -> Result<Response, PageError> {
    let user = if credentials.user.len() > LONGEST_NAME {
        ""
    } else {
        &credentials.user
    };
    page::show(&Page {
        viewer,
        section: Section::None,
        next: &destination(&credentials.next),
        user,
        problem: Some(problem),
    })
}

/// Only pages of ours are gone on to, whatever a link says: the address is read as browsers read it, and what they
/// would make of it must begin like ours.
fn destination(next: &str) -> String {
    let is_plain = next.len() <= LONGEST_NEXT
        && next.starts_with("/admin/")
        && next.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    let read = Url::parse("https://ours.invalid").and_then(|ours| ours.join(next));
    match read {
        Ok(url)
            if is_plain
                && url.host_str() == Some("ours.invalid")
                && url.path().starts_with("/admin/")
                && !url.path().starts_with("/admin/sign-") =>
        {
            url[url::Position::BeforePath..url::Position::AfterQuery].to_owned()
        }
        _ => HOME.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_ours_are_gone_on_to() {
        for next in [
            "/admin/execution-logs?status=error&text=a%20b",
            "/admin/calls/0b9d3c52?x=%0d%0aSet-Cookie:%20a=b",
            "/admin/assistants",
        ] {
            assert_eq!(destination(next), next);
        }
        assert_eq!(destination("/admin/calls/../assistants"), "/admin/assistants");
    }

    #[test]
    fn nothing_else_is() {
        let long = format!("/admin/{}", "x".repeat(2000));
        for next in [
            "",
            "/",
            "//evil.test",
            "///evil.test",
            "/\\evil.test",
            "\\\\evil.test",
            "https://evil.test/admin/",
            "https:evil.test",
            "javascript:alert(1)",
            "evil.test/admin/",
            "/admin",
            "/admin/../..//evil.test",
            "/admin/%2e%2e//evil.test",
            "/admin/..%5cevil.test\\",
            "/admin/\r\nSet-Cookie: a=b",
            "/admin/\t/evil.test",
            " /admin/calls",
            "/admin/caf\u{e9}",
            "/admin/sign-in?next=/admin/sign-in",
            "/admin/calls/../sign-out",
            "/Admin/calls",
            &long,
        ] {
            assert_eq!(destination(next), HOME, "{next}");
        }
    }
}
