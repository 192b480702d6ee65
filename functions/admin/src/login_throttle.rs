//! Guessing passwords is slow: whom an attempt to sign in is counted against, and whether it has to wait.
//!
//! `sign_in` ─▶ [`Attempt::begin`] (counted) ─▶ users (verified) ─▶ [`Attempt::succeed`] (taken back)

use std::convert::Infallible;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::Extensions;
use axum::http::request::Parts;
use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit as _, Mac as _};
use lambda_http::request::RequestContext;
use sha2::Sha256;
use shared::platform::db;
use shared::store::sign_in::{self, Subject, Verdict};

use crate::Deps;
use crate::error::PageError;
use crate::session::Key;

/// Attempts on one name from one address: as many as people need who have two passwords in mind, with typing errors.
const PAIR: i32 = 5;
/// Attempts from one address, on any names: an office behind one address may be several people.
const ADDRESS: i32 = 20;
/// Attempts on one name from any addresses: so many that no single address can make somebody else wait.
const NAME: i32 = 50;

/// Where a request comes from, as our host saw it. What a request says of itself (`X-Forwarded-For`) is not asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Source(String);

/// One try to sign in.
#[derive(Debug)]
pub(crate) struct Attempt {
    pair: Subject,
    address: Subject,
    name: Subject,
}

impl Attempt {
    /// A try at this name.
    pub(crate) fn of(key: &Key, name: &str, source: &Source) -> Self {
        let Source(address) = source;
        Self {
            pair: subject(key, PAIR, &["pair", address, name]),
            address: subject(key, ADDRESS, &["address", address]),
            name: subject(key, NAME, &["name", name]),
        }
    }

    /// Counts it, unless it has to wait.
    pub(crate) async fn begin(&self, deps: &Deps, now: DateTime<Utc>) -> Result<Verdict, PageError> {
        let mut client = db::connect(&deps.pool).await?;
        sign_in::prune(&client, now).await?;
        let subjects = [&self.pair, &self.address, &self.name].map(Clone::clone);
        Ok(sign_in::admit(&mut client, &subjects, now).await?)
    }

    /// Forgets it: it was right. What others failed at from this address, or at this name, stays.
    pub(crate) async fn succeed(&self, deps: &Deps, now: DateTime<Utc>) -> Result<(), PageError> {
        let client = db::connect(&deps.pool).await?;
        sign_in::forgive(&client, &self.pair).await?;
        sign_in::take_back(&client, &self.address, now).await?;
        sign_in::take_back(&client, &self.name, now).await?;
        Ok(())
    }
}

impl Source {
    /// The address that the host put beside the request: Lambda in its context, our own server with the connection.
    fn of(extensions: &Extensions) -> Self {
        let told = extensions.get::<RequestContext>().and_then(|context| match context {
            RequestContext::ApiGatewayV2(context) => context.http.source_ip.as_deref()?.parse().ok(),
            _ => None,
        });
        let peer = || {
            extensions
                .get::<ConnectInfo<SocketAddr>>()
                .map(|ConnectInfo(peer)| peer.ip())
        };
        let address = told.or_else(peer).map(neighbourhood);
        Self(address.map_or_else(|| "unknown".to_owned(), |address| address.to_string()))
    }
}

impl<S: Sync> FromRequestParts<S> for Source {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.extensions))
    }
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Who has an IPv6 address has the 2^64 addresses beside it, too.
fn neighbourhood(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        address @ IpAddr::V4(_) => address,
    }
}

/// A keyed hash, so that the table tells nobody which names were tried: people type passwords there, too.
#[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
fn subject(key: &Key, allowed: i32, parts: &[&str]) -> Subject {
    let mut hash = Hmac::<Sha256>::new_from_slice(key.signing()).expect("a key of any length");
    for part in parts {
        hash.update(&(part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    Subject {
        digest: hash.finalize().into_bytes().to_vec(),
        allowed,
    }
}

#[cfg(test)]
mod tests {
    use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequestContext;

    use super::*;

    fn connected_from(address: &str) -> Extensions {
        let mut extensions = Extensions::new();
        extensions.insert(ConnectInfo(SocketAddr::new(address.parse().unwrap(), 50_000)));
        extensions
    }

    fn source(address: &str) -> String {
        Source::of(&connected_from(address)).to_string()
    }

    #[test]
    fn an_address_is_what_the_host_saw() {
        let mut context = ApiGatewayV2httpRequestContext::default();
        context.http.source_ip = Some("203.0.113.7".to_owned());
        let mut on_lambda = connected_from("127.0.0.1");
        on_lambda.insert(RequestContext::ApiGatewayV2(context));

        assert_eq!(Source::of(&on_lambda).to_string(), "203.0.113.7");
        assert_eq!(source("198.51.100.1"), "198.51.100.1");
        assert_eq!(Source::of(&Extensions::new()).to_string(), "unknown");
    }

    #[test]
    fn the_addresses_of_one_network_of_version_six_are_one() {
        assert_eq!(source("2001:db8:1:2:3:4:5:6"), source("2001:db8:1:2:ffff::1"));
        assert_ne!(source("2001:db8:1:2:3:4:5:6"), source("2001:db8:1:3:3:4:5:6"));
        assert_eq!(source("::ffff:198.51.100.1"), "198.51.100.1");
    }

    #[test]
    fn subjects_differ_by_kind_name_address_and_key() {
        let of = |key: u8, name: &str, address: &str| {
            let attempt = Attempt::of(&Key::derive_from(&[key; 32]), name, &Source(address.to_owned()));
            [attempt.pair, attempt.address, attempt.name].map(|subject| subject.digest)
        };
        let (one, other) = (of(1, "ada", "bob"), of(1, "adab", "ob"));

        let different = [&one[0], &one[1], &one[2], &other[0], &of(2, "ada", "bob")[0]];

        for (place, digest) in different.iter().enumerate() {
            assert!(!different[..place].contains(digest), "{place}");
        }
        assert_eq!(one, of(1, "ada", "bob"));
    }
}
