//! The list of runs: its filters, its pages, its rows.

use chrono::TimeDelta;
use serde_json::{Value, json};
use tests::{TestDb, Visitor, now};
use uuid::Uuid;

use super::scene::{LIST, id, link, listed, run, store};

/// Whether a row is meant.
type Test = Box<dyn Fn(&Value) -> bool>;

/// Runs that differ in everything that can be filtered by.
fn mixed() -> Vec<Value> {
    let texts = [
        "100% of them",
        "100 of them",
        "a_b",
        "axb",
        "back\\slash",
        "Ärger mit Ümläuten",
    ];
    let scripts = ["vapi-sync", "qci-analysis", "watchdog"];
    let triggers = ["schedule", "ada", "continuation"];
    (0..90)
        .map(|index: usize| {
            let is_error = index.is_multiple_of(3);
            run(json!({
                "id": Uuid::new_v4(),
                "batch_id": Uuid::new_v4(),
                "script_name": scripts[index % 3],
                "triggered_by": triggers[index / 3 % 3],
                "status": if is_error { "error" } else if index.is_multiple_of(5) { "partial" } else { "success" },
                "started_at": now() - TimeDelta::hours(i64::try_from(index).unwrap() * 7 + 1),
                "error_message": (is_error || index.is_multiple_of(5)).then(|| texts[index % 6]),
            }))
        })
        .collect()
}

async fn every_page(visitor: &mut Visitor, address: &str) -> Vec<String> {
    let (mut found, mut next) = (Vec::new(), Some(address.to_owned()));
    while let Some(address) = next {
        let page = visitor.page(&address).await;
        found.extend(listed(&page));
        next = link(&page, "next");
    }
    found
}

#[tokio::test]
async fn every_filter_and_every_two_of_them_find_what_they_should() {
    let db = TestDb::new().await;
    let runs = mixed();
    store(&db, &runs).await;
    let mut visitor = Visitor::signed_in(&db, "UTC").await;
    let day = |days| (now() - TimeDelta::days(days)).date_naive();
    let began = |run: &Value| run["started_at"].as_str().unwrap()[..10].to_owned();
    let has = |text: &'static str| -> Test {
        Box::new(move |run| {
            let message = run["error_message"].as_str().unwrap_or_default().to_lowercase();
            message.contains(&text.to_lowercase()) || run["triggered_by"].as_str().unwrap().contains(text)
        })
    };
    let chosen = runs[11].clone();
    let (by_id, by_batch) = (
        id(&chosen)[..9].to_owned(),
        chosen["batch_id"].as_str().unwrap()[..13].to_uppercase(),
    );
    let (from, to) = (day(20).to_string(), day(10).to_string());
    let filters: Vec<(String, Test)> = vec![
        (
            "script=qci-analysis".into(),
            Box::new(|run| run["script_name"] == "qci-analysis"),
        ),
        ("status=error".into(), Box::new(|run| run["status"] == "error")),
        ("trigger=ada".into(), Box::new(|run| run["triggered_by"] == "ada")),
        (format!("from={from}"), Box::new(move |run| began(run) >= from)),
        (format!("to={to}"), Box::new(move |run| began(run) <= to)),
        ("text=100%25".into(), has("100%")),
        ("text=a_b".into(), has("a_b")),
        ("text=K%5CS".into(), has("k\\s")),
        ("text=%C3%84RGER".into(), has("Ärger")),
        (
            "text=CONTINU".into(),
            Box::new(|run| run["triggered_by"] == "continuation"),
        ),
        (format!("text={by_id}"), {
            let chosen = chosen.clone();
            Box::new(move |run| run["id"] == chosen["id"])
        }),
        (
            format!("text={by_batch}"),
            Box::new(move |run| run["id"] == chosen["id"]),
        ),
    ];

    for (first, is_first) in &filters {
        for (second, is_second) in &filters {
            let name = |filter: &String| filter.split('=').next().unwrap().to_owned();
            if first != second && name(first) == name(second) {
                continue;
            }
            let expected: Vec<&str> = runs
                .iter()
                .filter(|run| is_first(run) && is_second(run))
                .map(id)
                .collect();

            let found = every_page(&mut visitor, &format!("{LIST}?{first}&{second}")).await;

            assert_eq!(found, expected, "{first} and {second}");
        }
    }
}

