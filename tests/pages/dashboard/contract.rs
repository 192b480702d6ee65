//! What front ends rely on: names, arguments, defaults, keys, columns, types, filters.

use chrono::TimeDelta;
use serde_json::{Value, json};
use shared::dashboard::{self, Metrics};
use tests::TestDb;

use super::{Call, call, march, noon, other_framework, put, refusal, score, score_by, value};

const IN_MARCH: &str = "p_date_from => '2026-03-01', p_date_to => '2026-03-31'";

#[tokio::test]
async fn the_functions_have_the_names_arguments_and_results_that_front_ends_call_them_by() {
    let db = TestDb::new().await;

    let functions = db
        .rows(
            "select proname || '(' || pg_get_function_arguments(oid) || ') returns ' || pg_get_function_result(oid) as said
             from pg_proc
             where proname in ('get_dashboard_metrics', 'get_calls_list', 'get_timeline_data')
             order by proname",
        )
        .await;

    let said: Vec<&str> = functions.iter().map(|row| row["said"].as_str().unwrap()).collect();
    assert_eq!(
        said,
        [
            "get_calls_list(p_assistant_id text DEFAULT NULL::text, \
             p_date_from timestamp with time zone DEFAULT NULL::timestamp with time zone, \
             p_date_to timestamp with time zone DEFAULT NULL::timestamp with time zone, \
             p_quality_filter text DEFAULT 'all'::text, p_limit integer DEFAULT 100, p_offset integer DEFAULT 0) \
             returns TABLE(id text, started_at timestamp with time zone, duration_seconds integer, assistant_id text, \
             assistant_name text, customer_number text, qci_score numeric, has_transcript boolean, has_qci boolean, \
             status text, quality text, cost numeric)",
            "get_dashboard_metrics(p_assistant_id text DEFAULT NULL::text, \
             p_date_from timestamp with time zone DEFAULT NULL::timestamp with time zone, \
             p_date_to timestamp with time zone DEFAULT NULL::timestamp with time zone) returns json",
            "get_timeline_data(p_assistant_id text DEFAULT NULL::text, \
             p_date_from timestamp with time zone DEFAULT NULL::timestamp with time zone, \
             p_date_to timestamp with time zone DEFAULT NULL::timestamp with time zone, \
             p_granularity text DEFAULT 'day'::text, p_time_zone text DEFAULT 'UTC'::text) \
             returns TABLE(date text, total_calls bigint, quality_calls bigint, analyzed_calls bigint)",
        ]
    );
}

#[tokio::test]
async fn nobody_but_the_owner_may_call_a_function_and_it_runs_with_the_rights_of_who_calls() {
    let db = TestDb::new().await;

    let functions = db
        .rows(
            "select proname, prosecdef,
                    proconfig && array['plan_cache_mode=force_custom_plan'] as is_planned_for_its_values,
                    exists (select from unnest(proconfig) as setting where setting like 'search_path=%') as is_pinned,
                    has_function_privilege('public', oid, 'execute') as is_public
             from pg_proc
             where pronamespace = 'public'::regnamespace and proname like 'get\\_%'
             order by proname",
        )
        .await;
    let granted = db
        .rows(
            "select proname from pg_proc
             where pronamespace = 'public'::regnamespace and has_function_privilege('public', oid, 'execute')",
        )
        .await;

    let expected = |name| {
        json!({"proname": name, "prosecdef": false, "is_planned_for_its_values": true, "is_pinned": true,
               "is_public": false})
    };
    let names = ["get_calls_list", "get_dashboard_metrics", "get_timeline_data"];
    assert_eq!(functions, names.map(expected));
    assert_eq!(granted, Vec::<Value>::new());
}

#[tokio::test]
async fn without_a_call_the_metrics_are_zeros_and_the_timeline_has_its_days() {
    let db = TestDb::new().await;

    let metrics = value(&db, "get_dashboard_metrics()").await;
    let days = db.rows(&format!("select * from get_timeline_data({IN_MARCH})")).await;

    assert_eq!(
        metrics,
        json!({"totalCalls": 0, "qualityCalls": 0, "engagedCalls": 0, "analyzedCalls": 0, "avgDuration": 0,
               "avgQCI": 0, "qualityRate": 0, "totalAssistants": 0})
    );
    assert_eq!(days.len(), 31);
    assert_eq!(
        days[30],
        json!({"date": "2026-03-31", "total_calls": 0, "quality_calls": 0, "analyzed_calls": 0})
    );
}

