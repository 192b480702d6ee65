//! Typed settings; the only reader of the environment and of the secret document.
//!
//! `main` ─▶ [`Reader::load`] ─▶ one section a concern ─▶ [`Reader::finish`], which reports every problem at once.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::{self, Display};
use std::str::FromStr;
use std::sync::OnceLock;
use std::time::Duration;

use chrono::TimeDelta;
use rust_decimal::Decimal;
use secrecy::SecretString;
use url::Url;

mod alerts;
mod secret;

pub use alerts::{Alerts, Email};

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
    fault: &'static str,
    expected: &'static str,
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
}

/// How to reach Vapi, and how hard to pull.
#[derive(Clone, Debug)]
pub struct Vapi {
    /// `VAPI_BASE_URL`.
    pub base_url: Url,
    /// `VAPI_API_KEY`: the private key of one organisation.
    pub api_key: SecretString,
    /// `VAPI_RATE`: requests a second at most; lowered for a while when Vapi answers 429.
    pub rate: f64,
    /// `VAPI_PAGE_LIMIT`: calls asked for in one page, 1 to 1000.
    pub page_limit: usize,
    /// `VAPI_DOWNLOADS`: windows walked at once.
    pub downloads: usize,
    /// `VAPI_TIMEOUT_SECONDS`: silence after which a request is given up.
    pub timeout: Duration,
    /// `VAPI_ATTEMPTS`: tries of one request.
    pub attempts: usize,
}

/// What a sync keeps and reads again.
#[derive(Clone, Debug)]
pub struct Sync {
    /// `VAPI_RETENTION_DAYS`: how long Vapi keeps a call.
    pub retention: TimeDelta,
    /// `SYNC_OVERLAP_MINUTES`: how far before the watermark a pass begins.
    pub overlap: TimeDelta,
    /// `SYNC_RESCAN_HOURS`: the trailing window that is read again once a day.
    pub rescan: TimeDelta,
    /// `SYNC_WRITERS`: connections that write at once.
    pub writers: usize,
    /// `LOG_RETENTION_DAYS`: age at which log lines are pruned.
    pub log_retention: TimeDelta,
}

/// How to reach the judge: an endpoint for chat completions as `OpenAI` has them.
#[derive(Clone, Debug)]
pub struct Judge {
    /// `OPENAI_BASE_URL`: up to and without `/chat/completions`.
    pub base_url: Url,
    /// `OPENAI_API_KEY`.
    pub api_key: SecretString,
    /// `OPENAI_MODEL`: the model that is asked in place of the framework's.
    pub model: Option<String>,
    /// `OPENAI_RESPONSE_FORMAT`: how the form of an answer is asked for.
    pub format: ResponseFormat,
    /// `OPENAI_TIMEOUT_SECONDS`: how long one answer may take.
    pub timeout: Duration,
    /// `OPENAI_ATTEMPTS`: tries of one request.
    pub attempts: usize,
}

/// How the form of an answer is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResponseFormat {
    /// The endpoint is given the JSON schema, and holds the model to it.
    JsonSchema,
    /// The endpoint only knows that JSON is wanted; the schema stands in the prompt.
    JsonObject,
}

/// How calls are scored.
#[derive(Clone, Debug)]
pub struct Qci {
    /// `QCI_CONCURRENCY`: requests to the judge at once, at most.
    pub concurrency: usize,
    /// `QCI_MAX_USD_PER_RUN`.
    pub max_usd_per_run: Decimal,
    /// `QCI_MAX_USD_PER_DAY`, by UTC.
    pub max_usd_per_day: Decimal,
}

/// What is expected of the scripts that run by themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watchdog {
    /// `SYNC_SCHEDULE`: how long it is from one sync to the next.
    pub sync_every: TimeDelta,
    /// `QCI_SCHEDULE`: the same for scoring; absent where that follows a sync only.
    pub qci_every: Option<TimeDelta>,
    /// `VAPI_RETENTION_DAYS`: how long Vapi keeps calls.
    pub retention: TimeDelta,
    /// `ALERT_HEADROOM_HOURS`: the time left before calls are lost below which somebody is told.
    pub headroom: TimeDelta,
}

/// Where events go.
#[derive(Clone, Debug)]
pub struct Events {
    /// `EVENT_BUS_NAME`: the EventBridge bus; without it events are only logged.
    pub bus_name: Option<String>,
}

