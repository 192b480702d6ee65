//! What can be typed: the commands, their options, and their help.

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use serde_json::{Map, Value, json};

use crate::flags;
use crate::span::Span;

/// Keeps every call that your Vapi voice agents make in your own PostgreSQL.
#[derive(Debug, Parser)]
#[command(name = "callmark", version, propagate_version = true, arg_required_else_help = true)]
#[command(after_help = EXIT_STATUS, after_long_help = LONG_HELP)]
pub(crate) struct Line {
    #[command(flatten)]
    pub(crate) output: Output,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_STATUS: &str = "Exit status: 0 success, 1 the run failed, 2 bad usage or settings, 3 partial.";

const LONG_HELP: &str = "\
Start here: `callmark demo` needs no account and no database.

Settings come from the environment, or from the JSON secret that CALLMARK_SECRET_ARN names:
  DATABASE_URL   where calls are kept: postgres://user:password@host:5432/database?sslmode=require
  VAPI_API_KEY   the private key of a Vapi organisation
  VAPI_BASE_URL  https://api.vapi.ai unless set
  OPENAI_API_KEY, OPENAI_BASE_URL  the judge that scores calls: any endpoint with OpenAI's chat completions
  SLACK_WEBHOOK_URL, ALERT_EMAIL_FROM, ALERT_EMAIL_TO  whom to tell what goes wrong; nobody unless set
  RUST_LOG       which log lines are shown, such as `sync=debug`

Exit status: 0 success, 1 the run failed, 2 bad usage or settings, 3 partial.";

/// How the answer is given; understood by every command.
#[derive(Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Output")]
pub(crate) struct Output {
    /// Print the answer as JSON on standard output, and nothing else there
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Show no progress and no log lines, errors excepted
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Show log lines on standard error; twice for all of them
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Create or update the tables
    ///
    /// Applies missing migrations. Safe to repeat, and safe while others do the same.
    #[command(after_help = "Reads DATABASE_URL and, for a private certificate, DATABASE_CA.

Example:
  DATABASE_URL=postgres://user:password@host/database callmark migrate")]
    Migrate,
    /// Adopt the earlier system's database, with all its calls
    ///
    /// Moves its tables, untouched, into the schema `before_callmark`, creates ours, and copies every call, assistant, run,
    /// log line and analysis into them. Nothing is dropped. Safe to stop and to repeat: it goes on where it was.
    Adopt(Adopt),
    /// Update the columns of stored calls after an upgrade
    ///
    /// After an upgrade that reads more out of a call, each sync does some of it. This does the rest at once, from the stored
    /// documents, and asks Vapi for nothing. Safe to stop and to repeat, and while syncs run.
    #[command(
        after_help = "Reads DATABASE_URL, DATABASE_POOL and, for a private certificate, DATABASE_CA.

Example:
  DATABASE_URL=postgres://user:password@host/database callmark rederive"
    )]
    Rederive,
    /// Sync new and changed calls from Vapi, once
    Sync(Sync),
    /// Score the calls that have no score yet, once
    Qci(Qci),
    /// Check once for lost runs, silent schedules and calls about to be lost
    ///
    /// Closes runs that passed their deadline, and lists what is wrong.
    #[command(
        after_help = "Reads DATABASE_URL, SYNC_SCHEDULE (rate(6 hours) unless set), QCI_SCHEDULE, SCHEDULE_GAP_HOURS,
VAPI_RETENTION_DAYS, ALERT_HEADROOM_HOURS, DATABASE_POOL, DATABASE_CA, and EVENT_BUS_NAME to announce what it finds; without that, it tells people itself by
SLACK_WEBHOOK_URL, ALERT_EMAIL_FROM, ALERT_EMAIL_TO, PAGES_URL.

Example:
  DATABASE_URL=postgres://user:password@host/database callmark watchdog"
    )]
    Watchdog,
    /// Serve the pages: runs, calls, scores
    Admin(Admin),
    /// Run everything on this machine on its schedules, with the pages, without AWS
    Serve(Serve),
    /// Run a simulated Vapi API on this machine
    Simulate(Simulate),
    /// Create a user for the pages
    HashPassword(HashPassword),
    /// Show it working: a simulated Vapi and judge, a throw-away PostgreSQL, a sync, a score for each conversation
    Demo(Demo),
}

#[derive(Args, Debug)]
#[command(after_help = "Reads DATABASE_URL and, for a private certificate, DATABASE_CA.
Before you begin: make a backup, stop the earlier system's scheduled job, and
connect as the role that owns the tables.

