//! Writes each request into the ledger before it goes out: a process that is killed leaves what it had asked for.
//!
//! [`judge`](crate::judge) ─▶ [`Entry::open`] ─▶ one task that writes what has come together ─▶ `judge_requests`

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use rust_decimal::Decimal;
use shared::platform::db::Pool;
use shared::platform::{clock, db};
use shared::store::score::ledger::{self, Opened};
use tokio::sync::{mpsc, oneshot};
use tokio_util::task::AbortOnDropHandle;
use uuid::Uuid;

use crate::judge::JudgeError;

/// How long a request may wait for a database that is away.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long taking back or giving up a row may take: the next run does what is left.
const MOMENT: Duration = Duration::from_secs(5);
/// Rows of one statement at most.
const MOST: usize = 100;

/// The ledger of one run.
pub(crate) struct JudgeLedger {
    pool: Pool,
    rows: mpsc::UnboundedSender<(Opened, oneshot::Sender<Result<(), String>>)>,
    _writer: AbortOnDropHandle<()>,
}

/// What is asked about one call.
pub(crate) struct Entry<'a> {
    ledger: &'a JudgeLedger,
    call_id: &'a str,
    model: &'a str,
    estimate: Option<Decimal>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The row of the request that is under way, or was refused and is made again.
    open: Option<Uuid>,
    requests: i32,
    /// What requests come to that nobody will learn the cost of.
    unknown: Decimal,
}

impl JudgeLedger {
    pub(crate) fn open(pool: Pool, framework_id: i32, run_id: Uuid) -> Self {
        let (rows, arriving) = mpsc::unbounded_channel();
        let writing = tokio::spawn(write(pool.clone(), framework_id, run_id, arriving));
        Self {
            pool,
            rows,
            _writer: AbortOnDropHandle::new(writing),
        }
    }

    /// The requests about a call.
    pub(crate) fn entry<'a>(&'a self, call_id: &'a str, model: &'a str, estimate: Option<Decimal>) -> Entry<'a> {
        Entry {
            ledger: self,
            call_id,
            model,
            estimate,
            state: Mutex::default(),
        }
    }

    async fn write(&self, row: Opened) -> Result<(), String> {
        let (told, done) = oneshot::channel();
        let gone = || "its writer has ended".to_owned();
        self.rows.send((row, told)).map_err(|_| gone())?;
        done.await.map_err(|_| gone())?
    }
}

impl Entry<'_> {
    /// Returns once the row of the next request is committed.
    pub(crate) async fn open(&self) -> Result<(), JudgeError> {
        let row = {
            let mut state = self.held();
            // The judge refused it before, and was paid for nothing.
            if state.open.is_some() {
                return Ok(());
            }
            state.requests += 1;
            Opened {
                id: Uuid::now_v7(),
                call_id: self.call_id.to_owned(),
                requested_at: clock::now(),
                model: self.model.to_owned(),
                attempt: state.requests,
                estimate: self.estimate,
            }
        };
        let id = row.id;
        self.ledger.write(row).await.map_err(JudgeError::NotRecorded)?;
        self.held().open = Some(id);
        Ok(())
    }

    /// The judge answered: the row's id, under which the answer is stored.
    pub(crate) fn answered(&self) -> Uuid {
        self.held().open.take().unwrap_or_else(Uuid::now_v7)
    }

    /// Nobody will learn what the request cost.
    pub(crate) async fn lost(&self) {
        let Some(id) = self.taken() else { return };
        self.held().unknown += self.estimate.unwrap_or_default();
        self.change("giving up a request", || async move {
            let client = db::connect(&self.ledger.pool).await?;
            Ok(ledger::lose(&client, id).await?)
        })
        .await;
    }

    /// The judge refused the request, and it is not made again.
    pub(crate) async fn refused(&self) {
        let Some(id) = self.taken() else { return };
        self.change("taking back a request", || async move {
            let client = db::connect(&self.ledger.pool).await?;
            Ok(ledger::take_back(&client, id).await?)
        })
        .await;
    }

    /// What requests come to that nobody will learn the cost of.
    pub(crate) fn unknown(&self) -> Decimal {
        self.held().unknown
    }

    fn taken(&self) -> Option<Uuid> {
        self.held().open.take()
    }

    /// A row that stays open is given up by the next run.
    async fn change<F>(&self, what: &str, change: impl FnMut() -> F)
    where
        F: Future<Output = Result<()>>,
    {
        if let Err(error) = db::retry(&self.ledger.pool.within(MOMENT), change).await {
            tracing::warn!("{what} about call {}: {error:#}", self.call_id);
        }
    }

    fn held(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Gives up what earlier runs left open, and this one, where it has ended its work.
pub(crate) async fn give_up(pool: &Pool, also: Option<Uuid>) -> Result<(i64, Decimal)> {
    db::retry(&pool.within(MOMENT), || async {
        let client = db::connect(pool).await?;
        Ok(ledger::give_up(&client, also).await?)
    })
    .await
    .context("giving up requests to the judge that were left open")
}

/// Requests that come together are written together: one commit for all, and one connection.
async fn write(
    pool: Pool,
    framework_id: i32,
    run_id: Uuid,
    mut arriving: mpsc::UnboundedReceiver<(Opened, oneshot::Sender<Result<(), String>>)>,
) {
    let pool = pool.within(PATIENCE);
    let mut batch = Vec::new();
    while arriving.recv_many(&mut batch, MOST).await > 0 {
        let (rows, waiting): (Vec<Opened>, Vec<_>) = batch.drain(..).unzip();
        let written = db::retry(&pool, || async {
            let client = db::connect(&pool).await?;
            Ok(ledger::open(&client, framework_id, run_id, &rows).await?)
        })
        .await
        .map_err(|error| format!("{error:#}"));
        for told in waiting {
            // Who waited may have been given up.
            drop(told.send(written.clone()));
        }
    }
}
