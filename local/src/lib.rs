//! Callmark on one machine: the command, the demo, a throw-away Postgres.
//!
//! ```text
//! main ─▶ command (what was typed) ─▶ migrate │ adopt │ sync │ qci │ watchdog │ admin │ serve │ simulate │ hash-password │ demo
//!                                                └──────┬───────────────────┘
//!                                  machine (settings, pool) ─▶ bus ─▶ functions; pages ─▶ bus
//!                                  screen, progress (stderr) · report (stdout) · exit (status)
//! ```

pub mod earlier;
pub mod postgres;

mod adopt;
mod bus;
mod command;
mod contents;
mod demo;
mod desk;
mod exit;
mod flags;
mod hash_password;
mod health;
mod holder;
mod machine;
mod migrate;
mod one_look;
mod one_qci;
mod one_sync;
mod only_pages;
mod pages;
mod progress;
mod rederive;
mod report;
mod screen;
mod serve;
mod signals;
mod simulate;
mod span;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser as _;

use self::command::{Command, Line};
use self::exit::Exit;
use self::screen::Screen;

/// Does what the command line asks for and says how it ended.
pub async fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let line = match Line::try_parse_from(&arguments) {
        Ok(line) => line,
        Err(error) => return exit::misused(&error, &arguments).into(),
    };
    let screen = Screen::open(line.output);
    let ended = match line.command {
        Command::Migrate => migrate::run(&screen).await,
        Command::Adopt(options) => adopt::run(&screen, &options).await,
        Command::Rederive => rederive::run(&screen).await,
        Command::Sync(options) => Box::pin(one_sync::run(&screen, &options)).await,
        Command::Qci(options) => Box::pin(one_qci::run(&screen, &options)).await,
        Command::Watchdog => one_look::run(&screen).await,
        Command::Admin(options) => only_pages::run(&screen, &options).await,
        Command::Serve(options) => Box::pin(serve::run(&screen, &options)).await,
        Command::Simulate(options) => simulate::run(&screen, &options).await,
        Command::HashPassword(options) => hash_password::run(&screen, &options),
        Command::Demo(options) => demo::run(&screen, &options).await,
    };
    ended
        .unwrap_or_else(|error| {
            exit::complain(&error);
            Exit::of(&error)
        })
        .into()
}
