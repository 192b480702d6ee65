//! The log lines of a run: to standard output at once, to `logs` in batches off the hot path.

use std::sync::Mutex;
use std::time::Duration;

use anyhow::{Context, Result};
use chrono::{DateTime, Utc};
use deadpool_postgres::Pool;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_postgres::GenericClient;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::{Level, Step, held};
use crate::db::DbError;

/// Lines in one insert at most.
const BATCH: usize = 200;
/// How long a line may wait for company.
const PAUSE: Duration = Duration::from_millis(500);
/// Lines kept while the database is away; beyond it the oldest are on standard output only.
const BACKLOG: usize = 5_000;

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

/// Takes lines without ever waiting.
#[derive(Debug)]
pub(super) struct Journal {
    lines: Mutex<Option<mpsc::UnboundedSender<Line>>>,
}

/// Writes what a [`Journal`] took; ends once the journal is gone.
#[derive(Debug)]
pub(super) struct Writer(JoinHandle<Result<()>>);

impl Journal {
    /// Opens the journal of a run.
    pub(super) fn open(pool: Pool, run_id: Uuid) -> (Self, Writer) {
        let (lines, taken) = mpsc::unbounded_channel();
        (
            Self {
                lines: Mutex::new(Some(lines)),
            },
            Writer(tokio::spawn(write(pool, run_id, taken))),
        )
    }

    /// After [`close`](Self::close) a line reaches standard output only.
    pub(super) fn push(&self, line: Line) {
        if let Some(lines) = &*held(&self.lines) {
            // The writer is gone only if it panicked, which `finish` reports.
            drop(lines.send(line));
        }
    }

    /// Takes no more lines, so that the writer can end although tasks may still hold the run.
    pub(super) fn close(&self) {
        drop(held(&self.lines).take());
    }
}

impl Writer {
    /// Waits until every line is in the table, for `patience` at most.
    pub(super) async fn finish(self, patience: Duration) -> Result<()> {
        let Self(mut task) = self;
        match tokio::time::timeout(patience, &mut task).await {
            Ok(ended) => ended.context("the writer of log lines panicked")?,
            Err(_) => {
                task.abort();
                Err(anyhow::anyhow!(
                    "the log lines could not be written within {} s",
                    patience.as_secs()
                ))
            }
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

async fn write(pool: Pool, run_id: Uuid, mut taken: mpsc::UnboundedReceiver<Line>) -> Result<()> {
    let mut backlog: Vec<Line> = Vec::new();
    let mut outcome = Ok(());
    loop {
        let room = BATCH.max(backlog.len() + BATCH);
        if taken.recv_many(&mut backlog, room).await == 0 {
            return outcome;
        }
        // A moment for more lines of the same step: one insert serves them all.
        if backlog.len() < BATCH && !taken.is_closed() {
            tokio::time::timeout(PAUSE, collect(&mut taken, &mut backlog))
                .await
                .unwrap_or_default();
        }
        outcome = insert(&pool, run_id, &backlog).await;
        match &outcome {
            Ok(()) => backlog.clear(),
            Err(_) => drop(backlog.drain(..backlog.len().saturating_sub(BACKLOG))),
        }
    }
}

async fn collect(taken: &mut mpsc::UnboundedReceiver<Line>, backlog: &mut Vec<Line>) {
    while backlog.len() < BATCH {
        if taken.recv_many(backlog, BATCH).await == 0 {
            return;
        }
    }
}

async fn insert(pool: &Pool, run_id: Uuid, lines: &[Line]) -> Result<()> {
    let client = pool.get().await.context("connecting to write log lines")?;
    insert_lines(&**client, run_id, lines)
        .await
        .context("writing log lines")
}

async fn insert_lines(db: &impl GenericClient, run_id: Uuid, lines: &[Line]) -> Result<(), DbError> {
    let ids: Vec<Uuid> = lines.iter().map(|line| line.id).collect();
    let times: Vec<DateTime<Utc>> = lines.iter().map(|line| line.at).collect();
    let levels: Vec<&str> = lines.iter().map(|line| line.level.as_str()).collect();
    let steps: Vec<&str> = lines.iter().map(|line| line.step.as_str()).collect();
    let messages: Vec<String> = lines
        .iter()
        .map(|line| line.message.replace('\0', "\u{fffd}"))
        .collect();
    let metas: Vec<Value> = lines.iter().map(|line| line.meta.clone()).collect();
    db.execute_typed(
        r#"
        insert into logs (id, run_id, timestamp, level, step, message, meta)
        select line.id, $1, line.at, line.level, line.step, line.message, coalesce(line.meta, '{}')
        from unnest($2::uuid[], $3::timestamptz[], $4::text[], $5::text[], $6::text[], $7::jsonb[])
            as line (id, at, level, step, message, meta)
        on conflict (id) do nothing
        "#,
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

/// Deletes log lines older than `before`, in steps small enough to hurt nobody; returns how many.
pub async fn prune(db: &impl GenericClient, before: DateTime<Utc>) -> Result<u64, DbError> {
    const STEP: u64 = 5_000;
    let mut pruned = 0;
    loop {
        let deleted = db
            .execute_typed(
                r#"
                delete from logs
                where id in (select id from logs where timestamp < $1 order by timestamp limit 5000)
                "#,
                &[(&before, Type::TIMESTAMPTZ)],
            )
            .await?;
        pruned += deleted;
        if deleted < STEP {
            return Ok(pruned);
        }
    }
}
