//! Databases that are not quite as the earlier system made them.

use migrate::adopt::{self, Stage};
use serde_json::{Value, json};
use shared::platform::clock;
use tests::TestDb;
use tokio::sync::watch;

use super::{Earlier, settings, take_over, value, verify, with};

/// The row of a call.
async fn call(db: &TestDb, id: &str) -> Value {
    db.rows(&format!("select * from vapi_calls_raw where id = '{id}'"))
        .await
        .remove(0)
}

pub(super) const CALLS: &str = "create table public.vapi_calls_raw (
    id text primary key, assistant_id text, customer_id text, status text, ended_reason text, created_at timestamptz,
    started_at timestamptz, ended_at timestamptz, duration_seconds int, transcript text, cost numeric,
    customer_phone_number text, recording_url text, vapi_success_evaluation text, raw_json jsonb, synced_at timestamptz,
    has_calendar_booking bool, has_tool_calls bool, tool_names text[]);";

pub(super) const ROW: &str = "insert into public.vapi_calls_raw values (
    'c1', 'a1', 'u1', 'ended', 'customer-ended-call', '2026-01-02 03:04:05.678+00', '2026-01-02 03:04:10+00',
    '2026-01-02 03:05:10.5+00', 61, 'AI: Hello. User: Hi.', 0.123456789, '+15550100', 'https://example.com/r.wav', 'true',
    DOCUMENT, '2026-01-03 00:00:00+00', true, true, array['book_slot', 'lookup'])";

#[tokio::test]
async fn the_columns_count_where_the_document_is_missing_empty_thin_or_no_object() {
    for document in [
        "null",
        "'null'",
        "'{}'",
        "'[]'",
        "'\"lost\"'",
        r#"'{"id": "c1", "transcript": "", "artifact": {"transcript": ""}, "cost": null, "customer": null}'"#,
        r#"'{"id": "c1", "customer": {"name": "Ada"}, "analysis": {"summary": "x"}, "endedReason": ""}'"#,
        r#"to_jsonb('{"id": "c1", "type": "webCall"}'::text)"#,
    ] {
        let db = with(&format!("{CALLS} {}", ROW.replace("DOCUMENT", document))).await;

        take_over(&db).await;

        let row = call(&db, "c1").await;
        let expected = json!({
            "id": "c1", "assistant_id": "a1", "customer_id": "u1", "status": "ended",
            "ended_reason": "customer-ended-call", "created_at": "2026-01-02T03:04:05.678+00:00",
            "started_at": "2026-01-02T03:04:10+00:00", "ended_at": "2026-01-02T03:05:10.5+00:00", "duration_seconds": 61,
            "transcript": "AI: Hello. User: Hi.", "cost": 0.123_456_789, "customer_phone_number": "+15550100",
            "recording_url": "https://example.com/r.wav", "vapi_success_evaluation": "true",
            "synced_at": "2026-01-03T00:00:00+00:00", "has_calendar_booking": true, "has_tool_calls": true,
            "tool_names": ["book_slot", "lookup"], "updated_at": null, "has_transcript": true,
        });
        for (column, value) in expected.as_object().unwrap() {
            assert_eq!(&row[column], value, "{column} with the document {document}");
        }
        assert_eq!(row["raw_json"]["endedReason"], "customer-ended-call", "{document}");
        let verified = verify(&db).await;
        assert!(verified.is_good, "{document}: {verified:#?}");
    }
}

#[tokio::test]
async fn a_document_that_says_something_counts_over_the_columns() {
    let document = r#"'{"id": "c1", "status": "in-progress", "cost": 0.5, "transcript": "AI: Good morning.",
                        "updatedAt": "2026-01-02T04:00:00Z", "startedAt": "2026-01-02T03:04:10Z",
                        "endedAt": "2026-01-02T03:04:20Z", "messages": [{"role": "bot", "message": "Good morning."}]}'"#;
    let db = with(&format!("{CALLS} {}", ROW.replace("DOCUMENT", document))).await;

    take_over(&db).await;

    let row = call(&db, "c1").await;
    assert_eq!(
        [
            &row["status"],
            &row["cost"],
            &row["transcript"],
            &row["duration_seconds"],
            &row["tool_names"]
        ],
        [
            &json!("in-progress"),
            &json!(0.5),
            &json!("AI: Good morning."),
            &json!(10),
            &json!([])
        ]
    );
    let verified = verify(&db).await;
    assert!(verified.is_good, "{verified:#?}");
}

