//! `COPY` in its binary form, with a time limit for each step: a slow line may take long, a dead one not.

use std::pin::Pin;

use tokio::time::timeout;
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::{ToSql, Type};

use super::error::DbError;
use super::session::Session;

/// Rows on their way into a table; without [`finish`](Self::finish) none of them arrives.
pub struct BinaryCopy<'a> {
    writer: Pin<Box<BinaryCopyInWriter>>,
    session: &'a Session,
    statement: String,
}

impl<'a> BinaryCopy<'a> {
    pub(super) async fn begin(session: &'a Session, statement: &str, types: &[Type]) -> Result<Self, DbError> {
        let sink = session.run(statement, |client| client.copy_in(statement)).await?;
        // Under way until it is finished.
        session.health().begin();
        Ok(Self {
            writer: Box::pin(BinaryCopyInWriter::new(sink, types)),
            session,
            statement: statement.to_owned(),
        })
    }

    /// Sends a row.
    pub async fn write(&mut self, values: &[&(dyn ToSql + Sync)]) -> Result<(), DbError> {
        let limit = self.session.pool.limits.statement;
        match timeout(limit, self.writer.as_mut().write(values)).await {
            Ok(sent) => sent.map_err(|error| DbError::of(error, &self.session.pool.address, &self.statement)),
            Err(_) => Err(self.session.unanswered(&self.statement, limit)),
        }
    }

    /// Ends it; how many rows arrived. What is still on the line at the end may take a while longer.
    pub async fn finish(mut self) -> Result<u64, DbError> {
        let limit = self.session.pool.limits.statement * 2;
        match timeout(limit, self.writer.as_mut().finish()).await {
            Ok(ended) => {
                self.session.health().end();
                ended.map_err(|error| DbError::of(error, &self.session.pool.address, &self.statement))
            }
            Err(_) => Err(self.session.unanswered(&self.statement, limit)),
        }
    }
}
