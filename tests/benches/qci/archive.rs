//! Ten new calls in an archive that a framework has looked at: what a run asks of the database depends on what is new.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use local::postgres::Postgres;
use tokio_postgres::{Client, NoTls};

use crate::judge::Judge;
use crate::{calls, child};

const ARCHIVE: &str = "archive";
/// New calls, before each run that is measured.
const NEW: usize = 10;
const RUNS: usize = 3;
/// What a run over them may ask of the database.
const MOST: Duration = Duration::from_millis(100);
/// A connection that ends does so within moments.
const PATIENCE: Duration = Duration::from_secs(30);

/// The first run, which reads every call, and some over ten new ones; as Markdown.
pub(crate) async fn bench(postgres: &Postgres, size: i32) -> Result<String> {
    calls::store(postgres, 1 + NEW * RUNS).await?;
    postgres.create_database(ARCHIVE).await?;
    let url = postgres.url(ARCHIVE);
    let new = new_calls(postgres).await?;
    fill(&url, size).await.context("making up calls")?;
    let mut judge = Judge::start(None).await?;
    let mut out = format!("| what, among {size} calls | calls scored | database ms |\n|---|---:|---:|\n");
    let first = run(postgres, &judge.url, &url, 1, &new[..1]).await?;
    writeln!(out, "| first run: every call is read | 1 | {} |", first.as_millis())?;
    let mut slowest = Duration::ZERO;
    for calls in new[1..].chunks_exact(NEW) {
        let took = run(postgres, &judge.url, &url, NEW, calls).await?;
        slowest = slowest.max(took);
        writeln!(out, "| {NEW} new calls | {NEW} | {} |", took.as_millis())?;
    }
    judge.forget().await?;
    judge.stop().await?;
    let verdict = if slowest < MOST { "holds" } else { "**missed**" };
    writeln!(out, "\n- less than {} ms of database time: {verdict}", MOST.as_millis())?;
    Ok(out)
}

/// Conversations as rows, in JSON.
async fn new_calls(postgres: &Postgres) -> Result<Vec<String>> {
    let original = connect(&postgres.url(calls::ORIGINAL)).await?;
    let rows = "select to_jsonb(call)::text from vapi_calls_raw as call order by created_at, id";
    let rows = original.query(rows, &[]).await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

async fn fill(url: &str, size: i32) -> Result<()> {
    let settings = shared::platform::config::Database {
        url: url.into(),
        ca: None,
        pool: 4,
        timeout: Duration::from_secs(15),
    };
    shared::platform::db::migrate(&settings).await?;
    let client = connect(url).await?;
    let set = "select set_config('archive.calls', $1, false)";
    client.execute(set, &[&size.to_string()]).await?;
    client.batch_execute(include_str!("archive.sql")).await?;
    client.batch_execute("vacuum (analyze)").await?;
    client.batch_execute("checkpoint").await?;
    Ok(())
}

/// Stores these calls, scores what is new, and tells how long the server was at work on the run's statements.
async fn run(postgres: &Postgres, judge: &str, url: &str, expected: usize, calls: &[String]) -> Result<Duration> {
    let client = connect(url).await?;
    let columns = "select string_agg(quote_ident(attname), ', ') from pg_attribute
                   where attrelid = 'vapi_calls_raw'::regclass and attnum > 0 and not attisdropped and attgenerated = ''
                     and attname not in ('changed_in', 'counted_in')";
    let columns: String = client.query_one(columns, &[]).await?.get(0);
    let insert = format!(
        "insert into vapi_calls_raw ({columns})
         select {columns} from jsonb_populate_record(null::vapi_calls_raw, $1::text::jsonb)"
    );
    for call in calls {
        client.execute(&insert, &[call]).await?;
    }
    drop(client);
    let observer = connect(&postgres.url("postgres")).await?;
    let before = active_time(&observer).await?;
    let count = (2 * expected).to_string();
    let measured = child::measure(&["once", judge, url, "15", &count]).await?;
    let after = active_time(&observer).await?;
    ensure!(
        measured.calls == expected as u64,
        "{} calls were scored",
        measured.calls
    );
    Ok(after.saturating_sub(before))
}

/// How long statements have run in the archive. Connections hand in what they counted when they end.
async fn active_time(observer: &Client) -> Result<Duration> {
    let since = std::time::Instant::now();
    loop {
        let open = "select count(*) from pg_stat_activity where datname = $1 and backend_type = 'client backend'";
        let open: i64 = observer.query_one(open, &[&ARCHIVE]).await?.get(0);
        if open == 0 {
            break;
        }
        ensure!(since.elapsed() < PATIENCE, "a connection does not end");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let time = "select active_time from pg_stat_database where datname = $1";
    let millis: f64 = observer.query_one(time, &[&ARCHIVE]).await?.get(0);
    Ok(Duration::from_secs_f64(millis / 1000.0))
}

async fn connect(url: &str) -> Result<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}
