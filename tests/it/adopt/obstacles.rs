//! What cannot be adopted, or not yet: each is told in a sentence with its remedy, and nothing is changed.

use migrate::adopt;
use serde_json::Value;
use shared::platform::db;
use tests::TestDb;
use uuid::Uuid;

use super::odd::{CALLS, ROW};
use super::{Earlier, earlier_contents, settings, settings_of, take_over, try_take_over, value, verify, with};

/// Neither a dry run nor an adoption nor a migration does anything; the adoption says these words.
async fn refused(db: &TestDb, words: &[&str]) {
    let catalog = "select relname, relnamespace::regnamespace::text as space, relkind from pg_class
                   where relnamespace::regnamespace::text in ('public', 'before_callmark') order by 1, 2";
    let before = db.rows(catalog).await;

    let plan = adopt::plan(&db::pool(&settings(db)).unwrap()).await.unwrap();
    let refusal = try_take_over(&settings(db)).await.unwrap_err().to_string();
    adopt::migrate(&settings(db), None).await.unwrap_err();

    for word in words {
        assert!(refusal.contains(word), "{word}: {refusal}");
        assert!(plan.obstacles.iter().any(|it| it.contains(word)), "{word}: {plan:#?}");
    }
    assert!(refusal.starts_with("nothing was changed: "), "{refusal}");
    assert_eq!(db.rows(catalog).await, before);
}

#[tokio::test]
async fn a_name_that_is_taken_in_the_schema_of_the_earlier_tables_is_told() {
    let row = ROW.replace("DOCUMENT", "null");
    let db = with(&format!(
        "{CALLS} {row}; create schema before_callmark; create table before_callmark.vapi_calls_raw (note text)"
    ))
    .await;

    refused(
        &db,
        &[
            "public.vapi_calls_raw and before_callmark.vapi_calls_raw",
            "must be renamed first",
        ],
    )
    .await;

    db.client()
        .await
        .batch_execute("alter table before_callmark.vapi_calls_raw rename to notes")
        .await
        .unwrap();
    assert!(take_over(&db).await.is_complete);
    assert_eq!(value(&db, "select count(*) from before_callmark.notes").await, 0);
}

#[tokio::test]
async fn a_function_that_is_in_the_schema_already_is_told() {
    let earlier = Earlier::small().await;
    earlier
        .db
        .client()
        .await
        .batch_execute(
            "create schema before_callmark;
             create function before_callmark.get_timeline_data(
                 p_assistant_id text, p_date_from timestamptz, p_date_to timestamptz, p_granularity text
             ) returns int language sql as 'select 1'",
        )
        .await
        .unwrap();

    refused(&earlier.db, &["before_callmark.get_timeline_data", "rename"]).await;
}

#[tokio::test]
async fn a_key_that_has_no_order_is_told_with_the_statement_that_helps() {
    let db = with(
        "create table public.runs (id json, script_name text, status text);
         insert into public.runs values ('\"r1\"', 'vapi-sync', 'success')",
    )
    .await;

    refused(
        &db,
        &[
            "public.runs.id is of the type json",
            "alter table public.runs alter id type text",
        ],
    )
    .await;

    let remedy = "alter table public.runs alter id type text using id::text";
    db.client().await.batch_execute(remedy).await.unwrap();
    assert!(take_over(&db).await.is_complete);
    assert_eq!(value(&db, "select count(*) from public.runs").await, 1);
}

#[tokio::test]
async fn a_renamed_table_that_kept_the_name_of_an_index_is_told() {
    let row = ROW.replace("DOCUMENT", "null");
    let db = with(&format!(
        "{CALLS} {row}; alter table public.vapi_calls_raw rename to calls_2025;
         create view public.vapi_calls_raw as select * from public.calls_2025"
    ))
    .await;

    refused(
        &db,
        &[
            "public.calls_2025 has the index public.vapi_calls_raw_pkey",
            "alter index",
        ],
    )
    .await;
}

#[tokio::test]
async fn a_role_that_may_not_create_a_schema_or_does_not_own_a_table_is_told() {
    let db = with(&format!("{CALLS} {}", ROW.replace("DOCUMENT", "null"))).await;
    let (role, name) = (
        format!("r{}", Uuid::new_v4().simple()),
        value(&db, "current_database()").await,
    );
    let client = db.client().await;
    client
        .batch_execute(&format!(
            "create role {role} login; grant create on schema public to {role}"
        ))
        .await
        .unwrap();
    let mut parsed = url::Url::parse(&db.url()).unwrap();
    parsed.set_username(&role).unwrap();

    let refusal = try_take_over(&settings_of(parsed.to_string()))
        .await
        .unwrap_err()
        .to_string();

    let plan = adopt::plan(&db::pool(&settings_of(parsed.to_string())).unwrap())
        .await
        .unwrap();
    assert_eq!((plan.tables.len(), plan.obstacles.len()), (0, 2), "{plan:#?}");
    for word in [
        "public.vapi_calls_raw belongs to another role: connect as its owner",
        "may not create the schema before_callmark: grant create on the database",
    ] {
        assert!(refusal.contains(word), "{word}: {refusal}");
    }
    let grants = format!(
        "alter table public.vapi_calls_raw owner to {role}; grant create on database {} to {role}",
        name.as_str().unwrap()
    );
    client.batch_execute(&grants).await.unwrap();
    assert!(
        try_take_over(&settings_of(parsed.to_string()))
            .await
            .unwrap()
            .is_complete
    );
    let clean = format!("drop owned by {role} cascade; drop role {role}");
    client.batch_execute(&clean).await.unwrap();
}