/// Who may look at the pages.
#[derive(Clone, Debug)]
pub struct Admin {
    /// `ADMIN_USERS`: names with the argon2id hashes of their passwords.
    pub users: Vec<(String, SecretString)>,
    /// `ADMIN_SESSION_KEY`: encrypts the cookies of sessions.
    pub session_key: SecretString,
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

    /// `DATABASE_URL`, `DATABASE_CA`, `DATABASE_POOL`.
    pub fn database(&mut self) -> Database {
        let url = self.required("DATABASE_URL", POSTGRES_URL).unwrap_or_default();
        if !url.is_empty() && crate::db::check_url(&url).is_err() {
            self.problem("DATABASE_URL", "is malformed", POSTGRES_URL);
        }
        let ca = self.text("DATABASE_CA").map(|pem| pem.replace("\\n", "\n"));
        if ca.as_deref().is_some_and(|pem| crate::tls::private_roots(pem).is_err()) {
            self.problem("DATABASE_CA", "is malformed", "certificates in PEM form");
        }
        Database {
            url: url.into(),
            ca,
            pool: self.within("DATABASE_POOL", 8, 2, 100, "a number from 2 to 100"),
        }
    }

    /// `VAPI_API_KEY`, `VAPI_BASE_URL` and the `VAPI_…` limits.
    pub fn vapi(&mut self) -> Vapi {
        let api_key = self
            .required("VAPI_API_KEY", "the private key of a Vapi organisation")
            .unwrap_or_default();
        if !api_key.bytes().all(|byte| (b'!'..=b'~').contains(&byte)) {
            self.problem("VAPI_API_KEY", "is malformed", "printable characters without spaces");
        }
        Vapi {
            base_url: self.http_url("VAPI_BASE_URL", "https://api.vapi.ai"),
            api_key: api_key.into(),
            rate: self.within(
                "VAPI_RATE",
                4.0,
                0.01,
                10_000.0,
                "requests a second, from 0.01 to 10000",
            ),
            page_limit: self.within("VAPI_PAGE_LIMIT", 1000, 1, 1000, "a number from 1 to 1000"),
            downloads: self.within("VAPI_DOWNLOADS", 4, 1, 16, "a number from 1 to 16"),
            timeout: Duration::from_secs(self.within("VAPI_TIMEOUT_SECONDS", 60, 1, 600, "seconds, from 1 to 600")),
            attempts: self.within("VAPI_ATTEMPTS", 6, 1, 20, "a number from 1 to 20"),
        }
    }

    /// Retention, overlap, trailing window, writers, log retention.
    pub fn sync(&mut self) -> Sync {
        Sync {
            retention: TimeDelta::days(self.within("VAPI_RETENTION_DAYS", 14, 1, 3650, "days, from 1 to 3650")),
            overlap: TimeDelta::minutes(self.within("SYNC_OVERLAP_MINUTES", 10, 0, 1440, "minutes, from 0 to 1440")),
            rescan: TimeDelta::hours(self.within("SYNC_RESCAN_HOURS", 48, 0, 8760, "hours, from 0 to 8760")),
            writers: self.within("SYNC_WRITERS", 3, 1, 8, "a number from 1 to 8"),
            log_retention: TimeDelta::days(self.within("LOG_RETENTION_DAYS", 90, 1, 3650, "days, from 1 to 3650")),
        }
    }

    /// `OPENAI_API_KEY`, `OPENAI_BASE_URL` and the other `OPENAI_…` settings.
    pub fn judge(&mut self) -> Judge {
        let api_key = self
            .required("OPENAI_API_KEY", "the key of the judge's endpoint")
            .unwrap_or_default();
        if !api_key.bytes().all(|byte| (b'!'..=b'~').contains(&byte)) {
            self.problem("OPENAI_API_KEY", "is malformed", "printable characters without spaces");
        }
        let format = match self.text("OPENAI_RESPONSE_FORMAT").as_deref() {
            None | Some("json_schema") => ResponseFormat::JsonSchema,
            Some("json_object") => ResponseFormat::JsonObject,
            Some(_) => {
                self.problem("OPENAI_RESPONSE_FORMAT", "is malformed", "json_schema or json_object");
                ResponseFormat::JsonSchema
            }
        };
        Judge {
            base_url: self.http_url("OPENAI_BASE_URL", "https://api.openai.com/v1"),
            api_key: api_key.into(),
            model: self.text("OPENAI_MODEL"),
            format,
            timeout: Duration::from_secs(self.within("OPENAI_TIMEOUT_SECONDS", 120, 1, 600, "seconds, from 1 to 600")),
            attempts: self.within("OPENAI_ATTEMPTS", 5, 1, 20, "a number from 1 to 20"),
        }
    }

