//! Writes batches of calls: a few at once, changed rows only, one bad row never sinking the others.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, anyhow};
use chrono::{DateTime, Utc};
use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::json;
use shared::domain::call::Call;
use shared::domain::reject::Reject;
use shared::platform::clock;
use shared::platform::db::Pool;
use shared::platform::db::{self, DbError};
use shared::run::{Run, Step};
use shared::store::call::{self, Look, Written};
use shared::store::reject;
use shared::store::sync_state;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_postgres::error::SqlState;

use crate::batch::Batch;
use crate::kept::Kept;
use crate::progress::Progress;
use crate::sort::{Sorted, sort};

/// How often a batch is sent again because somebody else inserted one of its calls. Each time shows more of them.
const MOST_LOOKS: usize = 10;

/// Whether anything is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Saving {
    /// New and changed rows are.
    Store,
    /// Nothing is; the counts say what would be.
    Compare,
}

/// Writes the batches of a run.
pub(crate) struct Writers {
    store: Arc<Store>,
    /// Batches that wait or are written.
    room: Arc<Semaphore>,
    capacity: u32,
    /// Batches that are written.
    turns: Arc<Semaphore>,
    tasks: Mutex<JoinSet<Result<()>>>,
}

struct Store {
    pool: Pool,
    run: Arc<Run>,
    saving: Saving,
    /// The table was empty: no call needs to be asked for before it is sent.
    is_first_load: bool,
    unchanged: AtomicU64,
    kept: Kept,
    has_failed: AtomicBool,
}

/// What a batch came to.
#[derive(Clone, Debug, Default)]
struct Tally {
    written: Written,
    unchanged: u64,
    failed: u64,
    /// Calls whose content outlives Vapi's from now on.
    kept: Vec<String>,
}

/// What is known of the table before a batch is sent.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Knowledge {
    /// As much as when the run began.
    FromTheStart,
    /// Somebody else may have inserted rows since.
    Stale,
}

/// The place in a window that is reached once a batch is stored.
#[derive(Clone, Copy)]
struct Place {
    window: i64,
    reached: DateTime<Utc>,
}

impl Writers {
    /// `writers` batches are written at once, and as many wait.
    pub(crate) fn new(pool: Pool, run: Arc<Run>, writers: usize, saving: Saving, is_first_load: bool) -> Self {
        let capacity = u32::try_from(writers * 2).unwrap_or(2);
        Self {
            store: Arc::new(Store {
                pool,
                run,
                saving,
                is_first_load,
                unchanged: AtomicU64::new(0),
                kept: Kept::default(),
                has_failed: AtomicBool::new(false),
            }),
            room: Arc::new(Semaphore::new(writers * 2)),
            capacity,
            turns: Arc::new(Semaphore::new(writers)),
            tasks: Mutex::new(JoinSet::new()),
        }
    }

    /// Takes a batch as soon as there is room for it. With `reached`, the window is stored down to there
    /// once this batch and all before it are.
    pub(crate) async fn submit(
        &self,
        batch: Batch,
        progress: &Arc<Progress>,
        reached: Option<DateTime<Utc>>,
    ) -> Result<()> {
        self.raise_failure()?;
        if batch.is_empty() {
            return Ok(());
        }
        let number = progress.begin();
        // With all the room there is, nothing else waits or is written.
        let room = if batch.comes_after { self.capacity } else { 1 };
        let room = Arc::clone(&self.room)
            .acquire_many_owned(room)
            .await
            .context("the writers are gone")?;
        self.raise_failure()?;
        let (store, turns, progress) = (Arc::clone(&self.store), Arc::clone(&self.turns), Arc::clone(progress));
        self.held().spawn(async move {
            let _room = room;
            let _turn = turns.acquire_owned().await.context("the writers are gone")?;
            // The run ends with what another batch failed of: each would wait for the database as long as that one did.
            if store.has_failed.load(Ordering::Relaxed) {
                return Ok(());
            }
            let stored = store.batch(&batch, &progress, number, reached).await;
            store.has_failed.fetch_or(stored.is_err(), Ordering::Relaxed);
            stored
        });
        Ok(())
    }

