//! What the SQL functions say of more than 32 days: by the hours that are counted, beside what they say without them.

mod history;

use serde_json::Value;
use shared::store::dashboard;
use tests::{Stage, TestDb};
use tokio_postgres::Client;

/// What the functions are asked.
#[derive(Clone, Debug)]
struct Question {
    assistant: Option<&'static str>,
    /// As PostgreSQL reads them.
    from: String,
    to: String,
    granularity: &'static str,
    zone: &'static str,
}

/// What the two functions that count say.
async fn answers(client: &Client, question: &Question) -> Value {
    let row = client
        .query_one(
            "select jsonb_build_array(
                 to_jsonb(get_dashboard_metrics($1, $2::text::timestamptz, $3::text::timestamptz)),
                 (select jsonb_agg(to_jsonb(bucket))
                  from get_timeline_data($1, $2::text::timestamptz, $3::text::timestamptz, $4, $5) as bucket)
             )",
            &[
                &question.assistant,
                &question.from,
                &question.to,
                &question.granularity,
                &question.zone,
            ],
        )
        .await;
    row.unwrap().get(0)
}

/// The same, read call by call.
async fn plain_answers(client: &Client, question: &Question) -> Value {
    let forget = "begin; update hourly_mark set counted_before = null";
    client.batch_execute(forget).await.unwrap();
    let answers = answers(client, question).await;
    client.batch_execute("rollback").await.unwrap();
    answers
}

async fn count(db: &mut shared::platform::db::Client) {
    let transaction = db.transaction().await.unwrap();
    dashboard::count_hours(&transaction).await.unwrap();
    transaction.commit().await.unwrap();
}

/// Whether the functions read hours.
async fn are_used(client: &Client) -> bool {
    let used = "select hours_counted_before() is not null";
    client.query_one(used, &[]).await.unwrap().get(0)
}

fn a_year() -> Question {
    Question {
        assistant: None,
        from: "2025-01-01Z".to_owned(),
        to: "2025-12-31T17:23:45Z".to_owned(),
        granularity: "day",
        zone: "Asia/Kathmandu",
    }
}

/// So many calls of a year.
async fn fill(client: &Client, calls: i32) {
    let fill = "insert into vapi_calls_raw (id, created_at, duration_seconds, assistant_id, raw_json, document_hash, synced_at)
                select 'filled ' || n, timestamptz '2025-01-01Z' + n % 6000 * interval '71 minutes', n % 200, 'desk', '{}',
                       decode(md5(n::text), 'hex'), now()
                from generate_series(1, $1) as n";
    client.execute(fill, &[&calls]).await.unwrap();
}

#[tokio::test]
async fn a_sync_counts_the_hours_once_that_is_worthwhile() {
    let stage = Stage::with_calls(20).await;
    let client = stage.db.client().await;
    for few in [1_000, 6_000] {
        fill_anew(&client, few).await;
        stage.sync().await;
        assert!(!are_used(&client).await, "{few} calls are added up as fast");
    }
    fill_anew(&client, 55_000).await;

    stage.sync().await;

    assert!(are_used(&client).await);
    let question = a_year();
    assert_eq!(
        answers(&client, &question).await,
        plain_answers(&client, &question).await
    );
    stage.sync().await;
    assert!(are_used(&client).await);
}

async fn fill_anew(client: &Client, calls: i32) {
    client
        .batch_execute("delete from vapi_calls_raw where id like 'filled %'")
        .await
        .unwrap();
    fill(client, calls).await;
}

#[tokio::test]
async fn a_reader_whose_rows_a_policy_hides_is_not_told_of_them_by_the_hours() {
    let db = TestDb::alone().await;
    let (client, mut connection) = (db.client().await, db.connect().await);
    fill(&client, 6_000).await;
    count(&mut connection).await;
    assert!(are_used(&client).await);
    let grants = "create role reader;
                  grant usage on schema public to reader;
                  grant select on all tables in schema public to reader;
                  grant execute on all functions in schema public to reader;
                  create policy few on vapi_calls_raw for select to reader using (id < 'filled 3');
                  create policy all_of on qci_analyses for select to reader using (true);
                  create policy all_of on vapi_assistants for select to reader using (true);
                  create policy all_of on analysis_frameworks for select to reader using (true);
                  set role reader";
    client.batch_execute(grants).await.unwrap();

    let seen: i64 = client
        .query_one("select count(*) from vapi_calls_raw", &[])
        .await
        .unwrap()
        .get(0);
    let told = answers(&client, &a_year()).await;

    assert!(seen > 0 && seen < 6_000);
    let told = told[0]["totalCalls"].as_i64().unwrap();
    assert!(told <= seen, "{told} of {seen}");
}

#[tokio::test]
async fn a_reader_with_the_rights_of_before_is_answered() {
    let db = TestDb::alone().await;
    let (client, mut connection) = (db.client().await, db.connect().await);
    fill(&client, 6_000).await;
    count(&mut connection).await;
    let expected = answers(&client, &a_year()).await;
    let grants = "create role reader;
                  grant usage on schema public to reader;
                  grant select on vapi_calls_raw, qci_analyses, vapi_assistants, analysis_frameworks to reader;
                  grant execute on function get_dashboard_metrics, get_timeline_data to reader;
                  create policy all_of on vapi_calls_raw for select to reader using (true);
                  create policy all_of on qci_analyses for select to reader using (true);
                  create policy all_of on vapi_assistants for select to reader using (true);
                  create policy all_of on analysis_frameworks for select to reader using (true);
                  set role reader";
    client.batch_execute(grants).await.unwrap();

    assert_eq!(answers(&client, &a_year()).await, expected);
}

#[tokio::test]
async fn hours_that_came_with_a_restored_dump_are_counted_anew() {
    let db = TestDb::alone().await;
    let (client, mut connection) = (db.client().await, db.connect().await);
    fill(&client, 6_000).await;
    count(&mut connection).await;
    let restore = "create table dump as table hourly_mark;
                   delete from hourly_mark;
                   insert into hourly_mark table dump;
                   delete from vapi_calls_raw where id = 'filled 7'; delete from hourly_corrections;
                   update vapi_calls_raw set counted_in = '7' where id = 'filled 8'";
    client.batch_execute(restore).await.unwrap();
    assert!(!are_used(&client).await);

    count(&mut connection).await;

    assert!(are_used(&client).await);
    let question = a_year();
    assert_eq!(
        answers(&client, &question).await,
        plain_answers(&client, &question).await
    );
}
