//! A place on this machine that takes messages as Slack's incoming webhooks do.

use std::sync::{Arc, Mutex, PoisonError};

use axum::routing::post;
use axum::{Json, Router};
use serde_json::Value;
use tokio::net::TcpListener;

/// What was posted there.
#[derive(Clone, Debug)]
pub struct Webhook {
    url: String,
    taken: Arc<Mutex<Vec<Value>>>,
}

impl Webhook {
    /// Takes messages until the test ends.
    pub async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("the port's address");
        let webhook = Self {
            url: format!("http://{address}/services/private"),
            taken: Arc::default(),
        };
        let taken = Arc::clone(&webhook.taken);
        let take = post(async move |Json(message): Json<Value>| {
            taken.lock().unwrap_or_else(PoisonError::into_inner).push(message);
        });
        let router = Router::new().route("/services/private", take);
        tokio::spawn(async move { axum::serve(listener, router).await });
        webhook
    }

    /// Its address.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What has come, oldest first.
    #[must_use]
    pub fn messages(&self) -> Vec<Value> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The titles of what has come, each with the coloured sign before it.
    #[must_use]
    pub fn titles(&self) -> Vec<String> {
        let title = |message: &Value| {
            message["blocks"][0]["text"]["text"]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        };
        self.messages().iter().map(title).collect()
    }
}
