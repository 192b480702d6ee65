//! An HTTP client so plain that it hides nothing: it sees where a body ends and how.

use std::io::{ErrorKind, Read};

use chrono::{DateTime, TimeZone, Utc};
use flate2::read::GzDecoder;
use serde_json::Value;
use simulator::vapi::{Server, Settings, Spec, World};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// What came back, as far as it came.
#[derive(Debug)]
pub(crate) struct Reply {
    /// 0 if there was no answer at all.
    pub(crate) status: u16,
    pub(crate) headers: String,
    pub(crate) body: Vec<u8>,
    /// The connection did not end in good order.
    pub(crate) error: Option<ErrorKind>,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("a body that is JSON")
    }

    pub(crate) fn rows(&self) -> Vec<Value> {
        assert_eq!(self.status, 200, "{}", String::from_utf8_lossy(&self.body));
        self.json().as_array().expect("a bare array").clone()
    }

    pub(crate) fn ids(&self) -> Vec<String> {
        self.rows()
            .iter()
            .map(|row| row["id"].as_str().unwrap_or("").to_owned())
            .collect()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    pub(crate) fn unzipped(&self) -> Vec<u8> {
        let mut text = Vec::new();
        GzDecoder::new(self.body.as_slice())
            .read_to_end(&mut text)
            .expect("a body that is gzip");
        text
    }
}

/// The instant at which the worlds of these tests stand.
pub(crate) fn now() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 9, 14, 9, 0, 0)
        .single()
        .expect("a valid instant")
}

/// A world of this many calls, served as documented.
pub(crate) async fn serve(calls: usize) -> Server {
    serve_as(calls, Settings::default()).await
}

pub(crate) async fn serve_as(calls: usize, settings: Settings) -> Server {
    let world = World::generate(&Spec {
        calls,
        ..Spec::new(now())
    });
    Server::start(world, settings).await.expect("a free port")
}

/// `GET` with a key.
pub(crate) async fn get(server: &Server, path: &str) -> Reply {
    send(server, "GET", path, "Authorization: Bearer any\r\n").await
}

/// `POST` of JSON with a key.
pub(crate) async fn post(server: &Server, path: &str, body: &Value) -> Reply {
    let body = body.to_string();
    let headers = format!(
        "Authorization: Bearer any\r\nContent-Type: application/json\r\nContent-Length: {}\r\n",
        body.len()
    );
    send_with_body(server, "POST", path, &headers, &body).await
}

pub(crate) async fn send(server: &Server, method: &str, path: &str, headers: &str) -> Reply {
    send_with_body(server, method, path, headers, "").await
}

async fn send_with_body(server: &Server, method: &str, path: &str, headers: &str, body: &str) -> Reply {
    let url = server.url();
    let address = url.trim_start_matches("http://");
    let mut socket = TcpStream::connect(address).await.expect("a listener");
    let request = format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{headers}\r\n{body}");
    socket.write_all(request.as_bytes()).await.expect("an open connection");

    let mut answer = Vec::new();
    let error = socket.read_to_end(&mut answer).await.err().map(|error| error.kind());
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n");
    let (headers, body) = end.map_or((String::new(), Vec::new()), |end| {
        (
            String::from_utf8_lossy(&answer[..end]).into_owned(),
            answer[end + 4..].to_vec(),
        )
    });
    let status = headers
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
        .unwrap_or(0);
    Reply {
        status,
        headers,
        body,
        error,
    }
}