#[tokio::test]
async fn what_a_sync_stored_in_between_never_becomes_emptier_or_older() {
    let document = r#"'{"id": "c1", "updatedAt": "2026-01-02T04:00:00Z", "status": "ended", "cost": 0.1,
                        "summary": "kept", "messages": [{"role": "bot", "message": "Hello."}]}'"#;
    let db = with(&format!("{CALLS} {}", ROW.replace("DOCUMENT", document))).await;
    let (watch, mut stage) = watch::channel(Stage::default());
    // Moved and migrated, and then stopped.
    let settings_of = settings(&db);
    let work = tokio::spawn(async move { adopt::adopt(&settings_of, &watch, || true, clock::now).await });
    while *stage.borrow_and_update() != Stage::Migrated && stage.changed().await.is_ok() {}
    work.abort();
    drop(work.await);
    db.client()
        .await
        .batch_execute(
            r#"delete from vapi_calls_raw; delete from adoption_progress;
               insert into vapi_calls_raw (id, updated_at, status, cost, raw_json, document_hash, synced_at)
               values ('c1', '2026-01-05', 'ended', 0.2,
                       '{"id": "c1", "updatedAt": "2026-01-05T00:00:00Z", "status": "ended", "cost": 0.2}',
                       decode(repeat('00', 16), 'hex'), '2026-01-05')"#,
        )
        .await
        .unwrap();

    take_over(&db).await;

    let row = call(&db, "c1").await;
    assert_eq!(
        [
            &row["cost"],
            &row["transcript"],
            &row["raw_json"]["summary"],
            &row["updated_at"]
        ],
        [
            &json!(0.2),
            &json!("AI: Hello. User: Hi."),
            &json!("kept"),
            &json!("2026-01-05T00:00:00+00:00")
        ]
    );
    let verified = verify(&db).await;
    assert!(verified.is_good, "{verified:#?}");
}

#[tokio::test]
async fn other_types_missing_columns_and_missing_tables_are_no_obstacle() {
    let db = with(
        "create table public.runs (id int primary key, script_name varchar(50), status varchar(20), started_at timestamp,
             duration_ms bigint, metadata json, batch_id text);
         create table public.logs (id bigint primary key, run_id int, level text, message text, created_by text);
         create table public.qci_analyses (call_id uuid, total_score float8, coaching_tips text);
         create table public.vapi_calls_raw (id uuid, assistant_id uuid, transcript text, tool_names jsonb, cost float8,
             created_at text);
         insert into public.runs values
             (1, 'vapi-sync', 'running', '2026-01-01 00:00:00', null, null, 'b'),
             (2, 'vapi-sync', 'error', null, 99999999999, '[1]', 'b'),
             (3, 'qci-analysis', 'SUCCESS', '2026-01-01 01:00:00', 1000, '{\"reason\": \"x\", \"event_id\": \"e\"}', null);
         insert into public.logs values (1, 1, 'info', 'a', null), (2, 3, 'FATAL', 'b', null), (3, 77, 'INFO', 'c', null);
         insert into public.vapi_calls_raw values
             ('0b9d3c52-7a1e-4f6f-8d2b-51a0e6c4f301', null, 'AI: Hello.', '[\"book\"]', 0.5, '2026-01-01T00:00:00Z'),
             (null, null, 'nobody', null, 1, null);
         insert into public.qci_analyses values
             ('0b9d3c52-7a1e-4f6f-8d2b-51a0e6c4f301', 'NaN', 'be brief'),
             ('0b9d3c52-7a1e-4f6f-8d2b-51a0e6c4f302', 50, null)",
    )
    .await;

    let adopted = take_over(&db).await;

    assert!(adopted.is_complete);
    let runs = db.rows("select * from runs order by started_at").await;
    assert_eq!(runs.len(), 3);
    assert!(runs.iter().all(|run| run["finished_at"] != Value::Null));
    assert_eq!(runs[0]["batch_id"], runs[2]["batch_id"], "{runs:#?}");
    assert_eq!(value(&db, "select count(*) from logs").await, 2);
    assert_eq!(
        value(&db, "select string_agg(level, ',' order by level) from logs").await,
        "ERROR,INFO"
    );
    let row = call(&db, "0b9d3c52-7a1e-4f6f-8d2b-51a0e6c4f301").await;
    assert_eq!(
        [&row["tool_names"], &row["created_at"]],
        [&json!(["book"]), &json!("2026-01-01T00:00:00+00:00")]
    );
    let analyses = db
        .rows("select total_score, coaching_tips, sums_up from earlier_analyses")
        .await;
    assert_eq!(
        analyses,
        [json!({"total_score": null, "coaching_tips": "be brief", "sums_up": false})]
    );
    let refused: Vec<i64> = adopted.tables.iter().map(|table| table.rows_refused).collect();
    assert_eq!(refused.iter().sum::<i64>(), 3, "{adopted:#?}");
    let verified = verify(&db).await;
    assert!(verified.is_good, "{verified:#?}");
}

