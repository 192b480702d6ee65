//! The log lines of a run: to standard output at once, to `logs` in batches off the hot path.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::platform::db::{Executor, Pool};
use anyhow::{Context, Result, bail};
use chrono::{DateTime, Utc};
use serde_json::Value;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::text::{document_without_nul, without_nul};
use super::{Level, Step, held};
use crate::platform::db::{self, DbError};

/// Lines in one insert at most.
const BATCH: usize = 200;
/// How long a line may wait for company, and how long a database that is away is left alone.
const PAUSE: Duration = Duration::from_millis(500);
/// Lines kept while the database is away; beyond it the oldest are on standard output only.
const BACKLOG: usize = 5_000;
/// What one insert may take: it is short, and a run that ends waits for the last one.
const BUDGET: Duration = Duration::from_secs(15);

/// One line.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) id: Uuid,
    pub(super) at: DateTime<Utc>,
    pub(super) level: Level,
    pub(super) step: Step,
    pub(super) message: String,
    pub(super) meta: Value,
}

/// Takes lines without ever waiting; closed when dropped.
#[derive(Debug)]
pub(super) struct Journal(Arc<Desk>);

/// Writes what a [`Journal`] took; ends once that is closed and everything is written.
#[derive(Debug)]
pub(super) struct Writer {
    desk: Arc<Desk>,
    task: JoinHandle<()>,
}

/// Where a journal lays its lines and a writer finds them.
#[derive(Debug, Default)]
struct Desk {
    pile: Mutex<Pile>,
    news: Notify,
}

#[derive(Debug, Default)]
struct Pile {
    lines: VecDeque<Line>,
    is_closed: bool,
    /// Lines in the insert under way.
    in_hand: usize,
    /// Lines that will never be in the table.
    lost: usize,
    /// What last stood against an insert.
    trouble: Option<String>,
}

impl Journal {
    /// Opens the journal of a run.
    pub(super) fn open(pool: &Pool, run_id: Uuid) -> (Self, Writer) {
        let desk = Arc::new(Desk::default());
        let task = tokio::spawn(write(pool.within(BUDGET), run_id, Arc::clone(&desk)));
        (Self(Arc::clone(&desk)), Writer { desk, task })
    }

    /// After [`close`](Self::close) a line reaches standard output only.
    pub(super) fn push(&self, line: Line) {
        let mut pile = held(&self.0.pile);
        if pile.is_closed {
            return;
        }
        if pile.lines.len() >= BACKLOG {
            pile.lines.pop_front();
            pile.lost += 1;
        }
        pile.lines.push_back(line);
        self.0.news.notify_one();
    }

    /// Takes no more lines, so that the writer can end although tasks may still hold the run.
    pub(super) fn close(&self) {
        held(&self.0.pile).is_closed = true;
        self.0.news.notify_one();
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.close();
    }
}

impl Writer {
    /// Waits until every line is in the table, for `patience` at most; an error says how many are not, and why.
    pub(super) async fn finish(self, patience: Duration) -> Result<()> {
        let Self { desk, mut task } = self;
        match timeout(patience, &mut task).await {
            Ok(ended) => ended.context("the writer of log lines panicked")?,
            Err(_) => task.abort(),
        }
        let pile = held(&desk.pile);
        match (pile.lost + pile.in_hand + pile.lines.len(), &pile.trouble) {
            (0, _) => Ok(()),
            (missing, Some(trouble)) => bail!("{missing} log lines are on standard output only: {trouble}"),
            (missing, None) => bail!("{missing} log lines are on standard output only: the database does not answer"),
        }
    }
}

impl Line {
    /// To standard output, through `tracing`.
    pub(super) fn emit(&self, run_id: Uuid, script_name: &str) {
        let (step, message, meta) = (self.step.as_str(), self.message.as_str(), &self.meta);
        match self.level {
            Level::Debug => tracing::debug!(%run_id, script_name, step, %meta, "{message}"),
            Level::Info => tracing::info!(%run_id, script_name, step, %meta, "{message}"),
            Level::Warning => tracing::warn!(%run_id, script_name, step, %meta, "{message}"),
            Level::Error => tracing::error!(%run_id, script_name, step, %meta, "{message}"),
        }
    }
}

impl Desk {
    /// The next lines, once there are any and they had a moment to gather; none once the journal is closed and done.
    async fn batch(&self) -> Vec<Line> {
        while self.is_waiting_for(1) {
            self.news.notified().await;
        }
        // A moment for more lines of the same step: one insert serves them all.
        let until = Instant::now() + PAUSE;
        while self.is_waiting_for(BATCH) && timeout_at(until, self.news.notified()).await.is_ok() {}
        let mut pile = held(&self.pile);
        let count = pile.lines.len().min(BATCH);
        pile.in_hand = count;
        pile.lines.drain(..count).collect()
    }

    fn is_waiting_for(&self, lines: usize) -> bool {
        let pile = held(&self.pile);
        pile.lines.len() < lines && !pile.is_closed
    }

    /// The lines in hand are dealt with, but for those that the database refused.
    fn done(&self, refused: usize) {
        let mut pile = held(&self.pile);
        pile.in_hand = 0;
        pile.lost += refused;
    }