Examples:
  callmark adopt --dry-run   what would be taken, from where, how many, and what
                             cannot be; changes nothing
  callmark adopt
  callmark adopt --verify    compares counts, sums, hashes and every row;
                             status 1 if a difference is not explained")]
pub(crate) struct Adopt {
    /// Print what would be taken and what depends on the tables, and change nothing
    #[arg(long, conflicts_with = "verify")]
    pub(crate) dry_run: bool,
    /// Compare both sides of what was adopted, and change nothing
    #[arg(long)]
    pub(crate) verify: bool,
}

#[derive(Args, Debug)]
#[command(
    after_help = "Reads DATABASE_URL, VAPI_API_KEY, VAPI_BASE_URL and the limits VAPI_RATE, VAPI_PAGE_LIMIT,
VAPI_DOWNLOADS, VAPI_TIMEOUT_SECONDS, VAPI_ATTEMPTS, VAPI_RETENTION_DAYS, SYNC_WRITERS,
VAPI_ORG_ID, VAPI_TIMEZONE, SYNC_OVERLAP_MINUTES, SYNC_RESCAN_HOURS, LOG_RETENTION_DAYS, DATABASE_POOL, DATABASE_CA, and to tell people
what goes wrong SLACK_WEBHOOK_URL, ALERT_EMAIL_FROM, ALERT_EMAIL_TO, PAGES_URL.

Examples:
  callmark sync                                         what is new since the last sync
  callmark sync --mode full                             all that Vapi still has
  callmark sync --mode range --from 2026-08-01 --to 2026-08-03T12:00:00Z
  callmark sync --mode call --call-id 0b9d3c52-7a1e-4f6f-8d2b-51a0e6c4f301
  callmark sync --dry-run --json                        what a sync would change, for a script"
)]
pub(crate) struct Sync {
    /// What to read: auto, full, incremental, range or call [default: auto]
    #[arg(long)]
    mode: Option<String>,
    /// The oldest creation time of a range: 2026-08-01 (UTC) or 2026-08-01T10:00:00+02:00
    #[arg(long, value_name = "DATE")]
    from: Option<String>,
    /// The newest creation time of a range [default: now]
    #[arg(long, value_name = "DATE")]
    to: Option<String>,
    /// The call to read in mode call
    #[arg(long, value_name = "ID")]
    call_id: Option<String>,
    /// Read and compare, but store nothing except the run
    #[arg(long)]
    dry_run: bool,
    /// Stop the run after this time; the next run of its batch continues
    #[arg(long, value_name = "TIME", default_value_t = Span::minutes(15))]
    pub(crate) time_limit: Span,
    /// The whole input as the Lambda function takes it, such as '{"mode": "full"}'
    #[arg(long, value_name = "JSON", value_parser = json_value)]
    #[arg(conflicts_with_all = ["mode", "from", "to", "call_id", "dry_run"])]
    input: Option<Value>,
}

#[derive(Args, Debug)]
#[command(
    after_help = "Reads DATABASE_URL, OPENAI_API_KEY, OPENAI_BASE_URL, OPENAI_MODEL, OPENAI_RESPONSE_FORMAT,
OPENAI_TIMEOUT_SECONDS, OPENAI_ATTEMPTS, QCI_CONCURRENCY, QCI_MAX_USD_PER_RUN, QCI_MAX_USD_PER_DAY,
DATABASE_POOL, DATABASE_CA, and to tell people what goes wrong SLACK_WEBHOOK_URL, ALERT_EMAIL_FROM,
ALERT_EMAIL_TO, PAGES_URL.

Examples:
  callmark qci --estimate                               calls, tokens and USD, before anything is spent
  callmark qci --limit 20                               the oldest twenty that have no score
  callmark qci --call-id 0b9d3c52-7a1e-4f6f-8d2b-51a0e6c4f301 --force
  callmark qci --framework 'QCI Standard@1' --json"
)]
pub(crate) struct Qci {
    /// Score this call only; repeatable
    #[arg(long = "call-id", value_name = "ID")]
    call_ids: Vec<String>,
    /// Look at this many calls at most, oldest first
    #[arg(long, value_name = "CALLS")]
    limit: Option<u32>,
    /// The framework to score by [default: the active one]
    #[arg(long, value_name = "NAME@VERSION")]
    framework: Option<String>,
    /// Score the calls of --call-id again, even if they have a score
    #[arg(long)]
    force: bool,
    /// Estimate the number of calls and their cost without asking the judge
    #[arg(long)]
    estimate: bool,
    /// Stop the run after this time; the next run of its batch continues
    #[arg(long, value_name = "TIME", default_value_t = Span::minutes(15))]
    pub(crate) time_limit: Span,
    /// The whole input as the Lambda function takes it, such as '{"limit": 20}'
    #[arg(long, value_name = "JSON", value_parser = json_value)]
    #[arg(conflicts_with_all = ["call_ids", "limit", "framework", "force", "estimate"])]
    input: Option<Value>,
}

