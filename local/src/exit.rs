//! How the command ends: its exit status, and the one line that says why.

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::CommandFactory as _;
use clap::error::ErrorKind;
use shared::platform::config;
use shared::platform::db::DbError;
use tokio_postgres::error::SqlState;

use crate::command::Line;
use crate::flags;

/// The exit status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All is done.
    Success,
    /// The run failed.
    Failed,
    /// The usage or a setting is wrong; nothing was begun.
    Misused,
    /// Useful work is done and some is left.
    Partial,
}

impl Exit {
    /// What an error comes down to.
    pub(crate) fn of(error: &anyhow::Error) -> Self {
        let is_misuse = error.chain().any(|cause| {
            cause.is::<config::Invalid>()
                || cause.is::<config::Unreadable>()
                || cause.is::<sync::InvalidInput>()
                || cause.is::<qci::InvalidInput>()
                || cause.is::<flags::Misused>()
        });
        if is_misuse { Self::Misused } else { Self::Failed }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Success => 0,
            Exit::Failed => 1,
            Exit::Misused => 2,
            Exit::Partial => 3,
        })
    }
}

/// Says an error in one line: its whole chain, and the remedy where we know one.
pub(crate) fn complain(error: &anyhow::Error) {
    let remedy = remedy(error).map(|remedy| format!("; {remedy}"));
    complain_of(&format!("{error:#}{}", remedy.unwrap_or_default()));
}

/// Says one line.
pub(crate) fn complain_of(what: &str) {
    let line = what.split('\n').map(str::trim).collect::<Vec<_>>().join(" ");
    // Standard error gone means nobody reads; the status still tells.
    drop(writeln!(io::stderr(), "callmark: {line}"));
}

fn remedy(error: &anyhow::Error) -> Option<&'static str> {
    let code = error
        .chain()
        .find_map(|cause| cause.downcast_ref::<DbError>().and_then(DbError::code))?;
    [SqlState::UNDEFINED_TABLE, SqlState::UNDEFINED_COLUMN]
        .contains(code)
        .then_some("the tables are missing or older than this command: run `callmark migrate`")
}

/// Answers a command line that is not to be run: help and version are answers, all else is misuse.
pub(crate) fn misused(error: &clap::Error, arguments: &[OsString]) -> Exit {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            drop(error.print());
            Exit::Success
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            drop(error.print());
            Exit::Misused
        }
        _ => {
            complain_of(&in_one_line(&error.to_string(), arguments));
            Exit::Misused
        }
    }
}

/// Clap writes a paragraph: the error, perhaps a tip, the usage, and a pointer to the help.
fn in_one_line(paragraph: &str, arguments: &[OsString]) -> String {
    let told: Vec<&str> = paragraph
        .lines()
        .map(str::trim)
        .take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more information"))
        .filter(|line| !line.is_empty())
        .collect();
    let told = told.join("; ").replace(":; ", ": ");
    let told = told.strip_prefix("error: ").unwrap_or(&told);
    let program = Line::command();
    let command = arguments
        .iter()
        .find_map(|argument| program.find_subcommand(argument))
        .map(|command| format!(" {}", command.get_name()));
    format!("{told}; see `callmark{} --help`", command.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    fn refusal(arguments: &[&str]) -> String {
        let line: Vec<OsString> = ["callmark"].iter().chain(arguments).map(OsString::from).collect();
        in_one_line(&Line::try_parse_from(&line).unwrap_err().to_string(), &line)
    }

    #[test]
    fn a_wrong_line_is_refused_in_one_that_says_what_and_where_to_look() {
        assert_eq!(
            refusal(&["sync", "--time-limit", "soon"]),
            "invalid value 'soon' for '--time-limit <TIME>': expected a time such as 90s, 15m or 6h; \
             see `callmark sync --help`"
        );
        assert_eq!(
            refusal(&["syncs"]),
            "unrecognized subcommand 'syncs'; tip: a similar subcommand exists: 'sync'; see `callmark --help`"
        );
    }
}
