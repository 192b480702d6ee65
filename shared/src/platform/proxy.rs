//! The proxy variables, which HTTP clients read by themselves: checked at the start, and named where a request fails.

use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;
use url::Url;

// Of each pair the first that is set counts.
pub(super) const OF_HTTPS: [&str; 2] = ["HTTPS_PROXY", "https_proxy"];
pub(super) const OF_HTTP: [&str; 2] = ["HTTP_PROXY", "http_proxy"];
pub(super) const OF_ALL: [&str; 2] = ["ALL_PROXY", "all_proxy"];

/// The proxy that a request goes through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    /// The variable that names it.
    pub variable: &'static str,
    /// `host:port`; its user and password are nobody's business.
    pub address: String,
}

/// The proxy that a request to `url` goes through, as our HTTP client chooses it.
#[must_use]
pub fn proxy_of(url: &Url) -> Option<Proxy> {
    let target: Uri = url.as_str().parse().ok()?;
    let chosen = Matcher::from_system().intercept(&target)?;
    let uri = chosen.uri();
    let address = match (uri.host()?, uri.port_u16()) {
        (host, Some(port)) => format!("{host}:{port}"),
        (host, None) => host.to_owned(),
    };
    let own = if url.scheme() == "https" { OF_HTTPS } else { OF_HTTP };
    let variable = set(own).or_else(|| set(OF_ALL))?;
    Some(Proxy { variable, address })
}

/// Which of two variables counts; neither where that one is blank.
fn set(names: [&'static str; 2]) -> Option<&'static str> {
    let (name, value) = names
        .into_iter()
        .find_map(|name| Some((name, std::env::var_os(name)?.into_string().ok()?)))?;
    (!value.is_empty()).then_some(name)
}

/// Why a client could not use a proxy; nothing where it can. `host:port` goes for `http://host:port`.
pub(super) fn fault(value: &str) -> Option<&'static str> {
    if value.is_empty() {
        return None;
    }
    let (scheme, address) = value.split_once("://").unwrap_or(("http", value));
    if !["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
        return Some("has a scheme that is neither http nor https");
    }
    let is_bare = !value.contains("://") && !address.rsplit('@').next().unwrap_or_default().contains(':');
    match Url::parse(&format!("{scheme}://{address}")) {
        Ok(url) if url.has_host() && !is_bare => None,
        _ => Some("is no URL of a proxy"),
    }
}
