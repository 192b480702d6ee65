//! How often a large table was read from end to end, as PostgreSQL has counted it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use tokio_postgres::Client;

/// What is too large for it.
const TABLES: [&str; 5] = ["vapi_calls_raw", "qci_analyses", "runs", "logs", "judge_requests"];

/// A connection that ends does so within moments.
const PATIENCE: Duration = Duration::from_secs(30);

/// Scans so far, by table.
pub(crate) type Scans = BTreeMap<String, i64>;

/// The scans so far. Connections hand in what they counted when they end, so this waits until all others have.
pub(crate) async fn count(client: &Client) -> Result<Scans> {
    let since = Instant::now();
    while others(client).await? > 0 {
        ensure!(since.elapsed() < PATIENCE, "a connection does not end");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let rows = client
        .query(
            "select relname::text, seq_scan from pg_stat_user_tables where relname = any($1)",
            &[&TABLES.as_slice()],
        )
        .await?;
    ensure!(rows.len() == TABLES.len(), "a table has another name");
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

/// The tables that were scanned between the two.
pub(crate) fn grown(before: &Scans, after: &Scans) -> Vec<String> {
    after
        .iter()
        .filter(|(table, scans)| before.get(*table) != Some(scans))
        .map(|(table, _)| table.clone())
        .collect()
}

async fn others(client: &Client) -> Result<i64> {
    let row = client
        .query_one(
            "select count(*) from pg_stat_activity
             where datname = current_database() and backend_type in ('client backend', 'parallel worker')
               and pid <> pg_backend_pid()",
            &[],
        )
        .await?;
    Ok(row.try_get(0)?)
}
