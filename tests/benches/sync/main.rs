//! Times a sync beside two things that no sync can do without: downloading and parsing the same pages, and
//! `COPY` of the same rows. The slower of the two is the floor.
//!
//! Whatever is measured is a process of its own, this program started again, so that its CPU and memory are
//! nobody else's:
//!
//! ```text
//! main ─▶ round ─▶ simulate             the pages
//!              ├─▶ download             pages ─▶ parsed and dropped
//!              ├─▶ once (sync::handle)  pages ─▶ PostgreSQL
//!              └─▶ copy                 rows of one table ─▶ another
//!                    └── measured ─▶ round ─▶ report
//! ```

mod child;
mod copy;
mod download;
mod measured;
mod once;
mod report;
mod round;
mod simulate;

use std::path::PathBuf;

use anyhow::Result;
use chrono::{DateTime, Utc};
use clap::{Parser, Subcommand};
use local::postgres::{Postgres, Settings, find};

/// Up to this many calls, everything is done three times by default; above, once.
const SMALL: usize = 10_000;

/// Times a sync of simulated calls into a PostgreSQL on disk, and prints a table.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    part: Option<Part>,
    /// How many calls; several sizes are measured one after the other.
    #[arg(long, value_delimiter = ',', default_values_t = [10_000, 100_000])]
    calls: Vec<usize>,
    /// How often everything is done; the medians are printed.
    #[arg(long)]
    rounds: Option<usize>,
    /// Cargo passes this to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

/// What a process of its own does.
#[derive(Subcommand)]
#[command(hide = true)]
enum Part {
    /// Serves a world of this many calls until standard input ends.
    Simulate { calls: usize },
    /// Downloads and parses the calls between these instants.
    Download {
        vapi: String,
        #[arg(value_delimiter = ',')]
        edges: Vec<DateTime<Utc>>,
    },
    /// Syncs once.
    Once { vapi: String, database: String },
    /// Copies the rows of one database into another.
    Copy { from: String, to: String },
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    match arguments.part {
        Some(Part::Simulate { calls }) => simulate::serve(calls).await,
        Some(Part::Download { vapi, edges }) => download::run(&vapi, edges).await,
        Some(Part::Once { vapi, database }) => once::run(&vapi, &database).await,
        Some(Part::Copy { from, to }) => copy::run(&from, &to).await,
        None => bench(&arguments.calls, arguments.rounds).await,
    }
}

async fn bench(sizes: &[usize], rounds: Option<usize>) -> Result<()> {
    let pg_bin = std::env::var_os("PG_BIN").map(PathBuf::from);
    let durable = Settings {
        durable: true,
        ..Settings::default()
    };
    let postgres = Postgres::start_with(&find(pg_bin.as_deref())?, &durable).await?;
    let mut lines = Vec::new();
    for &calls in sizes {
        let rounds = rounds.unwrap_or(if calls <= SMALL { 3 } else { 1 });
        lines.push((calls, round::all(&postgres, calls, rounds).await?));
    }
    postgres.stop().await?;
    print!("{}", report::markdown(&lines));
    Ok(())
}
