//! The event bus of this process: takes each event to the functions that listen for it.
//!
//! What EventBridge's rules say in `template.yaml` is said here in [`Functions::react`]: a function that
//! is to follow another one gets its line there.

use std::collections::VecDeque;

use anyhow::{Context as _, Result};
use serde_json::json;
use shared::event::{Bus, Event, Finished, Invocation, Requested};
use shared::run::{Context, Failure, Status};
use shared::{clock, event};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::span::Span;

/// The functions that run on this machine, and what their host tells them.
pub(crate) struct Functions {
    pub(crate) sync: Option<sync::Deps>,
    pub(crate) qci: Option<qci::Deps>,
    /// How long one run may take.
    pub(crate) time_limit: Span,
    /// Cancelled when we are told to stop.
    pub(crate) stop: CancellationToken,
}

/// What has been published and not yet been delivered.
pub(crate) struct Inbox(mpsc::UnboundedReceiver<Event>);

/// What came of an event and of all that followed from it.
#[derive(Default)]
pub(crate) struct Consequences {
    /// The runs that ended, in that order.
    pub(crate) finished: Vec<Finished>,
    /// The last failure. A run that failed is among the finished ones too, unless it never began.
    pub(crate) failure: Option<anyhow::Error>,
}

/// A bus and its inbox.
pub(crate) fn open() -> (Bus, Inbox) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (Bus::InProcess(sender), Inbox(receiver))
}

impl Inbox {
    /// The next event that somebody else in this process publishes.
    pub(crate) async fn next(&mut self) -> Event {
        match self.0.recv().await {
            Some(event) => event,
            // Nobody can publish any more.
            None => std::future::pending().await,
        }
    }
}

impl Functions {
    /// Delivers an event, then what it led to, until nothing is left or we are told to stop.
    pub(crate) async fn settle(&self, event: Event, inbox: &mut Inbox) -> Consequences {
        let mut consequences = Consequences::default();
        let mut queue = VecDeque::from([event]);
        while let Some(event) = queue.pop_front() {
            if let Event::Finished(finished) = &event {
                consequences.finished.push(finished.clone());
            }
            if !self.stop.is_cancelled()
                && let Err(error) = self.react(event).await
            {
                consequences.failure = Some(error);
            }
            queue.extend(std::iter::from_fn(|| inbox.0.try_recv().ok()));
        }
        consequences
    }

    /// Who listens for what.
    async fn react(&self, event: Event) -> Result<()> {
        match &event {
            Event::Requested(request) => self.run(request.clone()).await,
            Event::Finished(finished) if brought_calls(finished) => match &self.qci {
                Some(qci) => {
                    let invocation = delivered(&event, finished)?;
                    told(Box::pin(qci::handle(qci, &invocation, &self.context())).await)
                }
                None => Ok(()),
            },
            Event::Finished(_) | Event::Raised(_) | Event::TestRequested(_) => Ok(()),
        }
    }

    async fn run(&self, request: Requested) -> Result<()> {
        let script_name = request.script_name.clone();
        let invocation = Invocation::requested(None, request);
        match (script_name.as_str(), &self.sync, &self.qci) {
            (sync::SCRIPT, Some(sync), _) => told(Box::pin(sync::handle(sync, &invocation, &self.context())).await),
            (qci::SCRIPT, _, Some(qci)) => told(Box::pin(qci::handle(qci, &invocation, &self.context())).await),
            _ => {
                tracing::warn!("nothing on this machine runs {script_name}");
                Ok(())
            }
        }
    }

    fn context(&self) -> Context {
        let now = clock::now();
        Context {
            now,
            deadline_at: now + self.time_limit.delta(),
            stop: self.stop.clone(),
        }
    }
}

/// Whether a run is a sync after which there may be calls to score.
fn brought_calls(finished: &Finished) -> bool {
    finished.script_name == sync::SCRIPT
        && [Status::Success, Status::Partial]
            .map(Status::as_str)
            .contains(&finished.status.as_str())
}

/// The invocation that the event's document makes, as on AWS.
fn delivered(event: &Event, finished: &Finished) -> Result<Invocation> {
    let (kind, detail) = event.document();
    let document = json!({"id": finished.run_id, "source": event::SOURCE, "detail-type": kind, "detail": detail});
    Invocation::parse(document, "").context("the event")
}

fn told<T>(ended: Result<T, Failure>) -> Result<()> {
    ended.map(drop).map_err(|Failure(error)| error)
}
