//! The one set-up of AWS clients: who we are there, how long an answer may take, what carries it, and why there was
//! none.

mod connector;

use std::error::Error;
use std::fmt::Debug;
use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_secretsmanager::error::{ProvideErrorMetadata, SdkError};

/// How long one try of a call may take; the SDK's own default is for ever.
const ANSWER: Duration = Duration::from_secs(4);
/// How long all tries of a call may take: less than the 10 s after which Lambda ends a start, so that what is wrong
/// can still be said.
const PATIENCE: Duration = Duration::from_secs(8);

/// Account, region and credentials as the environment names them.
pub async fn sdk() -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .operation_attempt_timeout(ANSWER)
        .operation_timeout(PATIENCE)
        .build();
    aws_config::defaults(BehaviorVersion::latest())
        .timeout_config(timeouts)
        .http_client(connector::client(ANSWER))
        .load()
        .await
}

/// Why a call failed, in a line: the code and message that the service gave, or what kept it from answering.
///
/// The SDK's own long form shows the response as it came, and that may be a secret.
pub(crate) fn reason<E, R>(error: SdkError<E, R>) -> String
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    R: Debug + Send + Sync + 'static,
{
    match (error.code(), error.message()) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        (Some(code), None) => code.to_owned(),
        (None, _) => format!("{:#}", anyhow::Error::new(error)),
    }
}
