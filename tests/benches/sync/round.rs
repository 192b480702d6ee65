//! One round: both floors and the three syncs, one after the other, on the same calls.

use anyhow::{Result, ensure};
use local::postgres::Postgres;
use shared::platform::config;

use crate::child;
use crate::copy::connect;
use crate::measured::Measured;
use crate::simulate::Simulator;

/// A sync that finds nothing is over so soon that one of it says little.
const IDLE_SYNCS: usize = 3;

/// A sync that was measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sync {
    pub(crate) measured: Measured,
    /// Pages of calls that it asked for.
    pub(crate) pages: u64,
}

/// What a round came to.
#[derive(Clone, Debug)]
pub(crate) struct Round {
    /// Bytes of all documents.
    pub(crate) bytes: u64,
    pub(crate) download: Measured,
    pub(crate) copy: Measured,
    pub(crate) first: Sync,
    pub(crate) nothing_new: Vec<Sync>,
    pub(crate) changed: Sync,
}

/// Rounds on worlds of this many calls.
pub(crate) async fn all(postgres: &Postgres, calls: usize, rounds: usize) -> Result<Vec<Round>> {
    let mut ended = Vec::new();
    for round in 1..=rounds {
        eprintln!("{calls} calls: round {round} of {rounds}");
        // A world of its own: what the last round changed would not be old enough to pass for nothing new.
        let mut simulator = Simulator::start(calls).await?;
        ended.push(one(postgres, &mut simulator, calls as u64).await?);
        simulator.stop().await?;
    }
    Ok(ended)
}

async fn one(postgres: &Postgres, simulator: &mut Simulator, calls: u64) -> Result<Round> {
    let loaded = fresh(postgres, "loaded").await?;
    let copied = fresh(postgres, "copied").await?;
    let served = simulator.served.clone();
    let edges: Vec<String> = served.edges.iter().map(ToString::to_string).collect();

    let download = child::measure(&["download", &served.url, &edges.join(",")]).await?;
    expect("the download", download.calls, calls)?;
    settle(&loaded).await?;
    let first = sync(simulator, &loaded).await?;
    expect("the first load", first.measured.calls, calls)?;
    // The second sync reads everything once more, once in the life of a database: it is no sync with nothing new.
    let again = sync(simulator, &loaded).await?;
    expect("the second reading", again.measured.calls, 0)?;
    let mut nothing_new = Vec::new();
    for _ in 0..IDLE_SYNCS {
        let sync = sync(simulator, &loaded).await?;
        expect("a sync with nothing new", sync.measured.calls, 0)?;
        nothing_new.push(sync);
    }
    settle(&copied).await?;
    let copy = child::measure(&["copy", &loaded, &copied]).await?;
    expect("the copy", copy.calls, calls)?;
    settle(&loaded).await?;
    let expected = simulator.change().await?;
    let changed = sync(simulator, &loaded).await?;
    expect("the sync of changed calls", changed.measured.calls, expected)?;

    for name in ["loaded", "copied"] {
        postgres.drop_database(name).await?;
    }
    Ok(Round {
        bytes: served.bytes,
        download,
        copy,
        first,
        nothing_new,
        changed,
    })
}

async fn sync(simulator: &mut Simulator, database: &str) -> Result<Sync> {
    simulator.pages().await?;
    let measured = child::measure(&["once", &simulator.served.url, database]).await?;
    let pages = simulator.pages().await?;
    Ok(Sync { measured, pages })
}

/// An empty database with the product's tables; returns its address.
async fn fresh(postgres: &Postgres, name: &str) -> Result<String> {
    postgres.create_database(name).await?;
    let settings = config::Database {
        url: postgres.url(name).into(),
        ca: None,
        pool: 2,
        timeout: std::time::Duration::from_secs(15),
    };
    shared::platform::db::migrate(&settings).await?;
    Ok(postgres.url(name))
}

/// Lets what went before be written to disk, so that nobody pays for somebody else's checkpoint.
async fn settle(url: &str) -> Result<()> {
    Ok(connect(url).await?.batch_execute("checkpoint").await?)
}

fn expect(what: &str, found: u64, expected: u64) -> Result<()> {
    ensure!(found == expected, "{what} came to {found} calls instead of {expected}");
    Ok(())
}
