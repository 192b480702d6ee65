//! Applies the migrations when the stack is made or changed: a custom resource of CloudFormation.
//!
//! CloudFormation → [`handle`] → [`request`] → [`shared::platform::db::migrate`] or [`adopt`] → [`answer`] → CloudFormation
//!
//! CloudFormation waits for an answer for up to an hour and knows of no other way to end, so whatever happens is
//! answered, and the settings are read within the invocation: a function that died of them could not answer.

pub mod adopt;
mod answer;
mod request;

use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Value, json};
use shared::platform::config::{Database, Reader};
use shared::platform::db::{self, MigrationError};
use shared::platform::{clock, telemetry};
use shared::store::backfill;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};
use tokio_util::task::AbortOnDropHandle;

use adopt::{Adopted, Plan};
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

/// What is kept of the work's time so that a batch which is being copied can end.
const BATCH: Duration = Duration::from_secs(5);

/// What is to be done to the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wish {
    /// The migrations are applied; the earlier system's tables are in the way.
    Migrate,
    /// The earlier system's tables are adopted, where there are any.
    Adopt,
    /// Nothing: only what an adoption would do is told.
    Plan,
}

/// What was done to it.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Done {
    pub(crate) applied: Vec<String>,
    /// What was done after the migrations.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    later: Vec<String>,
    /// What `callmark migrate` is left to do.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) left: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) adopted: Option<Adopted>,
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<Plan>,
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

/// Does what the event asks for, and answers it; without a request in the event, applies the migrations, or with
/// `{"adopt": true}` adopts the earlier system's tables, and with `"dry_run": true` beside it tells what that would do.
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
        return Ok(json!(done(settings, Wish::of(event)?, limits.work).await?));
    };
    let wish = if request.adopt { Wish::Adopt } else { Wish::Migrate };
    let outcome = match &request.kind {
        Kind::Create | Kind::Update => done(settings, wish, limits.work).await,
        // The calls outlive the stack: whoever wants the tables gone drops the database.
        Kind::Delete => Ok(Done::default()),
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

/// Works in a task of its own, so that neither a panic nor a thread that is kept busy stops the answer.
async fn done<S>(settings: S, wish: Wish, until: Instant) -> Result<Done>
where
    S: Future<Output = Result<Database>> + Send + 'static,
{
    let work = AbortOnDropHandle::new(tokio::spawn(work(settings, wish, until)));
    match timeout_at(until, work).await {
        Ok(Ok(ended)) => ended,
        Ok(Err(panic)) => Err(panic).context("applying the migrations"),
        Err(_) => bail!("out of time: the migrations were not applied before the function's deadline"),
    }
}

async fn work(settings: impl Future<Output = Result<Database>>, wish: Wish, until: Instant) -> Result<Done> {
    let settings = settings.await.context("the settings")?;
    match wish {
        Wish::Plan => Ok(Done {
            plan: Some(adopt::plan(&db::pool(&settings)?).await?),
            ..Done::default()
        }),
        Wish::Adopt if adopt::is_there(&db::pool(&settings)?).await? => adopted(&settings, until).await,
        Wish::Adopt | Wish::Migrate => migrate(&settings, until).await,
    }
}

/// Adopts what there is time for. The rest waits for the next adoption: our tables are there, and syncs may begin.
async fn adopted(settings: &Database, until: Instant) -> Result<Done> {
    let (watch, _) = watch::channel(adopt::Stage::default());
    let late = until - BATCH.min((until - Instant::now()) / 4);
    let mut adopted = adopt::adopt(settings, &watch, || Instant::now() >= late, clock::now).await?;
    let rows: i64 = adopted.tables.iter().map(|table| table.rows_read).sum();
    if adopted.is_complete {
        tracing::info!("adopted the earlier system's tables: {rows} rows were looked at");
    } else {
        tracing::warn!(
            "the time ended after {rows} rows of the earlier system's tables: invoke this function with \
             {{\"adopt\": true}} until is_complete is true"
        );
    }
    Ok(Done {
        applied: std::mem::take(&mut adopted.applied),
        adopted: Some(adopted),
        ..Done::default()
    })
}

/// What takes longer than there is time for is left to `callmark migrate`: the code does without it, only slower.
async fn migrate(settings: &Database, until: Instant) -> Result<Done> {
    let late = until - BATCH.min((until - Instant::now()) / 4);
    match adopt::migrate(settings, Some(late)).await {
        Ok(migrated) => {
            let count = migrated.applied.len();
            tracing::info!(migrations.applied = count, "applied {count} migrations");
            let left = left(settings, migrated.left).await;
            if !left.is_empty() {
                let why = migrated.trouble.as_ref().map(|trouble| telemetry::chain(trouble));
                let why = why.map_or_else(String::new, |why| format!(" ({why})"));
                tracing::warn!("left to `callmark migrate`: {}{why}", left.join(", "));
            }
            Ok(Done {
                applied: migrated.applied,
                later: migrated.later,
                left,
                ..Done::default()
            })
        }
        // A deployment that is rolled back comes as an update by the code from before it. Migrations are safe for that
        // code and are never taken back; to refuse here would leave the stack stuck half-way.
        Err(error) => match error.downcast_ref() {
            Some(newer @ MigrationError::Newer(_)) => {
                tracing::warn!("nothing to apply: {newer}");
                Ok(Done::default())
            }
            _ => Err(error),
        },
    }
}

/// What is left after the migrations, rows to change among it. Where that cannot be told, nothing fails of it.
async fn left(settings: &Database, mut left: Vec<String>) -> Vec<String> {
    let open = async {
        let client = db::connect(&db::pool(settings)?).await?;
        anyhow::Ok(backfill::left(&client).await?)
    };
    match open.await {
        Ok(open) => left.extend(open.into_iter().map(|open| format!("the backfill {}", open.name))),
        Err(error) => tracing::warn!("reading what is left: {}", telemetry::chain(error.as_ref())),
    }
    left
}

impl Wish {
    /// What whoever invokes the function by hand asks for.
    fn of(event: &Value) -> Result<Self> {
        let truth = |name: &str| match event.get(name) {
            None | Some(Value::Null) => Ok(false),
            Some(Value::Bool(value)) => Ok(*value),
            Some(other) => bail!("`{name}` is {other}: expected true or false"),
        };
        let (adopt, dry_run) = (truth("adopt")?, truth("dry_run")?);
        ensure!(
            adopt || !dry_run,
            "`dry_run` needs `adopt`: migrations are applied or not"
        );
        Ok(match (adopt, dry_run) {
            (true, true) => Self::Plan,
            (true, false) => Self::Adopt,
            _ => Self::Migrate,
        })
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