#[tokio::test]
async fn half_of_the_tables_empty_ones_views_and_more_columns_are_no_obstacle() {
    let row = ROW.replace("DOCUMENT", "null");
    for (tables, calls) in [
        (format!("{CALLS} {row}"), 1),
        (CALLS.to_owned(), 0),
        (
            format!(
                "{CALLS} {row}; alter table public.vapi_calls_raw add column score json, add column \"my note\" text"
            ),
            1,
        ),
        (
            format!(
                "{CALLS} {row}; alter table public.vapi_calls_raw rename to calls_2025;
                     alter index public.vapi_calls_raw_pkey rename to calls_2025_pkey; create view public.vapi_calls_raw as select * from public.calls_2025"
            ),
            1,
        ),
        (
            format!(
                "{CALLS} {row}; alter table public.vapi_calls_raw rename to calls_2025;
                     alter index public.vapi_calls_raw_pkey rename to calls_2025_pkey; create materialized view public.vapi_calls_raw as select * from public.calls_2025"
            ),
            1,
        ),
        (
            "create table public.runs (id uuid, script_name text, status text);
             create table public.vapi_assistant_prompt_history (assistant_id text, version_number int);
             create table public.qci_analyses (call_id text, total_score text, dynamics_score text);
             insert into public.qci_analyses values ('c9', 'eighty', '7')"
                .to_owned(),
            0,
        ),
    ] {
        let db = with(&tables).await;

        let plan = adopt::plan(&db::pool(&settings(&db)).unwrap()).await.unwrap();
        let adopted = take_over(&db).await;

        assert!(plan.obstacles.is_empty() && adopted.is_complete, "{tables}: {plan:#?}");
        assert_eq!(
            value(&db, "select count(*) from public.vapi_calls_raw").await,
            calls,
            "{tables}"
        );
        let taken: i64 = plan.tables.iter().map(|table| table.taken).sum();
        let counted: i64 = adopted.tables.iter().map(|table| table.rows_taken).sum();
        assert_eq!(taken, counted, "{tables}: the dry run says what is done");
        let verified = verify(&db).await;
        assert!(verified.is_good, "{tables}: {verified:#?}");
    }
}

#[tokio::test]
async fn a_database_that_is_not_the_earlier_systems_is_left_alone() {
    let db = with("create table public.orders (id int); create table public.customers (id int)").await;

    let plan = adopt::plan(&db::pool(&settings(&db)).unwrap()).await.unwrap_err();
    let adopted = try_take_over(&settings(&db)).await.unwrap_err();

    for refusal in [plan, adopted] {
        let text = refusal.to_string();
        assert!(
            text.contains("there is nothing to adopt") && text.contains("`callmark migrate`"),
            "{text}"
        );
    }
    assert_eq!(
        value(&db, "to_regnamespace('before_callmark')::text").await,
        Value::Null
    );
}

#[tokio::test]
async fn a_dry_run_counts_what_an_adoption_then_does() {
    let earlier = Earlier::small().await;
    let more = "insert into public.vapi_calls_raw (id, raw_json) values (' ', null);
                insert into public.logs (run_id, message) values (null, 'of no run');
                insert into public.vapi_assistant_prompt_history (assistant_id, prompt, version_number)
                values ('gone', 'x', 1), (null, 'nobody', 1)";
    earlier.db.client().await.batch_execute(more).await.unwrap();

    let plan = adopt::plan(&db::pool(&settings(&earlier.db)).unwrap()).await.unwrap();
    let rows = earlier_contents(&earlier.db, "public").await;
    let adopted = take_over(&earlier.db).await;

    for planned in &plan.tables {
        let done = adopted.tables.iter().find(|it| it.table_name == planned.table).unwrap();
        let refused: i64 = planned.refused.iter().map(|note| note.rows).sum();
        assert_eq!(
            (planned.rows, planned.taken, refused),
            (done.rows_read, done.rows_taken, done.rows_refused),
            "{}",
            planned.table
        );
    }
    assert_eq!(earlier_contents(&earlier.db, "before_callmark").await, rows);
}
