//! The sync function on AWS Lambda: reads the settings, builds what [`sync::handle`] needs, and serves.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use chrono::{DateTime, TimeDelta, Utc};
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde_json::Value;
use shared::config::Reader;
use shared::event::{Bus, Invocation};
use shared::run::{Failure, Ledger, Report};
use shared::{clock, db, telemetry};
use sync::{Context, Deps, Vapi, VapiError};
use tokio::sync::Mutex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How long settings are used before the secret is read again.
const SETTINGS_LAST: Duration = Duration::from_mins(15);

/// The settings as last read, and what was built of them.
struct Wired {
    deps: Deps,
    read_at: Instant,
}

/// The error of an invocation, with its whole chain of causes.
struct Reported(Failure);

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    telemetry::init(telemetry::Form::Json, "info");
    // A setting that is wrong stops the function at its start, in one line, and not at its first call.
    let wired = match wire().await {
        Ok(wired) => Mutex::new(wired),
        Err(error) => {
            tracing::error!("{error:#}");
            std::process::exit(2);
        }
    };
    lambda_runtime::run(service_fn(|event: LambdaEvent<Value>| invoke(&wired, event))).await
}

async fn wire() -> Result<Wired> {
    let mut reader = Reader::load().await?;
    let (database, vapi, settings, events) = (reader.database(), reader.vapi(), reader.sync(), reader.events());
    reader.finish()?;
    let bus = match events.bus_name {
        None => Bus::Nowhere,
        Some(name) => Bus::connect(name).await,
    };
    let ledger = Ledger {
        pool: db::pool(&database)?,
        bus,
        watch: None,
    };
    Ok(Wired {
        deps: Deps {
            ledger,
            vapi: Arc::new(Vapi::new(&vapi)?),
            settings,
        },
        read_at: Instant::now(),
    })
}

/// One invocation. A key or password that is refused may have been rotated: the secret is read again, once.
async fn invoke(wired: &Mutex<Wired>, event: LambdaEvent<Value>) -> Result<Report, Reported> {
    let (payload, context) = event.into_parts();
    let invocation = Invocation::parse(payload, &context.request_id)
        .context("the event")
        .map_err(Failure)?;
    let now = clock::now();
    let host = Context {
        now,
        deadline_at: deadline(context.deadline().into(), now),
        stop: CancellationToken::new(),
    };
    let mut wired = wired.lock().await;
    if wired.read_at.elapsed() >= SETTINGS_LAST {
        *wired = wire().await.map_err(Failure)?;
    }
    match sync::handle(&wired.deps, &invocation, &host).await {
        Err(failure) if is_refused(&failure) => {
            tracing::warn!("reading the settings again: {failure}");
            *wired = wire().await.map_err(Failure)?;
            Ok(sync::handle(
                &wired.deps,
                &invocation,
                &Context {
                    now: clock::now(),
                    ..host
                },
            )
            .await?)
        }
        ended => Ok(ended?),
    }
}

/// `cargo lambda watch` gives how long the invocation may take where Lambda gives the instant at which it ends.
fn deadline(told: DateTime<Utc>, now: DateTime<Utc>) -> DateTime<Utc> {
    let since_1970 = told - DateTime::UNIX_EPOCH;
    if since_1970 < TimeDelta::days(1) {
        now + since_1970
    } else {
        told
    }
}

fn is_refused(failure: &Failure) -> bool {
    failure.0.chain().any(|cause| {
        matches!(cause.downcast_ref(), Some(VapiError::Unauthorized { .. }))
            || cause.downcast_ref().is_some_and(db::is_authentication)
    })
}

impl From<Failure> for Reported {
    fn from(failure: Failure) -> Self {
        Self(failure)
    }
}

/// The runtime logs this form of an error: one line, causes included.
impl fmt::Debug for Reported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl From<Reported> for Diagnostic {
    fn from(Reported(failure): Reported) -> Self {
        Self {
            error_type: "Failure".to_owned(),
            error_message: failure.to_string(),
        }
    }
}