#[tokio::test]
async fn metrics_count_by_length_and_score_and_round_to_one_decimal() {
    let db = TestDb::new().await;
    let client = db.client().await;
    for (id, seconds) in [
        ("a", None),
        ("b", Some(0)),
        ("c", Some(30)),
        ("d", Some(31)),
        ("e", Some(60)),
        ("f", Some(61)),
    ] {
        put(&client, Call { seconds, ..call(id) }).await;
    }
    for (id, total) in [("a", 50), ("d", 71), ("f", 80)] {
        score(&client, id, total).await;
    }
    client
        .batch_execute(
            "insert into vapi_assistants (assistant_id, raw_json, document_hash, synced_at, deleted_at)
             values ('here', '{}', '', now(), null), ('gone', '{}', '', now(), now())",
        )
        .await
        .unwrap();

    let metrics = value(&db, &format!("get_dashboard_metrics({IN_MARCH})")).await;
    let typed = dashboard::metrics(&client, &march()).await.unwrap();

    assert_eq!(
        metrics,
        json!({"totalCalls": 6, "qualityCalls": 3, "engagedCalls": 1, "analyzedCalls": 3, "avgDuration": 45.5,
               "avgQCI": 67.0, "qualityRate": 50.0, "totalAssistants": 1})
    );
    assert_eq!(
        typed,
        Metrics {
            total_calls: 6,
            quality_calls: 3,
            engaged_calls: 1,
            analyzed_calls: 3,
            avg_duration: 45.5,
            avg_qci: 67.0,
            quality_rate: 50.0,
            total_assistants: 1,
        }
    );
}

#[tokio::test]
async fn a_row_of_the_list_has_every_column_filled_in() {
    let db = TestDb::new().await;
    let client = db.client().await;
    let full = Call {
        started_at: Some(noon(2)),
        seconds: Some(61),
        assistant: Some("front-desk"),
        transcript: Some("AI: Hello"),
        ..call("full")
    };
    put(&client, full).await;
    put(&client, call("bare")).await;
    score(&client, "full", 71).await;
    client
        .batch_execute(
            "insert into vapi_assistants (assistant_id, name, raw_json, document_hash, synced_at)
             values ('front-desk', 'Front desk', '{}', '', now());
             update vapi_calls_raw set status = 'ended', cost = 0.25, customer_phone_number = '+1 555 0100'",
        )
        .await
        .unwrap();

    let rows = db.rows(&format!("select * from get_calls_list({IN_MARCH})")).await;

    assert_eq!(
        rows,
        [
            json!({"id": "full", "started_at": "2026-03-02T12:00:00+00:00", "duration_seconds": 61,
                   "assistant_id": "front-desk", "assistant_name": "Front desk", "customer_number": "+1 555 0100",
                   "qci_score": 71.00, "has_transcript": true, "has_qci": true, "status": "ended",
                   "quality": "excellent", "cost": 0.25}),
            json!({"id": "bare", "started_at": null, "duration_seconds": null, "assistant_id": null,
                   "assistant_name": null, "customer_number": "+1 555 0100", "qci_score": null,
                   "has_transcript": false, "has_qci": false, "status": "ended", "quality": null, "cost": 0.25}),
        ]
    );
}

#[tokio::test]
async fn the_quality_of_a_scored_call_goes_by_its_length_and_its_score() {
    let db = TestDb::new().await;
    let client = db.client().await;
    for (id, seconds, total, quality) in [
        ("a", Some(61), 71, "excellent"),
        ("b", Some(61), 70, "good"),
        ("c", Some(60), 71, "good"),
        ("d", Some(31), 51, "good"),
        ("e", Some(31), 50, "average"),
        ("f", Some(30), 90, "average"),
        ("g", Some(16), 0, "average"),
        ("h", Some(15), 90, "poor"),
        ("i", None, 90, "poor"),
    ] {
        put(&client, Call { seconds, ..call(id) }).await;
        score(&client, id, total).await;

        let row = db
            .rows(&format!(
                "select quality from get_calls_list({IN_MARCH}) where id = '{id}'"
            ))
            .await;

        assert_eq!(
            row,
            [json!({"quality": quality})],
            "{id}: {seconds:?} seconds and {total}"
        );
    }
}

