//! Carries the AWS SDK's requests by our own HTTP client, whose root certificates are compiled in.
//!
//! The SDK's own client reads the system's, file by file: two thirds of a cold start.

use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;

use crate::platform::http;

/// A client for the SDK that gives up on an answer which is silent for `silence`.
pub(crate) fn client(silence: Duration) -> SharedHttpClient {
    #[expect(clippy::expect_used, reason = "fails only without TLS, which is compiled in")]
    let connector = SharedHttpConnector::new(Connector(http::client(silence).expect("TLS is compiled in")));
    http_client_fn(move |_, _| connector.clone())
}

#[derive(Debug)]
struct Connector(reqwest::Client);

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let client = self.0.clone();
        HttpConnectorFuture::new(async move {
            let answer = client.execute(outgoing(request)?).await.map_err(failure)?;
            let (status, headers) = (answer.status(), answer.headers().clone());
            let body = answer.bytes().await.map_err(failure)?;
            let mut answer = HttpResponse::new(status.into(), SdkBody::from(body));
            for (name, value) in &headers {
                answer.headers_mut().append(name.clone(), value.clone());
            }
            Ok(answer)
        })
    }
}

/// The request in our client's form. None of ours streams its body.
fn outgoing(request: HttpRequest) -> Result<reqwest::Request, ConnectorError> {
    let (parts, body) = request
        .try_into_http1x()
        .map_err(|error| ConnectorError::user(error.into()))?
        .into_parts();
    let body = body
        .bytes()
        .map(Bytes::copy_from_slice)
        .ok_or_else(|| ConnectorError::user("the body is a stream".into()))?;
    ::http::Request::from_parts(parts, body)
        .try_into()
        .map_err(|error: reqwest::Error| ConnectorError::user(error.into()))
}

/// By which the SDK decides whether to try again.
fn failure(error: reqwest::Error) -> ConnectorError {
    if error.is_timeout() {
        ConnectorError::timeout(error.into())
    } else if error.is_builder() {
        ConnectorError::user(error.into())
    } else {
        ConnectorError::io(error.into())
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    /// Sends a request to whoever listens, and gives what came of it.
    async fn sent(listener: &TcpListener) -> Result<HttpResponse, ConnectorError> {
        let request = ::http::Request::post(format!("http://{}/a?b=c", listener.local_addr().unwrap()))
            .header("X-Amz-Target", "AWSEvents.PutEvents")
            .body(SdkBody::from("{}"))
            .unwrap();
        let client = http::client(Duration::from_millis(200)).unwrap();
        Connector(client).call(request.try_into().unwrap()).await
    }

    #[tokio::test]
    async fn a_request_of_the_sdk_and_its_answer_pass_whole() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();

        let (answer, asked) = tokio::join!(sent(&listener), async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = vec![0; 4096];
            let mut length = 0;
            while !asked[..length].ends_with(b"{}") {
                length += stream.read(&mut asked[length..]).await.unwrap();
            }
            let answer = b"HTTP/1.1 400 Bad Request\r\nx-amzn-RequestId: r\r\ncontent-length: 4\r\n\r\nbody";
            stream.write_all(answer).await.unwrap();
            String::from_utf8(asked[..length].to_vec()).unwrap()
        });

        let answer = answer.unwrap();
        assert!(asked.starts_with("POST /a?b=c HTTP/1.1\r\n"), "{asked}");
        assert!(asked.contains("x-amz-target: AWSEvents.PutEvents\r\n"), "{asked}");
        assert_eq!(answer.status().as_u16(), 400);
        assert_eq!(answer.headers().get("x-amzn-requestid"), Some("r"));
        assert_eq!(answer.body().bytes(), Some(&b"body"[..]));
    }

    #[tokio::test]
    async fn silence_and_a_closed_port_are_told_apart_and_both_are_worth_another_try() {
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let closing = TcpListener::bind("127.0.0.1:0").await.unwrap();

        let silence = sent(&silent).await.unwrap_err();
        let (closed, ()) = tokio::join!(sent(&closing), async { drop(closing.accept().await.unwrap()) });

        assert!(silence.is_timeout(), "{silence:?}");
        assert!(closed.unwrap_err().is_io());
    }
}
