//! An HTTP client so plain that it needs no settings.

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::Server;

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    /// 0 if there was no answer at all.
    pub(super) status: u16,
    headers: String,
    pub(super) body: String,
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("a body that is JSON")
    }

    pub(super) fn choice(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.body);
        self.json()["choices"][0].clone()
    }

    pub(super) fn content(&self) -> String {
        let content = &self.choice()["message"]["content"];
        content.as_str().expect("a content").to_owned()
    }

    pub(super) fn verdict(&self) -> Value {
        serde_json::from_str(&self.content()).expect("a content that is JSON")
    }

    /// The `code` of an error.
    pub(super) fn code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap_or_default().to_owned()
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

/// Asks for a completion, with a key.
pub(super) async fn post(server: &Server, body: &Value) -> Answer {
    send(server, "POST", "/v1/chat/completions", Some("any"), &body.to_string()).await
}

pub(super) async fn send(server: &Server, method: &str, path: &str, key: Option<&str>, body: &str) -> Answer {
    let address = format!("127.0.0.1:{}", server.port());
    let mut socket = TcpStream::connect(&address).await.expect("a listener");
    let key = key
        .map(|key| format!("Authorization: Bearer {key}\r\n"))
        .unwrap_or_default();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{key}Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    socket.write_all(request.as_bytes()).await.expect("an open connection");

    let mut answer = Vec::new();
    // A connection that is reset has said all that it will.
    let _end = socket.read_to_end(&mut answer).await;
    let answer = String::from_utf8(answer).expect("text");
    let (headers, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
    let status = headers.split(' ').nth(1).and_then(|status| status.parse().ok());
    Answer {
        status: status.unwrap_or(0),
        headers: headers.to_owned(),
        body: body.to_owned(),
    }
}
