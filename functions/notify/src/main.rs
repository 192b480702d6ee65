//! Notify on AWS Lambda: says at its start which settings are unusable, and serves with the others.

use std::time::Duration;

use anyhow::Result;
use lambda_runtime::{LambdaEvent, service_fn};
use notify::{Channels, Deps};
use serde_json::Value;
use shared::platform::config::Reader;
use shared::platform::lambda::Reported;
use shared::platform::{clock, db, telemetry};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

/// How long reading the secret may take; Lambda ends a start that takes 10 s.
const START: Duration = Duration::from_secs(6);
/// How long settings are used before they are read again.
const SETTINGS_LAST: Duration = Duration::from_mins(15);
/// The same, where something is wrong with them.
const FAULTS_LAST: Duration = Duration::from_mins(1);

/// What was built of the settings, and until when it is used.
struct Wired {
    deps: Deps,
    until: Instant,
}

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    telemetry::init(telemetry::Form::Json, "info");
    let wired = &Mutex::new(wire().await);
    lambda_runtime::run(service_fn(|event: LambdaEvent<Value>| async move {
        let mut wired = wired.lock().await;
        if Instant::now() >= wired.until {
            *wired = wire().await;
        }
        let told = notify::handle(&wired.deps, &event.payload, clock::now()).await;
        if let Err(failure) = &told
            && failure.is_authentication()
        {
            tracing::warn!("reading the settings again: {failure}");
            *wired = wire().await;
            return Ok(notify::handle(&wired.deps, &event.payload, clock::now()).await?);
        }
        Ok::<_, Reported>(told?)
    }))
    .await
}

/// Builds what the settings allow. A secret that is gone is told in one line and ends nothing: it is what others fail
/// of, and somebody has to be told of that.
async fn wire() -> Wired {
    let mut faults = Vec::new();
    let read = timeout(START, Reader::load_what_is_readable()).await;
    let (mut reader, unreadable) = read.unwrap_or_else(|_| {
        faults.push("reading the secret named by CALLMARK_SECRET_ARN takes too long".to_owned());
        (Reader::environment(), None)
    });
    faults.extend(unreadable.as_ref().map(|unreadable| telemetry::chain(unreadable)));
    let (database, settings) = (reader.database(), reader.alerts());
    faults.extend(reader.finish().err().map(|invalid| invalid.to_string()));
    let faults = faults.join("; ");
    if !faults.is_empty() {
        tracing::error!("{faults}; going on with the other settings");
    }
    let channels = Channels::open(&settings).await;
    if channels.are_none() {
        tracing::warn!("no notifications: neither SLACK_WEBHOOK_URL nor ALERT_EMAIL_FROM is set");
    }
    let last = if faults.is_empty() { SETTINGS_LAST } else { FAULTS_LAST };
    Wired {
        deps: Deps {
            pool: db::pool(&database).map_err(|_| faults),
            channels,
            settings,
        },
        until: Instant::now() + last,
    }
}
