//! This machine as a host of functions: settings, database and bus, wired once for each command.

use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow};
use deadpool_postgres::Pool;
use serde_json::Value;
use shared::config::{self, Reader};
use shared::db;
use shared::event::{Event, Requested};
use shared::run::{self, Counters, Ledger};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::bus::{self, Functions, Inbox};
use crate::progress;
use crate::report::Chain;
use crate::screen::Screen;
use crate::span::Span;

/// The settings that running a function takes.
pub(crate) struct Settings {
    pub(crate) database: config::Database,
    vapi: config::Vapi,
    sync: config::Sync,
}

/// A host of functions.
pub(crate) struct Machine {
    pub(crate) pool: Pool,
    functions: Functions,
    inbox: Inbox,
    counters: watch::Sender<Counters>,
}

impl Settings {
    /// Reads them; what is wrong is told by [`Reader::finish`].
    pub(crate) fn read(reader: &mut Reader) -> Self {
        Self {
            database: reader.database(),
            vapi: reader.vapi(),
            sync: reader.sync(),
        }
    }
}

impl Machine {
    /// Wires the functions, and makes sure that the database answers.
    pub(crate) async fn start(settings: &Settings, time_limit: Span, stop: CancellationToken) -> Result<Self> {
        let (bus, inbox) = bus::open();
        let (counters, _) = watch::channel(Counters::default());
        let pool = db::pool(&settings.database)?;
        drop(db::connect(&pool).await?);
        let ledger = Ledger {
            pool: pool.clone(),
            bus,
            watch: Some(counters.clone()),
        };
        let sync = sync::Deps {
            ledger,
            vapi: Arc::new(sync::Vapi::new(&settings.vapi)?),
            settings: settings.sync.clone(),
        };
        Ok(Self {
            pool,
            functions: Functions { sync, time_limit, stop },
            inbox,
            counters,
        })
    }

    /// Syncs, with all that follows from it, and shows how far it is. `expected` is how many calls there are.
    pub(crate) async fn sync(
        &mut self,
        triggered_by: &str,
        input: Value,
        screen: &Screen,
        expected: Option<u64>,
    ) -> Result<Chain> {
        let request = Requested {
            script_name: sync::SCRIPT.to_owned(),
            triggered_by: triggered_by.to_owned(),
            batch_id: None,
            input,
            hop: 0,
        };
        self.counters.send_replace(Counters::default());
        let work = self.functions.settle(Event::Requested(request), &mut self.inbox);
        let consequences = progress::follow(screen, &self.counters, expected, work).await;
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

    async fn row(&self, id: uuid::Uuid) -> Result<Option<run::Row>> {
        let client = db::connect(&self.pool).await?;
        run::find(&**client, id).await.context("reading the run")
    }
}
