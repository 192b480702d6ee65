//! What is failing, the channels, and the line on the execution log.

use chrono::TimeDelta;
use serde_json::json;
use tests::{TestDb, Visitor, now};
use uuid::Uuid;

use super::scene::{ALERTS, incident, message, part, store};

const RUNS: &str = "/admin/execution-logs";

#[tokio::test]
async fn an_open_incident_is_shown_with_all_that_is_known_of_it() {
    let db = TestDb::new().await;
    let run = Uuid::now_v7();
    let open = incident(json!({
        "since": "2026-11-20T10:00:00Z",
        "last_seen_at": now() - TimeDelta::minutes(3),
        "occurrences": 1234,
        "summary": "Vapi rejected the token\ncaused by: 401",
        "run_id": run,
        "told_at": "2026-11-20T10:00:05Z",
    }));
    let over = incident(json!({"subject": "qci-analysis", "ended_at": now()}));
    store(&db, &[open, over], &[]).await;
    let mut visitor = Visitor::signed_in(&db, "Asia/Kolkata").await;

    let page = visitor.page(ALERTS).await;

    let failing = part(&page, "failing");
    for expected in [
        "<a href=\"/admin/execution-logs?script=vapi-sync\">vapi-sync</a>: runs are failing",
        "20 Nov 2026, 15:30:00</time>",
        "1,234 times, last 3 min ago",
        "<p class=\"problem\">Vapi rejected the token …</p>",
        "notified <time datetime=\"2026-11-20T10:00:05Z\" title=\"2026-11-20T10:00:05Z\">20 Nov, 15:30</time>",
        &format!("<a href=\"{RUNS}/{run}\">The newest run</a>"),
    ] {
        assert!(failing.contains(expected), "no {expected} in {failing}");
    }
    assert!(!failing.contains("qci-analysis"), "{failing}");
    assert!(!failing.contains("all is well"));
}

#[tokio::test]
async fn what_nobody_was_told_of_says_so_and_what_is_no_script_has_no_runs() {
    let db = TestDb::new().await;
    let soon = now() + TimeDelta::minutes(1);
    let incidents = [
        incident(json!({"subject": "AdminErrors", "kind": "errors", "since": now() - TimeDelta::hours(9)})),
        incident(json!({"subject": "vapi-sync", "kind": "missed", "held_until": soon})),
    ];
    store(&db, &incidents, &[]).await;
    let mut visitor = Visitor::signed_in(&db, "UTC").await;

    let page = visitor.page(ALERTS).await;

    let (first, second) = part(&page, "failing").split_once("</li>").unwrap();
    assert!(first.contains("<h3>AdminErrors: its invocations fail</h3>"), "{first}");
    assert!(
        first.contains("not notified yet") && first.contains("once so far"),
        "{first}"
    );
    assert!(
        second.contains("script=vapi-sync\">vapi-sync</a>: no run has ended well"),
        "{second}"
    );
    assert!(
        second.contains("is being told") && !second.contains("nobody was told"),
        "{second}"
    );
}

#[tokio::test]
async fn a_flood_of_incidents_is_cut_and_counted() {
    let db = TestDb::new().await;
    let incidents: Vec<_> = (0..53).map(|_| incident(json!({}))).collect();
    store(&db, &incidents, &[]).await;
    let mut visitor = Visitor::signed_in(&db, "UTC").await;

    let page = visitor.page(ALERTS).await;

    assert_eq!(page.matches("<li class=\"panel incident\">").count(), 50);
    assert!(page.contains("And 3 more, that began later."));
}

#[tokio::test]
async fn all_is_well_since_the_last_incident_was_over() {
    let db = TestDb::new().await;
    let mut visitor = Visitor::signed_in(&db, "Europe/Rome").await;

    let before = visitor.page(ALERTS).await;
    let over = |at| incident(json!({"since": "2026-11-01T00:00:00Z", "ended_at": at}));
    let incidents = [over("2026-11-20T10:00:00Z"), over("2026-11-19T10:00:00Z")];
    store(&db, &incidents, &[]).await;
    let after = visitor.page(ALERTS).await;

    assert!(
        part(&before, "failing").contains("all is well</span> nothing has failed yet"),
        "{before}"
    );
    let well = part(&after, "failing");
    assert!(
        well.contains("all is well</span> since ") && well.contains("20 Nov 2026, 11:00:00"),
        "{well}"
    );
}

