//! Each fault as a client meets it.

use std::{io::ErrorKind, time::Duration};

use serde_json::Value;
use simulator::vapi::{Cut, Fault, Kind, Server};

use crate::client::{Reply, get, serve};

/// A list request that this fault strikes.
async fn struck(fault: Fault) -> (Server, Reply) {
    let server = serve(40).await;
    server.faults().push(fault.next(1));
    let reply = get(&server, "/call").await;
    (server, reply)
}

fn parses(body: &[u8]) -> bool {
    serde_json::from_slice::<Value>(body).is_ok()
}

#[tokio::test]
async fn too_many_requests_may_say_when_to_come_back() {
    let (_, told) = struck(Fault::RateLimited { retry_after: Some(3) }).await;
    let (_, untold) = struck(Fault::RateLimited { retry_after: None }).await;

    assert_eq!((told.status, told.header("retry-after")), (429, Some("3")));
    assert_eq!((untold.status, untold.header("retry-after")), (429, None));
    assert_eq!(untold.json()["message"], "Rate limit exceeded");
}

#[tokio::test]
async fn any_status_comes_with_a_json_body() {
    for status in [401, 403, 408, 500, 502, 503, 504] {
        let (server, reply) = struck(Fault::Status(status)).await;

        assert_eq!(reply.status, status);
        assert_eq!(reply.json()["statusCode"], status);
        assert_eq!(server.requests()[0].fault, Some(Fault::Status(status)));
    }
}

#[tokio::test]
async fn a_gateways_page_is_html_even_when_it_says_ok() {
    for status in [200, 502, 521] {
        let (_, reply) = struck(Fault::HtmlPage(status)).await;

        assert_eq!(reply.status, status);
        assert!(reply.header("content-type").unwrap().starts_with("text/html"));
        assert!(!parses(&reply.body));
    }
}

#[tokio::test]
async fn a_body_can_end_before_its_length() {
    let (_, reply) = struck(Fault::CutShort(Cut::BeforeContentLength)).await;

    let promised: usize = reply.header("content-length").unwrap().parse().unwrap();
    assert_eq!(reply.status, 200);
    assert!(!reply.body.is_empty());
    assert!(reply.body.len() < promised);
}

#[tokio::test]
async fn a_chunked_body_can_end_before_its_last_chunk() {
    let (_, reply) = struck(Fault::CutShort(Cut::BeforeLastChunk)).await;

    assert_eq!(reply.header("transfer-encoding"), Some("chunked"));
    assert!(!reply.body.is_empty());
    assert!(!reply.body.ends_with(b"0\r\n\r\n"));
}

#[tokio::test]
async fn a_body_can_be_complete_and_yet_cut() {
    let (_, reply) = struck(Fault::CutShort(Cut::InsideJson)).await;

    assert_eq!(
        reply.header("content-length"),
        Some(reply.body.len().to_string().as_str())
    );
    assert!(!parses(&reply.body));
}

#[tokio::test]
async fn json_can_be_broken_in_its_middle_or_in_one_row() {
    for fault in [Fault::BrokenJson, Fault::BrokenRow] {
        let (server, reply) = struck(fault).await;
        let whole = get(&server, "/call").await;

        assert_eq!(reply.status, 200);
        assert!(!parses(&reply.body));
        assert!(reply.body.starts_with(&whole.body[..100]));
        assert!(reply.body.ends_with(&whole.body[whole.body.len() - 100..]));
    }
}

#[tokio::test]
async fn one_row_can_be_no_object() {
    let (_, reply) = struck(Fault::ForeignRow).await;

    let rows = reply.rows();
    assert_eq!(rows.len(), 40);
    assert_eq!(rows.iter().filter(|row| !row.is_object()).count(), 1);
}

#[tokio::test]
async fn a_dripping_body_is_whole_in_the_end() {
    let (server, reply) = struck(Fault::Drip {
        pieces: 5,
        pause: Duration::from_millis(3),
    })
    .await;

    assert_eq!(reply.body, get(&server, "/call").await.body);
}

#[tokio::test]
async fn a_reset_connection_and_a_closed_one_differ() {
    let (_, reset) = struck(Fault::Reset).await;
    let (server, closed) = struck(Fault::Close).await;

    assert_eq!((reset.status, reset.error), (0, Some(ErrorKind::ConnectionReset)));
    assert_eq!((closed.status, closed.error), (0, None));
    assert_eq!(server.requests()[0].status, 0);
}

