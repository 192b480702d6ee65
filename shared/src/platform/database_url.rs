//! The address of a database as people write it.

use std::borrow::Cow;

use tokio_postgres::Config;
use tokio_postgres::config::Host;

/// The database URL cannot be used, and why. Never holds a part that may be of the password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the database URL {}: expected {}", .fault, .expected)]
pub struct MalformedUrl {
    /// What is wrong with it: `is malformed`.
    pub fault: Cow<'static, str>,
    /// What it should be.
    pub expected: Cow<'static, str>,
}

/// How the server must prove itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::platform) enum Verify {
    /// Encryption is enough.
    No,
    /// Its certificate and name must verify.
    Full,
}

const EXAMPLE: &str = "a URL such as postgres://user:password@host:5432/database?sslmode=require";
const SSL_MODES: &str = "disable, prefer, require, verify-ca or verify-full";
const SECONDS: &str = "a number of seconds";

/// The parameters that the driver reads, each with what it takes.
const PARAMETERS: [(&str, &str); 18] = [
    ("application_name", "a text"),
    ("channel_binding", "disable, prefer or require"),
    ("connect_timeout", SECONDS),
    ("dbname", "a text"),
    ("host", "a host"),
    ("hostaddr", "an IP address"),
    ("keepalives", "0 or 1"),
    ("keepalives_idle", SECONDS),
    ("keepalives_interval", SECONDS),
    ("keepalives_retries", "a number"),
    ("load_balance_hosts", "disable or random"),
    ("options", "a text"),
    ("password", "a text"),
    ("port", "a number from 1 to 65535"),
    ("sslmode", SSL_MODES),
    ("sslnegotiation", "postgres or direct"),
    ("target_session_attrs", "any, read-write or read-only"),
    ("tcp_user_timeout", SECONDS),
];

/// Addresses that hosting platforms hand out carry parameters for other drivers, which ours refuses to read.
const FOREIGN: [&str; 6] = [
    "pgbouncer",
    "connection_limit",
    "pool_timeout",
    "statement_cache_size",
    "schema",
    "supa",
];

impl MalformedUrl {
    /// Nothing more can be said of it.
    pub(in crate::platform) fn unknown() -> Self {
        Self::new("is malformed", EXAMPLE)
    }

    fn new(fault: impl Into<Cow<'static, str>>, expected: impl Into<Cow<'static, str>>) -> Self {
        Self {
            fault: fault.into(),
            expected: expected.into(),
        }
    }

    /// The driver takes everything up to the first `@` for the user's name and password.
    fn unescaped() -> Self {
        Self::new(
            "has an `@` too many",
            "each `@` of a user name or password written as %40, `?` as %3F and `/` as %2F",
        )
    }
}

/// Whether a pool could be made of this URL.
pub(super) fn check_url(url: &str) -> Result<(), MalformedUrl> {
    parse(url).map(drop)
}

/// Reads the URL; `verify-ca` and `verify-full`, which the driver does not know, become a requirement of ours.
pub(in crate::platform) fn parse(url: &str) -> Result<(Config, Verify), MalformedUrl> {
    let (address, parameters) = split(url);
    let mut verify = Verify::No;
    let parameters: Vec<&str> = parameters
        .split('&')
        .filter(|parameter| !parameter.is_empty() && !FOREIGN.contains(&name(parameter)))
        .map(|parameter| match parameter {
            "sslmode=verify-full" | "sslmode=verify-ca" => {
                verify = Verify::Full;
                "sslmode=require"
            }
            other => other,
        })
        .collect();
    if is_url(address) && after_credentials(address).contains('@') {
        return Err(MalformedUrl::unescaped());
    }
    let plain = if parameters.is_empty() {
        address.to_owned()
    } else {
        format!("{address}?{}", parameters.join("&"))
    };
    let target: Config = plain.parse().map_err(|_| diagnosis(address, &parameters))?;
    if target.get_hosts().is_empty() {
        Err(MalformedUrl::new("is malformed: it names no host", EXAMPLE))
    } else {
        Ok((target, verify))
    }
}

/// The address and its parameters. A `?` before the `@` is the password's.
fn split(url: &str) -> (&str, &str) {
    let rest = after_credentials(url);
    match rest.split_once('?') {
        Some((_, parameters)) => (&url[..url.len() - parameters.len() - 1], parameters),
        None => (url, ""),
    }
}

fn is_url(address: &str) -> bool {
    ["postgres://", "postgresql://"]
        .iter()
        .any(|scheme| address.starts_with(scheme))
}

fn after_credentials(url: &str) -> &str {
    url.split_once('@').map_or(url, |(_, rest)| rest)
}

/// What the driver does not like: it says less, and might print a part of the password.
fn diagnosis(address: &str, parameters: &[&str]) -> MalformedUrl {
    if !is_url(address) {
        return MalformedUrl::new("is malformed: it does not begin with postgres://", EXAMPLE);
    }
    // What stands before a second `@` is most likely the end of a password.
    if parameters.iter().any(|parameter| parameter.contains('@')) {
        return MalformedUrl::unescaped();
    }
    for parameter in parameters {
        let name = name(parameter);
        let is_printable = name.len() <= 40
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
        let known = PARAMETERS.iter().find(|(known, _)| *known == name);
        match known {
            _ if !is_printable => return MalformedUrl::unknown(),
            None if matches!(name, "sslrootcert" | "sslcert" | "sslkey") => {
                return MalformedUrl::new(
                    format!("has the unknown parameter `{name}`"),
                    "the server's certificate in DATABASE_CA, in PEM form",
                );
            }
            None => {
                let known: Vec<&str> = PARAMETERS.iter().map(|(known, _)| *known).collect();
                return MalformedUrl::new(
                    format!("has the unknown parameter `{name}`"),
                    format!("none but {}", known.join(", ")),
                );
            }
            Some((_, expected)) if format!("postgres://h/d?{parameter}").parse::<Config>().is_err() => {
                return MalformedUrl::new(format!("has a wrong value for `{name}`"), *expected);
            }
            Some(_) => {}
        }
    }
    let host = after_credentials(address).rsplit("://").next().unwrap_or_default();
    let is_port_wrong = host.split('/').next().unwrap_or_default().contains(':');
    if is_port_wrong {
        return MalformedUrl::new("is malformed: it has a wrong port or host", EXAMPLE);
    }
    MalformedUrl::unknown()
}