    /// Concurrency and budgets of scoring.
    pub fn qci(&mut self) -> Qci {
        let usd = "an amount in USD, from 0 to 1000000";
        let most = Decimal::from(1_000_000);
        Qci {
            concurrency: self.within("QCI_CONCURRENCY", 15, 1, 500, "a number from 1 to 500"),
            max_usd_per_run: self.within("QCI_MAX_USD_PER_RUN", Decimal::from(10), Decimal::ZERO, most, usd),
            max_usd_per_day: self.within("QCI_MAX_USD_PER_DAY", Decimal::from(50), Decimal::ZERO, most, usd),
        }
    }

    /// `ADMIN_USERS` and `ADMIN_SESSION_KEY`.
    pub fn admin(&mut self) -> Admin {
        let text = self.required("ADMIN_USERS", USERS).unwrap_or_default();
        let users: Option<Vec<_>> = text.split_whitespace().map(user).collect();
        let names: HashSet<&str> = users.iter().flatten().map(|(name, _)| name.as_str()).collect();
        if users.is_none() {
            self.problem("ADMIN_USERS", "is malformed", USERS);
        } else if names.len() < users.iter().flatten().count() {
            self.problem("ADMIN_USERS", "names somebody twice", USERS);
        }
        let session_key = self.required("ADMIN_SESSION_KEY", SESSION_KEY).unwrap_or_default();
        if !session_key.is_empty() && session_key.len() < 32 {
            self.problem("ADMIN_SESSION_KEY", "is too short", SESSION_KEY);
        }
        Admin {
            users: users.unwrap_or_default(),
            session_key: session_key.into(),
        }
    }

    /// `SYNC_SCHEDULE`, `QCI_SCHEDULE`, `SCHEDULE_GAP_HOURS`, `VAPI_RETENTION_DAYS`, `ALERT_HEADROOM_HOURS`.
    pub fn watchdog(&mut self) -> Watchdog {
        let gap = TimeDelta::hours(self.within("SCHEDULE_GAP_HOURS", 24, 1, 8760, "hours, from 1 to 8760"));
        Watchdog {
            sync_every: self.schedule("SYNC_SCHEDULE", gap).unwrap_or(TimeDelta::hours(6)),
            qci_every: self.schedule("QCI_SCHEDULE", gap),
            retention: self.sync().retention,
            headroom: TimeDelta::hours(self.within("ALERT_HEADROOM_HOURS", 72, 1, 8760, "hours, from 1 to 8760")),
        }
    }

    /// How long it is between two firings of a schedule; `gap` where its expression does not tell.
    fn schedule(&mut self, name: &str, gap: TimeDelta) -> Option<TimeDelta> {
        let text = self.text(name)?;
        let every = if text.starts_with("cron(") {
            Some(gap)
        } else {
            rate(&text)
        };
        if every.is_none() {
            self.problem(name, "is malformed", "such as rate(6 hours) or cron(15 */6 * * ? *)");
        }
        every
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

    fn http_url(&mut self, name: &str, default: &str) -> Url {
        self.checked_http_url(name, default).unwrap_or_else(fallback_url)
    }

    /// A URL; nothing, and a problem, where it is malformed.
    fn checked_http_url(&mut self, name: &str, default: &str) -> Option<Url> {
        let text = self.text(name).unwrap_or_else(|| default.to_owned());
        match Url::parse(&text) {
            Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Some(url),
            _ => {
                self.problem(name, "is malformed", "an http:// or https:// URL");
                None
            }
        }
    }

    fn problem(&mut self, name: &str, fault: &'static str, expected: &'static str) {
        self.problems.push(Problem {
            name: name.to_owned(),
            fault,
            expected,
        });
    }
}

const USERS: &str = "lines of `callmark hash-password NAME`, such as ada:$argon2id$…, with spaces or new lines between";
const SESSION_KEY: &str = "32 or more random characters, such as `openssl rand -hex 32` gives";
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

/// Whether somebody who looks at the pages can have this name: 1 to 64 letters, digits, `.`, `_`, `-` and `@`.
#[must_use]
pub fn is_user_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._-@".contains(&byte))
}

/// One user, as `name:hash`.
fn user(line: &str) -> Option<(String, SecretString)> {
    let (name, hash) = line.split_once(':')?;
    (is_user_name(name) && hash.starts_with("$argon2id$")).then(|| (name.to_owned(), hash.into()))
}

