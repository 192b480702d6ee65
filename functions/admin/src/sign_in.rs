//! Signing in and out.

use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};
use chrono_tz::Tz;
use serde::Deserialize;
use url::form_urlencoded;

use crate::page::{self, Section};
use crate::session::{self, Session};
use crate::trouble::Trouble;
use crate::viewer::Viewer;
use crate::{App, origin};

/// Where one lands who came to no page in particular.
const HOME: &str = "/admin/execution-logs";

#[derive(Template)]
#[template(path = "sign_in.html")]
struct Page<'a> {
    viewer: &'a Viewer,
    section: Section,
    next: &'a str,
    user: &'a str,
    problem: Option<&'static str>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Asked {
    next: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Credentials {
    user: String,
    password: String,
    #[serde(default)]
    next: String,
    /// The browser's time zone; blank without a script.
    #[serde(default)]
    zone: String,
}

/// The page to sign in on.
pub(crate) async fn form(viewer: Viewer, Query(asked): Query<Asked>) -> Result<Response, Trouble> {
    let next = destination(asked.next.as_deref().unwrap_or_default());
    if viewer.session.is_some() {
        return Ok(Redirect::to(next).into_response());
    }
    page::show(&Page {
        viewer: &viewer,
        section: Section::None,
        next,
        user: "",
        problem: None,
    })
}

/// Checks who it is.
pub(crate) async fn submit(
    State(app): State<App>,
    viewer: Viewer,
    headers: HeaderMap,
    Form(credentials): Form<Credentials>,
) -> Result<Response, Trouble> {
    origin::check(&headers)?;
    let Credentials {
        user,
        password,
        next,
        zone,
    } = credentials;
    let fits = {
        let (app, user) = (Arc::clone(&app), user.clone());
        tokio::task::spawn_blocking(move || app.users.verify(&user, &password))
    };
    let fits = fits.await.map_err(anyhow::Error::new)?;
    let zone: Tz = zone.parse().unwrap_or(Tz::UTC);
    let session = fits.then(|| Session::begin(&app, &user, zone, viewer.now)).flatten();
    match session {
        Some(session) => Ok((session.keep(&app), Redirect::to(destination(&next))).into_response()),
        None => {
            let page = Page {
                viewer: &viewer,
                section: Section::None,
                next: destination(&next),
                user: &user,
                problem: Some("This name and password do not belong together."),
            };
            Ok((StatusCode::UNAUTHORIZED, page::show(&page)?).into_response())
        }
    }
}

/// Ends the session of this browser.
pub(crate) async fn sign_out(
    State(app): State<App>,
    viewer: Viewer,
    headers: HeaderMap,
    Form(proof): Form<origin::Proof>,
) -> Result<Response, Trouble> {
    origin::check(&headers)?;
    proof.check(&viewer)?;
    Ok((session::forget(&app), Redirect::to("/admin/sign-in")).into_response())
}

/// To the page to sign in on, and back to this address afterwards.
pub(crate) fn redirect(address: &str) -> Response {
    let query: String = form_urlencoded::Serializer::new(String::new())
        .append_pair("next", address)
        .finish();
    Redirect::to(&format!("/admin/sign-in?{query}")).into_response()
}

/// Only pages of ours are gone on to, whatever a link says.
fn destination(next: &str) -> &str {
    let is_ours = next.starts_with("/admin/")
        && !next.starts_with("/admin/sign-in")
        && next.bytes().all(|byte| (b'!'..=b'~').contains(&byte) && byte != b'\\');
    if is_ours { next } else { HOME }
}
