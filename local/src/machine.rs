//! This machine as a host of functions: settings, database and bus, wired once for each command.

use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow};
use serde_json::Value;
use shared::platform::config::{self, Reader};
use shared::platform::db;
use shared::platform::db::Pool;
use shared::platform::event::{Bus, Event, Requested};
use shared::run::{self, RunStore, Watched};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::bus::{self, Functions, Inbox};
use crate::desk::Desk;
use crate::holder;
use crate::progress;
use crate::report::Chain;
use crate::screen::Screen;
use crate::span::Span;

/// The settings that running functions takes.
pub(crate) struct Settings {
    pub(crate) database: config::Database,
    sync: Option<(config::Vapi, config::Sync)>,
    qci: Option<(config::Judge, config::Qci)>,
    alerts: config::Alerts,
}

/// A host of functions.
pub(crate) struct Machine {
    pub(crate) pool: Pool,
    /// Where pages ask for runs.
    pub(crate) bus: Bus,
    functions: Functions,
    inbox: Inbox,
    watched: watch::Sender<Watched>,
}

impl Settings {
    /// What a sync takes; what is wrong is told by [`Reader::finish`].
    pub(crate) fn of_sync(reader: &mut Reader) -> Self {
        Self {
            database: reader.database(),
            sync: Some((reader.vapi(), reader.sync())),
            qci: None,
            alerts: reader.alerts(),
        }
    }

    /// What scoring takes.
    pub(crate) fn of_qci(reader: &mut Reader) -> Self {
        Self {
            database: reader.database(),
            sync: None,
            qci: Some((reader.judge(), reader.qci())),
            alerts: reader.alerts(),
        }
    }

    /// What everything takes. Without a key for a judge, calls are kept and not scored.
    pub(crate) fn of_everything(reader: &mut Reader) -> Self {
        let is_judged = reader.text("OPENAI_API_KEY").is_some();
        Self {
            qci: is_judged.then(|| (reader.judge(), reader.qci())),
            ..Self::of_sync(reader)
        }
    }

    /// Whether calls are scored.
    pub(crate) fn is_judged(&self) -> bool {
        self.qci.is_some()
    }
}

impl Machine {
    /// Wires the functions, and makes sure that the database answers.
    pub(crate) async fn start(settings: &Settings, time_limit: Span, stop: CancellationToken) -> Result<Self> {
        holder::announce();
        let (watched, _) = watch::channel(Watched::default());
        let pool = db::pool(&settings.database)?;
        drop(db::connect(&pool).await?);
        let (bus, inbox) = bus::open(Desk::open(pool.clone(), settings.alerts.clone()).await);
        let ledger = RunStore {
            pool: pool.clone(),
            bus: bus.clone(),
            watch: Some(watched.clone()),
        };
        let functions = Functions {
            sync: settings
                .sync
                .as_ref()
                .map(|settings| sync_deps(&ledger, settings))
                .transpose()?,
            qci: settings
                .qci
                .as_ref()
                .map(|settings| qci_deps(&ledger, settings))
                .transpose()?,
            time_limit,
            stop,
        };
        Ok(Self {
            pool,
            bus,
            functions,
            inbox,
            watched,
        })
    }

    /// Runs a script, with all that follows from it, and shows how far it is. `expected` is how many calls there are
    /// to bring in, where that is known.
    pub(crate) async fn run(
        &mut self,
        script_name: &str,
        triggered_by: &str,
        input: Value,
        screen: &Screen,
        expected: Option<u64>,
    ) -> Result<Chain> {
        let request = Requested {
            script_name: script_name.to_owned(),
            triggered_by: triggered_by.to_owned(),
            batch_id: None,
            input,
            hop: 0,
        };
        self.settle(Event::Requested(request), screen, expected).await
    }

    /// What a page asks for. Waits until one does.
    pub(crate) async fn asked(&mut self) -> Event {
        loop {
            let event = self.inbox.next().await;
            if matches!(event, Event::Requested(_)) {
                return event;
            }
        }
    }

    /// Ends it, once people are told what went wrong.
    pub(crate) async fn close(self) {
        self.inbox.close().await;
    }

    /// Delivers an event, with all that follows from it, and shows how far it is.
    pub(crate) async fn settle(&mut self, event: Event, screen: &Screen, expected: Option<u64>) -> Result<Chain> {
        self.watched.send_replace(Watched::default());
        let work = self.functions.settle(event, &mut self.inbox);
        let consequences = progress::follow(screen, &self.watched, expected, work).await;
        if consequences.finished.is_empty() {
            let never_began = consequences
                .failure
                .unwrap_or_else(|| anyhow!("stopped before the run began"));
            return Err(never_began);
        }
        let mut runs = Vec::new();
        for finished in &consequences.finished {
            match self.row(finished.run_id).await {
                Ok(Some(row)) => runs.push(row),
                Ok(None) => {}
                // The database went away: why the run failed says more than why its row cannot be read.
                Err(error) => return Err(consequences.failure.unwrap_or(error)),
            }
        }
        Ok(Chain { runs })
    }

    /// Whether calls are scored.
    pub(crate) fn is_judged(&self) -> bool {
        self.functions.qci.is_some()
    }

    async fn row(&self, id: uuid::Uuid) -> Result<Option<run::Row>> {
        db::retry(&self.pool, || async {
            let client = db::connect(&self.pool).await?;
            Ok(run::find(&client, id).await?)
        })
        .await
        .context("reading the run")
    }
}

/// Whether there are tables, and rows of them can be read.
pub(crate) async fn look_at_tables(pool: &Pool) -> Result<()> {
    let client = db::connect(pool).await?;
    run::latest(&client, None, 1)
        .await
        .map(drop)
        .context("looking at the tables")
}

fn sync_deps(ledger: &RunStore, (vapi, settings): &(config::Vapi, config::Sync)) -> Result<sync::Deps> {
    Ok(sync::Deps {
        ledger: ledger.clone(),
        vapi: Arc::new(sync::Vapi::new(vapi)?),
        settings: settings.clone(),
    })
}

fn qci_deps(ledger: &RunStore, (judge, settings): &(config::Judge, config::Qci)) -> Result<qci::Deps> {
    Ok(qci::Deps {
        ledger: ledger.clone(),
        judge: Arc::new(qci::Judge::new(judge, settings.concurrency)?),
        settings: settings.clone(),
    })
}
