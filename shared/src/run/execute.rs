//! Keeps a run: claims it, lets the work do its part, and closes the row on success, error, panic,
//! cancellation and deadline.

use std::any::Any;
use std::fmt::{self, Display};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use crate::platform::db::Pool;
use anyhow::{Context as _, Result, bail};
use chrono::{DateTime, Utc};
use futures::FutureExt;
use serde::Serialize;
use serde_json::{Map, Value, json};
use tokio::sync::watch;
use tokio_postgres::types::Type;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::journal::{Journal, Writer};
use super::text::{members_without_nul, without_nul};
use super::{Claim, Claimant, Counters, Level, Lost, Run, Status, Step, Watched, announce_lost, claim, held};
use crate::platform::clock;
use crate::platform::db::{self, Executor as _, NoConnection};
use crate::platform::event::{Bus, Event, Finished, Invocation, Requested};

/// Continuations of one request at most: 20 × 15 minutes is a backfill of five hours.
const MAX_HOPS: u32 = 20;
/// How long opening the row may take before it is given up as an error.
const OPENING: Duration = Duration::from_secs(20);
/// How long the database may take when lost runs are announced, before the work begins.
const TELLING: Duration = Duration::from_secs(5);
/// How long writing the last log lines may take, and after it closing the row; less where the deadline is near.
const CLOSING: Duration = Duration::from_secs(15);
/// The same of a run that the database has just failed.
const CLOSING_IN_TROUBLE: Duration = Duration::from_secs(8);
/// What an event carries of an error, in characters: the bus refuses events beyond 256 KB, and the row has it all.
const EXCERPT: usize = 4_000;

/// Which process holds the runs of this one. Lambda sets none: its processes can't be looked for.
static HOLDER: OnceLock<Value> = OnceLock::new();

/// From now on the row of a run says this of who holds it, for whoever may find that it has ended.
pub fn set_holder(holder: Value) {
    HOLDER.get_or_init(|| holder);
}

/// Where runs are kept and announced.
#[derive(Clone)]
pub struct RunStore {
    /// The database.
    pub pool: Pool,
    /// The bus.
    pub bus: Bus,
    /// Follows what the run under way counts, for whoever shows progress.
    pub watch: Option<watch::Sender<Watched>>,
}

/// What is to be run, for whom, and until when.
pub struct RunSpec<'a> {
    /// The script.
    pub script_name: &'static str,
    /// What asked for it.
    pub invocation: &'a Invocation,
    /// When the host ends the run.
    pub deadline_at: DateTime<Utc>,
    /// Ends the run early, as an error, when the host is told to stop.
    pub stop: CancellationToken,
    /// Facts that stand in the row from the start: an object.
    pub metadata: Value,
}

/// What the host says about one invocation.
#[derive(Clone)]
pub struct Context {
    /// The time.
    pub now: DateTime<Utc>,
    /// When the host ends the invocation.
    pub deadline_at: DateTime<Utc>,
    /// Cancelled when the host is told to stop.
    pub stop: CancellationToken,
}

/// How the work came out, short of failing.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// Nothing is left.
    Done,
    /// Some is left.
    Left {
        /// Why; becomes the row's `error_message`.
        reason: String,
        /// The input with which to continue at once; absent where a later run picks it up anyway.
        continue_with: Option<Value>,
    },
}

/// How a run ended, for whoever invoked it.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The run.
    pub run_id: Uuid,
    /// Its script.
    pub script_name: &'static str,
    /// How it ended.
    pub status: Status,
    /// Its batch.
    pub batch_id: Uuid,
    /// What it counted.
    #[serde(flatten)]
    pub counters: Counters,
    /// Why it is not a success.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What it noted.
    pub metadata: Value,
}

/// A run that failed. Shows its whole chain of causes.
#[derive(Debug)]
pub struct Failure(pub anyhow::Error);

