//! Ctrl-C and SIGTERM: the first asks everything to end well, and ends it after a grace; the second ends it at once.

use std::time::Duration;

use anyhow::Context as _;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::exit;
use crate::screen::Screen;

/// How long everything may take to end well. Whoever sends SIGTERM often sends SIGKILL after ten seconds.
const GRACE: Duration = Duration::from_secs(8);

/// What a shell reports for a command that SIGINT ended.
const INTERRUPTED: i32 = 130;

/// A token that the first signal cancels. After the second, or eight seconds, nobody waits for anything.
pub(crate) fn stop(screen: &Screen) -> anyhow::Result<CancellationToken> {
    let mut interrupts = signal(SignalKind::interrupt()).context("listening for Ctrl-C")?;
    let mut terminations = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
    let stop = CancellationToken::new();
    let (token, screen) = (stop.clone(), screen.clone());
    tokio::spawn(async move {
        next(&mut interrupts, &mut terminations).await;
        screen.say("stopping; once more to stop at once");
        token.cancel();
        let again = next(&mut interrupts, &mut terminations);
        if tokio::time::timeout(GRACE, again).await.is_err() {
            exit::complain_of("something did not end in time: what is left is done by the next run");
        }
        std::process::exit(INTERRUPTED);
    });
    Ok(stop)
}

async fn next(interrupts: &mut Signal, terminations: &mut Signal) {
    tokio::select! {
        _ = interrupts.recv() => {}
        _ = terminations.recv() => {}
    }
}