#[tokio::test]
async fn a_channel_says_what_its_last_message_came_to_or_how_there_will_be_one() {
    let db = TestDb::new().await;
    let mut visitor = Visitor::signed_in(&db, "UTC").await;

    let unused = visitor.page(ALERTS).await;
    let messages = [
        message(json!({"created_at": now() - TimeDelta::hours(5)})),
        message(
            json!({"status": "failed", "error": "404 no_team", "attempts": 3, "created_at": now() - TimeDelta::hours(3)}),
        ),
        message(json!({"channel": "email", "form": "minimal", "error": "too long"})),
    ];
    store(&db, &[], &messages).await;
    let used = visitor.page(ALERTS).await;

    let channels = part(&unused, "channels");
    assert!(
        channels.contains("set <code>SLACK_WEBHOOK_URL</code>; <code>docs/operations.md</code>"),
        "{channels}"
    );
    assert!(
        channels.contains("set <code>ALERT_EMAIL_FROM</code> and <code>ALERT_EMAIL_TO</code>;"),
        "{channels}"
    );
    let (slack, email) = part(&used, "channels").split_once("E-mail").unwrap();
    assert!(
        slack.contains("status-failed\">failed</span>") && slack.contains("3 h ago"),
        "{slack}"
    );
    assert!(
        slack.contains("<p class=\"problem\">404 no_team (tried 3 times)</p>"),
        "{slack}"
    );
    assert!(email.contains("status-sent\">sent</span>"), "{email}");
    assert!(
        email.contains("In a few plain words, since the whole message did not go through: too long"),
        "{email}"
    );
}

#[tokio::test]
async fn news_that_reached_nobody_is_pointed_out_until_a_message_goes_out() {
    let db = TestDb::new().await;
    let recorded = message(json!({"channel": "none", "status": "recorded", "created_at": now() - TimeDelta::hours(2)}));
    store(&db, &[], &[recorded]).await;
    let mut visitor = Visitor::signed_in(&db, "UTC").await;

    let page = visitor.page(ALERTS).await;
    store(&db, &[], &[message(json!({}))]).await;
    let later = visitor.page(ALERTS).await;

    assert!(
        page.contains("2 h ago, reached nobody: no channel was configured"),
        "{page}"
    );
    assert!(!later.contains("reached nobody"), "{later}");
}

#[tokio::test]
async fn the_execution_log_leads_to_what_is_failing_while_it_is() {
    let db = TestDb::new().await;
    let mut visitor = Visitor::signed_in(&db, "UTC").await;

    let well = visitor.page(RUNS).await;
    let incidents = [
        incident(json!({"subject": "qci-analysis"})),
        incident(json!({"kind": "late", "since": now() - TimeDelta::hours(7)})),
    ];
    store(&db, &incidents, &[]).await;
    let ill = visitor.page(RUNS).await;

    assert!(well.contains("<div id=\"failing\" data-live></div>"), "{well}");
    let notice =
        "<b>vapi-sync: its schedule has not started it</b> and 1 more, since 7 h ago. <a href=\"/admin/alerts\">";
    assert!(ill.contains(notice), "{ill}");
}

#[tokio::test]
async fn hostile_texts_are_shown_as_they_are_written() {
    let db = TestDb::new().await;
    let hostile = "<img src=x onerror=alert(1)>\"'&amp;<script>";
    let one = incident(json!({"subject": hostile, "summary": hostile, "run_id": Uuid::now_v7()}));
    let messages = [
        message(json!({"title": hostile, "body": hostile, "incident_id": one["id"]})),
        message(json!({"kind": "test", "channel": "email", "status": "failed", "error": hostile})),
    ];
    store(&db, &[one], &messages).await;
    let asked = (now() - TimeDelta::minutes(1)).timestamp_micros();
    let mut visitor = Visitor::signed_in(&db, "UTC").await;

    let page = visitor.page(&format!("{ALERTS}?asked={asked}")).await;
    let runs = visitor.page(RUNS).await;

    assert!(!page.contains("<img src=x") && !page.contains("<script>"), "{page}");
    assert!(!runs.contains("<img src=x") && !runs.contains("<script>"), "{runs}");
    // Subject, summary, title, body; the error in the banner, in its channel and in the list.
    assert_eq!(
        page.matches("&#60;img src=x onerror=alert(1)&#62;&#34;&#39;&#38;amp;&#60;script&#62;")
            .count(),
        7,
        "{page}"
    );
    assert!(
        page.contains("?script=%3Cimg+src%3Dx+onerror%3Dalert%281%29%3E%22%27%26amp%3B%3Cscript%3E\""),
        "{page}"
    );
}
