//! The list of messages: its rows, its pages, its filters, and what it is read by.

use std::time::Duration;

use chrono::TimeDelta;
use serde_json::{Value, json};
use tests::{TestDb, Visitor, now};
use tokio::time::{sleep, timeout};
use tokio_postgres::Client;
use uuid::Uuid;

use super::scene::{ALERTS, incident, listed, message, part, store};

/// Messages that differ in everything that can be filtered by; three at a time have the same time.
fn mixed() -> Vec<Value> {
    let ways = [
        ("slack", "sent"),
        ("email", "sent"),
        ("slack", "failed"),
        ("none", "recorded"),
    ];
    let kinds = ["failure", "reminder", "recovery", "test"];
    (0..130_usize)
        .map(|index| {
            let (channel, status) = ways[index % 4];
            message(json!({
                "id": Uuid::new_v4(),
                "kind": kinds[index / 4 % 4],
                "channel": channel,
                "status": status,
                "error": (status == "failed").then_some("404"),
                "created_at": now() - TimeDelta::minutes(i64::try_from(index / 3).unwrap()),
            }))
        })
        .collect()
}

/// The ids of those that pass, newest first.
async fn stored(db: &TestDb, condition: &str) -> Vec<String> {
    let query = format!("select id from notifications where {condition} order by created_at desc, id desc");
    let rows = db.rows(&query).await;
    rows.iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
}

/// Where a link of this relation leads.
fn link(page: &str, relation: &str) -> Option<String> {
    let (_, rest) = page.split_once(&format!("rel=\"{relation}\" href=\""))?;
    Some(rest.split('"').next()?.replace("&#38;", "&"))
}

#[tokio::test]
async fn a_message_says_when_how_and_what_of_it_was_told() {
    let db = TestDb::new().await;
    let run = Uuid::now_v7();
    let incident = incident(json!({"run_id": run}));
    let told = message(json!({
        "incident_id": incident["id"],
        "kind": "recovery",
        "channel": "email",
        "status": "failed",
        "attempts": 2,
        "error": "Email address is not verified",
        "title": "vapi-sync is back",
        "body": "It was out for 3 h.\n12 calls were caught up.",
        "created_at": "2026-11-20T10:00:00Z",
    }));
    store(&db, &[incident], &[told]).await;
    let mut visitor = Visitor::signed_in(&db, "Asia/Kolkata").await;

    let page = visitor.page(ALERTS).await;

    let row = part(&page, "messages");
    for expected in [
        "20 Nov 2026, 15:30:00</time>",
        "<span class=\"mark mark-good\">recovery</span>",
        "e-mail <span class=\"status status-failed\">failed</span>",
        "<details><summary>vapi-sync is back</summary><pre>It was out for 3 h.\n12 calls were caught up.</pre></details>",
        "<p class=\"problem\">Email address is not verified (tried 2 times)</p>",
        &format!("<a href=\"/admin/execution-logs/{run}\">The run</a>"),
    ] {
        assert!(row.contains(expected), "no {expected} in {row}");
    }
}

#[tokio::test]
async fn messages_are_paged_to_the_end_and_back_without_loss() {
    let db = TestDb::new().await;
    store(&db, &[], &mixed()).await;
    let mut visitor = Visitor::signed_in(&db, "UTC").await;

    let mut pages = vec![visitor.page(ALERTS).await];
    while let Some(next) = link(pages.last().unwrap(), "next") {
        pages.push(visitor.page(&next).await);
    }
    // What comes in meanwhile moves no page.
    store(&db, &[], &[message(json!({}))]).await;
    let mut back = pages.last().unwrap().clone();
    for page in pages.iter().rev().skip(1) {
        back = visitor.page(&link(&back, "prev").unwrap()).await;
        assert_eq!(listed(&back), listed(page));
    }

    let seen: Vec<String> = pages.iter().flat_map(|page| listed(page)).collect();
    assert_eq!(seen, stored(&db, "true").await[1..]);
    assert_eq!(
        pages.iter().map(|page| listed(page).len()).collect::<Vec<_>>(),
        [50, 50, 30]
    );
    assert_eq!(link(&pages[0], "prev"), None);
    assert!(link(&back, "prev").is_some(), "the new message is one page further");
}

