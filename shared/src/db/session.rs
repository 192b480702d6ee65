//! One connection in use: every statement on it has a time limit, and one that fails it takes the connection along.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use deadpool_postgres::Object;
use futures::FutureExt as _;
use tokio::time::timeout;
use tokio_postgres::Error as DriverError;

use super::error::DbError;
use super::pool::Pool;

/// How long telling the server that nobody waits for a statement any more may take.
const CANCEL: Duration = Duration::from_secs(5);

/// A connection and the pool that it goes back to.
#[derive(Debug)]
pub(super) struct Session {
    /// Given up where it is none.
    object: Option<Object>,
    pub(super) pool: Pool,
    health: Arc<Health>,
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
    pub(super) fn new(object: Object, pool: Pool) -> Self {
        Self {
            object: Some(object),
            pool,
            health: Arc::default(),
        }
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
        match timeout(limit, work(client)).await {
            Ok(ended) => {
                self.health.end();
                ended.map_err(|error| DbError::of(error, &self.pool.address, statement))
            }
            Err(_) => Err(self.unanswered(statement, limit)),
        }
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