#[tokio::test]
async fn pages_lead_to_the_end_and_back_without_loss_or_repetition() {
    let db = TestDb::new().await;
    let instants = [1, 2, 3].map(|hours| now() - TimeDelta::hours(hours));
    let mut runs: Vec<Value> = (0..173)
        .map(|index| run(json!({"id": Uuid::new_v4(), "started_at": instants[index % 3]})))
        .collect();
    store(&db, &runs).await;
    runs.sort_by_key(|run| std::cmp::Reverse((run["started_at"].as_str().unwrap().to_owned(), id(run).to_owned())));
    let expected: Vec<&str> = runs.iter().map(id).collect();
    let mut visitor = Visitor::signed_in(&db, "UTC").await;

    for filter in [
        "",
        "?script=vapi-sync",
        "?status=success",
        "?trigger=schedule",
        "?text=sched",
    ] {
        let mut pages = vec![visitor.page(&format!("{LIST}{filter}")).await];
        while let Some(next) = link(pages.last().unwrap(), "next") {
            pages.push(visitor.page(&next).await);
        }
        let there: Vec<String> = pages.iter().flat_map(|page| listed(page)).collect();
        let mut back = vec![pages.pop().unwrap()];
        while let Some(previous) = link(back.last().unwrap(), "prev") {
            back.push(visitor.page(&previous).await);
        }
        let back: Vec<String> = back.iter().rev().flat_map(|page| listed(page)).collect();

        assert_eq!(there, expected, "{filter}");
        assert_eq!(back, expected, "{filter}");
    }
}

#[tokio::test]
async fn days_are_those_of_the_viewers_zone() {
    let db = TestDb::new().await;
    let runs = [
        "2026-08-01T21:59:59Z",
        "2026-08-01T22:00:00Z",
        "2026-08-02T21:59:59Z",
        "2026-08-02T22:00:00Z",
    ]
    .map(|start| run(json!({"started_at": start})));
    store(&db, &runs).await;

    let page = Visitor::signed_in(&db, "Europe/Rome")
        .await
        .page(&format!("{LIST}?from=2026-08-02&to=2026-08-02"))
        .await;

    assert_eq!(listed(&page), [id(&runs[2]), id(&runs[1])]);
    assert!(page.contains("2 Aug 2026, 23:59:59"), "{page}");
}

#[tokio::test]
async fn a_run_under_way_says_so_and_refreshes_itself() {
    let db = TestDb::new().await;
    let mut visitor = Visitor::signed_in(&db, "UTC").await;
    store(&db, &[run(json!({}))]).await;
    let quiet = visitor.page(LIST).await;
    let running = json!({"status": "running", "started_at": now() - TimeDelta::seconds(90), "script_name": "a"});
    store(&db, &[run(running)]).await;
    let busy = visitor.page(LIST).await;
    let late = json!({"status": "running", "started_at": now() - TimeDelta::minutes(20), "script_name": "b"});
    store(&db, &[run(late)]).await;
    let late = visitor.page(LIST).await;

    assert!(!quiet.contains("data-poll") && quiet.contains("data-live"));
    assert!(
        busy.contains("data-poll") && busy.contains("running for 1 min 3"),
        "{busy}"
    );
    assert!(!busy.contains("past its deadline"));
    assert!(late.contains("past its deadline"));
}

#[tokio::test]
async fn a_skipped_run_says_what_stood_against_it() {
    let db = TestDb::new().await;
    let reason = json!({"reason": "run 7 holds the lease"});
    store(&db, &[run(json!({"status": "skipped", "metadata": reason}))]).await;
    let mut visitor = Visitor::signed_in(&db, "UTC").await;

    let page = visitor.page(LIST).await;
    let found = visitor.page(&format!("{LIST}?text=HOLDS")).await;

    assert!(page.contains("run 7 holds the lease"));
    assert_eq!(listed(&found).len(), 1);
}

#[tokio::test]
async fn hostile_texts_are_escaped_and_clipped() {
    let db = TestDb::new().await;
    let hostile = "<script>alert(1)</script>\u{202e}\u{1f4a5}\"'><img src=x onerror=alert(1)>";
    let long = "é<b>".repeat(350_000);
    let runs = [
        run(json!({"status": "error", "error_message": hostile, "triggered_by": hostile, "script_name": hostile})),
        run(json!({"status": "error", "error_message": long})),
    ];
    store(&db, &runs).await;
    let mut visitor = Visitor::signed_in(&db, "UTC").await;

    let page = visitor.page(LIST).await;

    assert!(
        !page.contains("<script>alert") && !page.contains("<img src=x"),
        "{page}"
    );
    assert!(page.contains("\u{1f4a5}"));
    assert!(!page.contains("<b>"));
    assert!(page.len() < 40_000, "{} bytes", page.len());
}

