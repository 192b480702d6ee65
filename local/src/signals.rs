//! Ctrl-C and SIGTERM: the first asks everything to end well, the second ends at once.

use anyhow::Context as _;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::screen::Screen;

/// What a shell reports for a command that SIGINT ended.
const INTERRUPTED: i32 = 130;

/// A token that the first signal cancels. After the second, nobody waits for anything.
pub(crate) fn stop(screen: &Screen) -> anyhow::Result<CancellationToken> {
    let mut interrupts = signal(SignalKind::interrupt()).context("listening for Ctrl-C")?;
    let mut terminations = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
    let stop = CancellationToken::new();
    let (token, screen) = (stop.clone(), screen.clone());
    tokio::spawn(async move {
        next(&mut interrupts, &mut terminations).await;
        screen.say("stopping; once more to stop at once");
        token.cancel();
        next(&mut interrupts, &mut terminations).await;
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
