//! `callmark simulate`: a Vapi on this machine, alone.

use anyhow::{Context as _, Result};
use chrono::{DateTime, Utc};
use serde_json::json;
use shared::platform::clock;
use simulator::vapi::{self, Server, Spec};

use crate::command::{self, Size};
use crate::exit::Exit;
use crate::report::number;
use crate::screen::Screen;
use crate::signals;

/// Serves until it is told to stop.
pub(crate) async fn run(screen: &Screen, options: &command::Simulate) -> Result<Exit> {
    let stop = signals::stop(screen)?;
    let spec = Spec {
        days: options.days,
        ..spec(&options.world, options.now.unwrap_or_else(clock::now))
    };
    let settings = vapi::Settings {
        port: options.port,
        page_cap: usize::from(options.page_cap),
        api_key: options.api_key.clone(),
        gzip: options.gzip,
        latency: options.latency,
        ..vapi::Settings::default()
    };
    let Some(server) = stop.run_until_cancelled(start(spec, settings)).await.transpose()? else {
        return Ok(Exit::Success);
    };
    let (url, calls) = (server.url(), server.world().len());
    screen.answer(&json!({"url": url, "calls": calls, "seed": options.world.seed}), || {
        url.clone()
    })?;
    screen.say(&format!(
        "{} calls, {}; Ctrl-C ends it",
        number(calls),
        if options.api_key.is_some() {
            "one key"
        } else {
            "any key"
        }
    ));
    stop.cancelled().await;
    server.stop().await;
    Ok(Exit::Success)
}

/// What the world is to hold.
pub(crate) fn spec(world: &command::World, now: DateTime<Utc>) -> Spec {
    Spec {
        seed: world.seed,
        calls: usize::try_from(world.calls).unwrap_or(usize::MAX),
        size: match world.size {
            Size::Natural => vapi::Size::Natural,
            Size::Conversations => vapi::Size::Conversations,
        },
        ..Spec::new(now)
    }
}

/// Generates the world, off the threads that serve, and serves it.
pub(crate) async fn start(spec: Spec, settings: vapi::Settings) -> Result<Server> {
    let port = settings.port;
    let world = tokio::task::spawn_blocking(move || vapi::World::generate(&spec))
        .await
        .context("generating calls")?;
    Server::start(world, settings)
        .await
        .with_context(|| format!("port {port} on 127.0.0.1 cannot be had; choose another with --port"))
}
