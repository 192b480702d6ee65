//! Typed settings; the only reader of the environment and of the secret document.
//!
//! `main` ─▶ [`Reader::load`] ─▶ one section a concern ─▶ [`Reader::finish`], which reports every problem at once.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fmt::{self, Display};
use std::str::FromStr;
use std::sync::OnceLock;
use std::time::Duration;

use secrecy::SecretString;
use url::Url;

mod admin;
mod alerts;
mod judge;
mod proxy;
mod secret;
mod vapi;
mod watchdog;

pub use admin::{Admin, is_user_name};
pub use alerts::{Alerts, Email};
pub use judge::{Judge, Qci, ResponseFormat};
pub use vapi::{Sync, Vapi};
pub use watchdog::Watchdog;

/// Reads settings from the environment and, below it, from the secret document; collects what is wrong.
pub struct Reader {
    environment: HashMap<String, String>,
    secret: BTreeMap<String, String>,
    problems: Vec<Problem>,
}

/// One setting that is missing or malformed. Never holds the value: it may be a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Problem {
    name: String,
    fault: Cow<'static, str>,
    expected: Cow<'static, str>,
}

/// The settings are unusable; says every variable that is wrong and what was expected of it.
#[derive(Debug, thiserror::Error)]
#[error("{}", list(.0))]
pub struct Invalid(Vec<Problem>);

/// The settings could not be read at all.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// Secrets Manager refused or did not answer.
    #[error("reading the secret {arn} named by CALLMARK_SECRET_ARN")]
    Secret {
        /// The secret's name or ARN.
        arn: String,
        /// What the service said.
        #[source]
        source: anyhow::Error,
    },
}

/// How to reach PostgreSQL.
#[derive(Clone, Debug)]
pub struct Database {
    /// `DATABASE_URL`: a `postgres://` URL; `sslmode` as in libpq.
    pub url: SecretString,
    /// `DATABASE_CA`: PEM certificates to verify the server with (Supabase, RDS).
    pub ca: Option<String>,
    /// `DATABASE_POOL`: connections at most.
    pub pool: usize,
    /// `DATABASE_TIMEOUT_SECONDS`: how long one statement may go unanswered.
    pub timeout: Duration,
}

/// Where events go.
#[derive(Clone, Debug)]
pub struct Events {
    /// `EVENT_BUS_NAME`: the EventBridge bus; without it events are only logged.
    pub bus_name: Option<String>,
}

impl Reader {
    /// Reads the environment and, where `CALLMARK_SECRET_ARN` names one, the secret document.
    pub async fn load() -> Result<Self, Unreadable> {
        match Self::load_what_is_readable().await {
            (reader, None) => Ok(reader),
            (_, Some(unreadable)) => Err(unreadable),
        }
    }

    /// The same, with what the environment says where the secret cannot be read: for who has to go on in spite of that.
    pub async fn load_what_is_readable() -> (Self, Option<Unreadable>) {
        let mut reader = Self::environment();
        if let Some(arn) = reader.text("CALLMARK_SECRET_ARN") {
            match secret::fetch(&arn).await {
                Ok(secret::Document::Settings(settings)) => reader.secret = settings,
                Ok(secret::Document::Malformed) => {
                    reader.problem(
                        "CALLMARK_SECRET_ARN",
                        "names a malformed secret",
                        "a JSON object of settings, such as {\"DATABASE_URL\": \"postgres://…\"}",
                    );
                }
                Err(source) => return (reader, Some(Unreadable::Secret { arn, source })),
            }
        }
        (reader, None)
    }

