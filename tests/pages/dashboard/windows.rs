//! Which calls fall into a window, and into which day, week or hour of it.

use chrono::TimeDelta;
use serde_json::{Value, json};
use tests::TestDb;

use super::{Call, IN_MARCH, call, noon, put, refusal, value};

#[tokio::test]
async fn windows_begin_thirty_or_ninety_days_ago_and_end_now_unless_told_otherwise() {
    let db = TestDb::new().await;
    let client = db.client().await;
    client
        .batch_execute(
            "insert into vapi_calls_raw (id, created_at, raw_json, document_hash, synced_at)
             select 'days ' || days, now() - days * interval '1 day' + interval '1 minute', '{}',
                    decode(repeat('00', 16), 'hex'), now()
             from unnest(array[-1, 30, 31, 90, 91]) as days",
        )
        .await
        .unwrap();

    let listed = db.rows("select id from get_calls_list()").await;
    let days = db
        .rows("select count(*), sum(total_calls) from get_timeline_data()")
        .await;

    assert_eq!(value(&db, "get_dashboard_metrics() -> 'totalCalls'").await, json!(1));
    assert_eq!(listed, ["days 30", "days 31", "days 90"].map(|id| json!({"id": id})));
    assert_eq!(days, [json!({"count": 91, "sum": 3})]);
}

#[tokio::test]
async fn windows_without_an_end_or_the_wrong_way_round_are_answered() {
    let db = TestDb::new().await;
    let client = db.client().await;
    put(&client, call("a")).await;
    let (all, backwards) = ("null, '-infinity', 'infinity'", "null, '2026-03-31', '2026-03-01'");

    let listed = |window: &str| format!("select count(*) from get_calls_list({window})");
    let counted = |window: &str| format!("get_dashboard_metrics({window}) -> 'totalCalls'");

    assert_eq!(db.rows(&listed(all)).await, [json!({"count": 1})]);
    assert_eq!(value(&db, &counted(all)).await, json!(1));
    assert_eq!(db.rows(&listed(backwards)).await, [json!({"count": 0})]);
    assert_eq!(value(&db, &counted(backwards)).await, json!(0));
    assert_eq!(
        db.rows(&format!("select * from get_timeline_data({backwards})"))
            .await
            .len(),
        0
    );
}

#[tokio::test]
async fn calls_that_never_started_are_counted_when_they_were_created() {
    let db = TestDb::new().await;
    let client = db.client().await;
    put(&client, call("never-started")).await;
    let later = Call {
        started_at: Some(noon(31) + TimeDelta::days(1)),
        ..call("started-in-april")
    };
    put(&client, later).await;

    let listed = db
        .rows(&format!("select id, started_at from get_calls_list({IN_MARCH})"))
        .await;
    let days = db
        .rows(&format!("select sum(total_calls) from get_timeline_data({IN_MARCH})"))
        .await;
    let metrics = value(&db, &format!("get_dashboard_metrics({IN_MARCH}) -> 'totalCalls'")).await;

    assert_eq!(listed, [json!({"id": "never-started", "started_at": null})]);
    assert_eq!((&days[0]["sum"], metrics), (&json!(1), json!(1)));
}

#[tokio::test]
async fn days_are_the_zones_also_where_its_clocks_change() {
    let db = TestDb::new().await;
    let client = db.client().await;
    // The clocks of Rome go forward at one o'clock UTC on 29 March 2026, those of Havana back at five on 1 November.
    for (id, at) in [
        ("before-the-day", "2026-03-28T22:59:59Z"),
        ("its-first-second", "2026-03-28T23:00:00Z"),
        ("its-last-second", "2026-03-29T21:59:59Z"),
        ("after-the-day", "2026-03-29T22:00:00Z"),
        ("midnight", "2026-11-01T04:00:00Z"),
        ("midnight-again", "2026-11-01T05:00:00Z"),
    ] {
        let created_at = Some(at.parse().unwrap());
        put(&client, Call { created_at, ..call(id) }).await;
    }
    let counts = async |from: &str, to: &str, granularity: &str, zone: &str| {
        let query = format!(
            "select date, total_calls from get_timeline_data(null, '{from}', '{to}', '{granularity}', '{zone}')"
        );
        let rows = db.rows(&query).await;
        let pair = |row: &Value| format!("{} {}", row["date"].as_str().unwrap(), row["total_calls"]);
        rows.iter().map(pair).collect::<Vec<_>>()
    };

    let rome = counts("2026-03-28T12:00Z", "2026-03-30T12:00Z", "day", "Europe/Rome").await;
    let havana = counts("2026-10-31T12:00Z", "2026-11-01T12:00Z", "day", "America/Havana").await;
    let hours_of_rome = counts("2026-03-28T23:00Z", "2026-03-29T21:59:59Z", "hour", "Europe/Rome").await;
    let hours_of_havana = counts("2026-11-01T04:00Z", "2026-11-02T04:59:59Z", "hour", "America/Havana").await;

    assert_eq!(rome, ["2026-03-28 1", "2026-03-29 2", "2026-03-30 1"]);
    assert_eq!(havana, ["2026-10-31 0", "2026-11-01 2"]);
    assert_eq!((hours_of_rome.len(), hours_of_havana.len()), (23, 25));
    assert_eq!(hours_of_havana[..2], ["2026-11-01 1", "2026-11-01 1"]);
}

#[tokio::test]
async fn every_granularity_of_the_contract_is_known_in_any_case() {
    let db = TestDb::new().await;
    let window = "null, '2026-03-31T23:59:59.999Z', '2026-04-01T00:00:00.001Z'";

    for (granularity, first) in [
        ("microseconds", "2026-03-31"),
        ("milliseconds", "2026-03-31"),
        ("second", "2026-03-31"),
        ("minute", "2026-03-31"),
        ("hour", "2026-03-31"),
        ("DAY", "2026-03-31"),
        ("Week", "2026-03-30"),
        ("month", "2026-03-01"),
        ("quarter", "2026-01-01"),
        ("year", "2026-01-01"),
        ("decade", "2020-01-01"),
        ("century", "2001-01-01"),
        ("millennium", "2001-01-01"),
    ] {
        let query = format!("select min(date) as first from get_timeline_data({window}, '{granularity}')");

        let rows = db.rows(&query).await;

        assert_eq!(rows, [json!({"first": first})], "{granularity}");
    }
}

#[tokio::test]
async fn what_would_never_end_is_refused_in_words() {
    let db = TestDb::new().await;
    let client = db.client().await;

    for (arguments, expected) in [
        ("p_granularity => 'fortnight'", "unknown granularity \"fortnight\""),
        (
            "p_granularity => 'day 1 second'",
            "unknown granularity \"day 1 second\"",
        ),
        (
            "p_time_zone => 'Mars/Olympus'",
            "time zone \"Mars/Olympus\" not recognized",
        ),
        ("p_date_from => '-infinity'", "a timeline has a beginning and an end"),
        ("p_date_to => 'infinity'", "a timeline has a beginning and an end"),
        ("p_granularity => 'second'", "has more than 25000 entries"),
        (
            "p_date_from => '4713-01-01 BC', p_date_to => '294276-01-01'",
            "has more than 25000 entries",
        ),
    ] {
        let (code, message) = refusal(&client, &format!("select * from get_timeline_data({arguments})")).await;

        assert_eq!(code, "22023", "{arguments}");
        assert!(message.contains(expected), "{arguments}: {message}");
    }
}
