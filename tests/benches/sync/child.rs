//! This program started again as a process that does one thing, and the lines that it answers with.

use std::io::Write as _;
use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::process::Command;

use crate::measured::Measured;

/// A process of this program; it ends with its handle.
pub(crate) fn command(arguments: &[&str]) -> Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(arguments).stdout(Stdio::piped()).kill_on_drop(true);
    Ok(command)
}

/// Runs a part to its end.
pub(crate) async fn measure(arguments: &[&str]) -> Result<Measured> {
    let part = arguments.first().copied().unwrap_or_default();
    let child = command(arguments)?.stdin(Stdio::null()).spawn()?;
    let output = child.wait_with_output().await?;
    ensure!(output.status.success(), "{part} ended with {}", output.status);
    parse(&String::from_utf8(output.stdout)?).context(part.to_owned())
}

/// What a process says in one line.
pub(crate) fn parse<T: DeserializeOwned>(line: &str) -> Result<T> {
    serde_json::from_str(line).with_context(|| format!("an answer that is none: {line:?}"))
}

/// Says one line to the process that started this one.
pub(crate) fn say(answer: &impl Serialize) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", serde_json::to_string(answer)?)?;
    Ok(out.flush()?)
}