/// Runs `work` as a kept run.
///
/// # Errors
///
/// A [`Failure`] if the work failed (its row says why), or if the row could not be opened or closed.
pub async fn execute<W, F>(
    ledger: &RunStore,
    order: RunSpec<'_>,
    now: DateTime<Utc>,
    work: W,
) -> Result<Report, Failure>
where
    W: FnOnce(Arc<Run>) -> F,
    F: Future<Output = Result<Outcome>>,
{
    let batch_id = order.invocation.batch_id.unwrap_or_else(Uuid::now_v7);
    let claim = open(ledger, &order, batch_id, now)
        .await
        .with_context(|| format!("claiming the lease of {}", order.script_name))?;
    match claim {
        Claim::Skipped { id, reason } => {
            let report = skipped(&order, batch_id, id, reason);
            announce(ledger, &report, false).await;
            Ok(report)
        }
        Claim::Granted { id, lost } => {
            let (journal, writer) = Journal::open(&ledger.pool, id);
            let run = Arc::new(Run {
                id,
                script_name: order.script_name,
                batch_id,
                started_at: now,
                deadline_at: order.deadline_at,
                counters: Mutex::default(),
                watch: ledger.watch.clone(),
                metadata: Mutex::default(),
                journal,
            });
            greet(&run, &order, &lost);
            if !lost.is_empty() {
                tell_of_lost(ledger, order.script_name).await;
            }
            carry_out(ledger, &order, &run, writer, work).await
        }
    }
}

async fn carry_out<W, F>(
    ledger: &RunStore,
    order: &RunSpec<'_>,
    run: &Arc<Run>,
    writer: Writer,
    work: W,
) -> Result<Report, Failure>
where
    W: FnOnce(Arc<Run>) -> F,
    F: Future<Output = Result<Outcome>>,
{
    let mut guard = Guard {
        ledger: ledger.clone(),
        run: Some(Arc::clone(run)),
    };
    let ended = ending(run, order, async { work(Arc::clone(run)).await }).await;
    let request = continuation(run, order, &ended);
    let closed = close(&ledger.pool, run, writer, &ended).await;
    guard.run = None;
    let ended = closed.and(ended);
    let (status, reason) = verdict(&ended);
    let report = report(run, status, reason);
    let continues = if let (Ok(_), Some(request)) = (&ended, request) {
        publish(ledger, run.id, Event::Requested(request)).await;
        true
    } else {
        false
    };
    announce(ledger, &report, continues).await;
    ended.map(|_| report).map_err(Failure)
}

async fn open(ledger: &RunStore, order: &RunSpec<'_>, batch_id: Uuid, now: DateTime<Utc>) -> Result<Claim> {
    let triggered_by = without_nul(&order.invocation.triggered_by);
    let event_id = order.invocation.event_id.as_deref().map(without_nul);
    let claimant = Claimant {
        id: Uuid::now_v7(),
        script_name: order.script_name,
        triggered_by: &triggered_by,
        batch_id,
        event_id: event_id.as_deref(),
        deadline_at: order.deadline_at,
        metadata: with_input(order),
    };
    let pool = ledger.pool.within(OPENING);
    db::retry(&pool, || async {
        let mut client = db::connect(&pool).await?;
        let transaction = client.transaction().await?;
        let claim = claim(&transaction, &claimant, now).await?;
        transaction.commit().await?;
        Ok(claim)
    })
    .await
}

/// The row keeps what the run was asked to do, so that it can be asked for again.
fn with_input(order: &RunSpec<'_>) -> Value {
    let mut metadata = order.metadata.clone();
    if let (Value::Object(facts), Value::Object(input)) = (&mut metadata, &order.invocation.input)
        && !input.is_empty()
    {
        facts.insert("input".to_owned(), Value::Object(input.clone()));
    }
    if let (Value::Object(facts), Some(holder)) = (&mut metadata, HOLDER.get()) {
        facts.insert("holder".to_owned(), holder.clone());
    }
    metadata
}

fn greet(run: &Run, order: &RunSpec<'_>, lost: &[Lost]) {
    let meta = json!({"triggered_by": order.invocation.triggered_by, "batch_id": run.batch_id, "hop": order.invocation.hop, "input": order.invocation.input});
    run.info(
        Step::Start,
        format!(
            "{} started, triggered by {}",
            run.script_name, order.invocation.triggered_by
        ),
        meta,
    );
    for Lost { id, .. } in lost {
        run.warn(
            Step::Start,
            format!("closed run {id}, which gave no result before its deadline"),
            json!({"lost_run_id": id}),
        );
    }
}

