//! Somebody at the pages, as a browser is.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// An answer: its status, and all of its text.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) text: String,
}

/// Somebody at the pages, who keeps one cookie.
pub(crate) struct Visitor {
    host: String,
    cookie: String,
}

impl Visitor {
    /// Somebody who comes by this address of the pages, such as `http://127.0.0.1:4180/admin`.
    pub(crate) fn at(url: &str) -> Self {
        let host = url.strip_prefix("http://").unwrap().strip_suffix("/admin").unwrap();
        Self {
            host: host.to_owned(),
            cookie: String::new(),
        }
    }

    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        self.send("GET", path, "").await
    }

    pub(crate) async fn post(&mut self, path: &str, form: &str) -> Answer {
        self.send("POST", path, form).await
    }

    pub(crate) async fn sign_in(&mut self, user: &str, password: &str) -> Answer {
        let form = format!("user={user}&password={password}&zone=UTC");
        self.post("/admin/sign-in", &form).await
    }

    /// What the forms of a page send back.
    pub(crate) async fn csrf(&mut self, path: &str) -> String {
        let page = self.get(path).await.text;
        let (_, rest) = page.split_once("name=\"csrf\" value=\"").unwrap();
        rest.split_once('"').unwrap().0.to_owned()
    }

    async fn send(&mut self, method: &str, path: &str, form: &str) -> Answer {
        let (host, cookie, length) = (&self.host, &self.cookie, form.len());
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\nCookie: {cookie}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{form}"
        );
        let mut stream = TcpStream::connect(host).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let set = text.lines().find_map(|line| line.strip_prefix("set-cookie: "));
        if let Some(cookie) = set.and_then(|cookie| cookie.split(';').next()) {
            cookie.clone_into(&mut self.cookie);
        }
        let status = text.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, text }
    }
}
