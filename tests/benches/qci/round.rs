//! The cases, each as often as there are rounds: a run with one call, then one with all.

use std::time::Duration;

use anyhow::{Result, ensure};
use local::postgres::Postgres;
use tokio_postgres::NoTls;

use crate::case::{Case, LATENCY};
use crate::judge::{Heard, Judge};
use crate::measured::Measured;
use crate::{calls, child};

/// The database of the run under way.
const COPY: &str = "scored";

/// A case that was timed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timed {
    /// A run with one call, less the judge's latency: all that a run costs however many calls it has.
    pub(crate) start_up: Duration,
    /// The run with all calls.
    pub(crate) measured: Measured,
    pub(crate) heard: Heard,
    pub(crate) stored: Stored,
}

/// What the run left in the database.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stored {
    /// Calls that have a score.
    pub(crate) scored: usize,
    /// Calls that have none although the judge was asked.
    pub(crate) failed: usize,
    /// Answers that were paid for.
    pub(crate) answers: usize,
    /// What such an answer took, as the run saw it: the median, in milliseconds.
    pub(crate) answer_ms: f64,
}

/// Times every case in every round; the cases in their order, each with its rounds.
pub(crate) async fn all(postgres: &Postgres, cases: &[Case], rounds: usize) -> Result<Vec<(Case, Vec<Timed>)>> {
    let mut ended: Vec<(Case, Vec<Timed>)> = cases.iter().map(|case| (*case, Vec::new())).collect();
    for round in 1..=rounds {
        for (case, timed) in &mut ended {
            eprintln!("{case:?}: round {round} of {rounds}");
            timed.push(one(postgres, case).await?);
        }
    }
    Ok(ended)
}

async fn one(postgres: &Postgres, case: &Case) -> Result<Timed> {
    let mut judge = Judge::start(case.limit).await?;
    let (first, ..) = score(postgres, &mut judge, case, 1).await?;
    let (measured, heard, stored) = score(postgres, &mut judge, case, case.calls).await?;
    judge.stop().await?;
    Ok(Timed {
        start_up: first.wall.saturating_sub(LATENCY),
        measured,
        heard,
        stored,
    })
}

/// Scores so many calls of a fresh copy, and makes sure that none is lost and none was asked for twice.
async fn score(postgres: &Postgres, judge: &mut Judge, case: &Case, calls: usize) -> Result<(Measured, Heard, Stored)> {
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
    Ok((measured, heard, stored))
}

async fn stored(database: &str) -> Result<Stored> {
    let (client, connection) = tokio_postgres::connect(database, NoTls).await?;
    tokio::spawn(connection);
    let row = client
        .query_one(
            r"
            select (select count(*) from qci_analyses where status = 'scored') as scored,
                   (select count(*) from qci_analyses where status in ('failed', 'parked')) as failed,
                   (select count(*) from judge_requests) as answers,
                   (select percentile_cont(0.5) within group (order by duration_ms) from judge_requests) as answer_ms
            ",
            &[],
        )
        .await?;
    let count = |column| usize::try_from(row.get::<_, i64>(column));
    Ok(Stored {
        scored: count("scored")?,
        failed: count("failed")?,
        answers: count("answers")?,
        answer_ms: row.get("answer_ms"),
    })
}