fn name(parameter: &str) -> &str {
    parameter.split('=').next().unwrap_or_default()
}

/// Where the servers are, for people: `host:port`, several parted by commas; never the password.
pub(in crate::platform) fn servers(target: &Config) -> String {
    let ports = target.get_ports();
    let servers = target.get_hosts().iter().enumerate().map(|(place, host)| {
        let port = ports.get(place).or(ports.first()).copied().unwrap_or(5432);
        match host {
            Host::Tcp(name) => format!("{name}:{port}"),
            #[cfg(unix)]
            Host::Unix(folder) => folder.display().to_string(),
        }
    });
    servers.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use tokio_postgres::config::SslMode;

    use super::*;

    #[test]
    fn parameters_for_other_drivers_do_not_make_an_address_malformed() {
        let url = "postgres://u:p%40ss@h:6543/d?pgbouncer=true&sslmode=require&connection_limit=1";

        let (target, _) = parse(url).unwrap();
        assert_eq!(target.get_password(), Some(b"p@ss".as_slice()));
        assert_eq!(
            (target.get_dbname(), target.get_ssl_mode()),
            (Some("d"), SslMode::Require)
        );
        assert!(check_url("postgres://u@h/d?pgbouncer=true").is_ok());
    }

    #[test]
    fn the_modes_of_libpq_are_all_known() {
        let mode = |text: &str| {
            let (target, verify) = parse(&format!("postgres://u@h/d{text}")).unwrap();
            (target.get_ssl_mode(), verify)
        };

        assert_eq!(mode(""), (SslMode::Prefer, Verify::No));
        assert_eq!(mode("?sslmode=disable"), (SslMode::Disable, Verify::No));
        assert_eq!(mode("?sslmode=require"), (SslMode::Require, Verify::No));
        assert_eq!(mode("?sslmode=verify-ca"), (SslMode::Require, Verify::Full));
        assert_eq!(mode("?sslmode=verify-full"), (SslMode::Require, Verify::Full));
    }

    #[test]
    fn a_url_without_a_host_is_refused() {
        for url in [
            "",
            "nonsense",
            "postgres://",
            "https://example.com",
            "postgres://u@h/d?sslmode=perhaps",
        ] {
            assert!(check_url(url).is_err(), "{url:?} was accepted");
        }
    }

    #[test]
    fn what_is_wrong_with_a_url_is_named_and_no_password_is_printed() {
        for (url, said) in [
            (
                "postgres://u:private@h/d?foo=1",
                "has the unknown parameter `foo`: expected none but application_name",
            ),
            (
                "postgres://u:private@h/d?sslmode=require&Foo-bar=1",
                "unknown parameter `Foo-bar`",
            ),
            (
                "postgres://u:private@h/d?sslrootcert=/private.pem",
                "`sslrootcert`: expected the server's certificate in DATABASE_CA",
            ),
            (
                "postgres://u:private@h/d?sslmode=perhaps",
                "wrong value for `sslmode`: expected disable, prefer, require, verify-ca or verify-full",
            ),
            ("postgres://u:private@h/d?sslmode=", "wrong value for `sslmode`"),
            ("postgres://u:private@h/d?sslmode", "wrong value for `sslmode`"),
            (
                "postgres://u:private@h/d?connect_timeout=private",
                "wrong value for `connect_timeout`: expected a number of seconds",
            ),
            (
                "postgres://u:private@h/d?target_session_attrs=primary",
                "expected any, read-write or read-only",
            ),
            ("postgres://u:private@h:port/d", "it has a wrong port"),
            ("postgres://u:pri@vate@h/d", "has an `@` too many"),
            ("postgres://u:pri@va/te@h/d", "has an `@` too many"),
            ("postgres://u:pri@va?te&x=private@h/d", "has an `@` too many"),
            ("postgres://u:pri@va?private=1&te@h/d", "has an `@` too many"),
            (
                "mysql://u:private@h/d",
                "is malformed: it does not begin with postgres://",
            ),
            ("postgres://u:private@/d", "is malformed: it names no host"),
        ] {
            let error = check_url(url).unwrap_err().to_string();

            assert!(error.contains(said), "{url} gave {error}");
            for part in ["private", "vate", "te&", "/te"] {
                assert!(!error.contains(part), "{url} gave {error}");
            }
        }
    }

    #[test]
    fn a_password_may_hold_what_looks_like_a_parameter() {
        let (target, verify) = parse("postgres://u:a?sslmode=verify-full&schema=1@h/d?sslmode=disable").unwrap();

        assert_eq!(
            target.get_password(),
            Some(b"a?sslmode=verify-full&schema=1".as_slice())
        );
        assert_eq!((target.get_ssl_mode(), verify), (SslMode::Disable, Verify::No));
    }
}