    /// Reads the environment alone.
    #[must_use]
    pub fn environment() -> Self {
        Self::from_pairs(
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))),
        )
    }

    /// Reads these pairs in place of the environment.
    pub fn from_pairs(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        Self {
            environment: pairs.into_iter().collect(),
            secret: BTreeMap::new(),
            problems: Vec::new(),
        }
    }

    /// `DATABASE_URL`, `DATABASE_CA`, `DATABASE_POOL`, `DATABASE_TIMEOUT_SECONDS`.
    pub fn database(&mut self) -> Database {
        let url = self.required("DATABASE_URL", POSTGRES_URL).unwrap_or_default();
        if !url.is_empty()
            && let Err(malformed) = crate::platform::database_url::check_url(&url)
        {
            self.problem("DATABASE_URL", malformed.fault, malformed.expected);
        }
        let ca = self.text("DATABASE_CA").map(|pem| pem.replace("\\n", "\n"));
        if ca
            .as_deref()
            .is_some_and(|pem| crate::platform::tls::private_roots(pem).is_err())
        {
            self.problem("DATABASE_CA", "is malformed", "certificates in PEM form");
        }
        Database {
            url: url.into(),
            ca,
            pool: self.within("DATABASE_POOL", 8, 2, 100, "a number from 2 to 100"),
            timeout: Duration::from_secs(self.within("DATABASE_TIMEOUT_SECONDS", 15, 1, 50, "a number from 1 to 50")),
        }
    }

    /// `EVENT_BUS_NAME`.
    pub fn events(&mut self) -> Events {
        Events {
            bus_name: self.text("EVENT_BUS_NAME"),
        }
    }

    /// A setting as text; absent where it is unset or blank. The environment comes before the secret.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<String> {
        [self.environment.get(name), self.secret.get(name)]
            .into_iter()
            .flatten()
            .map(|value| value.trim())
            .find(|value| !value.is_empty())
            .map(str::to_owned)
    }

    /// A number within bounds, or `default` where the setting is absent.
    pub fn within<T>(&mut self, name: &str, default: T, least: T, most: T, expected: &'static str) -> T
    where
        T: FromStr + PartialOrd + Copy,
    {
        let Some(text) = self.text(name) else { return default };
        match text.parse::<T>() {
            Ok(value) if value >= least && value <= most => value,
            _ => {
                self.problem(name, "is malformed", expected);
                default
            }
        }
    }

    /// Ends the reading: an error lists all that was wrong.
    pub fn finish(self) -> Result<(), Invalid> {
        if self.problems.is_empty() {
            Ok(())
        } else {
            Err(Invalid(self.problems))
        }
    }

    fn required(&mut self, name: &str, expected: &'static str) -> Option<String> {
        let value = self.text(name);
        if value.is_none() {
            self.problem(name, "is missing", expected);
        }
        value
    }

    /// A key, as it goes into a header. What people paste around one is named, and never the key.
    fn key(&mut self, name: &str, expected: &'static str) -> SecretString {
        let key = self.required(name, expected).unwrap_or_default();
        let quotes = ['"', '\'', '`', '\u{201c}', '\u{201d}', '\u{2018}', '\u{2019}'];
        let fault = if key.starts_with(quotes) || key.ends_with(quotes) {
            Some(("is in quotes", "the key alone, without quotes"))
        } else if key.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("bearer ")) {
            Some(("begins with `Bearer`", "the key alone, without `Bearer`"))
        } else if key.contains(char::is_whitespace) {
            Some(("is malformed", "printable characters, not a space or a new line"))
        } else if !key.bytes().all(|byte| (b'!'..=b'~').contains(&byte)) {
            Some(("is malformed", "printable characters without spaces"))
        } else {
            None
        };
        if let Some((fault, expected)) = fault {
            self.problem(name, fault, expected);
        }
        key.into()
    }

    /// A URL; nothing, and a problem, where it is malformed.
    fn checked_http_url(&mut self, name: &str, default: &str) -> Option<Url> {
        let text = self.text(name).unwrap_or_else(|| default.to_owned());
        match Url::parse(&text) {
            Ok(url) if !url.username().is_empty() || url.password().is_some() => {
                self.problem(
                    name,
                    "holds a user name or a password",
                    "a URL without `user:password@`: keys have settings of their own",
                );
                None
            }
            Ok(url) if url.query().is_some() || url.fragment().is_some() => {
                self.problem(name, "has a query", "a URL without `?…` and `#…`");
                None
            }
            Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Some(url),
            _ => {
                self.problem(name, "is malformed", "an http:// or https:// URL");
                None
            }
        }
    }

    /// A base URL, which the paths of `endpoints` are added to.
    fn base_url(&mut self, name: &str, default: &str, endpoints: &[&str]) -> Url {
        let Some(url) = self.checked_http_url(name, default) else {
            return fallback_url();
        };
        let path = url.path().trim_end_matches('/');
        if let Some(endpoint) = endpoints.iter().find(|endpoint| path.ends_with(*endpoint)) {
            self.problem(
                name,
                format!("ends in `{endpoint}`"),
                format!("the URL up to and without `{endpoint}`, such as {default}"),
            );
        }
        url
    }

    fn problem(&mut self, name: &str, fault: impl Into<Cow<'static, str>>, expected: impl Into<Cow<'static, str>>) {
        let problem = Problem {
            name: name.to_owned(),
            fault: fault.into(),
            expected: expected.into(),
        };
        // Several sections look at the same variable.
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }
}

