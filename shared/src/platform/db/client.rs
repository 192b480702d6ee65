//! A connection and a transaction as the rest of the code sees them.

use std::sync::Arc;
use std::time::Duration;

use futures::stream::{BoxStream, StreamExt as _};
use tokio::time::timeout;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Row, SimpleQueryMessage};

use super::copy::BinaryCopy;
use super::error::{ConnectError, DbError, is_transient};
use super::session::Session;
use super::{doubt, pool::Pool};

/// Rows as they come.
pub type Rows = BoxStream<'static, Result<Row, DbError>>;

/// A parameter and its type: statements are not prepared, so that they work through a transaction pooler.
type Parameter<'a> = (&'a (dyn ToSql + Sync), Type);

/// What statements run on: a [`Client`] or a [`Transaction`]. Every one of them has a time limit.
pub trait Executor: Sync {
    #[doc(hidden)]
    fn client(&self) -> &Client;

    /// All rows of a query.
    fn query_typed(
        &self,
        statement: &str,
        parameters: &[Parameter<'_>],
    ) -> impl Future<Output = Result<Vec<Row>, DbError>> + Send {
        let session = &self.client().session;
        session.run(statement, move |client| client.query_typed(statement, parameters))
    }

    /// The one row of a query.
    fn query_typed_one(
        &self,
        statement: &str,
        parameters: &[Parameter<'_>],
    ) -> impl Future<Output = Result<Row, DbError>> + Send {
        let session = &self.client().session;
        session.run(statement, move |client| client.query_typed_one(statement, parameters))
    }

    /// The row of a query, if there is one.
    fn query_typed_opt(
        &self,
        statement: &str,
        parameters: &[Parameter<'_>],
    ) -> impl Future<Output = Result<Option<Row>, DbError>> + Send {
        let session = &self.client().session;
        session.run(statement, move |client| client.query_typed_opt(statement, parameters))
    }

    /// The rows of a query, one by one: each has the time limit that a statement has.
    fn query_typed_raw(
        &self,
        statement: &'static str,
        parameters: Vec<Parameter<'_>>,
    ) -> impl Future<Output = Result<Rows, DbError>> + Send {
        rows(self.client(), statement, parameters)
    }

    /// Runs a statement; how many rows it touched.
    fn execute_typed(
        &self,
        statement: &str,
        parameters: &[Parameter<'_>],
    ) -> impl Future<Output = Result<u64, DbError>> + Send {
        let session = &self.client().session;
        session.run(statement, move |client| client.execute_typed(statement, parameters))
    }

    /// Runs statements without parameters.
    fn batch_execute(&self, statements: &str) -> impl Future<Output = Result<(), DbError>> + Send {
        let session = &self.client().session;
        session.run(statements, move |client| client.batch_execute(statements))
    }
}

/// A connection of the pool. It goes back when dropped, unless a statement on it was not answered.
#[derive(Debug)]
pub struct Client {
    pub(super) session: Session,
}

/// A transaction; dropped without a commit, it is rolled back, and nobody waits for that.
#[derive(Debug)]
pub struct Transaction<'a> {
    client: &'a mut Client,
    id: String,
    is_open: bool,
}

/// A connection of the pool, or why there is none.
pub async fn connect(pool: &Pool) -> Result<Client, ConnectError> {
    Ok(Client {
        session: Session::open(pool).await?,
    })
}

impl Client {
    /// Begins a transaction, and tells the server how long it may take should we be frozen or cut off. One round trip.
    pub async fn transaction(&mut self) -> Result<Transaction<'_>, DbError> {
        // Its id tells later what became of it, should the answer to the commit be lost.
        let begin = format!(
            "begin; {}; select pg_current_xact_id()::text, pg_backend_pid()",
            self.session.pool.limits.server.settings()
        );
        let answer = self.session.run("begin", |client| client.simple_query(&begin)).await?;
        let facts = answer.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some((row.get(0)?.to_owned(), row.get(1)?.parse().ok())),
            _ => None,
        });
        let (id, process) = facts.unwrap_or_default();
        self.session.is_served_by(process);
        Ok(Transaction {
            client: self,
            id,
            is_open: true,
        })
    }

    /// The pool that it is of.
    pub(super) fn pool(&self) -> &Pool {
        &self.session.pool
    }
}

impl Transaction<'_> {
    /// Commits. Where the answer is lost, the database is asked on another connection what became of it.
    pub async fn commit(mut self) -> Result<(), DbError> {
        self.is_open = false;
        self.client.session.is_served_by(None);
        match self.client.batch_execute("commit").await {
            Err(error) if is_transient(&error) => doubt::settle(self.client, &self.id, error).await,
            ended => ended,
        }
    }

    /// Takes it back.
    pub async fn rollback(mut self) -> Result<(), DbError> {
        self.is_open = false;
        self.client.session.is_served_by(None);
        self.client.batch_execute("rollback").await
    }

    /// Its id at the server.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// Runs statements for as long as they take, or until `lost` says for how long their answer has been missing.
    pub(super) async fn execute_watched(
        &self,
        statements: &str,
        lost: impl Future<Output = Result<Duration, DbError>> + Send,
    ) -> Result<(), DbError> {
        self.client.session.run_watched(statements, lost).await
    }

    /// Begins to copy rows into a table, in the binary form.
    pub async fn copy_in(&self, statement: &str, types: &[Type]) -> Result<BinaryCopy<'_>, DbError> {
        BinaryCopy::begin(&self.client.session, statement, types).await
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        if self.is_open {
            self.client.session.is_served_by(None);
            self.client.session.send("rollback");
        }
    }
}

impl Executor for Client {
    fn client(&self) -> &Client {
        self
    }
}

impl Executor for Transaction<'_> {
    fn client(&self) -> &Client {
        self.client
    }
}

async fn rows(client: &Client, statement: &'static str, parameters: Vec<Parameter<'_>>) -> Result<Rows, DbError> {
    let session = &client.session;
    let rows = session
        .run(statement, |client| client.query_typed_raw(statement, parameters))
        .await?;
    // Rows that nobody reads to the end keep the connection from being used again.
    let health = session.health();
    health.begin();
    let (address, limit) = (Arc::clone(&session.pool.address), session.pool.limits.statement);
    let begin = Some((Box::pin(rows), health));
    Ok(futures::stream::unfold(begin, move |state| {
        let address = Arc::clone(&address);
        async move {
            let (mut rows, health) = state?;
            match timeout(limit, rows.next()).await {
                Ok(Some(Ok(row))) => Some((Ok(row), Some((rows, health)))),
                Ok(Some(Err(error))) => Some((Err(DbError::of(error, &address, statement)), None)),
                Ok(None) => {
                    health.end();
                    None
                }
                Err(_) => Some((Err(DbError::silent(&address, statement, limit)), None)),
            }
        }
    })
    .boxed())
}