/// Waits for the work, a panic in it, the host's stop signal, or the last moment to close the row.
async fn ending(run: &Run, order: &RunSpec<'_>, work: impl Future<Output = Result<Outcome>>) -> Result<Outcome> {
    let spare = (run.deadline_at - run.checkpoint_at()) / 2;
    let last_moment = (run.deadline_at - spare - clock::now()).to_std().unwrap_or_default();
    tokio::select! {
        biased;
        ended = AssertUnwindSafe(work).catch_unwind() => match ended {
            Ok(result) => result,
            Err(panic) => bail!("panicked: {}", panic_message(&*panic)),
        },
        () = order.stop.cancelled() => bail!("cancelled: stopped by Ctrl-C or a signal"),
        () = tokio::time::sleep(last_moment) => bail!("out of time: no checkpoint was reached before the deadline"),
    }
}

fn panic_message(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a message")
}

async fn close(pool: &Pool, run: &Run, writer: Writer, ended: &Result<Outcome>) -> Result<()> {
    let (status, reason) = verdict(ended);
    if let Some(shortage) = pool.shortage() {
        run.warn(Step::End, shortage, json!({}));
    }
    farewell(run, status, reason.as_deref());
    run.journal.close();
    let patience = match ended {
        Err(error) if db::is_away(error) => CLOSING_IN_TROUBLE,
        _ => CLOSING,
    };
    if let Err(error) = writer.finish(time_to_close(run, patience)).await {
        tracing::error!(run_id = %run.id, "{error:#}");
        run.note("log_lines_lost", format!("{error:#}"));
    }
    write_end(pool, run, status, reason.as_deref(), time_to_close(run, patience))
        .await
        .with_context(|| match &reason {
            None => format!("closing run {}", run.id),
            Some(reason) => format!("closing run {}, which ended with «{reason}»", run.id),
        })
}

/// Half of what is left until the deadline, within reason: a row that is closed late is closed for nobody.
fn time_to_close(run: &Run, most: Duration) -> Duration {
    let left = (run.deadline_at - clock::now()).to_std().unwrap_or_default();
    (left / 2).clamp(Duration::from_secs(1), most)
}

fn verdict(ended: &Result<Outcome>) -> (Status, Option<String>) {
    match ended {
        Ok(Outcome::Done) => (Status::Success, None),
        Ok(Outcome::Left { reason, .. }) => (Status::Partial, Some(reason.clone())),
        Err(error) => (Status::Error, Some(format!("{error:#}"))),
    }
}

fn farewell(run: &Run, status: Status, reason: Option<&str>) {
    let counters = run.counters();
    let meta = json!(counters);
    let counts = format!(
        "{} fetched, {} inserted, {} updated, {} failed",
        counters.records_fetched, counters.records_inserted, counters.records_updated, counters.records_failed
    );
    match (status, reason) {
        (Status::Error, reason) => run.log(Level::Error, Step::Error, reason.unwrap_or("failed").to_owned(), meta),
        (_, Some(reason)) => run.warn(Step::End, format!("{status}: {counts}; {reason}"), meta),
        (_, None) => run.info(Step::End, format!("{status}: {counts}"), meta),
    }
}

/// Writing the same end twice is no error: the answer to the first may have been lost.
async fn write_end(pool: &Pool, run: &Run, status: Status, reason: Option<&str>, budget: Duration) -> Result<()> {
    let counters = run.counters();
    let metadata = Value::Object(members_without_nul(&held(&run.metadata)));
    let reason = reason.map(without_nul);
    let finished_at = clock::now();
    let pool = pool.within(budget);
    let closed = db::retry(&pool, || async {
        let client = db::connect(&pool).await?;
        let closed = client
            .execute_typed(
                r"
            update runs
            set status = $2,
                finished_at = greatest($3, started_at),
                records_fetched = $4,
                records_inserted = $5,
                records_updated = $6,
                records_failed = $7,
                calls_analyzed = $8,
                api_cost = $9,
                error_message = $10,
                metadata = metadata || $11
            where id = $1
              and (status = 'running' or (status = $2 and finished_at = greatest($3, started_at)))
            ",
                &[
                    (&run.id, Type::UUID),
                    (&status.as_str(), Type::TEXT),
                    (&finished_at, Type::TIMESTAMPTZ),
                    (&counters.records_fetched, Type::INT4),
                    (&counters.records_inserted, Type::INT4),
                    (&counters.records_updated, Type::INT4),
                    (&counters.records_failed, Type::INT4),
                    (&counters.calls_analyzed, Type::INT4),
                    (&counters.api_cost, Type::NUMERIC),
                    (&reason, Type::TEXT),
                    (&metadata, Type::JSONB),
                ],
            )
            .await?;
        Ok(closed)
    })
    .await?;
    if closed == 0 {
        bail!("the row is not running any more: somebody took the run for lost");
    }
    Ok(())
}

