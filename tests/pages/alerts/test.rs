//! *Send test*: the form, the event, and the banner that waits.

use axum::body::Body;
use axum::http::{Request, header};
use chrono::TimeDelta;
use serde_json::json;
use shared::platform::event::{Event, TestRequested};
use tests::{TestDb, Visitor, now};

use super::scene::{ALERTS, message, part, store};

const TEST: &str = "/admin/alerts/test";

/// What the banner says.
fn banner(page: &str) -> &str {
    part(page, "asked").split("Dismiss").next().unwrap()
}

/// The address that the page has so many minutes after a test was asked for.
fn after(minutes: i64) -> String {
    let asked = now() - TimeDelta::minutes(minutes);
    format!("{ALERTS}?asked={}", asked.timestamp_micros())
}

#[tokio::test]
async fn send_test_asks_once_and_waits_for_what_becomes_of_it() {
    let db = TestDb::new().await;
    let yesterday = message(json!({"kind": "test", "created_at": now() - TimeDelta::days(1)}));
    store(&db, &[], &[yesterday]).await;
    let mut visitor = Visitor::signed_in(&db, "UTC").await;
    let csrf = visitor.csrf(ALERTS).await;

    let answer = visitor.post(TEST, &[("csrf", &csrf)]).await;

    let expected = TestRequested {
        requested_by: Visitor::USER.to_owned(),
    };
    assert_eq!(visitor.asked.try_recv().ok(), Some(Event::TestRequested(expected)));
    assert!(visitor.asked.try_recv().is_err());
    assert_eq!(answer.status.as_u16(), 303);
    let address = answer.headers["location"].to_str().unwrap().to_owned();
    assert!(address.starts_with(&format!("{ALERTS}?asked=")), "{address}");
    let waiting = visitor.page(&address).await;
    assert!(
        banner(&waiting).contains("data-poll>A test message was asked for at "),
        "{waiting}"
    );

    let failed = json!({"kind": "test", "channel": "email", "status": "failed", "error": "not verified"});
    let news = message(json!({"kind": "failure", "channel": "none", "status": "recorded"}));
    store(&db, &[], &[message(json!({"kind": "test"})), message(failed), news]).await;
    let answered = visitor.page(&address).await;
    let said = banner(&answered);
    assert!(
        said.contains("<b>Slack</b> <span class=\"status status-sent\">sent</span></li>"),
        "{said}"
    );
    assert!(
        said.contains("<b>e-mail</b> <span class=\"status status-failed\">failed</span> "),
        "{said}"
    );
    assert!(said.contains("not verified") && !said.contains("no channel"), "{said}");
    assert!(said.contains("data-poll"), "another channel may follow: {said}");
    assert!(answered.contains(&format!("<a href=\"{ALERTS}\">Dismiss</a>")));
}

#[tokio::test]
async fn a_test_that_was_answered_a_while_ago_is_not_waited_for() {
    let db = TestDb::new().await;
    let recorded =
        json!({"kind": "test", "channel": "none", "status": "recorded", "created_at": now() - TimeDelta::minutes(2)});
    store(&db, &[], &[message(recorded)]).await;
    let mut visitor = Visitor::signed_in(&db, "UTC").await;

    let page = visitor.page(&after(3)).await;

    let said = banner(&page);
    assert!(
        said.contains("<b>no channel</b> <span class=\"status status-recorded\">recorded</span>"),
        "{said}"
    );
    assert!(!page.contains("data-poll"), "{said}");
}

#[tokio::test]
async fn after_three_minutes_notify_has_not_answered() {
    let db = TestDb::new().await;
    let before = json!({"kind": "test", "created_at": now() - TimeDelta::minutes(5)});
    store(&db, &[], &[message(before)]).await;
    let mut visitor = Visitor::signed_in(&db, "UTC").await;

    let patient = visitor.page(&after(2)).await;
    let page = visitor.page(&after(4)).await;
    let without = visitor.page(ALERTS).await;

    assert!(patient.contains("data-poll"));
    let said = banner(&page);
    assert!(
        said.contains("notify has not answered. Look into the log of notify"),
        "{said}"
    );
    assert!(!page.contains("data-poll"));
    assert!(!without.contains("id=\"asked\""));
}

#[tokio::test]
async fn nothing_is_asked_for_without_a_session_or_its_proof_or_from_elsewhere() {
    let db = TestDb::new().await;
    let mut stranger = Visitor::stranger(&db);
    let mut visitor = Visitor::signed_in(&db, "UTC").await;
    let csrf = visitor.csrf(ALERTS).await;

    let unknown = stranger.post(TEST, &[("csrf", &csrf)]).await;
    let bare = visitor.post(TEST, &[]).await;
    let guessed = visitor
        .post(TEST, &[("csrf", "0123456789abcdef0123456789abcdef")])
        .await;
    let mut elsewhere = Vec::new();
    for origin in [None, Some("https://elsewhere.test")] {
        let form = Request::post(TEST).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        let form = origin
            .into_iter()
            .fold(form, |form, origin| form.header(header::ORIGIN, origin));
        let form = form.body(Body::from(format!("csrf={csrf}"))).unwrap();
        elsewhere.push(visitor.send(form).await.status.as_u16());
    }

    assert_eq!(unknown.headers["location"], "/admin/sign-in");
    assert_eq!([bare, guessed].map(|answer| answer.status.as_u16()), [403, 403]);
    assert_eq!(elsewhere, [403, 403]);
    assert!(stranger.asked.try_recv().is_err() && visitor.asked.try_recv().is_err());
}

#[tokio::test]
async fn a_bus_that_is_away_becomes_a_page_that_says_so() {
    let db = TestDb::new().await;
    let mut visitor = Visitor::signed_in(&db, "UTC").await;
    let csrf = visitor.csrf(ALERTS).await;
    visitor.asked.close();

    let answer = visitor.post(TEST, &[("csrf", &csrf)]).await;

    assert_eq!(answer.status.as_u16(), 503);
    assert!(answer.body.contains("<h1>Not asked for</h1>"), "{}", answer.body);
    assert!(
        answer.body.contains("nobody listens on the in-process bus any more"),
        "{}",
        answer.body
    );
}

#[tokio::test]
async fn a_form_that_comes_back_after_sign_in_leads_to_the_page() {
    let db = TestDb::new().await;
    let mut visitor = Visitor::signed_in(&db, "UTC").await;

    let answer = visitor.get(TEST).await;

    assert_eq!(answer.headers["location"], ALERTS);
}