#[derive(Args, Debug)]
#[command(
    after_help = "Reads DATABASE_URL, DATABASE_CA, DATABASE_POOL, and if they are set ADMIN_USERS and ADMIN_SESSION_KEY,
without which it prints a sign-in that ends with it. With EVENT_BUS_NAME the pages can ask for runs.

Examples:
  callmark admin
  callmark admin --port 8080"
)]
pub(crate) struct Admin {
    /// The port on loopback [default: 4180, or a free one if that is taken]
    #[arg(long)]
    pub(crate) port: Option<u16>,
}

#[derive(Args, Debug)]
#[command(
    after_help = "Reads what `callmark sync`, `callmark qci` and `callmark admin` read, and SYNC_EVERY. Apply the migrations
first. Without OPENAI_API_KEY calls are kept and not scored.

Examples:
  callmark serve
  callmark serve --every 1h --json >>runs.ndjson        one line of JSON for each run"
)]
pub(crate) struct Serve {
    /// The time from one sync to the next, 1s to 7d [default: `SYNC_EVERY`, or 6h]
    #[arg(long, value_name = "TIME", value_parser = crate::serve::every)]
    pub(crate) every: Option<Span>,
    /// Stop a run after this time; the next run of its batch continues
    #[arg(long, value_name = "TIME", default_value_t = Span::minutes(15))]
    pub(crate) time_limit: Span,
    /// The port of the pages on loopback [default: 4180, or a free one if that is taken]
    #[arg(long, value_name = "PORT")]
    pub(crate) admin_port: Option<u16>,
}

#[derive(Args, Debug)]
#[command(
    after_help = "Reads no settings. Prints its URL on the first line, and serves until Ctrl-C.

Examples:
  callmark simulate --port 8080
  callmark simulate --calls 10000 --size conversations --page-cap 100 --api-key secret
  VAPI_BASE_URL=http://127.0.0.1:8080 VAPI_API_KEY=any callmark sync"
)]
pub(crate) struct Simulate {
    #[command(flatten)]
    pub(crate) world: World,
    /// The port on loopback; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    pub(crate) port: u16,
    /// The most rows on a page, whatever is asked for
    #[arg(long, value_name = "ROWS", default_value_t = 1000)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) page_cap: u16,
    /// The only API key to accept [default: any]
    #[arg(long, value_name = "KEY")]
    pub(crate) api_key: Option<String>,
    /// Wait this long before each answer, such as 200ms
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration, default_value = "0s")]
    pub(crate) latency: std::time::Duration,
    /// Compress answers for clients that accept it
    #[arg(long)]
    pub(crate) gzip: bool,
    /// The newest instant of the world; with the same seed, the same bytes [default: now]
    #[arg(long, value_name = "INSTANT")]
    pub(crate) now: Option<DateTime<Utc>>,
    /// Calls lie between now and this many days before
    #[arg(long, default_value_t = 14, value_parser = clap::value_parser!(u32).range(1..=3650))]
    pub(crate) days: u32,
}

/// Which calls there are.
#[derive(Args, Clone, Debug)]
pub(crate) struct World {
    /// How many calls
    #[arg(long, default_value_t = 926)]
    pub(crate) calls: u32,
    /// Chooses every word, number and instant
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Which calls they are
    #[arg(long, value_enum, default_value_t = Size::Natural)]
    pub(crate) size: Size,
}

/// Which calls there are, and so how large they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Size {
    /// As an outbound team's account looks: most calls are never answered
    Natural,
    /// Every call is a conversation, about 30 KB; for benchmarks
    Conversations,
}

#[derive(Args, Debug)]
#[command(
    after_help = "Needs no account and no settings; PostgreSQL is looked for in PG_BIN, on the PATH and where package
managers put it. Nothing leaves this machine, and nothing is left of it at the end.

