//! The one set-up of AWS clients: who we are there, how long an answer may take, and what carries it.

mod connector;

use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};

/// How long one try of a call may take; the SDK's own default is for ever.
const ANSWER: Duration = Duration::from_secs(4);
/// How long all tries of a call may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Account, region and credentials as the environment names them.
pub(crate) async fn sdk() -> SdkConfig {
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