#[tokio::test]
async fn every_filter_lets_through_what_it_names_and_pages_keep_it() {
    let db = TestDb::new().await;
    store(&db, &[], &mixed()).await;
    let mut visitor = Visitor::signed_in(&db, "UTC").await;

    for (query, condition) in [
        ("kind=recovery", "kind = 'recovery'"),
        ("channel=none", "channel = 'none'"),
        ("status=failed", "status = 'failed'"),
        (
            "kind=test&channel=slack&status=failed",
            "kind = 'test' and status = 'failed'",
        ),
        ("kind=&channel=slack&status=", "channel = 'slack'"),
    ] {
        let mut page = visitor.page(&format!("{ALERTS}?{query}")).await;
        let mut seen = listed(&page);
        while let Some(next) = link(&page, "next") {
            page = visitor.page(&next).await;
            seen.extend(listed(&page));
        }
        assert_eq!(seen, stored(&db, condition).await, "{query}");
    }
    let chosen = visitor.page(&format!("{ALERTS}?channel=email")).await;
    assert!(
        chosen.contains("<option value=\"email\" selected>e-mail</option>"),
        "{chosen}"
    );
}

#[tokio::test]
async fn a_filter_or_place_that_no_link_has_is_refused_by_its_name() {
    let db = TestDb::new().await;
    let mut visitor = Visitor::signed_in(&db, "UTC").await;

    for name in ["kind", "channel", "status", "before", "after", "asked"] {
        let answer = visitor.get(&format!("{ALERTS}?{name}=nothing")).await;

        assert_eq!(answer.status.as_u16(), 400, "{name}");
        assert!(answer.body.contains(&format!("“{name}”")), "{}", answer.body);
    }
}

#[tokio::test]
async fn an_empty_list_says_why_it_is_empty() {
    let db = TestDb::new().await;
    let mut visitor = Visitor::signed_in(&db, "UTC").await;

    let none = visitor.page(ALERTS).await;
    let filtered = visitor.page(&format!("{ALERTS}?kind=test")).await;

    assert!(
        none.contains("No messages yet: they come when something fails"),
        "{none}"
    );
    assert!(
        filtered.contains("No messages match. <a href=\"/admin/alerts\">Reset"),
        "{filtered}"
    );
}

#[tokio::test]
async fn no_page_reads_all_messages() {
    let db = TestDb::new().await;
    let client = db.client().await;
    let many = "
        insert into incidents (id, subject, kind, fingerprint, summary, since, last_seen_at, ended_at)
        select gen_random_uuid(), 'vapi-sync', 'run_failed', n, 'it failed', now() - n * interval '1 hour',
               now() - n * interval '1 hour', now() - n * interval '1 hour'
        from generate_series(1, 5000) as n;
        insert into notifications (id, kind, channel, status, form, attempts, title, body, created_at)
        select gen_random_uuid(), 'failure', 'slack', 'sent', 'full', 1, 'vapi-sync failed', repeat('word ', 50),
               now() - n * interval '5 minutes'
        from generate_series(1, 20000) as n;
        analyze incidents;
        analyze notifications;";
    client.batch_execute(many).await.unwrap();
    let scans = "select sum(seq_scan)::bigint as all, sum(idx_scan)::bigint as indexed from pg_stat_user_tables
                 where relname in ('incidents', 'notifications')";
    client.execute("select pg_stat_force_next_flush()", &[]).await.unwrap();
    let before = db.rows(scans).await.remove(0);
    let mut visitor = Visitor::signed_in(&db, "UTC").await;

    let deep = (now() - TimeDelta::days(60)).timestamp_micros();
    for query in [
        String::new(),
        "kind=test".to_owned(),
        "channel=email".to_owned(),
        "status=failed".to_owned(),
        "asked=0".to_owned(),
        format!("before={deep}.{}", Uuid::nil()),
        format!("after={deep}.{}", Uuid::nil()),
    ] {
        visitor.page(&format!("{ALERTS}?{query}")).await;
    }
    drop(visitor);
    alone(&client).await;
    let after = db.rows(scans).await.remove(0);

    assert!(
        after["indexed"].as_i64() > before["indexed"].as_i64(),
        "{before} {after}"
    );
    assert_eq!(after["all"], before["all"], "{before} {after}");
}

/// Waits until there is no other connection: they hand in what they counted when they end.
async fn alone(client: &Client) {
    let others = "select count(*) from pg_stat_activity
                  where datname = current_database() and backend_type = 'client backend' and pid <> pg_backend_pid()";
    let end = async {
        while client.query_one(others, &[]).await.unwrap().get::<_, i64>(0) > 0 {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(30), end).await.unwrap();
}
