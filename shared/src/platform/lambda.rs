//! A function on AWS Lambda: settings read once and again, invocations parsed, errors told with their causes.

use std::fmt;
use std::time::Duration;

use anyhow::{Context as _, Result};
use chrono::{DateTime, TimeDelta, Utc};
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde::Serialize;
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::platform::event::Invocation;
use crate::platform::{clock, telemetry};
use crate::run::{Context, Failure};

/// How long settings are used before the secret is read again.
const SETTINGS_LAST: Duration = Duration::from_mins(15);

/// What was built of the settings, and when they were read.
struct Wired<D> {
    deps: D,
    read_at: Instant,
}

/// The error of an invocation, with its whole chain of causes.
pub struct Reported(Failure);

/// Serves invocations until Lambda ends the process.
///
/// `wire` reads the settings and builds what `handle` works with. It is asked again once what it gave is a quarter
/// of an hour old, and after a failure that `is_refused` takes for a key or password that may have been rotated; the
/// invocation is then tried once more.
///
/// # Errors
///
/// If Lambda's runtime API cannot be used. Settings that are unusable end the process with status 2 and one line.
pub async fn serve<D, R: Serialize>(
    wire: impl AsyncFn() -> Result<D>,
    handle: impl AsyncFn(&D, &Invocation, &Context) -> Result<R, Failure>,
    is_refused: fn(&Failure) -> bool,
) -> Result<(), lambda_runtime::Error> {
    telemetry::init(telemetry::Form::Json, "info");
    // A setting that is wrong stops the function at its start, in one line, and not at its first call.
    let wired = match rewire(&wire).await {
        Ok(wired) => Mutex::new(wired),
        Err(error) => {
            tracing::error!("{error:#}");
            std::process::exit(2);
        }
    };
    let (wired, wire, handle) = (&wired, &wire, &handle);
    lambda_runtime::run(service_fn(|event: LambdaEvent<Value>| async move {
        let mut wired = wired.lock().await;
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
        if wired.read_at.elapsed() >= SETTINGS_LAST {
            *wired = rewire(wire).await.map_err(Failure)?;
        }
        match handle(&wired.deps, &invocation, &host).await {
            Err(failure) if is_refused(&failure) => {
                tracing::warn!("reading the settings again: {failure}");
                *wired = rewire(wire).await.map_err(Failure)?;
                let now = clock::now();
                Ok(handle(&wired.deps, &invocation, &Context { now, ..host }).await?)
            }
            ended => Ok::<R, Reported>(ended?),
        }
    }))
    .await
}

async fn rewire<D>(wire: &impl AsyncFn() -> Result<D>) -> Result<Wired<D>> {
    Ok(Wired {
        deps: wire().await?,
        read_at: Instant::now(),
    })
}

/// When the invocation ends: `cargo lambda watch` tells how long it may take where Lambda tells the instant.
#[must_use]
pub fn deadline(told: DateTime<Utc>, now: DateTime<Utc>) -> DateTime<Utc> {
    let since_1970 = told - DateTime::UNIX_EPOCH;
    if since_1970 < TimeDelta::days(1) {
        now + since_1970
    } else {
        told
    }
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
