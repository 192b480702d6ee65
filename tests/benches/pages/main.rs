//! Times the pages, and the SQL functions behind them, on a database as large as they must bear, and makes sure that
//! none of them reads a large table from end to end.
//!
//! ```text
//! main ─▶ seed (seed.sql)               a year of calls in a PostgreSQL on disk, vacuumed
//!      ─▶ addresses, with what is there
//!      ─▶ visit                         one address, or one statement, many times
//!           └── visited, scans ─▶ report
//! ```

mod addresses;
mod report;
mod scans;
mod seed;
mod visit;

use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::Parser;
use local::postgres::{Postgres, Settings, find};

/// Of fewer calls a scan from end to end is the fastest way, and no fault.
const LARGE: i32 = 100_000;

/// Times each page and each SQL function by one client, on made-up data in a PostgreSQL on disk, and prints a table.
#[derive(Parser)]
struct Arguments {
    /// How many calls; a tenth as many runs, and twice as many log lines.
    #[arg(long, default_value_t = 1_000_000)]
    calls: i32,
    /// How often each page is asked for, once it is warm.
    #[arg(long, default_value_t = 200)]
    requests: usize,
    /// Cargo passes this to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

#[tokio::main]
async fn main() -> Result<()> {
    let Arguments { calls, requests, .. } = Arguments::parse();
    let pg_bin = std::env::var_os("PG_BIN").map(PathBuf::from);
    let durable = Settings {
        durable: true,
        ..Settings::default()
    };
    let postgres = Postgres::start_with(&find(pg_bin.as_deref())?, &durable).await?;
    let url = seed::database(&postgres, calls).await?;
    let visited = visit::all(&url, requests).await?;
    postgres.stop().await?;
    print!("{}", report::markdown(calls, &visited));
    let faults = report::faults(&visited, calls >= LARGE);
    ensure!(faults.is_empty(), "{}", faults.join("\n"));
    Ok(())
}