/// The span of a `rate(…)` as EventBridge Scheduler writes it.
fn rate(expression: &str) -> Option<TimeDelta> {
    let (number, unit) = expression.strip_prefix("rate(")?.strip_suffix(')')?.split_once(' ')?;
    let number = number.parse().ok().filter(|number| (1..=100_000).contains(number))?;
    match unit {
        "minute" | "minutes" => Some(TimeDelta::minutes(number)),
        "hour" | "hours" => Some(TimeDelta::hours(number)),
        "day" | "days" => Some(TimeDelta::days(number)),
        _ => None,
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

    fn reader(pairs: &[(&str, &str)]) -> Reader {
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

    const SESSION: &str = "0123456789abcdef0123456789abcdef";

    /// The names of these users, or what is wrong with them.
    fn users(text: &str) -> Result<Vec<String>, String> {
        let mut reader = reader(&[("ADMIN_USERS", text), ("ADMIN_SESSION_KEY", SESSION)]);
        let admin = reader.admin();
        reader.finish().map_err(|error| error.to_string())?;
        Ok(admin.users.into_iter().map(|(name, _)| name).collect())
    }

    #[test]
    fn users_stand_in_any_white_space_each_with_a_hash() {
        let text = " ada:$argon2id$v=19$a\n\n grace.hopper@navy-1_x:$argon2id$v=19$b\tZoe:$argon2id$v=19$c ";

        assert_eq!(users(text).unwrap(), ["ada", "grace.hopper@navy-1_x", "Zoe"]);
    }

    #[test]
    fn a_user_without_a_usable_name_or_hash_is_refused_and_not_shown() {
        let long = format!("{}:$argon2id$v=19$a", "x".repeat(65));
        let wrong = [
            "ada",
            "ada:secret-password",
            "ada:$argon2i$v=19$a",
            ":$argon2id$v=19$a",
            "a/da:$argon2id$v=19$a",
            "<b>:$argon2id$v=19$a",
            "ad\u{e4}:$argon2id$v=19$a",
            "ada:$argon2id$v=19$a bob",
            &long,
        ];

        for text in wrong {
            let problem = users(text).unwrap_err();
            assert!(problem.starts_with("ADMIN_USERS is malformed: "), "{text}: {problem}");
            assert!(!problem.contains("secret-password"), "{problem}");
        }
    }

    #[test]
    fn a_name_that_stands_there_twice_is_refused() {
        let problem = users("ada:$argon2id$v=19$a bob:$argon2id$v=19$b ada:$argon2id$v=19$c").unwrap_err();

        assert!(problem.starts_with("ADMIN_USERS names somebody twice: "), "{problem}");
    }

    #[test]
    fn sessions_need_users_and_a_long_key() {
        let problems = |key: &str| {
            let mut reader = reader(&[("ADMIN_SESSION_KEY", key)]);
            reader.admin();
            reader.finish().unwrap_err().to_string()
        };

        assert!(problems(&SESSION[1..]).contains("ADMIN_SESSION_KEY is too short"));
        assert!(problems("").contains("ADMIN_SESSION_KEY is missing"));
        assert!(problems(SESSION).starts_with("ADMIN_USERS is missing"));
    }

    #[test]
    fn a_schedule_tells_how_long_it_is_from_one_run_to_the_next() {
        let watchdog = |pairs: &[(&str, &str)]| {
            let mut reader = reader(pairs);
            let watchdog = reader.watchdog();
            reader.finish().map(|()| watchdog).map_err(|error| error.to_string())
        };

        let given = watchdog(&[
            ("SYNC_SCHEDULE", "rate(90 minutes)"),
            ("QCI_SCHEDULE", "cron(0 7 * * ? *)"),
        ])
        .unwrap();
        assert_eq!(given.sync_every, TimeDelta::minutes(90));
        assert_eq!(given.qci_every, Some(TimeDelta::hours(24)));
        let silent = watchdog(&[]).unwrap();
        assert_eq!((silent.sync_every, silent.qci_every), (TimeDelta::hours(6), None));
        for wrong in ["rate(6)", "rate(0 hours)", "6 hours", "rate(6 weeks)", "rate(x days)"] {
            let problem = watchdog(&[("SYNC_SCHEDULE", wrong)]).unwrap_err();
            assert!(problem.starts_with("SYNC_SCHEDULE is malformed"), "{wrong}: {problem}");
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
}
