//! The one HTTP client builder: timeouts, user agent, compression, static root certificates. And the error of a request
//! without an answer, which names the proxy in between.

use std::time::Duration;

use crate::platform::proxy::{self, Proxy};
use crate::platform::tls;

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

/// A request to which no answer came.
#[derive(Debug, thiserror::Error)]
pub enum NoAnswer {
    /// It went to the server itself.
    #[error(transparent)]
    Direct(reqwest::Error),
    /// It went through a proxy, which may be what does not answer.
    #[error("through the proxy {}, which {} names", .proxy.address, .proxy.variable)]
    ThroughProxy {
        /// The proxy.
        proxy: Proxy,
        /// What went wrong.
        source: reqwest::Error,
    },
}

impl NoAnswer {
    /// What went wrong.
    #[must_use]
    pub fn reason(&self) -> &reqwest::Error {
        match self {
            Self::Direct(error) | Self::ThroughProxy { source: error, .. } => error,
        }
    }

    /// The same, for a URL that is a secret.
    #[must_use]
    pub fn without_url(self) -> Self {
        match self {
            Self::Direct(error) => Self::Direct(error.without_url()),
            Self::ThroughProxy { proxy, source } => Self::ThroughProxy {
                proxy,
                source: source.without_url(),
            },
        }
    }
}

impl From<reqwest::Error> for NoAnswer {
    fn from(error: reqwest::Error) -> Self {
        match error.url().and_then(proxy::proxy_of) {
            Some(proxy) => Self::ThroughProxy { proxy, source: error },
            None => Self::Direct(error),
        }
    }
}
