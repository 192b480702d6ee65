//! Where events go: EventBridge, a channel within the process, or nowhere.

use aws_sdk_eventbridge::error::SdkError;
use tokio::sync::mpsc;

use super::{Event, SOURCE};
use crate::platform::{aws, clock, telemetry};

/// Where events go. A value, not a trait: the seam of a test is the in-process bus, which `callmark` uses too.
#[derive(Clone, Debug)]
pub enum Bus {
    /// An EventBridge bus.
    EventBridge {
        /// The SDK's client.
        client: aws_sdk_eventbridge::Client,
        /// The bus's name.
        name: String,
    },
    /// The functions of this process.
    InProcess(mpsc::UnboundedSender<Event>),
    /// Nobody listens.
    Nowhere,
}

/// The bus did not take an event.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// EventBridge could not be reached, or refused the call.
    #[error("publishing to the event bus {bus}: {reason}")]
    Call {
        /// The bus.
        bus: String,
        /// What the SDK said, with its causes.
        reason: String,
    },
    /// EventBridge did not answer in time; it may have taken the event.
    #[error("the event bus {0} does not answer")]
    Silent(String),
    /// EventBridge took the call and refused the event.
    #[error("the event bus {bus} refused the event: {reason}")]
    Refused {
        /// The bus.
        bus: String,
        /// The code and message of the refusal.
        reason: String,
    },
    /// The listening side of this process is gone.
    #[error("nobody listens on the in-process bus any more")]
    Closed,
}

impl Bus {
    /// The EventBridge bus of this name, in the account and region that the environment names; nobody without one.
    pub async fn open(name: Option<String>) -> Self {
        match name {
            None => Self::Nowhere,
            Some(name) => Self::EventBridge {
                client: aws_sdk_eventbridge::Client::new(&aws::sdk().await),
                name,
            },
        }
    }

    /// Publishes one event, within the SDK's patience. One that is not taken is counted, whoever published it.
    pub async fn publish(&self, event: Event) -> Result<(), PublishError> {
        let published = match self {
            Self::Nowhere => Ok(()),
            Self::InProcess(sender) => sender.send(event).map_err(|_| PublishError::Closed),
            Self::EventBridge { client, name } => put(client, name, &event).await,
        };
        if published.is_err() {
            count_unpublished();
        }
        published
    }
}

/// The metric of what the bus did not take, or would not.
pub(super) fn count_unpublished() {
    telemetry::metrics(clock::now(), &[], &[("EventsUnpublished", "Count", 1.0)]);
}

async fn put(client: &aws_sdk_eventbridge::Client, bus: &str, event: &Event) -> Result<(), PublishError> {
    let (kind, detail) = event.document();
    let entry = aws_sdk_eventbridge::types::PutEventsRequestEntry::builder()
        .event_bus_name(bus)
        .source(SOURCE)
        .detail_type(kind)
        .detail(detail.to_string())
        .build();
    let answer = client
        .put_events()
        .entries(entry)
        .send()
        .await
        .map_err(|error| match error {
            SdkError::TimeoutError(_) => PublishError::Silent(bus.to_owned()),
            error => PublishError::Call {
                bus: bus.to_owned(),
                reason: aws::reason(error),
            },
        })?;
    match answer
        .entries()
        .iter()
        .find_map(|entry| entry.error_code().map(|code| (code, entry.error_message())))
    {
        None => Ok(()),
        Some((code, message)) => {
            let reason = format!("{code}: {}", message.unwrap_or_default());
            Err(PublishError::Refused {
                bus: bus.to_owned(),
                reason,
            })
        }
    }
}