    /// Waits until everything is written.
    pub(crate) async fn finish(&self) -> Result<()> {
        let _all = self
            .room
            .acquire_many(self.capacity)
            .await
            .context("the writers are gone")?;
        // A task gives its room back just before it ends.
        let mut tasks = std::mem::take(&mut *self.held());
        while let Some(ended) = tasks.join_next().await {
            raise(ended)?;
        }
        Ok(())
    }

    /// The window is read to its end: closes it, now or with its last batch.
    pub(crate) async fn window_is_walked(&self, progress: &Progress) -> Result<()> {
        if let Some(window) = progress.walked() {
            self.store.close(window).await?;
        }
        Ok(())
    }

    /// The database that batches go to.
    pub(crate) fn pool(&self) -> &Pool {
        &self.store.pool
    }

    /// Whether the table was empty when the run began.
    pub(crate) fn is_first_load(&self) -> bool {
        self.store.is_first_load
    }

    /// Calls that were read and found as the table has them.
    pub(crate) fn unchanged(&self) -> u64 {
        self.store.unchanged.load(Ordering::Relaxed)
    }

    /// Says which calls Vapi serves without all of their content.
    pub(crate) fn report_kept(&self) {
        self.store.kept.report(&self.store.run);
    }

    fn raise_failure(&self) -> Result<()> {
        let mut tasks = self.held();
        while let Some(ended) = tasks.try_join_next() {
            raise(ended)?;
        }
        Ok(())
    }

    fn held(&self) -> std::sync::MutexGuard<'_, JoinSet<Result<()>>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The result of a task; a panic goes on in the caller.
pub(crate) fn raise<T>(ended: Result<Result<T>, tokio::task::JoinError>) -> Result<T> {
    match ended {
        Ok(result) => result,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(error) => Err(anyhow!(error)),
    }
}

impl Store {
    async fn batch(
        &self,
        batch: &Batch,
        progress: &Progress,
        number: u64,
        reached: Option<DateTime<Utc>>,
    ) -> Result<()> {
        let calls: Vec<&Call> = batch.calls.iter().collect();
        let place = progress
            .window
            .zip(reached)
            .filter(|_| progress.is_contiguous(number))
            .map(|(window, reached)| Place { window, reached });
        let tally = self
            .save(&calls, &batch.rejects, place)
            .await
            .context("storing calls")?;
        self.count(tally);
        if let Some(window) = progress.committed(number) {
            self.close(window).await?;
        }
        Ok(())
    }

    fn count(&self, tally: Tally) {
        self.unchanged.fetch_add(tally.unchanged, Ordering::Relaxed);
        self.kept.add(tally.kept);
        let counted = |count: u64| i32::try_from(count).unwrap_or(i32::MAX);
        self.run.count(|counters| {
            counters.records_inserted += counted(tally.written.inserted);
            counters.records_updated += counted(tally.written.updated);
            counters.records_failed += counted(tally.failed);
        });
    }

