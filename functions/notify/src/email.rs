//! E-mail, by version 2 of Amazon SES: plain text, which no mail program turns into anything else.

use aws_sdk_sesv2::Client;
use aws_sdk_sesv2::error::DisplayErrorContext;
use aws_sdk_sesv2::types::{Body, Content, Destination, EmailContent, Message as SesMessage};
use shared::platform::{aws, config};

use crate::message::Message;
use crate::scrub;

/// How much of a refusal is kept, in characters.
const REFUSAL: usize = 300;

/// Mail from one to some.
#[derive(Clone, Debug)]
pub struct Email {
    client: Client,
    settings: config::Email,
}

/// A message was not taken.
#[derive(Debug, thiserror::Error)]
#[error("Amazon SES did not take it: {0}")]
pub(crate) struct Refusal(String);

impl Email {
    /// Mail by the account and region that the environment names.
    pub async fn open(settings: config::Email) -> Self {
        Self::new(Client::new(&aws::sdk().await), settings)
    }

    /// Mail by this client.
    #[must_use]
    pub fn new(client: Client, settings: config::Email) -> Self {
        Self { client, settings }
    }

    /// Sends it with everything, and with what other channels made of it.
    pub(crate) async fn send(&self, message: &Message, remark: Option<&str>) -> Result<(), Refusal> {
        let mut body = message.plain();
        if let Some(remark) = remark {
            body.push_str("\n\n");
            body.push_str(remark);
        }
        self.put(&message.title, body).await
    }

    /// Sends a few plain words, in letters that every server takes.
    pub(crate) async fn send_minimal(&self, message: &Message) -> Result<(), Refusal> {
        let ascii = |text: &str| -> String {
            let letters = text.chars();
            letters
                .map(|letter| if letter.is_ascii() { letter } else { '?' })
                .collect()
        };
        self.put(&ascii(&message.title), ascii(&message.minimal())).await
    }

    async fn put(&self, subject: &str, body: String) -> Result<(), Refusal> {
        let content = |text: String| Content::builder().data(text).charset("UTF-8").build();
        let unbuilt = |error: aws_sdk_sesv2::error::BuildError| Refusal(error.to_string());
        let message = SesMessage::builder()
            .subject(content(subject.to_owned()).map_err(unbuilt)?)
            .body(Body::builder().text(content(body).map_err(unbuilt)?).build())
            .build();
        self.client
            .send_email()
            .from_email_address(&self.settings.from)
            .destination(
                Destination::builder()
                    .set_to_addresses(Some(self.settings.to.clone()))
                    .build(),
            )
            .content(EmailContent::builder().simple(message).build())
            .send()
            .await
            .map(drop)
            .map_err(|error| Refusal(scrub::line(&DisplayErrorContext(error).to_string(), REFUSAL)))
    }
}
