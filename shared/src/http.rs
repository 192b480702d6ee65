//! The one HTTP client builder: timeouts, user agent, compression, static root certificates.

use std::time::Duration;

use crate::tls;

/// Who we say we are; bot protection in front of an API turns anonymous clients away.
const USER_AGENT: &str = concat!("callmark/", env!("CARGO_PKG_VERSION"));

/// A client that gives up connecting after 10 s, and on a response that is silent for `silence`.
///
/// There is no limit on a whole response: a page that keeps arriving may take as long as it needs.
pub fn client(silence: Duration) -> reqwest::Result<reqwest::Client> {
    #[expect(clippy::disallowed_methods, reason = "this is the one client builder")]
    reqwest::Client::builder()
        .user_agent(USER_AGENT)
        .connect_timeout(Duration::from_secs(10).min(silence))
        .read_timeout(silence)
        .gzip(true)
        .tls_backend_preconfigured(tls::public_roots())
        .build()
}