    /// Stores the calls; where the database refuses a row, halves the batch until that row stands alone.
    fn save<'a>(
        &'a self,
        calls: &'a [&'a Call],
        rejects: &'a [Reject],
        place: Option<Place>,
    ) -> BoxFuture<'a, Result<Tally>> {
        async move {
            let mut saved = self.attempt(calls, rejects, place, Knowledge::FromTheStart).await;
            let mut looks = 0;
            while looks < MOST_LOOKS && saved.as_ref().err().is_some_and(is_collision) {
                looks += 1;
                saved = self.attempt(calls, rejects, place, Knowledge::Stale).await;
            }
            let Some(refusal) = saved.as_ref().err().and_then(of_a_row) else {
                return saved;
            };
            match calls {
                [] => saved,
                [call] => {
                    let mut rejects = rejects.to_vec();
                    rejects.push(refused(call, refusal));
                    self.attempt(&[], &rejects, place, Knowledge::FromTheStart).await
                }
                calls => {
                    let (first, second) = calls.split_at(calls.len() / 2);
                    let first = self.save(first, rejects, None).await?;
                    // The place is kept with the last part: everything before it is stored by then.
                    Ok(first + self.save(second, &[], place).await?)
                }
            }
        }
        .boxed()
    }

    /// One transaction, tried again while the database is only away for a moment.
    async fn attempt(
        &self,
        calls: &[&Call],
        rejects: &[Reject],
        place: Option<Place>,
        knowledge: Knowledge,
    ) -> Result<Tally> {
        db::retry(&self.pool, || self.transact(calls, rejects, place, knowledge)).await
    }

    async fn transact(
        &self,
        calls: &[&Call],
        rejects: &[Reject],
        place: Option<Place>,
        knowledge: Knowledge,
    ) -> Result<Tally> {
        let mut client = db::connect(&self.pool).await?;
        let known = if calls.is_empty() || (self.is_first_load && knowledge == Knowledge::FromTheStart) {
            HashMap::new()
        } else {
            let ids: Vec<&str> = calls.iter().map(|call| call.id.as_str()).collect();
            call::known(&client, &ids).await?
        };
        let now = clock::now();
        if self.saving == Saving::Compare {
            let sorted = sort(&client, calls, &known, Look::ToCompare, now).await?;
            return Ok(Tally::of(&sorted, rejects));
        }
        let transaction = client.transaction().await?;
        let sorted = sort(&transaction, calls, &known, Look::ToChange, now).await?;
        let mut tally = Tally::of(&sorted, rejects);
        if !sorted.new.is_empty() {
            tally.written.inserted = call::copy(&transaction, &sorted.new, now).await?;
        }
        if !sorted.changed.is_empty() {
            let changed: Vec<&Call> = sorted.changed.iter().map(|change| change.call.as_ref()).collect();
            tally.written.updated = call::update(&transaction, &changed, now).await?;
        }
        for reject in rejects {
            reject::record(&transaction, reject, self.run.id, now).await?;
        }
        if let Some(Place { window, reached }) = place {
            sync_state::narrow(&transaction, window, reached).await?;
        }
        transaction.commit().await?;
        tally.unchanged = calls.len() as u64 - tally.written.inserted - tally.written.updated;
        self.report(rejects);
        Ok(tally)
    }

    fn report(&self, rejects: &[Reject]) {
        for reject in rejects {
            let id = reject.call_id.as_deref().unwrap_or("without an id");
            let meta = json!({"call_id": reject.call_id, "sqlstate": reject.sqlstate});
            self.run.warn(
                Step::Save,
                format!("a call ({id}) is kept in vapi_call_rejects: {}", reject.reason),
                meta,
            );
        }
    }

    async fn close(&self, window: i64) -> Result<()> {
        db::retry(&self.pool, || async {
            let client = db::connect(&self.pool).await?;
            Ok(sync_state::close(&client, window).await?)
        })
        .await
        .context("closing a window")
    }
}

/// The document is redacted already.
fn refused(call: &Call, error: &DbError) -> Reject {
    let reason = error
        .as_db_error()
        .map_or_else(|| error.to_string(), |error| error.message().to_owned());
    Reject {
        call_id: Some(call.id.clone()),
        reason: format!("the database refused it: {reason}"),
        sqlstate: error.code().map(|code| code.code().to_owned()),
        document: Some(call.document.clone()),
        document_bytes: call.document.len(),
        document_hash: call.document_hash,
    }
}

/// What the database has against one of the rows.
fn of_a_row(error: &anyhow::Error) -> Option<&DbError> {
    error.downcast_ref().filter(|error| db::is_about_the_row(error))
}

fn is_collision(error: &anyhow::Error) -> bool {
    of_a_row(error).is_some_and(|error| error.code() == Some(&SqlState::UNIQUE_VIOLATION))
}

impl Tally {
    /// What storing these comes to if nothing intervenes.
    fn of(sorted: &Sorted<'_>, rejects: &[Reject]) -> Self {
        Self {
            written: Written {
                inserted: sorted.new.len() as u64,
                updated: sorted.updated(),
            },
            unchanged: sorted.unchanged + sorted.changed.len() as u64 - sorted.updated(),
            failed: rejects.len() as u64,
            kept: sorted.kept(),
        }
    }
}

impl std::ops::Add for Tally {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            written: Written {
                inserted: self.written.inserted + other.written.inserted,
                updated: self.written.updated + other.written.updated,
            },
            unchanged: self.unchanged + other.unchanged,
            failed: self.failed + other.failed,
            kept: [self.kept, other.kept].concat(),
        }
    }
}