#[tokio::test]
async fn a_hanging_answer_lasts_until_the_server_stops() {
    for (fault, starts) in [(Fault::Hang, false), (Fault::Stall, true)] {
        let server = serve(40).await;
        server.faults().push(fault.next(1));
        let url = server.url();
        let client = tokio::spawn(async move {
            use tokio::io::{AsyncReadExt, AsyncWriteExt};
            let mut socket = tokio::net::TcpStream::connect(url.trim_start_matches("http://"))
                .await
                .unwrap();
            socket
                .write_all(b"GET /call HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer any\r\n\r\n")
                .await
                .unwrap();
            let mut answer = Vec::new();
            let ended = socket.read_to_end(&mut answer).await;
            (answer, ended.is_ok())
        });
        while server.requests().is_empty() {
            tokio::task::yield_now().await;
        }
        tokio::time::sleep(Duration::from_millis(30)).await;
        assert!(!client.is_finished());

        server.stop().await;

        let (answer, _) = client.await.unwrap();
        assert_eq!(answer.starts_with(b"HTTP/1.1 200"), starts);
        assert!(!answer.ends_with(b"]"));
    }
}

#[tokio::test]
async fn retention_can_be_refused_at_any_time() {
    let (_, reply) = struck(Fault::BeyondRetention).await;

    assert_eq!(reply.status, 400);
    assert_eq!(
        reply.json()["message"],
        "Retention window exceeded: the oldest data your plan serves is from 2026-08-31T09:00:00.000Z"
    );
}

#[tokio::test]
async fn rows_can_be_fewer_doubled_and_shuffled_all_at_once() {
    let server = serve(40).await;
    let faults = server.faults();
    faults.push(Fault::PageCap(12).next(1));
    faults.push(Fault::DuplicatedRows.next(1));
    faults.push(Fault::ShuffledRows.next(1));

    let struck = get(&server, "/call").await.ids();
    let plain = get(&server, "/call").await.ids();

    let mut distinct = struck.clone();
    distinct.sort();
    distinct.dedup();
    let mut expected = plain[..12].to_vec();
    expected.sort();
    assert_eq!(struck.len(), 16);
    assert_ne!(struck[..12], plain[..12]);
    assert_eq!(distinct, expected);
}

#[tokio::test]
async fn a_rule_strikes_when_and_where_it_says() {
    let server = serve(3).await;
    let statuses = async |n: usize, path: &str| {
        let mut statuses = Vec::new();
        for _ in 0..n {
            statuses.push(get(&server, path).await.status);
        }
        statuses
    };

    server
        .faults()
        .push(Fault::Status(500).next(2).after(1).on(Kind::CallList));
    assert_eq!(statuses(2, "/assistant").await, [200, 200]);
    assert_eq!(statuses(4, "/call").await, [200, 500, 500, 200]);

    server.faults().push(Fault::Status(503).every(3));
    assert_eq!(statuses(6, "/call").await, [200, 200, 503, 200, 200, 503]);
    server.faults().clear();

    server.faults().push(Fault::Status(502).by_chance(0.5, 7));
    let first = statuses(40, "/call").await;
    server.faults().clear();
    server.faults().push(Fault::Status(502).by_chance(0.5, 7));
    assert_eq!(statuses(40, "/call").await, first);
    assert!(first.contains(&200) && first.contains(&502));
}

#[tokio::test]
async fn of_two_faults_that_exclude_each_other_the_first_strikes_and_the_second_waits() {
    let server = serve(3).await;
    server.faults().push(Fault::Status(500).next(1));
    server.faults().push(Fault::Status(503).next(1));

    assert_eq!(get(&server, "/call").await.status, 500);
    assert_eq!(get(&server, "/call").await.status, 503);
    assert_eq!(get(&server, "/call").await.status, 200);
}

#[tokio::test]
async fn single_documents_can_be_spoilt_too() {
    let server = serve(3).await;
    let id = server.world().call_ids()[0].clone();
    server.faults().push(Fault::BrokenRow.next(1).on(Kind::Call));
    server.faults().push(Fault::ForeignRow.next(1).after(1).on(Kind::Call));

    let broken = get(&server, &format!("/call/{id}")).await;
    let foreign = get(&server, &format!("/call/{id}")).await;

    assert!(!parses(&broken.body));
    assert!(foreign.json().is_string());
}