#[tokio::test]
async fn a_parameter_that_cannot_be_used_is_named() {
    let db = TestDb::new().await;
    let mut visitor = Visitor::signed_in(&db, "UTC").await;

    for (query, name) in [
        ("status=done", "status"),
        ("from=yesterday", "from"),
        ("from=2026-08-02&to=2026-08-01", "from"),
        ("to=2026-02-30", "to"),
        ("before=1", "before"),
        ("before=1.x", "before"),
        ("after=99999999999999999999.0", "after"),
        ("asked=soon&script=vapi-sync", "asked"),
        ("asked=-1&script=vapi-sync", "asked"),
        ("asked=9223372036854775807&script=vapi-sync", "asked"),
    ] {
        for path in [LIST, "/admin/execution-logs.csv", "/admin/execution-logs.ndjson"] {
            let has_no_page = path != LIST && ["before", "after", "asked"].contains(&name);
            let answer = visitor.get(&format!("{path}?{query}")).await;
            if has_no_page {
                assert_eq!(answer.status.as_u16(), 200, "{path}?{query}");
            } else {
                assert_eq!(answer.status.as_u16(), 400, "{path}?{query}");
                assert!(answer.body.contains(&format!("“{name}”")), "{}", answer.body);
            }
        }
    }
    let long = format!("{LIST}?text={}", "x".repeat(201));
    assert_eq!(visitor.get(&long).await.status.as_u16(), 400);
}

#[tokio::test]
async fn sql_in_a_parameter_is_a_text_like_any_other() {
    let db = TestDb::new().await;
    let runs = [run(json!({})), run(json!({"triggered_by": "'; drop table logs; --"}))];
    store(&db, &runs).await;
    let mut visitor = Visitor::signed_in(&db, "UTC").await;

    for hostile in [
        "'; drop table runs; --",
        "' or '1'='1",
        "\\' or 1=1 --",
        "$1",
        "%' or true or '%'='",
    ] {
        let value: String = url::form_urlencoded::byte_serialize(hostile.as_bytes()).collect();
        for name in ["script", "trigger", "text"] {
            let page = visitor.page(&format!("{LIST}?{name}={value}")).await;
            assert_eq!(listed(&page), Vec::<String>::new(), "{name}={hostile}");
        }
        for name in ["status", "from", "to", "before", "after", "asked"] {
            let answer = visitor.get(&format!("{LIST}?script=vapi-sync&{name}={value}")).await;
            assert_eq!(answer.status.as_u16(), 400, "{name}={hostile}");
        }
    }

    let found = visitor
        .page(&format!("{LIST}?trigger=%27%3B+drop+table+logs%3B+--"))
        .await;
    assert_eq!(listed(&found), [id(&runs[1])]);
    assert_eq!(db.count("runs").await, 2);
}

#[tokio::test]
async fn a_list_without_runs_offers_the_way_on() {
    let db = TestDb::new().await;
    let mut visitor = Visitor::signed_in(&db, "UTC").await;

    let empty = visitor.page(LIST).await;
    store(&db, &[run(json!({}))]).await;
    let page = visitor.page(&format!("{LIST}?script=nothing-like-it")).await;

    assert!(
        empty.contains("No runs yet. Run <code>callmark sync</code>."),
        "{empty}"
    );
    assert!(
        page.contains("No runs match. <a href=\"/admin/execution-logs\">"),
        "{page}"
    );
    assert!(page.contains("<option selected>nothing-like-it</option>"), "{page}");
}

#[tokio::test]
async fn every_row_leads_to_its_run_and_every_filter_stays_in_the_links() {
    let db = TestDb::new().await;
    let runs: Vec<Value> = (0..51).map(|_| run(json!({}))).collect();
    store(&db, &runs).await;
    let mut visitor = Visitor::signed_in(&db, "UTC").await;

    let page = visitor
        .page(&format!(
            "{LIST}?script=vapi-sync&status=success&trigger=schedule&text=sched"
        ))
        .await;
    let next = link(&page, "next").unwrap();

    for id in listed(&page) {
        assert!(page.contains(&format!("<td><a href=\"{LIST}/{id}\">")));
    }
    assert!(
        next.starts_with(&format!(
            "{LIST}?script=vapi-sync&status=success&trigger=schedule&text=sched&before="
        )),
        "{next}"
    );
    let export = "/admin/execution-logs.csv?script=vapi-sync&#38;status=success&#38;trigger=schedule&#38;text=sched\"";
    assert!(page.contains(export), "{page}");
    assert_eq!(
        visitor
            .get(&format!("{LIST}/{}", listed(&page)[0]))
            .await
            .status
            .as_u16(),
        200
    );
}
