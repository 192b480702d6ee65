//! The migrations on AWS Lambda: says at its start whether the settings are usable, and serves all the same.

use std::time::Duration;

use anyhow::{Context as _, Result};
use lambda_runtime::{LambdaEvent, service_fn};
use migrate::Context;
use serde_json::Value;
use shared::platform::config::{Database, Reader};
use shared::platform::lambda::{Reported, deadline};
use shared::platform::{clock, telemetry};
use shared::run::Failure;
use tokio::time::timeout;

/// How long the settings may take at the start; Lambda ends a start that takes 10 s.
const START: Duration = Duration::from_secs(5);

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    telemetry::init(telemetry::Form::Json, "info");
    if let Err(error) = timeout(START, settings())
        .await
        .context("reading the secret named by CALLMARK_SECRET_ARN takes too long: check the way to AWS Secrets Manager")
        .flatten()
    {
        tracing::error!("{}", telemetry::chain(error.as_ref()));
    }
    lambda_runtime::run(service_fn(|event: LambdaEvent<Value>| async move {
        let (payload, host) = event.into_parts();
        let now = clock::now();
        let context = Context {
            now,
            deadline_at: deadline(host.deadline().into(), now),
            log: format!(
                "request {} in the log stream {} of {}",
                host.request_id, host.env_config.log_stream, host.env_config.log_group
            ),
        };
        let ended = migrate::handle(Box::pin(settings()), &payload, &context).await;
        ended.map_err(|error| Reported::from(Failure(error)))
    }))
    .await
}

async fn settings() -> Result<Database> {
    migrate::settings(Reader::load().await?)
}