Examples:
  callmark demo                     then try the commands that it prints
  callmark demo --once --json       for a script: status 0 only if the run succeeded
  callmark demo --adopt             start from a database of the earlier system, and adopt it"
)]
pub(crate) struct Demo {
    /// End after the run, with status 0 only if it succeeded
    #[arg(long)]
    pub(crate) once: bool,
    /// Start from a database of the earlier system: 8,559 calls, 13 assistants, 918 analyses
    #[arg(long)]
    pub(crate) adopt: bool,
    #[command(flatten)]
    pub(crate) world: World,
    /// The port of the simulated Vapi on loopback; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    pub(crate) port: u16,
    /// The port of the pages on loopback [default: 4180, or a free one if that is taken]
    #[arg(long, value_name = "PORT")]
    pub(crate) admin_port: Option<u16>,
    /// The folder that holds PostgreSQL's initdb and postgres
    #[arg(long, value_name = "FOLDER", env = "PG_BIN", hide_env_values = true)]
    pub(crate) pg_bin: Option<PathBuf>,
}

#[derive(Args, Debug)]
#[command(
    after_help = "Asks for the password twice on a terminal, and reads one line of standard input otherwise. Prints
NAME:HASH: set ADMIN_USERS to one such line for each user, with spaces or new lines between.

Examples:
  callmark hash-password ada
  openssl rand -base64 18 | tee /dev/stderr | callmark hash-password ada"
)]
pub(crate) struct HashPassword {
    /// The user's name: letters, digits, `.`, `_`, `-` and `@`, 64 at most
    #[arg(default_value = "admin", value_parser = user_name)]
    pub(crate) name: String,
}

impl Qci {
    /// What is wrong with the line, by its flags; with `--input` by the fields in it.
    pub(crate) fn refusal(&self, error: qci::InvalidInput) -> anyhow::Error {
        if self.input.is_some() {
            return error.into();
        }
        flags::of_qci(&error).into()
    }

    /// The input of the function, as it takes it from an event; the function checks it.
    pub(crate) fn input(&self) -> Value {
        if let Some(input) = &self.input {
            return input.clone();
        }
        let mut input = Map::new();
        if !self.call_ids.is_empty() {
            input.insert("call_ids".to_owned(), json!(self.call_ids));
        }
        if let Some(limit) = self.limit {
            input.insert("limit".to_owned(), json!(limit));
        }
        if let Some(framework) = &self.framework {
            input.insert("framework".to_owned(), json!(framework));
        }
        for (name, is_set) in [("force", self.force), ("estimate", self.estimate)] {
            if is_set {
                input.insert(name.to_owned(), json!(true));
            }
        }
        Value::Object(input)
    }
}

impl Sync {
    /// What is wrong with the line, by its flags; with `--input` by the fields in it.
    pub(crate) fn refusal(&self, error: sync::InvalidInput) -> anyhow::Error {
        if self.input.is_some() {
            return error.into();
        }
        flags::of_sync(&error).into()
    }

    /// The input of the function, as it takes it from an event; the function checks it.
    pub(crate) fn input(&self) -> Value {
        if let Some(input) = &self.input {
            return input.clone();
        }
        let texts = [
            ("mode", &self.mode),
            ("from", &self.from),
            ("to", &self.to),
            ("call_id", &self.call_id),
        ];
        let mut input: Map<String, Value> = texts
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), json!(value.as_ref()?))))
            .collect();
        if self.dry_run {
            input.insert("dry_run".to_owned(), json!(true));
        }
        Value::Object(input)
    }
}

fn user_name(text: &str) -> Result<String, &'static str> {
    let is_usable = shared::platform::config::is_user_name(text);
    is_usable
        .then(|| text.to_owned())
        .ok_or("expected 1 to 64 letters, digits, `.`, `_`, `-` or `@`")
}

fn json_value(text: &str) -> Result<Value, serde_json::Error> {
    serde_json::from_str(text)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn input(arguments: &[&str]) -> Value {
        let line = Line::try_parse_from(["callmark", "sync"].iter().chain(arguments)).unwrap();
        let Command::Sync(options) = line.command else {
            panic!("{line:?}")
        };
        options.input()
    }

    #[test]
    fn the_commands_are_well_formed() {
        Line::command().debug_assert();
    }

    #[test]
    fn flags_make_the_input_that_an_event_would_bring() {
        assert_eq!(input(&[]), json!({}));
        assert_eq!(
            input(&["--mode", "range", "--from", "2026-08-01", "--dry-run"]),
            json!({"mode": "range", "from": "2026-08-01", "dry_run": true})
        );
        assert_eq!(input(&["--input", r#"{"mode": "full"}"#]), json!({"mode": "full"}));
    }

    #[test]
    fn an_input_in_json_leaves_no_room_for_flags() {
        let both = ["callmark", "sync", "--input", "{}", "--mode", "full"];

        assert!(Line::try_parse_from(both).is_err());
    }
}