#[tokio::test]
async fn each_filter_lists_what_it_says_and_an_unknown_one_lists_all() {
    let db = TestDb::new().await;
    let client = db.client().await;
    put(
        &client,
        Call {
            transcript: Some("AI: Hi"),
            ..call("a")
        },
    )
    .await;
    put(
        &client,
        Call {
            transcript: Some(""),
            seconds: Some(30),
            ..call("b")
        },
    )
    .await;
    put(
        &client,
        Call {
            seconds: Some(31),
            ..call("c")
        },
    )
    .await;
    put(
        &client,
        Call {
            seconds: Some(60),
            ..call("d")
        },
    )
    .await;
    put(
        &client,
        Call {
            seconds: Some(61),
            ..call("e")
        },
    )
    .await;
    put(
        &client,
        Call {
            seconds: Some(61),
            ..call("f")
        },
    )
    .await;
    for (id, total) in [("d", 90), ("e", 70), ("f", 71)] {
        score(&client, id, total).await;
    }
    client
        .batch_execute(
            "insert into qci_analyses (call_id, framework_id, status, skip_reason, call_hash, analyzed_at)
             select 'b', id, 'skipped', 'too_short', '', now() from analysis_frameworks where is_active",
        )
        .await
        .unwrap();

    for (filter, expected) in [
        ("'all'", "fedcba"),
        ("null", "fedcba"),
        ("''", "fedcba"),
        ("'of-their-own'", "fedcba"),
        ("'quality'", "fedc"),
        ("'excellent'", "f"),
        ("'with_qci'", "fed"),
        ("'with_transcript'", "a"),
    ] {
        let listed = db
            .rows(&format!(
                "select id from get_calls_list({IN_MARCH}, p_quality_filter => {filter})"
            ))
            .await;

        let ids: String = listed.iter().map(|row| row["id"].as_str().unwrap()).collect();
        assert_eq!(ids, expected, "{filter}");
    }
}

#[tokio::test]
async fn limits_and_offsets_of_any_size_are_survived() {
    let db = TestDb::new().await;
    let client = db.client().await;
    for id in ["a", "b", "c"] {
        put(&client, call(id)).await;
    }

    for (limit, offset, expected) in [
        ("2", "0", 2),
        ("2", "2", 1),
        ("null", "null", 3),
        ("0", "0", 0),
        ("-1", "-1", 0),
        ("2147483647", "-2147483648", 3),
        ("100", "2147483647", 0),
    ] {
        for filter in ["all", "with_qci"] {
            let query = format!(
                "select id from get_calls_list({IN_MARCH}, p_quality_filter => '{filter}', p_limit => {limit}, p_offset => {offset})"
            );

            let listed = db.rows(&query).await.len();

            assert_eq!(listed, if filter == "all" { expected } else { 0 }, "{query}");
        }
    }
}

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
async fn of_two_frameworks_only_the_active_ones_score_shows_and_a_call_is_counted_once() {
    let db = TestDb::new().await;
    let client = db.client().await;
    put(&client, call("a")).await;
    let other = other_framework(&client).await;
    score(&client, "a", 80).await;
    score_by(&client, "a", other, 20).await;
    let seen = async || {
        let metrics = value(&db, &format!("get_dashboard_metrics({IN_MARCH})")).await;
        let listed = db
            .rows(&format!(
                "select qci_score from get_calls_list({IN_MARCH}, p_quality_filter => 'with_qci')"
            ))
            .await;
        let days = db
            .rows(&format!(
                "select * from get_timeline_data({IN_MARCH}) where total_calls + analyzed_calls > 0"
            ))
            .await;
        json!([
            metrics["totalCalls"],
            metrics["analyzedCalls"],
            metrics["avgQCI"],
            listed,
            days
        ])
    };
    let day = json!([{"date": "2026-03-01", "total_calls": 1, "quality_calls": 0, "analyzed_calls": 1}]);

    let before = seen().await;
    let switch = format!(
        "update analysis_frameworks set is_active = false;
         update analysis_frameworks set is_active = true where id = {other}"
    );
    client.batch_execute(&switch).await.unwrap();
    let after = seen().await;

    assert_eq!(before, json!([1, 1, 80.0, [{"qci_score": 80.00}], day]));
    assert_eq!(after, json!([1, 1, 20.0, [{"qci_score": 20.00}], day]));
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
