//! The address of a database as people write it.

use tokio_postgres::Config;
use tokio_postgres::config::Host;

/// The database URL cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the database URL is malformed")]
pub struct MalformedUrl;

/// How the server must prove itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verify {
    /// Encryption is enough.
    No,
    /// Its certificate and name must verify.
    Full,
}

/// Whether a pool could be made of this URL.
pub fn check_url(url: &str) -> Result<(), MalformedUrl> {
    parse(url).map(drop)
}

/// Reads the URL; `verify-ca` and `verify-full`, which the driver does not know, become a requirement of ours.
pub(super) fn parse(url: &str) -> Result<(Config, Verify), MalformedUrl> {
    let url = &without_foreign_parameters(url);
    let (plain, verify) = match ["sslmode=verify-full", "sslmode=verify-ca"]
        .iter()
        .find(|mode| url.contains(*mode))
    {
        Some(mode) => (url.replace(mode, "sslmode=require"), Verify::Full),
        None => (url.to_owned(), Verify::No),
    };
    let target: Config = plain.parse().map_err(|_| MalformedUrl)?;
    if target.get_hosts().is_empty() {
        Err(MalformedUrl)
    } else {
        Ok((target, verify))
    }
}

/// Addresses that hosting platforms hand out carry parameters for other drivers, which ours refuses to read.
fn without_foreign_parameters(url: &str) -> String {
    const FOREIGN: [&str; 5] = [
        "pgbouncer",
        "connection_limit",
        "pool_timeout",
        "statement_cache_size",
        "schema",
    ];
    let Some((address, parameters)) = url.split_once('?') else {
        return url.to_owned();
    };
    let ours: Vec<&str> = parameters
        .split('&')
        .filter(|parameter| !FOREIGN.contains(&parameter.split('=').next().unwrap_or_default()))
        .collect();
    format!("{address}?{}", ours.join("&"))
}

/// Where the servers are, for people: `host:port`, several parted by commas; never the password.
pub(super) fn servers(target: &Config) -> String {
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

        assert_eq!(
            without_foreign_parameters(url),
            "postgres://u:p%40ss@h:6543/d?sslmode=require"
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
}
