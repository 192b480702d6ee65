//! The cases, each as often as there are rounds: a run with one call, one with all, and the requests of it alone.

use std::time::Duration;

use anyhow::{Result, ensure};
use local::postgres::Postgres;
use tokio_postgres::NoTls;

use crate::case::{Case, LATENCY};
use crate::judge::{Heard, Judge};
use crate::measured::Measured;
use crate::{ask, calls, child};

/// The database of the run under way.
const COPY: &str = "scored";

/// A case that was timed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timed {
    /// A run with one call, less the judge's latency: all that a run costs however many calls it has.
    pub(crate) start_up: Duration,
    /// The run with all calls.
    pub(crate) scoring: Scoring,
    /// Its requests alone, where the judge has no limit that they would run against.
    pub(crate) alone: Option<Measured>,
}

/// A scoring run, as it, the judge and the database saw it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scoring {
    pub(crate) measured: Measured,
    pub(crate) heard: Heard,
    pub(crate) stored: Stored,
}

/// What a run left in the database.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stored {
    /// Calls that have a score.
    pub(crate) scored: usize,
    /// Calls that have none although the judge was asked.
    pub(crate) failed: usize,
    /// Answers that were paid for.
    pub(crate) answers: usize,
}

/// Times every case in every round; the cases in their order, each with its rounds.
pub(crate) async fn all(postgres: &Postgres, cases: &[Case], rounds: usize) -> Result<Vec<(Case, Vec<Timed>)>> {
    let mut ended: Vec<(Case, Vec<Timed>)> = cases.iter().map(|case| (*case, Vec::new())).collect();
    for round in 1..=rounds {
        for (case, timed) in &mut ended {
            eprintln!("{case}: round {round} of {rounds}");
            timed.push(one(postgres, case).await?);
        }
    }
    Ok(ended)
}

async fn one(postgres: &Postgres, case: &Case) -> Result<Timed> {
    let mut judge = Judge::start(case.limit).await?;
    let first = score(postgres, &mut judge, case, 1).await?;
    judge.forget().await?;
    let scoring = score(postgres, &mut judge, case, case.calls).await?;
    let alone = match case.limit {
        None => Some(ask(&mut judge, case).await?),
        Some(_) => None,
    };
    judge.stop().await?;
    Ok(Timed {
        start_up: first.measured.wall.saturating_sub(LATENCY),
        scoring,
        alone,
    })
}

/// Scores so many calls of a fresh copy, and makes sure that none is lost and none is asked about twice.
async fn score(postgres: &Postgres, judge: &mut Judge, case: &Case, calls: usize) -> Result<Scoring> {
    let database = calls::copy(postgres, COPY).await?;
    let (concurrency, count) = (case.concurrency.to_string(), calls.to_string());
    let measured = child::measure(&["once", &judge.url, &database, &concurrency, &count]).await?;
    let (heard, stored) = (judge.heard().await?, stored(&database).await?);
    postgres.drop_database(COPY).await?;
    for (what, found) in [
        ("calls that the run counted", usize::try_from(measured.calls)?),
        ("calls with a score", stored.scored),
        ("answers that were paid for", stored.answers),
        ("answers that the judge gave", heard.answered),
    ] {
        ensure!(found == calls, "{found} {what} instead of {calls}");
    }
    ensure!(stored.failed == 0, "{} calls failed", stored.failed);
    ensure!(heard.at_once <= case.concurrency, "{} requests at once", heard.at_once);
    Ok(Scoring {
        measured,
        heard,
        stored,
    })
}

/// Sends the requests that the judge heard last once more, and nothing else.
async fn ask(judge: &mut Judge, case: &Case) -> Result<Measured> {
    let requests = judge.requests().await?;
    let measured = ask::measure(&judge.url, &requests, case.concurrency).await?;
    ensure!(measured.calls == case.calls as u64, "{} answers", measured.calls);
    Ok(measured)
}

async fn stored(database: &str) -> Result<Stored> {
    let (client, connection) = tokio_postgres::connect(database, NoTls).await?;
    tokio::spawn(connection);
    let row = client
        .query_one(
            r"
            select (select count(*) from qci_analyses where status = 'scored') as scored,
                   (select count(*) from qci_analyses where status in ('failed', 'parked')) as failed,
                   (select count(*) from judge_requests) as answers
            ",
            &[],
        )
        .await?;
    let count = |column| usize::try_from(row.get::<_, i64>(column));
    Ok(Stored {
        scored: count("scored")?,
        failed: count("failed")?,
        answers: count("answers")?,
    })
}
