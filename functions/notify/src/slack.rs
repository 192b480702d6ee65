//! Slack, by an incoming webhook: blocks, and where those are refused, plain words.

use std::time::Duration;

use reqwest::{Client, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use shared::platform::clock;
use shared::platform::http;
use shared::platform::retry_after::retry_after;

use crate::message::{Fact, Message, Tone, utc, with_remark};
use crate::scrub;

/// How long one try may take.
const ATTEMPT: Duration = Duration::from_secs(6);
/// How long is waited where Slack asks to wait.
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// How long is waited where it does not say.
const WAIT: Duration = Duration::from_millis(500);
/// How much of Slack's refusal is kept, in characters.
const REFUSAL: usize = 200;
/// A section holds ten fields at most.
const FIELDS: usize = 10;

/// A channel of Slack.
#[derive(Clone, Debug)]
pub struct Slack {
    http: Client,
    webhook: SecretString,
}

/// A message was not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    /// Slack answered, and not with success.
    #[error("Slack answered {status}: {said}")]
    Answer {
        status: StatusCode,
        said: String,
        /// When it would like to be asked again.
        after: Option<Duration>,
    },
    /// Nothing answered.
    #[error("Slack could not be reached: {0}")]
    Unreachable(String),
}

impl Slack {
    /// The channel that a webhook leads to.
    pub fn new(webhook: SecretString) -> reqwest::Result<Self> {
        Ok(Self {
            http: http::client(ATTEMPT)?,
            webhook,
        })
    }

    /// Sends it with everything.
    pub(crate) async fn send(&self, message: &Message) -> Result<(), Refusal> {
        self.post(&full(message)).await
    }

    /// Sends a few plain words.
    pub(crate) async fn send_minimal(&self, message: &Message) -> Result<(), Refusal> {
        self.post(&json!({"text": escaped(&message.minimal())})).await
    }

    async fn post(&self, body: &Value) -> Result<(), Refusal> {
        let request = self.http.post(self.webhook.expose_secret()).json(body).timeout(ATTEMPT);
        // Whoever knows the address can write to the channel.
        let response = request
            .send()
            .await
            .map_err(|error| unreachable(&http::NoAnswer::from(error).without_url()))?;
        let status = response.status();
        if status.is_success() {
            return Ok(());
        }
        let after = retry_after(response.headers(), clock::now());
        let said = response.text().await.unwrap_or_default();
        Err(Refusal::Answer {
            status,
            said: scrub::line(&said, REFUSAL),
            after,
        })
    }
}

impl Refusal {
    /// How long to wait before the next try.
    pub(crate) fn wait(&self) -> Duration {
        match self {
            Self::Answer { after: Some(after), .. } => (*after).min(LONGEST_WAIT),
            _ => WAIT,
        }
    }
}

fn unreachable(error: &http::NoAnswer) -> Refusal {
    Refusal::Unreachable(shared::platform::telemetry::chain(error))
}

fn full(message: &Message) -> Value {
    let mut blocks = vec![json!({
        "type": "header",
        "text": {"type": "plain_text", "text": format!("{} {}", sign(message.tone), message.title), "emoji": true},
    })];
    let fields: Vec<Value> = message
        .facts
        .iter()
        .take(FIELDS)
        .map(|(label, fact)| json!({"type": "mrkdwn", "text": format!("*{label}*\n{}", shown(fact))}))
        .collect();
    if !fields.is_empty() {
        blocks.push(json!({"type": "section", "fields": fields}));
    }
    if let Some(quote) = &message.quote {
        let quote = escaped(&quote.replace('`', "'"));
        blocks.push(json!({"type": "section", "text": {"type": "mrkdwn", "text": format!("```{quote}```")}}));
    }
    let sender = escaped(&message.sender);
    let context = match &message.link {
        Some((label, url)) => format!("<{}|{label}> · {sender}", escaped(url.as_str()).replace('|', "%7C")),
        None => sender,
    };
    blocks.push(json!({"type": "context", "elements": [{"type": "mrkdwn", "text": context}]}));
    json!({"text": escaped(&message.minimal()), "blocks": blocks, "unfurl_links": false})
}

fn sign(tone: Tone) -> &'static str {
    match tone {
        Tone::Bad => ":red_circle:",
        Tone::Good => ":large_green_circle:",
        Tone::Neutral => ":large_blue_circle:",
    }
}

/// A time is shown in the zone of whoever reads it.
fn shown(fact: &Fact) -> String {
    match fact {
        Fact::Text(text) => escaped(text),
        Fact::Instant(at, remark) => {
            let date = format!(
                "<!date^{}^{{date_short_pretty}}, {{time}}|{}>",
                at.timestamp(),
                utc(*at)
            );
            with_remark(&date, &escaped(remark))
        }
    }
}

/// What Slack takes for markup, as text: mentions and links begin with `<`.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    fn message() -> Message {
        let mut message = Message::new(Tone::Bad, "vapi-sync failed", Some("callmark-dev"));
        message.instant("Since", DateTime::UNIX_EPOCH, "2 h ago");
        message.text("How often", "<!channel> & co");
        message.quote("``` <https://evil.example|click> *bold*");
        message.link = Some(("Open the run", "https://pages.example/a|b?c=<d>".parse().unwrap()));
        message
    }

    #[test]
    fn nothing_of_a_text_becomes_markup() {
        let body = full(&message());

        let blocks = body["blocks"].as_array().unwrap();
        assert_eq!(blocks[0]["text"]["text"], ":red_circle: vapi-sync failed");
        assert_eq!(
            blocks[1]["fields"][0]["text"],
            "*Since*\n<!date^0^{date_short_pretty}, {time}|1970-01-01 00:00 UTC> (2 h ago)"
        );
        assert_eq!(blocks[1]["fields"][1]["text"], "*How often*\n&lt;!channel&gt; &amp; co");
        assert_eq!(
            blocks[2]["text"]["text"],
            "```''' &lt;https://evil.example|click&gt; *bold*```"
        );
        let context = blocks[3]["elements"][0]["text"].as_str().unwrap();
        assert!(
            context.ends_with("|Open the run> · Callmark, stack callmark-dev"),
            "{context}"
        );
        assert_eq!(context.matches(['<', '>', '|']).count(), 3, "{context}");
    }

    #[test]
    fn the_longest_message_keeps_to_the_limits_of_slack() {
        let mut message = Message::new(Tone::Good, &"&".repeat(10_000), Some(&"<".repeat(1_000)));
        for _ in 0..20 {
            message.text("Label", &"<".repeat(10_000));
        }
        message.quote(&"&".repeat(10_000));

        let body = full(&message);

        let length = |value: &Value| value.as_str().unwrap().chars().count();
        let blocks = body["blocks"].as_array().unwrap();
        assert!(length(&blocks[0]["text"]["text"]) <= 180 && blocks.len() <= 50);
        let fields = blocks[1]["fields"].as_array().unwrap();
        assert!(fields.len() <= 10 && fields.iter().all(|field| length(&field["text"]) <= 2_000));
        assert!(length(&blocks[2]["text"]["text"]) <= 3_000 + 6);
    }
}
