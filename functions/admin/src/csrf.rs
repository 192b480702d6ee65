//! Whether what changes something was sent from a page of ours, by who was shown it.

use axum::http::{HeaderMap, HeaderName, Method, header};
use serde::Deserialize;
use subtle::ConstantTimeEq as _;
use url::{Origin, Url};

use crate::Scheme;
use crate::error::PageError;
use crate::viewer::Viewer;

/// What every form of a signed-in viewer sends beside its own fields.
#[derive(Debug, Deserialize)]
pub(crate) struct Proof {
    #[serde(default)]
    csrf: String,
}

impl Proof {
    /// Refuses a form that does not carry what the viewer's session gave it.
    pub(crate) fn check(&self, viewer: &Viewer) -> Result<(), PageError> {
        let is_theirs = viewer.session.is_some() && is_same(&self.csrf, viewer.csrf());
        is_theirs.then_some(()).ok_or(PageError::Forged)
    }
}

/// Refuses a request that another site had the browser send; [`crate::session_guard::identify`] asks it of every request.
/// Browsers say where a request comes from unless it only reads.
pub(crate) fn check(method: &Method, headers: &HeaderMap, scheme: Scheme) -> Result<(), PageError> {
    if [Method::GET, Method::HEAD].contains(method) {
        return Ok(());
    }
    let scheme = match scheme {
        Scheme::Http => "http",
        Scheme::Https => "https",
    };
    let ours = only(headers, &header::HOST).and_then(|host| origin(&format!("{scheme}://{host}")));
    let theirs = only(headers, &header::ORIGIN).and_then(origin);
    let site = HeaderName::from_static("sec-fetch-site");
    let is_ours = ours.is_some()
        && ours == theirs
        && (!headers.contains_key(&site) || only(headers, &site) == Some("same-origin"));
    is_ours.then_some(()).ok_or(PageError::Forged)
}

/// A header that is there exactly once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

/// Scheme, host and port of a text that names nothing else; the scheme's own port may be left out.
fn origin(text: &str) -> Option<Origin> {
    let url = Url::parse(text).ok()?;
    let is_bare = url.path() == "/"
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    let origin = url.origin();
    (is_bare && origin.is_tuple()).then_some(origin)
}

/// Takes as long wherever the difference is.
fn is_same(one: &str, other: &str) -> bool {
    one.as_bytes().ct_eq(other.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(scheme: Scheme, sent: &[(&'static str, &str)]) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in sent {
            headers.append(*name, value.parse().unwrap());
        }
        check(&Method::POST, &headers, scheme).is_ok()
    }

    #[test]
    fn a_request_comes_from_us_if_scheme_host_and_port_are_ours() {
        let https = |host, origin| allows(Scheme::Https, &[("host", host), ("origin", origin)]);

        assert!(https("callmark.test", "https://callmark.test"));
        assert!(https("callmark.test:443", "https://callmark.test"));
        assert!(https("Callmark.Test:8443", "https://callmark.test:8443"));
        assert!(allows(
            Scheme::Http,
            &[("host", "[::1]:8000"), ("origin", "http://[::1]:8000")]
        ));
        for origin in [
            "",
            "null",
            "http://callmark.test",
            "https://callmark.test:8443",
            "https://callmark.test.evil.test",
            "https://evil.test",
            "https://evil.test/callmark.test",
            "https://callmark.test@evil.test",
            "https://evil.test#callmark.test",
            "callmark.test",
            "file:///callmark.test",
        ] {
            assert!(!https("callmark.test", origin), "{origin}");
        }
        assert!(!allows(
            Scheme::Http,
            &[("host", "localhost:1"), ("origin", "http://localhost:2")]
        ));
        assert!(!allows(
            Scheme::Http,
            &[("host", "localhost"), ("origin", "https://localhost")]
        ));
    }

    #[test]
    fn headers_that_are_missing_repeated_or_twisted_are_not_ours() {
        let (host, origin) = (("host", "callmark.test"), ("origin", "https://callmark.test"));

        for sent in [
            &[host][..],
            &[origin],
            &[host, origin, origin],
            &[host, ("host", "evil.test"), origin],
            &[("host", ""), ("origin", "https://")],
            &[("host", "evil.test@callmark.test"), origin],
            &[("host", "callmark.test/evil"), origin],
            &[host, ("origin", "https://callmark.test https://evil.test")],
        ] {
            assert!(!allows(Scheme::Https, sent), "{sent:?}");
        }
    }

    #[test]
    fn a_browser_that_names_another_site_is_believed() {
        let from = |site| {
            let sent = [
                ("host", "callmark.test"),
                ("origin", "https://callmark.test"),
                ("sec-fetch-site", site),
            ];
            allows(Scheme::Https, &sent)
        };

        assert!(from("same-origin"));
        for site in ["cross-site", "same-site", "none", "", "Same-Origin"] {
            assert!(!from(site), "{site}");
        }
    }

    #[test]
    fn reading_is_free() {
        let nothing = HeaderMap::new();

        assert!(check(&Method::GET, &nothing, Scheme::Https).is_ok());
        assert!(check(&Method::HEAD, &nothing, Scheme::Https).is_ok());
        for method in [
            Method::POST,
            Method::PUT,
            Method::DELETE,
            Method::PATCH,
            Method::OPTIONS,
        ] {
            assert!(check(&method, &nothing, Scheme::Https).is_err(), "{method}");
        }
    }

    #[test]
    fn texts_are_the_same_or_not() {
        assert!(is_same("abc", "abc") && is_same("", ""));
        assert!(!is_same("abc", "abd") && !is_same("abc", "ab") && !is_same("", "a"));
    }
}
