//! Copies the old tables into ours, a bounded transaction at a time; each keeps how far it came.

use anyhow::{Context as _, Result};
use chrono::{DateTime, Utc};
use shared::platform::db::{self, Executor, Pool, Transaction};
use shared::store::adoption::{self, Progress};
use tokio::sync::watch;

use super::old::{Found, Old, SCHEMA, Table};
use super::survey::Survey;
use super::tally::{Care, Tally};
use super::{Stage, analyses, assistants, calls, runs};

/// Copies what is left of every table. `watch` is told how far it is; `is_late` ends it between two batches, and then
/// the answer is whether everything was copied.
pub(super) async fn everything(
    pool: &Pool,
    survey: &Survey,
    watch: &watch::Sender<Stage>,
    mut is_late: impl FnMut() -> bool,
    now: impl Fn() -> DateTime<Utc>,
) -> Result<bool> {
    let begun_at = now();
    db::retry(pool, || async {
        let client = db::connect(pool).await?;
        for table in Table::ALL.into_iter().filter(|table| survey.moved(*table).is_some()) {
            adoption::begin(&client, table.name(), begun_at).await?;
        }
        Ok(())
    })
    .await?;
    for found in Table::ALL.into_iter().filter_map(|table| survey.moved(table)) {
        let work = Work { pool, survey, found };
        loop {
            let progress = work.batch(now()).await;
            let progress = progress.with_context(|| format!("copying {}", found.table.name()))?;
            watch.send_replace(Stage::Copying {
                table: progress.table_name.clone(),
                rows: progress.rows_read.unsigned_abs(),
            });
            if progress.done_at.is_some() {
                break;
            }
            if is_late() {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

/// One table.
struct Work<'a> {
    pool: &'a Pool,
    survey: &'a Survey,
    found: &'a Found,
}

impl Work<'_> {
    /// One batch; tried again while the database is only away for a moment, row by row if it refuses one.
    async fn batch(&self, now: DateTime<Utc>) -> Result<Progress> {
        match db::retry(self.pool, || self.attempt(Care::Together, now)).await {
            Err(error) if is_about_a_row(&error) => db::retry(self.pool, || self.attempt(Care::EachAlone, now)).await,
            ended => ended,
        }
    }

    async fn attempt(&self, care: Care, now: DateTime<Utc>) -> Result<Progress> {
        let mut client = db::connect(self.pool).await?;
        let transaction = client.transaction().await?;
        // Whoever does not own a table would be shown none of its rows rather than an error.
        transaction
            .batch_execute("set local row_security = off; set local timezone = 'UTC'")
            .await?;
        let mut progress = adoption::hold(&transaction, self.found.table.name()).await?;
        if progress.done_at.is_some() {
            return Ok(progress);
        }
        let rows = self
            .found
            .batch(&transaction, SCHEMA, progress.last_key.as_deref())
            .await?;
        let tally = if let Some(last) = rows.last() {
            progress.last_key = Some(last.key().to_owned());
            self.take(&transaction, &rows, care, &mut progress, now).await?
        } else {
            // The last row was looked at: what no batch could read is counted.
            let (_, without_key) = self.found.count(&transaction, SCHEMA).await?;
            progress.rows_read += without_key;
            progress.done_at = Some(now);
            let mut tally = Tally::default();
            tally.refuse("rows without a key", without_key.unsigned_abs());
            tally
        };
        tally.add_to(&mut progress);
        adoption::advance(&transaction, &progress, now).await?;
        transaction.commit().await?;
        Ok(progress)
    }

    async fn take(
        &self,
        transaction: &Transaction<'_>,
        rows: &[Old],
        care: Care,
        progress: &mut Progress,
        now: DateTime<Utc>,
    ) -> Result<Tally> {
        let mut read = rows.len();
        let tally = match self.found.table {
            Table::Calls => calls::take(transaction, rows, care, now).await?,
            Table::Assistants => {
                let history = self.survey.moved(Table::History);
                let (tally, of_history) = assistants::take(transaction, history, rows, now).await?;
                if history.is_some() {
                    let mut beside = adoption::hold(transaction, Table::History.name()).await?;
                    beside.rows_read += counted(of_history.read);
                    of_history.tally.add_to(&mut beside);
                    adoption::advance(transaction, &beside, now).await?;
                }
                tally
            }
            Table::History => {
                let assistants = self.survey.moved(Table::Assistants);
                let orphans = assistants::take_orphans(transaction, self.found, assistants, rows, now).await?;
                read = orphans.read;
                orphans.tally
            }
            Table::Runs => runs::take(transaction, rows, now).await?,
            Table::Logs => runs::take_lines(transaction, rows).await?,
            Table::Frameworks => analyses::take_frameworks(transaction, rows).await?,
            Table::Analyses => analyses::take(transaction, self.survey.moved(Table::Frameworks), rows).await?,
        };
        progress.rows_read += counted(read);
        Ok(tally)
    }
}

fn counted(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

fn is_about_a_row(error: &anyhow::Error) -> bool {
    error
        .chain()
        .any(|cause| cause.downcast_ref::<db::DbError>().is_some_and(db::is_about_the_row))
}