const POSTGRES_URL: &str = "a URL such as postgres://user:password@host:5432/database?sslmode=require";

/// Stands in for a URL that was refused; `finish` keeps it from being used.
#[expect(clippy::expect_used, reason = "a constant that parses")]
fn fallback_url() -> Url {
    Url::parse("http://invalid.invalid").expect("a constant URL")
}

/// `CALLMARK_STACK`: the stack that this process is of, and its metrics with it. Of the environment only: metrics are
/// written where no settings are at hand, and an alarm finds them by this name even where the settings are unusable.
pub fn stack() -> &'static str {
    static STACK: OnceLock<String> = OnceLock::new();
    STACK.get_or_init(|| stack_of(std::env::var_os("CALLMARK_STACK").and_then(|name| name.into_string().ok())))
}

fn stack_of(name: Option<String>) -> String {
    let name = name.unwrap_or_default();
    match name.trim() {
        "" => "callmark".to_owned(),
        name => name.to_owned(),
    }
}

fn list(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

impl Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: expected {}", self.name, self.fault, self.expected)
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    pub(super) fn reader(pairs: &[(&str, &str)]) -> Reader {
        Reader::from_pairs(
            pairs
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        )
    }

    #[test]
    fn every_problem_is_reported_at_once_by_name_and_without_values() {
        let mut reader = reader(&[
            ("VAPI_API_KEY", "has space"),
            ("VAPI_BASE_URL", "ftp://x"),
            ("VAPI_PAGE_LIMIT", "2000"),
        ]);

        reader.database();
        reader.vapi();
        let error = reader.finish().unwrap_err().to_string();

        for name in [
            "DATABASE_URL is missing",
            "VAPI_API_KEY is malformed",
            "VAPI_BASE_URL is malformed",
            "VAPI_PAGE_LIMIT is malformed",
        ] {
            assert!(error.contains(name), "{name} not in {error}");
        }
        assert!(!error.contains("has space") && !error.contains("2000"), "{error}");
    }

    #[test]
    fn the_environment_comes_before_the_secret_and_blank_counts_as_absent() {
        let mut reader = reader(&[("VAPI_API_KEY", "from-environment"), ("VAPI_RATE", " ")]);
        reader.secret.insert("VAPI_API_KEY".into(), "from-secret".into());
        reader.secret.insert("VAPI_RATE".into(), "9".into());

        let vapi = reader.vapi();

        assert_eq!(vapi.api_key.expose_secret(), "from-environment");
        assert!((vapi.rate - 9.0).abs() < f64::EPSILON);
        reader.finish().unwrap();
    }

    #[test]
    fn what_people_paste_around_a_key_or_into_a_url_is_named_and_never_printed() {
        for (name, value, said) in [
            ("VAPI_API_KEY", "\"sk-private\"", "VAPI_API_KEY is in quotes"),
            ("VAPI_API_KEY", "Bearer sk-private", "VAPI_API_KEY begins with `Bearer`"),
            ("VAPI_API_KEY", "sk-\nprivate", "a space or a new line"),
            (
                "VAPI_BASE_URL",
                "https://user:private@api.vapi.ai",
                "holds a user name or a password",
            ),
            (
                "VAPI_BASE_URL",
                "https://api.vapi.ai?key=private",
                "VAPI_BASE_URL has a query",
            ),
            ("VAPI_BASE_URL", "https://api.vapi.ai", "DATABASE_URL is missing"),
        ] {
            let mut reader = reader(&[("VAPI_API_KEY", "key"), (name, value)]);

            reader.vapi();
            reader.database();
            let error = reader.finish().unwrap_err().to_string();

            assert!(error.contains(said) && !error.contains("private"), "{error}");
        }
    }

    #[test]
    fn a_stack_always_has_a_name() {
        assert_eq!(stack_of(None), "callmark");
        assert_eq!(stack_of(Some("  ".to_owned())), "callmark");
        assert_eq!(stack_of(Some(" callmark-prod ".to_owned())), "callmark-prod");
    }

    #[test]
    fn a_secret_is_not_printed_with_its_section() {
        let mut reader = reader(&[
            ("VAPI_API_KEY", "very-private"),
            ("DATABASE_URL", "postgres://u:hidden@h/d"),
        ]);

        let printed = format!("{:?} {:?}", reader.vapi(), reader.database());

        assert!(
            !printed.contains("very-private") && !printed.contains("hidden"),
            "{printed}"
        );
    }

    #[test]
    fn a_parameter_of_the_database_url_that_is_not_understood_is_named() {
        for (query, said) in [
            ("foo=1", "DATABASE_URL has the unknown parameter `foo`"),
            (
                "sslmode=perhaps",
                "DATABASE_URL has a wrong value for `sslmode`: expected disable, prefer, require, verify-ca or verify-full",
            ),
        ] {
            let url = format!("postgres://u:private@h/d?{query}");
            let mut reader = reader(&[("DATABASE_URL", &url)]);

            reader.database();
            let error = reader.finish().unwrap_err().to_string();

            assert!(error.contains(said) && !error.contains("private"), "{error}");
        }
    }

    #[test]
    fn a_base_url_that_ends_in_an_endpoint_is_refused_with_the_remedy() {
        for (name, value, said) in [
            (
                "VAPI_BASE_URL",
                "https://api.vapi.ai/call",
                "VAPI_BASE_URL ends in `/call`: expected the URL up to and without `/call`, such as https://api.vapi.ai",
            ),
            (
                "VAPI_BASE_URL",
                "https://api.vapi.ai/assistant/",
                "ends in `/assistant`",
            ),
            (
                "VAPI_BASE_URL",
                "https://proxy.example.com/vapi/analytics",
                "ends in `/analytics`",
            ),
            (
                "OPENAI_BASE_URL",
                "https://api.openai.com/v1/chat/completions",
                "OPENAI_BASE_URL ends in `/chat/completions`: expected the URL up to and without `/chat/completions`, \
                 such as https://api.openai.com/v1",
            ),
            ("OPENAI_BASE_URL", "https://api.openai.com/v1/chat/", "ends in `/chat`"),
            (
                "OPENAI_BASE_URL",
                "https://api.openai.com/v1/responses",
                "ends in `/responses`",
            ),
        ] {
            let mut reader = reader(&[("VAPI_API_KEY", "key"), ("OPENAI_API_KEY", "key"), (name, value)]);

            reader.vapi();
            reader.judge();
            let error = reader.finish().unwrap_err().to_string();

            assert!(error.contains(said), "{error}");
        }
        let mut reader = reader(&[
            ("VAPI_API_KEY", "key"),
            ("VAPI_BASE_URL", "https://example.com/vapi/recall"),
        ]);
        reader.vapi();
        reader.finish().unwrap();
    }

    #[test]
    fn a_broken_proxy_is_named_once_and_not_printed() {
        for (name, value, said) in [
            (
                "HTTPS_PROXY",
                "private",
                "HTTPS_PROXY is no URL of a proxy: expected a URL such as http://",
            ),
            ("https_proxy", "http://u:private@", "https_proxy is no URL of a proxy"),
            (
                "HTTP_PROXY",
                "http://u:private@h:port",
                "HTTP_PROXY is no URL of a proxy",
            ),
            (
                "http_proxy",
                "ftp://u:private@h",
                "http_proxy has a scheme that is neither http nor https",
            ),
            (
                "ALL_PROXY",
                "socks5://u:private@h:1080",
                "ALL_PROXY has a scheme that is neither http nor https",
            ),
            ("all_proxy", "http://private h", "all_proxy is no URL of a proxy"),
        ] {
            let mut reader = reader(&[("VAPI_API_KEY", "key"), ("OPENAI_API_KEY", "key"), (name, value)]);

            reader.vapi();
            reader.judge();
            let error = reader.finish().unwrap_err().to_string();

            assert!(error.contains(said) && !error.contains("private"), "{error}");
            assert_eq!(error.matches(name).count(), 1, "{error}");
        }
        for value in [
            "",
            "http://h",
            "https://u:p@h:8080/",
            "h:3128",
            "u:p@h:3128",
            "HTTP://h",
        ] {
            let mut reader = reader(&[("VAPI_API_KEY", "key"), ("HTTPS_PROXY", value)]);
            reader.vapi();
            assert!(reader.finish().is_ok(), "{value}");
        }
    }
}
