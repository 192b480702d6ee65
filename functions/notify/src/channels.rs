//! All ways to reach people, tried so that a message arrives by some way or it is known that it did not.

use chrono::{DateTime, Utc};
use shared::platform::config;
use shared::store::notification::Notification;
use uuid::Uuid;

use crate::email::Email;
use crate::message::Message;
use crate::slack::Slack;

/// The channels that are configured.
#[derive(Clone, Debug, Default)]
pub struct Channels {
    /// Slack.
    pub slack: Option<Slack>,
    /// E-mail.
    pub email: Option<Email>,
}

/// What became of a message, on each channel.
#[derive(Clone, Debug)]
pub(crate) struct Outcome(Vec<Delivery>);

/// What became of it on one channel.
#[derive(Clone, Debug)]
struct Delivery {
    channel: &'static str,
    status: &'static str,
    form: &'static str,
    attempts: i32,
    error: Option<String>,
}

impl Channels {
    /// The channels that the settings name.
    pub async fn open(settings: &config::Alerts) -> Self {
        let slack = settings.slack.clone().and_then(|webhook| {
            let slack = Slack::new(webhook);
            slack
                .inspect_err(|error| tracing::error!("Slack is not used: {error}"))
                .ok()
        });
        let email = match settings.email.clone() {
            Some(settings) => Some(Email::open(settings).await),
            None => None,
        };
        Self { slack, email }
    }

    /// Whether nobody can be reached.
    #[must_use]
    pub fn are_none(&self) -> bool {
        self.slack.is_none() && self.email.is_none()
    }

    /// Sends it on every channel, where it is refused in its minimal form; who still has a channel learns there of the
    /// one that failed.
    pub(crate) async fn deliver(&self, message: &Message) -> Outcome {
        let mut deliveries = Vec::new();
        if let Some(slack) = &self.slack {
            deliveries.push(by_slack(slack, message).await);
        }
        if let Some(email) = &self.email {
            let failed = deliveries.iter().find_map(|delivery: &Delivery| {
                let error = delivery.error.as_deref().filter(|_| delivery.status == "failed");
                error.map(|error| format!("It did not arrive on {}: {error}", delivery.channel))
            });
            deliveries.push(by_email(email, message, failed.as_deref()).await);
        }
        if deliveries.is_empty() {
            deliveries.push(Delivery {
                channel: "none",
                status: "recorded",
                form: "full",
                attempts: 0,
                error: None,
            });
        }
        Outcome(deliveries)
    }
}

async fn by_slack(slack: &Slack, message: &Message) -> Delivery {
    let refused = match slack.send(message).await {
        Ok(()) => return Delivery::sent("slack"),
        Err(refused) => refused,
    };
    tokio::time::sleep(refused.wait()).await;
    let again = slack.send_minimal(message).await;
    Delivery::after_second_try("slack", refused.to_string(), again.err().map(|error| error.to_string()))
}

async fn by_email(email: &Email, message: &Message, remark: Option<&str>) -> Delivery {
    let refused = match email.send(message, remark).await {
        Ok(()) => return Delivery::sent("email"),
        Err(refused) => refused,
    };
    let again = email.send_minimal(message).await;
    Delivery::after_second_try("email", refused.to_string(), again.err().map(|error| error.to_string()))
}

impl Delivery {
    fn sent(channel: &'static str) -> Self {
        Self {
            channel,
            status: "sent",
            form: "full",
            attempts: 1,
            error: None,
        }
    }

    fn after_second_try(channel: &'static str, first: String, second: Option<String>) -> Self {
        Self {
            channel,
            status: if second.is_none() { "sent" } else { "failed" },
            form: "minimal",
            attempts: 2,
            error: Some(second.unwrap_or(first)),
        }
    }
}

impl Outcome {
    /// Whether somebody was reached, or nobody is to be.
    pub(crate) fn has_arrived(&self) -> bool {
        self.0.iter().any(|delivery| delivery.status != "failed")
    }

    /// What stood against it.
    pub(crate) fn why(&self) -> String {
        let errors: Vec<&str> = self.0.iter().filter_map(|delivery| delivery.error.as_deref()).collect();
        errors.join("; ")
    }

    /// A row for each channel.
    pub(crate) fn rows(
        &self,
        incident_id: Option<Uuid>,
        kind: &str,
        message: &Message,
        now: DateTime<Utc>,
    ) -> Vec<Notification> {
        let row = |delivery: &Delivery| Notification {
            id: Uuid::now_v7(),
            incident_id,
            kind: kind.to_owned(),
            channel: delivery.channel.to_owned(),
            status: delivery.status.to_owned(),
            form: delivery.form.to_owned(),
            attempts: delivery.attempts,
            title: message.title.clone(),
            body: message.plain(),
            error: delivery.error.clone(),
            created_at: now,
        };
        self.0.iter().map(row).collect()
    }
}
