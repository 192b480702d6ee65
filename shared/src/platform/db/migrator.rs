//! Refinery's way to the database: its statements may take hours, and are watched for as long as they take.

use std::time::Duration;

use refinery::Migration;
use refinery_core::traits::r#async::{AsyncMigrate, AsyncQuery, AsyncTransaction};
use tokio::time::{sleep, timeout};
use tokio_postgres::types::Type;

use super::client::{Client, Executor as _, Transaction};
use super::error::DbError;
use super::session::IS_AT_WORK;

/// How often it is looked whether the server is still at a statement.
const LOOK: Duration = Duration::from_secs(2);

/// Applies migrations on a connection of its own, and watches it from the one that holds the lock.
///
/// An index may be built for an hour, so no time limit tells a slow statement from one whose answer was lost. The
/// server can: it is at work on the first one, and has long been idle after the second.
pub(super) struct Migrator<'a> {
    worker: Client,
    lock: &'a Transaction<'a>,
}

impl<'a> Migrator<'a> {
    pub(super) fn new(worker: Client, lock: &'a Transaction<'a>) -> Self {
        Self { worker, lock }
    }
}

impl AsyncTransaction for Migrator<'_> {
    type Error = DbError;

    async fn execute<'a, T: Iterator<Item = &'a str> + Send + 'a>(&'a mut self, queries: T) -> Result<usize, DbError> {
        let transaction = self.worker.transaction().await?;
        let row = transaction.query_typed_one("select pg_backend_pid()", &[]).await?;
        let (process, mut count) = (row.get(0), 0);
        for query in queries {
            transaction
                .execute_watched(query, until_idle(self.lock, process))
                .await?;
            count += 1;
        }
        transaction.commit().await?;
        Ok(count)
    }
}

impl AsyncQuery<Vec<Migration>> for Migrator<'_> {
    async fn query<'a>(&'a mut self, query: &'a str) -> Result<Vec<Migration>, DbError> {
        let pool = self.worker.session.pool.clone();
        let (address, limit) = (&pool.address, pool.limits.statement);
        let Some(driver) = self.worker.session.driver() else {
            return Err(DbError::silent(address, query, limit));
        };
        if let Ok(read) = timeout(limit, AsyncQuery::query(driver, query)).await {
            return read.map_err(|error| DbError::of(error, address, query));
        }
        self.worker.session.give_up();
        Err(DbError::silent(address, query, limit))
    }
}

impl AsyncMigrate for Migrator<'_> {}

/// Returns once the process is not at work any more, twice in a row: the answer may just have been on its way. Says for
/// how long that was so. Each look also keeps the transaction that holds the lock from being idle for too long.
async fn until_idle(lock: &Transaction<'_>, process: i32) -> Result<Duration, DbError> {
    let mut was_idle = false;
    loop {
        sleep(LOOK).await;
        // A transaction sees the activity of its first look otherwise.
        lock.batch_execute("select pg_stat_clear_snapshot()").await?;
        let row = lock.query_typed_one(IS_AT_WORK, &[(&process, Type::INT4)]).await?;
        let is_idle = !row.get::<_, bool>(0);
        if is_idle && was_idle {
            return Ok(LOOK);
        }
        was_idle = is_idle;
    }
}