    /// The lines in hand are still to be written.
    fn put_back(&self, lines: Vec<Line>) {
        let mut pile = held(&self.pile);
        pile.in_hand = 0;
        for line in lines.into_iter().rev() {
            pile.lines.push_front(line);
        }
    }

    fn note(&self, trouble: &anyhow::Error) {
        held(&self.pile).trouble = Some(format!("{trouble:#}"));
    }
}

async fn write(pool: Pool, run_id: Uuid, desk: Arc<Desk>) {
    loop {
        let lines = desk.batch().await;
        if lines.is_empty() {
            return;
        }
        match insert(&pool, run_id, &lines).await {
            Ok(()) => desk.done(0),
            Err(error) if is_refusal(&error) => {
                desk.note(&error);
                desk.done(insert_singly(&pool, run_id, &lines).await);
            }
            Err(error) => {
                desk.note(&error);
                desk.put_back(lines);
                sleep(PAUSE).await;
            }
        }
    }
}

/// One line that the database refuses must not keep the others out; returns how many it refused.
async fn insert_singly(pool: &Pool, run_id: Uuid, lines: &[Line]) -> usize {
    let mut refused = 0;
    for line in lines {
        if let Err(error) = insert(pool, run_id, std::slice::from_ref(line)).await {
            tracing::error!(%run_id, "a log line is on standard output only: {error:#}");
            refused += 1;
        }
    }
    refused
}

fn is_refusal(error: &anyhow::Error) -> bool {
    error
        .chain()
        .any(|cause| cause.downcast_ref().is_some_and(db::is_about_the_row))
}

async fn insert(pool: &Pool, run_id: Uuid, lines: &[Line]) -> Result<()> {
    let client = db::connect(pool).await?;
    insert_lines(&client, run_id, lines).await.context("writing log lines")
}

async fn insert_lines(db: &impl Executor, run_id: Uuid, lines: &[Line]) -> Result<(), DbError> {
    let ids: Vec<Uuid> = lines.iter().map(|line| line.id).collect();
    let times: Vec<DateTime<Utc>> = lines.iter().map(|line| line.at).collect();
    let levels: Vec<&str> = lines.iter().map(|line| line.level.as_str()).collect();
    let steps: Vec<&str> = lines.iter().map(|line| line.step.as_str()).collect();
    let messages: Vec<String> = lines.iter().map(|line| without_nul(&line.message)).collect();
    let metas: Vec<Value> = lines.iter().map(|line| document_without_nul(&line.meta)).collect();
    db.execute_typed(
        r"
        insert into logs (id, run_id, timestamp, level, step, message, meta)
        select line.id, $1, line.at, line.level, line.step, line.message, coalesce(line.meta, '{}')
        from unnest($2::uuid[], $3::timestamptz[], $4::text[], $5::text[], $6::text[], $7::jsonb[])
            as line (id, at, level, step, message, meta)
        on conflict (id) do nothing
        ",
        &[
            (&run_id, Type::UUID),
            (&ids, Type::UUID_ARRAY),
            (&times, Type::TIMESTAMPTZ_ARRAY),
            (&levels, Type::TEXT_ARRAY),
            (&steps, Type::TEXT_ARRAY),
            (&messages, Type::TEXT_ARRAY),
            (&metas, Type::JSONB_ARRAY),
        ],
    )
    .await?;
    Ok(())
}

/// Adds a line to the log of a run that may have ended; `false` where there is no such run.
pub async fn append(
    db: &impl Executor,
    run_id: Uuid,
    level: Level,
    step: Step,
    message: &str,
    now: DateTime<Utc>,
) -> Result<bool, DbError> {
    let inserted = db
        .execute_typed(
            r"
            insert into logs (id, run_id, timestamp, level, step, message)
            select $1, id, $3, $4, $5, $6
            from runs
            where id = $2
            ",
            &[
                (&Uuid::now_v7(), Type::UUID),
                (&run_id, Type::UUID),
                (&now, Type::TIMESTAMPTZ),
                (&level.as_str(), Type::TEXT),
                (&step.as_str(), Type::TEXT),
                (&without_nul(message), Type::TEXT),
            ],
        )
        .await?;
    Ok(inserted == 1)
}

/// Deletes log lines older than `before`, in steps small enough to hurt nobody; returns how many.
pub async fn prune(pool: &Pool, before: DateTime<Utc>) -> Result<u64> {
    const STEP: u64 = 5_000;
    let mut pruned = 0;
    loop {
        let deleted = db::retry(pool, || async {
            let mut client = db::connect(pool).await?;
            // In a transaction, so that none is counted twice or not at all where an answer is lost.
            let transaction = client.transaction().await?;
            let deleted = prune_some(&transaction, before).await?;
            transaction.commit().await?;
            Ok(deleted)
        })
        .await?;
        pruned += deleted;
        if deleted < STEP {
            return Ok(pruned);
        }
    }
}

async fn prune_some(db: &impl Executor, before: DateTime<Utc>) -> Result<u64, DbError> {
    db.execute_typed(
        r"
        delete from logs
        where id in (select id from logs where timestamp < $1 order by timestamp limit 5000)
        ",
        &[(&before, Type::TIMESTAMPTZ)],
    )
    .await
}
