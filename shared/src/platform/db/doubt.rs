//! Commits whose answer was lost: the database knows what became of them.

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable as _};
use tokio::time::timeout;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;

use super::client::{Client, Executor as _, connect};
use super::error::{ConnectError, DbError};
use super::pool::Pool;

/// What became of a transaction.
enum Fate {
    Committed,
    Undone,
}

/// Why that is not known yet.
enum Unknown {
    /// It is neither committed nor undone: the server is still at it.
    UnderWay,
    /// It could not be asked.
    Away,
    /// It does not know the transaction: another server may have taken over.
    Forgotten,
}

/// Finds out what became of a transaction whose commit ended with `error`; the client has a new connection then.
pub(super) async fn settle(client: &mut Client, id: &str, error: DbError) -> Result<(), DbError> {
    // Serialisation failures and deadlocks are answers: it is undone.
    if error.code().is_some_and(is_answer) {
        return Err(error);
    }
    let pool = client.pool().clone();
    // First, since the server may only undo it when it sees the connection go, and the pool may have no other place.
    client.session.give_up();
    let pauses = ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(50))
        .with_max_delay(Duration::from_secs(1))
        .without_max_times();
    let told = (|| fate(&pool, id))
        .retry(pauses)
        .when(|unknown| !matches!(unknown, Unknown::Forgotten));
    match timeout(pool.limits.retry, told).await.unwrap_or(Err(Unknown::Away)) {
        Ok((Fate::Committed, successor)) => {
            tracing::warn!("the answer to a commit was lost; it had worked: {error}");
            *client = successor;
            Ok(())
        }
        Ok((Fate::Undone, successor)) => {
            *client = successor;
            Err(error)
        }
        Err(_) => Err(DbError::InDoubt {
            address: pool.address.to_string(),
            source: Box::new(error),
        }),
    }
}

fn is_answer(code: &SqlState) -> bool {
    code.code().starts_with("40")
}

async fn fate(pool: &Pool, id: &str) -> Result<(Fate, Client), Unknown> {
    let client = connect(pool).await.map_err(|_: ConnectError| Unknown::Away)?;
    let row = client
        .query_typed_one("select pg_xact_status($1::text::xid8)", &[(&id, Type::TEXT)])
        .await
        .map_err(|_: DbError| Unknown::Away)?;
    match row.get(0) {
        Some("committed") => Ok((Fate::Committed, client)),
        Some("aborted") => Ok((Fate::Undone, client)),
        Some(_) => Err(Unknown::UnderWay),
        None => Err(Unknown::Forgotten),
    }
}