fn report(run: &Run, status: Status, reason: Option<String>) -> Report {
    Report {
        run_id: run.id,
        script_name: run.script_name,
        status,
        batch_id: run.batch_id,
        counters: run.counters(),
        reason,
        metadata: Value::Object(held(&run.metadata).clone()),
    }
}

fn skipped(order: &RunSpec<'_>, batch_id: Uuid, id: Uuid, reason: String) -> Report {
    tracing::warn!(run_id = %id, script_name = order.script_name, "skipped: {reason}");
    Report {
        run_id: id,
        script_name: order.script_name,
        status: Status::Skipped,
        batch_id,
        counters: Counters::default(),
        reason: Some(reason),
        metadata: Value::Object(Map::new()),
    }
}

/// What continues the run, unless it went on for too long already.
fn continuation(run: &Run, order: &RunSpec<'_>, ended: &Result<Outcome>) -> Option<Requested> {
    let Ok(Outcome::Left {
        continue_with: Some(input),
        ..
    }) = ended
    else {
        return None;
    };
    if order.invocation.hop >= MAX_HOPS {
        let message = format!("not continued: {MAX_HOPS} continuations did not finish the work");
        run.warn(Step::End, message, json!({"hop": order.invocation.hop}));
        return None;
    }
    Some(Requested {
        script_name: run.script_name.to_owned(),
        triggered_by: "continuation".to_owned(),
        batch_id: Some(run.batch_id),
        input: input.clone(),
        hop: order.invocation.hop + 1,
    })
}

async fn announce(ledger: &RunStore, report: &Report, continues: bool) {
    let finished = Finished {
        run_id: report.run_id,
        script_name: report.script_name.to_owned(),
        status: report.status.as_str().to_owned(),
        batch_id: report.batch_id,
        counters: json!(report.counters),
        error_message: report
            .reason
            .as_ref()
            .map(|reason| reason.chars().take(EXCERPT).collect()),
        continues,
    };
    publish(ledger, report.run_id, Event::Finished(finished)).await;
}

/// What is not told now is told by the next look after the runs.
async fn tell_of_lost(ledger: &RunStore, script_name: &str) {
    let pool = ledger.pool.within(TELLING);
    if let Err(error) = announce_lost(&pool, &ledger.bus, script_name).await {
        tracing::error!("lost runs of {script_name} were not announced yet: {error:#}");
    }
}

/// An event that is lost costs nothing but time: whoever would have been nudged has a schedule too.
async fn publish(ledger: &RunStore, run_id: Uuid, event: Event) {
    if let Err(error) = ledger.bus.publish(event).await {
        tracing::error!(%run_id, "an event was not published: {error}");
    }
}

/// Ends a run whose host dropped it half-way.
struct Guard {
    ledger: RunStore,
    run: Option<Arc<Run>>,
}

impl Drop for Guard {
    fn drop(&mut self) {
        let (Some(run), Ok(runtime)) = (self.run.take(), tokio::runtime::Handle::try_current()) else {
            return;
        };
        runtime.spawn(end_dropped(self.ledger.clone(), run));
    }
}

async fn end_dropped(ledger: RunStore, run: Arc<Run>) {
    let reason = "cancelled: its host dropped it";
    farewell(&run, Status::Error, Some(reason));
    run.journal.close();
    match write_end(&ledger.pool, &run, Status::Error, Some(reason), CLOSING).await {
        Ok(()) => announce(&ledger, &report(&run, Status::Error, Some(reason.to_owned())), false).await,
        Err(error) => tracing::error!(run_id = %run.id, "{error:#}"),
    }
}

impl Failure {
    /// Whether the database refused who asks: its password may have been changed.
    #[must_use]
    pub fn is_authentication(&self) -> bool {
        self.0
            .chain()
            .any(|cause| cause.downcast_ref().is_some_and(NoConnection::is_authentication))
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", self.0)
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self(error)
    }
}
