//! One connection in use: every statement on it has a time limit, and one that fails it takes the connection along.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicUsize, Ordering};
use std::time::Duration;

use deadpool_postgres::Object;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use tokio::time::{Instant, timeout};
use tokio_postgres::Error as DriverError;
use tokio_postgres::types::{ToSql, Type};

use super::error::{ConnectError, DbError};
use super::pool::Pool;

/// How long telling the server that nobody waits for a statement any more may take.
const CANCEL: Duration = Duration::from_secs(5);
/// How often it is looked whether the server is still at a statement that is watched.
const LOOK: Duration = Duration::from_secs(2);

/// Whether a process of the server is at work. One that waits for its client is not, although it is `active`: in a
/// `COPY` whose beginning was not answered, both would wait for ever.
pub(super) const IS_AT_WORK: &str = "
    select exists (
        select from pg_stat_activity
        where pid = $1 and state = 'active' and wait_event_type is distinct from 'Client'
    )";

/// A connection and the pool that it goes back to.
#[derive(Debug)]
pub(super) struct Session {
    /// Given up where it is none.
    object: Option<Object>,
    pub(super) pool: Pool,
    health: Arc<Health>,
    /// The server's process, while a transaction keeps it: a pooler may give each transaction another one. Or none, 0.
    process: AtomicI32,
}

/// What is known of a connection; shared with the rows that come over it.
#[derive(Debug, Default)]
pub(super) struct Health {
    /// Statements that were begun and not ended: one that was dropped half-way never ends.
    under_way: AtomicUsize,
    /// A statement was not answered: nothing that follows would be.
    is_silent: AtomicBool,
}

impl Session {
    /// Takes a connection out of the pool.
    pub(super) async fn open(pool: &Pool) -> Result<Self, ConnectError> {
        Ok(Self {
            object: Some(pool.object().await?),
            pool: pool.clone(),
            health: Arc::default(),
            process: AtomicI32::default(),
        })
    }

    /// Runs a statement within the limit of this pool.
    pub(super) async fn run<'a, T, F>(
        &'a self,
        statement: &str,
        work: impl FnOnce(&'a tokio_postgres::Client) -> F,
    ) -> Result<T, DbError>
    where
        F: Future<Output = Result<T, DriverError>>,
    {
        let limit = self.pool.limits.statement;
        let Some(client) = self.usable() else {
            return Err(DbError::silent(&self.pool.address, statement, limit));
        };
        self.health.begin();
        let begun = Instant::now();
        let mut work = pin!(work(client));
        let mut ended = timeout(limit, &mut work).await.ok();
        if ended.is_none() && self.pool.limits.is_watched {
            ended = self.while_at_work(work).await;
        }
        match ended {
            Some(ended) => {
                self.health.end();
                ended.map_err(|error| DbError::of(error, &self.pool.address, statement))
            }
            None => Err(self.unanswered(statement, begun.elapsed())),
        }
    }

    /// Waits for an answer while the server is at work on it; nothing where it is not, twice in a row: the answer may
    /// just have been on its way.
    async fn while_at_work<F: Future>(&self, mut work: Pin<&mut F>) -> Option<F::Output> {
        let mut was_idle = false;
        loop {
            let process = self.process.load(Ordering::Relaxed);
            let is_idle = !is_at_work(self.pool.clone(), process).await;
            if is_idle && was_idle {
                return None;
            }
            was_idle = is_idle;
            if let Ok(ended) = timeout(LOOK, &mut work).await {
                return Some(ended);
            }
        }
    }

    /// Notes which of the server's processes is ours.
    pub(super) fn is_served_by(&self, process: Option<i32>) {
        self.process.store(process.unwrap_or_default(), Ordering::Relaxed);
    }

    /// Runs statements for as long as they take, or until `lost` says for how long their answer has been missing.
    pub(super) async fn run_watched(
        &self,
        statements: &str,
        lost: impl Future<Output = Result<Duration, DbError>> + Send,
    ) -> Result<(), DbError> {
        let Some(client) = self.usable() else {
            return Err(self.unanswered(statements, self.pool.limits.statement));
        };
        self.health.begin();
        tokio::select! {
            ended = client.batch_execute(statements) => {
                self.health.end();
                ended.map_err(|error| DbError::of(error, &self.pool.address, statements))
            }
            lost = lost => Err(self.unanswered(statements, lost?)),
        }
    }

    /// Notes that a statement was not answered in time: ends it at the server, too, where that can be told.
    pub(super) fn unanswered(&self, statement: &str, after: Duration) -> DbError {
        self.health.is_silent.store(true, Ordering::Relaxed);
        if let Some(client) = self.object.as_ref() {
            self.pool.cancel(client.cancel_token());
        }
        DbError::silent(&self.pool.address, statement, after)
    }

    /// Sends a statement whose answer nobody waits for.
    pub(super) fn send(&self, statement: &str) {
        if let Some(client) = self.usable().filter(|_| self.health.is_idle()) {
            // The first poll sends it. Whoever uses the connection next finds out whether it came through.
            drop(client.batch_execute(statement).now_or_never());
        }
    }

    pub(super) fn health(&self) -> Arc<Health> {
        Arc::clone(&self.health)
    }

    /// Gives the connection up, at once: the server ends what it was at, and others have its place in the pool.
    pub(super) fn give_up(&mut self) {
        if let Some(object) = self.object.take() {
            drop(Object::take(object));
            self.pool.gate.left();
        }
    }

    /// The driver's own client, for code that is not ours.
    pub(super) fn driver(&mut self) -> Option<&mut tokio_postgres::Client> {
        self.object.as_mut().map(|object| &mut ***object)
    }

    fn usable(&self) -> Option<&tokio_postgres::Client> {
        let object = self.object.as_ref()?;
        (!self.health.is_silent.load(Ordering::Relaxed)).then_some(&***object)
    }
}

/// Asks on another session whether a process of the server is at work; boxed for that reason.
fn is_at_work(pool: Pool, process: i32) -> BoxFuture<'static, bool> {
    async move {
        let Ok(session) = Session::open(&pool).await else {
            return false;
        };
        let parameters: [(&(dyn ToSql + Sync), Type); 1] = [(&process, Type::INT4)];
        let rows = session
            .run(IS_AT_WORK, |client| client.query_typed(IS_AT_WORK, &parameters))
            .await;
        rows.is_ok_and(|rows| rows.first().is_some_and(|row| row.get(0)))
    }
    .boxed()
}

impl Drop for Session {
    /// A connection with a statement under way would keep its next user waiting.
    fn drop(&mut self) {
        if !self.health.is_idle() {
            self.give_up();
        }
        if let Some(object) = self.object.take() {
            drop(object);
            self.pool.gate.left();
        }
    }
}

impl Health {
    pub(super) fn begin(&self) {
        self.under_way.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn end(&self) {
        self.under_way.fetch_sub(1, Ordering::Relaxed);
    }

    fn is_idle(&self) -> bool {
        self.under_way.load(Ordering::Relaxed) == 0
    }
}

impl Pool {
    /// Asks the server to end a statement; nobody waits for that.
    fn cancel(&self, token: tokio_postgres::CancelToken) {
        let tls = self.tls.clone();
        tokio::spawn(async move {
            let asked = timeout(CANCEL, tls.cancel(&token)).await;
            if !matches!(asked, Ok(Ok(()))) {
                tracing::debug!("the server was not told to end a statement");
            }
        });
    }
}
