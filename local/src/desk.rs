//! Whoever tells people what went wrong, beside the runs: a message must not wait until a sync has ended.

use std::time::Duration;

use serde_json::{Value, json};
use shared::platform::db::Pool;
use shared::platform::event::{self, Event};
use shared::platform::{clock, config};
use shared::run::Failure;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};
use uuid::Uuid;

/// How often it is looked whether somebody is to be reminded, as the template has it.
const LOOK: Duration = Duration::from_hours(1);
/// How long a command waits at its end for messages that are on their way.
const PATIENCE: Duration = Duration::from_secs(45);

/// The desk where news arrive.
pub(crate) struct Desk {
    news: mpsc::UnboundedSender<Event>,
    work: JoinHandle<()>,
}

impl Desk {
    /// Opens the desk.
    pub(crate) async fn open(pool: Pool, settings: config::Alerts) -> Self {
        let deps = notify::Deps {
            pool: Ok(pool),
            channels: notify::Channels::open(&settings).await,
            settings,
        };
        let (news, arriving) = mpsc::unbounded_channel();
        Self {
            news,
            work: tokio::spawn(work(deps, arriving)),
        }
    }

    /// Lays an event on it; nobody is told that a run is asked for.
    pub(crate) fn lay(&self, event: &Event) {
        if !matches!(event, Event::Requested(_)) {
            // A desk that is gone has said why.
            drop(self.news.send(event.clone()));
        }
    }

    /// Closes it, once all is told that has arrived.
    pub(crate) async fn close(self) {
        drop(self.news);
        match timeout(PATIENCE, self.work).await {
            Ok(Ok(())) => {}
            Ok(Err(panic)) => tracing::error!("telling people: {panic}"),
            Err(_) => tracing::error!("telling people takes too long: what is not told is told next time"),
        }
    }
}

async fn work(deps: notify::Deps, mut arriving: mpsc::UnboundedReceiver<Event>) {
    let mut looks = interval_at(Instant::now() + LOOK, LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let event = tokio::select! {
            event = arriving.recv() => match event {
                Some(event) => document(&event),
                None => return,
            },
            _ = looks.tick() => json!({}),
        };
        if let Err(Failure(error)) = notify::handle(&deps, &event, clock::now()).await {
            tracing::error!("telling people: {error:#}");
        }
    }
}

/// The event as the bus on AWS delivers it.
fn document(event: &Event) -> Value {
    let (kind, detail) = event.document();
    json!({"id": Uuid::now_v7(), "source": event::SOURCE, "detail-type": kind, "detail": detail})
}
