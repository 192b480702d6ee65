//! The made-up year.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use local::postgres::Postgres;
use shared::platform::config::Database;
use tokio_postgres::{Client, NoTls};

const NAME: &str = "pages";

/// How long counting a year of hours may take.
const COUNTING: Duration = Duration::from_mins(10);

/// A migrated database with so many calls and all that belongs to them; returns its address.
pub(crate) async fn database(postgres: &Postgres, calls: i32) -> Result<String> {
    postgres.create_database(NAME).await?;
    let url = postgres.url(NAME);
    shared::platform::db::migrate(&settings(&url)).await?;
    let client = connect(&url).await?;
    // The statements read it; a parameter cannot stand in several statements.
    client
        .execute("select set_config('seed.calls', $1, false)", &[&calls.to_string()])
        .await?;
    client
        .batch_execute(include_str!("seed.sql"))
        .await
        .context("making up calls")?;
    // What a sync does at its end.
    let pool = shared::platform::db::pool(&settings(&url))?;
    ensure!(
        shared::store::dashboard::keep_hours(&pool, COUNTING).await?,
        "nothing to count"
    );
    drop(pool);
    // Without it nothing could be read from an index alone; on a server that is not new, autovacuum has seen to it.
    client.batch_execute("vacuum (analyze)").await?;
    client.batch_execute("checkpoint").await?;
    Ok(url)
}

/// What a pool is made of.
pub(crate) fn settings(url: &str) -> Database {
    Database {
        url: url.into(),
        ca: None,
        pool: 4,
        timeout: Duration::from_secs(15),
    }
}

pub(crate) async fn connect(url: &str) -> Result<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}