#[tokio::test]
async fn rows_that_cannot_be_calls_are_rejects_and_their_neighbours_are_calls() {
    let long = "x".repeat(9000);
    let db = with(&format!(
        "create table public.vapi_calls_raw (id text, assistant_id text, raw_json jsonb, transcript text);
         insert into public.vapi_calls_raw values
             ('a', null, null, 'AI: One.'), ('  ', null, null, 'AI: Two.'), ('c', null, null, 'AI: Three.'),
             (md5('1') || (select string_agg(md5(n::text), '') from generate_series(1, 400) n), null, '{{}}', 'AI: {long}'),
             ('c', null, '{{\"summary\": \"twice\"}}', null)"
    ))
    .await;

    let adopted = take_over(&db).await;

    assert_eq!(value(&db, "select count(*) from vapi_calls_raw").await, 2);
    assert_eq!(value(&db, "select count(*) from vapi_call_rejects").await, 2);
    let row = call(&db, "c").await;
    assert_eq!(
        [&row["transcript"], &row["raw_json"]["summary"]],
        [&json!("AI: Three."), &json!("twice")]
    );
    let calls = &adopted.tables[0];
    assert_eq!(
        (
            calls.rows_read,
            calls.rows_taken,
            calls.rows_present,
            calls.rows_refused
        ),
        (5, 2, 1, 2),
        "{calls:#?}"
    );
    let verified = verify(&db).await;
    assert!(verified.is_good, "{verified:#?}");
}

#[tokio::test]
async fn a_table_of_somebody_else_is_neither_moved_nor_overwritten() {
    let earlier = Earlier::small().await;
    earlier
        .db
        .client()
        .await
        .batch_execute("create table public.alerts (at timestamptz, text text)")
        .await
        .unwrap();
    let (watch, _) = watch::channel(Stage::default());

    let refusal = adopt::adopt(&settings(&earlier.db), &watch, || false, clock::now)
        .await
        .unwrap_err();

    assert!(
        refusal.to_string().contains("public.alerts is neither Callmark's nor"),
        "{refusal:#}"
    );
    assert_eq!(
        value(&earlier.db, "to_regnamespace('before_callmark')::text").await,
        Value::Null
    );
    let other = with("create table public.logs (at timestamptz, line text)").await;
    let refusal = adopt::migrate(&settings(&other), None).await.unwrap_err();
    assert!(
        refusal.to_string().contains("public.logs is neither Callmark's nor"),
        "{refusal:#}"
    );
}

#[tokio::test]
async fn a_database_on_which_a_migration_failed_before_is_adopted() {
    let db = with(&format!("{CALLS} {}", ROW.replace("DOCUMENT", "null"))).await;
    // What applies migrations without a look: ours of `runs` and `logs` are there, and the third failed.
    shared::platform::db::migrate(&settings(&db)).await.unwrap_err();
    assert_eq!(value(&db, "select count(*) from refinery_schema_history").await, 2);

    let refusal = adopt::migrate(&settings(&db), None).await.unwrap_err();
    let adopted = take_over(&db).await;

    assert!(refusal.to_string().contains("(public.vapi_calls_raw)"), "{refusal:#}");
    assert_eq!(adopted.moved, ["public.vapi_calls_raw"]);
    assert_eq!(value(&db, "select count(*) from vapi_calls_raw").await, 1);
}

#[tokio::test]
async fn a_history_in_disorder_keeps_its_order_and_an_assistant_that_is_gone_its_history() {
    let db = with(
        r#"create table public.vapi_assistants (assistant_id text, name text, prompt text, model text, raw_json jsonb);
           create table public.vapi_assistant_prompt_history (assistant_id text, prompt text, version_number int,
               changed_at timestamptz, raw_json jsonb);
           insert into public.vapi_assistants values ('a', 'Ada', 'three', 'm',
               '{"id": "a", "name": "Ada", "model": {"model": "m", "tools": [{"z": 1, "type": "x"}],
                 "messages": [{"role": "system", "content": "three"}]}}');
           insert into public.vapi_assistant_prompt_history values
               ('a', 'two', 2, '2026-02-01', null), ('a', 'one', 1, '2026-01-01', null), ('a', 'two again', 2, '2026-02-02', null),
               ('gone', 'last', 7, '2026-01-05', null)"#,
    )
    .await;

    take_over(&db).await;

    let versions = db
        .rows("select assistant_id, version_number, prompt from vapi_assistant_prompt_history order by 1, 2")
        .await;
    let told: Vec<String> = versions
        .iter()
        .map(|row| format!("{} {} {}", row["assistant_id"], row["version_number"], row["prompt"]).replace('"', ""))
        .collect();
    assert_eq!(
        told,
        ["a 1 one", "a 2 two", "a 3 two again", "a 4 three", "gone 7 last"]
    );
    let gone = value(
        &db,
        "select count(*) from vapi_assistants where assistant_id = 'gone' and deleted_at is not null",
    )
    .await;
    assert_eq!(gone, 1);
}
