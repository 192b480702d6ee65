//! Times a scoring run beside the time that the judge alone takes for it, and beside what a judge that limits
//! itself lets through.
//!
//! Whatever is measured is a process of its own, this program started again, as in the benchmark of syncing:
//!
//! ```text
//! main ─▶ calls                         conversations ─▶ a database that is copied for each run
//!      ─▶ round ─▶ judge                answers after 400 ms; some refuse what comes too fast
//!              ├─▶ once (qci::handle)   one call, then all of them
//!              └─▶ ask                  the same requests alone, the answers dropped
//!      ─▶ archive ─▶ once              ten calls among a million that were looked at
//!                    └── measured ─▶ round ─▶ report
//! ```

mod archive;
mod ask;
mod calls;
mod case;
#[path = "../sync/child.rs"]
mod child;
mod judge;
#[path = "../sync/measured.rs"]
mod measured;
mod once;
mod report;
mod round;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Parser, Subcommand};
use local::postgres::{Postgres, Settings, find};

use crate::case::Case;

/// Times the scoring of simulated calls in a PostgreSQL on disk by a simulated judge, and prints a table.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    part: Option<Part>,
    /// How many calls.
    #[arg(long, default_value_t = 500)]
    calls: usize,
    /// Requests to the judge at once; several are measured one after the other.
    #[arg(long, value_delimiter = ',', default_values_t = [15, 50])]
    concurrency: Vec<usize>,
    /// How many requests a second the judge of the second part lets in.
    #[arg(long, default_value_t = 25)]
    limit: usize,
    /// How often everything is done; the medians are printed.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// In place of all this: ten new calls among so many that were looked at before.
    #[arg(long)]
    archive: Option<i32>,
    /// Cargo passes this to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

/// What a process of its own does.
#[derive(Subcommand)]
#[command(hide = true)]
enum Part {
    /// Judges until standard input ends; lets in so many requests a second, or all.
    Judge { limit: Option<usize> },
    /// Scores so many calls.
    Once {
        judge: String,
        database: String,
        concurrency: usize,
        calls: usize,
    },
    /// Sends the requests that standard input holds.
    Ask { judge: String, concurrency: usize },
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    match &arguments.part {
        Some(Part::Judge { limit }) => judge::serve(*limit).await,
        Some(Part::Once {
            judge,
            database,
            concurrency,
            calls,
        }) => once::run(judge, database, *concurrency, *calls).await,
        Some(Part::Ask { judge, concurrency }) => ask::run(judge, *concurrency).await,
        None => bench(&arguments).await,
    }
}

async fn bench(arguments: &Arguments) -> Result<()> {
    let pg_bin = std::env::var_os("PG_BIN").map(PathBuf::from);
    let durable = Settings {
        durable: true,
        ..Settings::default()
    };
    let postgres = Postgres::start_with(&find(pg_bin.as_deref())?, &durable).await?;
    if let Some(size) = arguments.archive {
        print!("{}", archive::bench(&postgres, size).await?);
        return postgres.stop().await;
    }
    calls::store(&postgres, arguments.calls).await?;
    let cases = [None, Some(arguments.limit)].into_iter().flat_map(|limit| {
        arguments.concurrency.iter().map(move |&concurrency| Case {
            calls: arguments.calls,
            concurrency,
            limit,
        })
    });
    let ended = round::all(&postgres, &cases.collect::<Vec<_>>(), arguments.rounds).await?;
    postgres.stop().await?;
    print!("{}", report::markdown(&ended));
    Ok(())
}
