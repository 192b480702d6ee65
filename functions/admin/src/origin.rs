//! Whether a form was sent from a page of ours, by who was shown it.

use axum::http::{HeaderMap, header};
use serde::Deserialize;
use url::Url;

use crate::trouble::Trouble;
use crate::viewer::Viewer;

/// What every form of a signed-in viewer sends beside its own fields.
#[derive(Debug, Deserialize)]
pub(crate) struct Proof {
    csrf: String,
}

impl Proof {
    /// Refuses a form that does not carry what the viewer's session gave it.
    pub(crate) fn check(&self, viewer: &Viewer) -> Result<(), Trouble> {
        let is_theirs = viewer.session.is_some() && self.csrf == viewer.csrf();
        is_theirs.then_some(()).ok_or(Trouble::Forged)
    }
}

/// Refuses a request that another site had the browser send. Browsers say with every POST where it comes from.
pub(crate) fn check(headers: &HeaderMap) -> Result<(), Trouble> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let host = text(header::HOST).unwrap_or_default();
    let origin = text(header::ORIGIN).and_then(|origin| Url::parse(origin).ok());
    let is_ours = origin.is_some_and(|origin| authority(&origin) == host && !host.is_empty());
    is_ours.then_some(()).ok_or(Trouble::Forged)
}

/// Host and port, as the header `Host` has them.
fn authority(origin: &Url) -> String {
    let host = origin.host_str().unwrap_or_default();
    origin
        .port()
        .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}
