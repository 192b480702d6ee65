//! `callmark hash-password`: makes a line of `ADMIN_USERS` out of a password.

use std::io::{self, BufRead as _, IsTerminal as _, Read as _};

use anyhow::Result;
use console::Term;
use serde_json::json;

use crate::command::HashPassword;
use crate::exit::{self, Exit};
use crate::screen::Screen;

/// Shorter passwords are guessed from a hash that got out, however slow each guess is; in characters.
const SHORTEST: usize = 12;
/// The sign-in page refuses longer ones; in bytes.
const LONGEST: u64 = 1000;

/// Why there is no hash.
#[derive(Debug, thiserror::Error)]
enum Unusable {
    #[error("the password is shorter than {SHORTEST} characters")]
    Short,
    #[error("the password is longer than {LONGEST} bytes")]
    Long,
    #[error("the two passwords are not the same")]
    Different,
    #[error("standard error is not a terminal to ask on: send the password to standard input")]
    NowhereToAsk,
    #[error("reading the password: {0}")]
    Unreadable(#[from] io::Error),
}

/// Asks for a password and prints its hash behind the user's name.
pub(crate) fn run(screen: &Screen, options: &HashPassword) -> Result<Exit> {
    let name = &options.name;
    let password = match password(name) {
        Ok(password) => password,
        Err(reason) => {
            exit::complain_of(&reason.to_string());
            return Ok(Exit::Misused);
        }
    };
    let hash = admin::hash(&password)?;
    let line = format!("{name}:{hash}");
    screen.answer(&json!({"name": name, "hash": hash, "line": line}), || line.clone())?;
    Ok(Exit::Success)
}

fn password(name: &str) -> Result<String, Unusable> {
    let password = if io::stdin().is_terminal() {
        typed(name)?
    } else {
        piped()?
    };
    if password.chars().count() < SHORTEST {
        return Err(Unusable::Short);
    }
    if password.len() as u64 > LONGEST {
        return Err(Unusable::Long);
    }
    Ok(password)
}

/// Twice, and not to be seen: nobody notices a typing error in what is not shown.
fn typed(name: &str) -> Result<String, Unusable> {
    let terminal = Term::stderr();
    if !terminal.is_term() {
        return Err(Unusable::NowhereToAsk);
    }
    terminal.write_str(&format!("Password for {name}: "))?;
    let password = terminal.read_secure_line()?;
    terminal.write_str("The same again: ")?;
    if terminal.read_secure_line()? != password {
        return Err(Unusable::Different);
    }
    Ok(password)
}

/// One line, without its end.
fn piped() -> Result<String, Unusable> {
    let mut line = String::new();
    // Two bytes more than may be: the line's end.
    let mut input = io::stdin().lock().take(LONGEST + 2);
    input.read_line(&mut line)?;
    let end = line.trim_end_matches(['\r', '\n']).len();
    line.truncate(end);
    Ok(line)
}
