//! Whether the bus can be used: asked while the function starts, and told in one line where it cannot.
//!
//! The function goes on either way: a call that is not stored is lost, and a run that nobody heard of is not.

use std::time::Duration;

use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::error::{ProvideErrorMetadata as _, SdkError};
use aws_sdk_eventbridge::operation::describe_event_bus::DescribeEventBusError;
use backon::{ConstantBuilder, Retryable as _};
use tokio::time::sleep;

use super::bus::{Bus, count_unpublished};
use crate::platform::aws;

/// How long the function has its start to itself: the first request reads certificates, and a small function has a part of
/// a core.
const START: Duration = Duration::from_millis(50);
/// Pause before, and number of, further tries where nobody answered: Lambda freezes a process between invocations, and
/// an answer that was under way is then lost to no fault of the bus.
const PAUSE: Duration = Duration::from_secs(1);
const MORE_TRIES: usize = 2;

impl Bus {
    /// Asks whether there is such a bus, beside whatever else is done, and says so where there is none.
    pub fn check(&self) {
        if let Self::EventBridge { client, name } = self {
            tokio::spawn(look_at(client.clone(), name.clone()));
        }
    }
}

async fn look_at(client: Client, name: String) {
    sleep(START).await;
    let tries = ConstantBuilder::default().with_delay(PAUSE).with_max_times(MORE_TRIES);
    let seen = (|| client.describe_event_bus().name(&name).send())
        .retry(tries)
        .when(|error: &SdkError<DescribeEventBusError>| error.code().is_none())
        .await;
    if let Err(error) = seen {
        let advice = match error.code() {
            None => "check region and credentials, and in a VPC the way out of it: a NAT gateway or an endpoint",
            Some("AccessDeniedException") => {
                "check the name, and that the role may events:PutEvents and events:DescribeEventBus on it"
            }
            Some(_) => "check the name, and that the bus is of this account and region",
        };
        tracing::error!(
            "the event bus {name} cannot be used (EVENT_BUS_NAME): {} ({advice})",
            aws::reason(error)
        );
        count_unpublished();
    }
}
