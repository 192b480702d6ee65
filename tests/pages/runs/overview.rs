//! The tiles, charts and scripts over the list.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use tests::{TestDb, Visitor, now};

use super::scene::{LIST, run, store, tile};

/// Runs of five weeks, of all kinds.
fn weeks(end: DateTime<Utc>) -> Vec<Value> {
    (0..400_i64)
        .map(|index| {
            let started = end - TimeDelta::minutes(index * 131 + 5);
            let status = match index % 11 {
                0 | 7 => "error",
                3 => "partial",
                5 => "skipped",
                _ => "success",
            };
            let took = if status == "skipped" {
                0
            } else {
                (index * 7_919) % 100_000
            };
            run(json!({
                "status": status,
                "script_name": if index % 2 == 0 { "vapi-sync" } else { "qci-analysis" },
                "started_at": started,
                "finished_at": started + TimeDelta::milliseconds(took),
                "api_cost": if index % 50 == 49 { Value::Null } else { json!(format!("0.{:02}", index % 13)) },
                "error_message": (status == "error").then(|| format!("Vapi answered {index}")),
            }))
        })
        .collect()
}

/// Counted by another way than the page counts.
async fn naively(db: &TestDb, from: DateTime<Utc>, to: DateTime<Utc>, script: &str) -> Value {
    let query = format!(
        "select count(*) filter (where status = 'success') as succeeded,
                count(*) filter (where status in ('success', 'partial', 'error')) as ended,
                percentile_disc(0.5) within group (order by duration_ms) filter (where status <> 'skipped') as median,
                percentile_disc(0.95) within group (order by duration_ms) filter (where status <> 'skipped') as most,
                round(sum(api_cost), 2)::text as cost,
                count(*) filter (where api_cost is null) as unpriced
         from runs
         where started_at >= '{from}' and started_at < '{to}' and script_name like '{script}'"
    );
    db.rows(&query).await.remove(0)
}

fn took(ms: &Value) -> String {
    let ms = ms.as_i64().unwrap();
    match ms {
        ..1000 => format!("{ms} ms"),
        1000..60_000 => format!("{}.{} s", ms / 1000, ms % 1000 / 100),
        _ => format!("{} min {:02} s", ms / 60_000, ms / 1000 % 60),
    }
}

#[tokio::test]
async fn tiles_say_what_a_naive_count_says_of_both_windows() {
    let db = TestDb::new().await;
    let noon: DateTime<Utc> = "2026-08-30T22:00:00Z".parse().unwrap();
    store(&db, &weeks(noon)).await;
    let mut visitor = Visitor::signed_in(&db, "Europe/Rome").await;

    for (query, like) in [
        ("", "%"),
        ("&script=vapi-sync", "vapi-sync"),
        ("&trigger=nobody", "nothing"),
    ] {
        let page = visitor
            .page(&format!("{LIST}?from=2026-08-17&to=2026-08-30{query}"))
            .await;

        let start = noon - TimeDelta::days(14);
        let current = naively(&db, start, noon, like).await;
        let before = naively(&db, start - TimeDelta::days(14), start, like).await;
        if like == "nothing" {
            assert!(tile(&page, "Success rate").contains("no run has ended"));
            continue;
        }
        let of = |sum: &Value, name: &str| sum[name].as_i64().unwrap();
        let rate = |sum: &Value| {
            let tenths = of(sum, "succeeded") * 1000 / of(sum, "ended");
            format!("{}.{} %", tenths / 10, tenths % 10)
        };
        let counted = format!("{} of {} runs", of(&current, "succeeded"), of(&current, "ended"));
        let success = tile(&page, "Success rate");
        assert!(success.starts_with(&rate(&current)), "{success}: {current}");
        assert!(
            success.contains(&counted) && success.contains(&rate(&before)),
            "{success}"
        );
        let durations = tile(&page, "Duration, p50 / p95");
        let both = |sum: &Value| format!("{} / {}", took(&sum["median"]), took(&sum["most"]));
        assert_eq!(
            durations,
            format!("{} <small>{} before</small>", both(&current), both(&before))
        );
        let cost = tile(&page, "LLM cost");
        let amount = |sum: &Value| sum["cost"].as_str().unwrap().to_owned();
        assert!(cost.starts_with(&format!("${}", amount(&current))), "{cost}: {current}");
        assert!(
            cost.contains(&format!("${}00 before", amount(&before))),
            "{cost}: {before}"
        );
        let unpriced = of(&current, "unpriced");
        assert_eq!(cost.contains(&format!("of {unpriced} run")), unpriced > 0, "{cost}");
    }
}

