//! The event bus of this process: takes each event to the functions that listen for it.
//!
//! What EventBridge's rules say in `template.yaml` is said here in [`Functions::react`]: a function that
//! is to follow another one gets its line there.

use std::collections::VecDeque;
use std::pin::pin;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::json;
use shared::platform::event::{Bus, Event, Finished, Invocation, Requested};
use shared::platform::{clock, event};
use shared::run::{Context, Failure, RunStore, Status};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::desk::Desk;
use crate::holder;
use crate::span::Span;

/// How long after its limit a run may take to close its row.
const OVERTIME: Duration = Duration::from_secs(30);
/// How long looking for processes that have ended may take.
const FREEING: Duration = Duration::from_secs(15);

/// The functions that run on this machine, and what their host tells them.
pub(crate) struct Functions {
    pub(crate) sync: Option<sync::Deps>,
    pub(crate) qci: Option<qci::Deps>,
    /// How long one run may take.
    pub(crate) time_limit: Span,
    /// Cancelled when we are told to stop.
    pub(crate) stop: CancellationToken,
}

/// What has been published and not yet been delivered. Whoever tells people has it as soon as it is taken out.
pub(crate) struct Inbox {
    events: mpsc::UnboundedReceiver<Event>,
    desk: Desk,
}

/// What came of an event and of all that followed from it.
#[derive(Default)]
pub(crate) struct Consequences {
    /// The runs that ended, in that order.
    pub(crate) finished: Vec<Finished>,
    /// The last failure. A run that failed is among the finished ones too, unless it never began.
    pub(crate) failure: Option<anyhow::Error>,
}

/// A bus and its inbox.
pub(crate) fn open(desk: Desk) -> (Bus, Inbox) {
    let (sender, events) = mpsc::unbounded_channel();
    (Bus::InProcess(sender), Inbox { events, desk })
}

impl Inbox {
    /// The next event that somebody else in this process publishes.
    pub(crate) async fn next(&mut self) -> Event {
        match self.events.recv().await {
            Some(event) => self.taken(event),
            // Nobody can publish any more.
            None => std::future::pending().await,
        }
    }

    /// What has been published until now.
    fn rest(&mut self) -> Vec<Event> {
        let events: Vec<Event> = std::iter::from_fn(|| self.events.try_recv().ok()).collect();
        events.into_iter().map(|event| self.taken(event)).collect()
    }

    /// Closes it, once people are told what went wrong.
    pub(crate) async fn close(mut self) {
        self.rest();
        self.desk.close().await;
    }

    fn taken(&self, event: Event) -> Event {
        self.desk.lay(&event);
        event
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
                && let Err(error) = self.react_beside(event, inbox, &mut queue).await
            {
                consequences.failure = Some(error);
            }
            queue.extend(inbox.rest());
        }
        consequences
    }

    /// Reacts, and takes out meanwhile what is published.
    async fn react_beside(&self, event: Event, inbox: &mut Inbox, queue: &mut VecDeque<Event>) -> Result<()> {
        let mut reaction = pin!(self.react(event));
        loop {
            tokio::select! {
                ended = &mut reaction => return ended,
                event = inbox.next() => queue.push_back(event),
            }
        }
    }

    /// Who listens for what, beside whoever tells people.
    async fn react(&self, event: Event) -> Result<()> {
        match &event {
            Event::Requested(request) => self.run(request.clone()).await,
            Event::Finished(finished) if brought_calls(finished) => match &self.qci {
                Some(qci) => {
                    let invocation = delivered(&event, finished)?;
                    self.bounded(
                        qci::SCRIPT,
                        &qci.ledger,
                        Box::pin(qci::handle(qci, &invocation, &self.context())),
                    )
                    .await
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
            (sync::SCRIPT, Some(sync), _) => {
                self.bounded(
                    sync::SCRIPT,
                    &sync.ledger,
                    Box::pin(sync::handle(sync, &invocation, &self.context())),
                )
                .await
            }
            (qci::SCRIPT, _, Some(qci)) => {
                self.bounded(
                    qci::SCRIPT,
                    &qci.ledger,
                    Box::pin(qci::handle(qci, &invocation, &self.context())),
                )
                .await
            }
            _ => {
                tracing::warn!("nothing on this machine runs {script_name}");
                Ok(())
            }
        }
    }

    /// Frees the lease of a process that has ended, then runs. A run that hangs is dropped some time after its limit, as
    /// Lambda would: the schedule goes on.
    async fn bounded<T>(
        &self,
        script_name: &str,
        ledger: &RunStore,
        run: impl Future<Output = Result<T, Failure>>,
    ) -> Result<()> {
        let pool = ledger.pool.within(FREEING);
        // The claim says it better, or finds the lease free.
        if let Err(error) = holder::free_lease(&pool, &ledger.bus, script_name).await {
            tracing::debug!("looking for a process that has ended: {error:#}");
        }
        let limit = self.time_limit.delta().to_std().unwrap_or_default() + OVERTIME;
        match timeout(limit, run).await {
            Ok(ended) => told(ended),
            Err(_) => bail!(
                "{script_name} hung: it was given up {} s after its limit",
                OVERTIME.as_secs()
            ),
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
