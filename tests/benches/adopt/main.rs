//! Adopts a large database of the earlier system, and measures what that costs and whom it keeps waiting.
//!
//! ```text
//! main ─▶ seed (schema.sql, seed.sql)     in a PostgreSQL on disk, vacuumed
//!      ─▶ a process for each part: dry run, adopt, verify
//!           beside it `beside`: a reader, and a look at the open transactions
//! ```

mod beside;
#[path = "../sync/child.rs"]
mod child;
#[path = "../sync/measured.rs"]
mod measured;

use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use clap::{Parser, ValueEnum};
use local::earlier;
use local::postgres::{Postgres, Settings, find};
use migrate::adopt;
use shared::platform::config::Database;
use shared::platform::{clock, db};
use tokio::sync::watch;
use tokio_postgres::{Client, NoTls};

use beside::Beside;
use measured::{Measured, Watch};

const NAME: &str = "earlier";

/// Adopts made-up calls from a PostgreSQL on disk by a process of its own, and prints a table.
#[derive(Parser)]
struct Arguments {
    /// How many calls; a tenth as many analyses, a fiftieth as many runs.
    #[arg(long, default_value_t = 1_000_000)]
    calls: u32,
    /// What this process does, once it was started by another one.
    #[arg(long, hide = true, requires = "url")]
    part: Option<Part>,
    /// Where.
    #[arg(long, hide = true)]
    url: Option<String>,
    /// Cargo passes this to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Part {
    DryRun,
    Adopt,
    Verify,
}

#[tokio::main]
async fn main() -> Result<()> {
    let Arguments { calls, part, url, .. } = Arguments::parse();
    if let Some((part, url)) = part.zip(url) {
        return child::say(&work(part, &url).await?);
    }
    let pg_bin = std::env::var_os("PG_BIN").map(PathBuf::from);
    let durable = Settings {
        durable: true,
        ..Settings::default()
    };
    let postgres = Postgres::start_with(&find(pg_bin.as_deref())?, &durable).await?;
    let url = postgres.url(NAME);
    postgres.create_database(NAME).await?;
    seed(&url, calls).await?;
    println!(
        "| {calls} calls | wall s | client CPU s | peak memory MB | longest transaction s | longest wait of a reader ms |"
    );
    println!("|---|---:|---:|---:|---:|---:|");
    for (what, part) in [("dry run", "dry-run"), ("adopt", "adopt"), ("verify", "verify")] {
        let beside = Beside::start(&url).await?;
        let measured = child::measure(&["--part", part, "--url", &url]).await?;
        let seen = beside.stop().await?;
        println!(
            "| {what} | {:.1} | {:.1} | {} | {:.2} | {} |",
            measured.wall.as_secs_f64(),
            measured.cpu.as_secs_f64(),
            measured.peak_memory / 1_000_000,
            seen.longest_transaction.as_secs_f64(),
            seen.longest_wait.as_millis(),
        );
    }
    postgres.stop().await
}

/// One part, in a process of its own.
async fn work(part: Part, url: &str) -> Result<Measured> {
    let settings = Database {
        url: url.into(),
        ca: None,
        pool: 4,
        timeout: std::time::Duration::from_secs(15),
    };
    let watch = Watch::start()?;
    let rows = match part {
        Part::DryRun => adopt::plan(&db::pool(&settings)?)
            .await?
            .tables
            .iter()
            .map(|table| table.rows)
            .sum(),
        Part::Adopt => {
            let (stages, _) = watch::channel(adopt::Stage::default());
            let adopted = adopt::adopt(&settings, &stages, || false, clock::now).await?;
            ensure!(adopted.is_complete, "{adopted:#?}");
            adopted.tables.iter().map(|table| table.rows_taken).sum()
        }
        Part::Verify => {
            let verified = adopt::verify(&db::pool(&settings)?, clock::now()).await?;
            ensure!(verified.is_good, "{verified:#?}");
            0
        }
    };
    let rows: i64 = rows;
    watch.stop(rows.unsigned_abs())
}

async fn seed(url: &str, calls: u32) -> Result<()> {
    let client = connect(url).await?;
    client.batch_execute(earlier::TABLES).await?;
    // The statements read it; a parameter cannot stand in several statements.
    client
        .execute("select set_config('seed.calls', $1, false)", &[&calls.to_string()])
        .await?;
    client
        .batch_execute(include_str!("seed.sql"))
        .await
        .context("making up calls")?;
    client.batch_execute("vacuum (analyze)").await?;
    client.batch_execute("checkpoint").await?;
    Ok(())
}

async fn connect(url: &str) -> Result<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}
