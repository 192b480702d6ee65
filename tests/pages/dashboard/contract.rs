//! What front ends rely on: names, arguments, defaults, keys, columns, types.

use serde_json::{Value, json};
use shared::store::dashboard::{self, Metrics};
use tests::TestDb;

use super::{Call, IN_MARCH, call, march, noon, other_framework, put, score, score_by, value};

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
             p_quality_filter text DEFAULT 'all'::text, p_limit integer DEFAULT 100, p_offset integer DEFAULT 0, \
             p_framework text DEFAULT NULL::text) \
             returns TABLE(id text, started_at timestamp with time zone, duration_seconds integer, assistant_id text, \
             assistant_name text, customer_number text, qci_score numeric, has_transcript boolean, has_qci boolean, \
             status text, quality text, cost numeric)",
            "get_dashboard_metrics(p_assistant_id text DEFAULT NULL::text, \
             p_date_from timestamp with time zone DEFAULT NULL::timestamp with time zone, \
             p_date_to timestamp with time zone DEFAULT NULL::timestamp with time zone, \
             p_framework text DEFAULT NULL::text) returns json",
            "get_timeline_data(p_assistant_id text DEFAULT NULL::text, \
             p_date_from timestamp with time zone DEFAULT NULL::timestamp with time zone, \
             p_date_to timestamp with time zone DEFAULT NULL::timestamp with time zone, \
             p_granularity text DEFAULT 'day'::text, p_time_zone text DEFAULT 'UTC'::text, \
             p_framework text DEFAULT NULL::text) \
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
    let typed = dashboard::metrics(&db.connect().await, &march()).await.unwrap();

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
