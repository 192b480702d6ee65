//! Slack and Amazon SES on this machine: they keep what they take, and fail as they are told to.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use chrono::TimeDelta;
use notify::{Channels, Email, Slack};
use serde_json::{Value, json};
use shared::platform::config;
use tokio::net::TcpListener;

/// What a channel does with messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mood {
    /// Takes them.
    Fine,
    /// Refuses all of them so.
    Refuses(u16, &'static str),
    /// Refuses those that are more than text.
    WantsText,
    /// Does not answer.
    Hangs,
}

/// Both of them.
#[derive(Clone)]
pub(super) struct Post {
    address: SocketAddr,
    pub(super) slack: Tray,
    pub(super) mail: Tray,
}

/// What came to one of them.
#[derive(Clone, Default)]
pub(super) struct Tray(Arc<Mutex<(Option<Mood>, Vec<Value>)>>);

impl Tray {
    pub(super) fn feel(&self, mood: Mood) {
        self.0.lock().unwrap().0 = Some(mood);
    }

    /// What was taken.
    pub(super) fn taken(&self) -> Vec<Value> {
        self.0.lock().unwrap().1.clone()
    }

    async fn answer(&self, body: String) -> Response {
        let body: Value = serde_json::from_str(&body).unwrap();
        let mood = self.0.lock().unwrap().0.unwrap_or(Mood::Fine);
        let refusal = match mood {
            Mood::Hangs => {
                tokio::time::sleep(Duration::from_mins(10)).await;
                None
            }
            Mood::Refuses(status, said) => Some((status, said)),
            Mood::WantsText if body.get("blocks").is_some() => Some((400, "invalid_blocks")),
            Mood::Fine | Mood::WantsText => None,
        };
        let Some((status, said)) = refusal else {
            self.0.lock().unwrap().1.push(body);
            return json!({"MessageId": "m"}).to_string().into_response();
        };
        let mut response = (StatusCode::from_u16(status).unwrap(), said).into_response();
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from_static("0"));
        response
    }
}

impl Post {
    pub(super) async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (slack, mail) = (Tray::default(), Tray::default());
        let (of_slack, of_mail) = (slack.clone(), mail.clone());
        let router = Router::new()
            .route(
                "/services/private",
                post(async move |body: String| of_slack.answer(body).await),
            )
            .route(
                "/v2/email/outbound-emails",
                post(async move |body: String| of_mail.answer(body).await),
            );
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, slack, mail }
    }

    /// What an installation with these channels has for settings.
    pub(super) fn settings(&self) -> config::Alerts {
        config::Alerts {
            slack: Some(format!("http://{}/services/private", self.address).into()),
            email: Some(config::Email {
                from: "alerts@example.com".to_owned(),
                to: vec!["ada@example.com".to_owned()],
            }),
            pages: Some("https://pages.example.com/".parse().unwrap()),
            stack: Some("callmark-test".to_owned()),
            retention: TimeDelta::days(14),
        }
    }

    /// Both channels.
    pub(super) fn channels(&self) -> Channels {
        let settings = self.settings();
        Channels {
            slack: settings.slack.map(|webhook| Slack::new(webhook).unwrap()),
            email: settings.email.map(|email| Email::new(self.ses(), email)),
        }
    }

    fn ses(&self) -> aws_sdk_sesv2::Client {
        use aws_sdk_sesv2::config::retry::RetryConfig;
        use aws_sdk_sesv2::config::timeout::TimeoutConfig;
        use aws_sdk_sesv2::config::{BehaviorVersion, Credentials, Region};

        let config = aws_sdk_sesv2::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .credentials_provider(Credentials::new("id", "key", None, None, "test"))
            .endpoint_url(format!("http://{}", self.address))
            .retry_config(RetryConfig::disabled())
            .timeout_config(
                TimeoutConfig::builder()
                    .operation_timeout(Duration::from_secs(1))
                    .build(),
            );
        aws_sdk_sesv2::Client::from_conf(config.build())
    }
}
