//! Applies the migrations when the stack is made or changed: a custom resource of CloudFormation.
//!
//! CloudFormation → [`handle`] → [`request`] → [`shared::db::migrate`] → [`answer`] → CloudFormation
//!
//! CloudFormation waits for an answer for up to an hour and knows of no other way to end, so whatever happens is
//! answered, and the settings are read within the invocation: a function that died of them could not answer.

mod answer;
mod request;

use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use shared::config::{Database, Reader};
use shared::db::{self, MigrationError};
use shared::telemetry;
use tokio::time::{Instant, timeout_at};
use tokio_util::task::AbortOnDropHandle;

use answer::Answer;
use request::{Kind, Request};

/// What is kept of an invocation's time for the answer, where a quarter of it is not less.
const RESERVE: Duration = Duration::from_secs(10);
/// What is kept of the reserve to say that the answer could not be delivered.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// What the host knows of an invocation.
#[derive(Clone, Debug)]
pub struct Context {
    /// When it began.
    pub now: DateTime<Utc>,
    /// When the host ends it.
    pub deadline_at: DateTime<Utc>,
    /// Where its log is, for who reads that it failed.
    pub log: String,
}

/// Until when the parts of an invocation may take.
struct Limits {
    work: Instant,
    delivery: Instant,
}

/// The section of the settings that migrations need.
pub fn settings(mut reader: Reader) -> Result<Database> {
    let database = reader.database();
    reader.finish()?;
    Ok(database)
}

/// Does what the event asks for, and answers it; without a request in the event, applies the migrations.
///
/// # Errors
///
/// If there is nobody to answer, or the answer could not be delivered. Work that failed is an answer.
pub async fn handle<S>(settings: S, event: &Value, context: &Context) -> Result<Value>
where
    S: Future<Output = Result<Database>> + Send + 'static,
{
    let limits = Limits::of(context);
    let Some(request) = Request::parse(event)? else {
        return Ok(json!({"applied": applied(settings, limits.work).await?}));
    };
    let outcome = match &request.kind {
        Kind::Create | Kind::Update => applied(settings, limits.work).await,
        // The calls outlive the stack: whoever wants the tables gone drops the database.
        Kind::Delete => Ok(Vec::new()),
        Kind::Unknown(kind) => Err(anyhow!("RequestType is {kind:?}: expected Create, Update or Delete")),
    };
    if let Err(error) = &outcome {
        tracing::error!("{}", telemetry::chain(error.as_ref()));
    }
    let answer = Answer::new(&request, &outcome, &context.log);
    answer
        .deliver(&request.answer_to, limits.delivery)
        .await
        .context("CloudFormation waits for an answer that could not be delivered")?;
    Ok(json!({"answered": answer.status}))
}

/// Applies the migrations in a task of its own, so that neither a panic nor a thread that is kept busy stops the answer.
async fn applied<S>(settings: S, until: Instant) -> Result<Vec<String>>
where
    S: Future<Output = Result<Database>> + Send + 'static,
{
    let work = AbortOnDropHandle::new(tokio::spawn(migrate(settings)));
    match timeout_at(until, work).await {
        Ok(Ok(ended)) => ended,
        Ok(Err(panic)) => Err(panic).context("applying the migrations"),
        Err(_) => bail!("out of time: the migrations were not applied before the function's deadline"),
    }
}

async fn migrate(settings: impl Future<Output = Result<Database>>) -> Result<Vec<String>> {
    let settings = settings.await.context("the settings")?;
    match db::migrate(&settings).await {
        Ok(applied) => {
            tracing::info!(
                migrations.applied = applied.len(),
                "applied {} migrations",
                applied.len()
            );
            Ok(applied)
        }
        // A deployment that is rolled back comes as an update by the code from before it. Migrations are safe for that
        // code and are never taken back; to refuse here would leave the stack stuck half-way.
        Err(newer @ MigrationError::Newer(_)) => {
            tracing::warn!("nothing to apply: {newer}");
            Ok(Vec::new())
        }
        Err(error) => Err(error.into()),
    }
}

impl Limits {
    fn of(context: &Context) -> Self {
        let left = (context.deadline_at - context.now).to_std().unwrap_or_default();
        let reserve = RESERVE.min(left / 4);
        let end = Instant::now() + left;
        Self {
            work: end - reserve,
            delivery: end - LAST_WORDS.min(reserve / 4),
        }
    }
}