#[tokio::test]
async fn a_rate_that_fell_is_pointed_out() {
    let db = TestDb::new().await;
    let at = |days| now() - TimeDelta::days(days);
    store(
        &db,
        &[
            run(json!({"started_at": at(40)})),
            run(json!({"started_at": at(3), "status": "error"})),
        ],
    )
    .await;

    let page = Visitor::signed_in(&db, "UTC").await.page(LIST).await;

    assert!(
        page.contains("<div class=\"tile warn\"><dt>Success rate</dt>"),
        "{page}"
    );
    assert!(tile(&page, "Success rate").contains("down from 100.0 %"));
}

#[tokio::test]
async fn the_next_run_is_due_as_long_after_the_last_as_usual() {
    let db = TestDb::new().await;
    let at = |minutes| now() - TimeDelta::minutes(minutes);
    let mut runs: Vec<Value> = (0..12)
        .map(|index| run(json!({"started_at": at(30 + 360 * index)})))
        .collect();
    // What a person asked for in between says nothing about the schedule.
    runs.push(run(json!({"started_at": at(3), "triggered_by": "ada"})));
    runs.push(run(
        json!({"started_at": at(5), "script_name": "by-hand", "triggered_by": "ada"}),
    ));
    store(&db, &runs).await;

    let page = Visitor::signed_in(&db, "UTC").await.page(LIST).await;

    assert!(page.contains("next in 5 h 29 min, usually every 6 h"), "{page}");
    assert!(
        tile(&page, "Last success").starts_with("2 min ago"),
        "{}",
        tile(&page, "Last success")
    );
    let (_, by_hand) = page.split_once(">by-hand</a></td>").unwrap();
    assert!(by_hand.contains("<td class=\"wide-only\">–</td>"), "{by_hand}");
}

#[tokio::test]
async fn a_schedule_that_stopped_is_overdue_in_words() {
    let db = TestDb::new().await;
    let at = |hours| now() - TimeDelta::hours(hours);
    let runs: Vec<Value> = (1..5)
        .map(|index| run(json!({"started_at": at(3 + 6 * index)})))
        .collect();
    store(&db, &runs).await;

    let page = Visitor::signed_in(&db, "UTC").await.page(LIST).await;

    assert!(
        page.contains("<div class=\"tile warn\"><dt>Last success</dt>"),
        "{page}"
    );
    assert!(page.contains("was due 3 h ago, usually every 6 h"), "{page}");
}

#[tokio::test]
async fn headroom_is_that_of_the_newest_sync_that_knew_it() {
    let db = TestDb::new().await;
    let sync = |hours: i64, headroom: Value| {
        let metadata = json!({"retention_headroom_hours": headroom});
        run(json!({"started_at": now() - TimeDelta::hours(hours), "metadata": metadata}))
    };
    let mut visitor = Visitor::signed_in(&db, "UTC").await;
    let without = visitor.page(LIST).await;
    store(
        &db,
        &[
            sync(1, json!("soon")),
            sync(2, json!(50)),
            sync(3, json!(300)),
            run(json!({})),
        ],
    )
    .await;

    let page = visitor.page(LIST).await;

    assert!(!without.contains("Retention headroom"));
    let headroom = tile(&page, "Retention headroom");
    assert!(
        headroom.starts_with("2 d 0 h") || headroom.starts_with("47 h 59"),
        "{headroom}"
    );
    assert!(
        headroom.contains("less than 72 h until calls are lost; said by the sync of 2 h ago"),
        "{headroom}"
    );
    assert!(page.contains("<div class=\"tile warn\"><dt>Retention headroom</dt>"));
}

#[tokio::test]
async fn charts_are_there_for_any_window() {
    let db = TestDb::new().await;
    store(
        &db,
        &[run(json!({"status": "error", "error_message": "Vapi answered 503"}))],
    )
    .await;
    let mut visitor = Visitor::signed_in(&db, "Australia/Lord_Howe").await;

    for (query, title) in [
        ("", "Runs per day"),
        ("?from=2026-04-05&to=2026-04-05", "Runs per hour"),
        ("?from=1970-01-01&to=9998-12-31", "Runs per period"),
    ] {
        let page = visitor.page(&format!("{LIST}{query}")).await;
        assert!(page.contains(title), "{query}: {page}");
        assert!(page.contains("How long runs took"));
    }
    let wide = visitor.page(&format!("{LIST}?from=1970-01-01")).await;
    let empty = visitor.page(&format!("{LIST}?from=1970-01-01&to=1970-01-05")).await;
    assert!(wide.contains("Errors by kind"));
    assert!(!empty.contains("Errors by kind"));
}

#[tokio::test]
async fn presets_keep_the_other_filters() {
    let db = TestDb::new().await;
    let today = now().date_naive();

    let page = Visitor::signed_in(&db, "UTC")
        .await
        .page(&format!("{LIST}?script=vapi-sync&from=2026-01-01&to=2026-01-02"))
        .await;

    let week = today - TimeDelta::days(6);
    assert!(
        page.contains(&format!("href=\"{LIST}?script=vapi-sync&#38;from={week}\">7 days</a>")),
        "{page}"
    );
}
