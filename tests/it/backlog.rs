//! Which calls a framework has yet to look at: what is read by the mark beside `analysis_backlog`, which reads all.

mod history;
mod mark;

use shared::platform::db::Executor as _;
use shared::store::score::backlog;
use tests::TestDb;
use tokio_postgres::Client;

/// The calls that the view has, oldest first.
async fn all(client: &Client, framework: i32, limit: i64) -> Vec<String> {
    let rows = client
        .query(
            "select call_id
             from analysis_backlog
             where framework_id = $1
             order by created_at nulls first, call_id
             limit $2",
            &[&framework, &limit],
        )
        .await
        .unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

/// What a run chooses, and so moves the mark.
async fn advance(db: &mut shared::platform::db::Client, framework: i32, limit: i64) -> Vec<String> {
    let transaction = db.transaction().await.unwrap();
    let calls = backlog::advance(&transaction, framework, limit).await.unwrap();
    transaction.commit().await.unwrap();
    calls
}

/// What an estimate chooses.
async fn read(db: &shared::platform::db::Client, framework: i32) -> Vec<String> {
    backlog::read(db, framework, backlog::MOST).await.unwrap()
}

/// Chooses until the mark covers every call. Transactions of other tests on this server may be older than the calls, and
/// hold it back for a while.
async fn covered(db: &mut shared::platform::db::Client, framework: i32) -> Vec<String> {
    let since = std::time::Instant::now();
    loop {
        let calls = advance(db, framework, backlog::MOST).await;
        let left = new(db, framework).await;
        if left.is_empty() {
            return calls;
        }
        assert!(since.elapsed().as_secs() < 60, "the mark does not cover {left:?}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

/// The calls that the mark does not cover.
async fn new(db: &shared::platform::db::Client, framework: i32) -> Vec<String> {
    let statement = format!(
        "select id from vapi_calls_raw
         where changed_in >= (select changed_before from analysis_marks where framework_id = {framework})
         order by id"
    );
    let rows = db.query_typed(&statement, &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

/// The active framework and another one.
async fn frameworks(client: &Client) -> [i32; 2] {
    let other = "insert into analysis_frameworks (name, version, rubric, prompt_template, model_config)
                 select 'Other', 1, rubric, prompt_template, model_config from analysis_frameworks
                 returning id";
    let active = client
        .query_one("select id from analysis_frameworks", &[])
        .await
        .unwrap();
    let other = client.query_one(other, &[]).await.unwrap();
    [active.get(0), other.get(0)]
}

/// Stores a call of this version.
async fn store(client: &Client, id: &str, version: i32) {
    let statement = format!(
        "insert into vapi_calls_raw (id, created_at, raw_json, document_hash, synced_at)
         values ('{id}', '2026-05-01Z', '{{}}', decode(md5('{id} {version}'), 'hex'), '2026-05-01Z')
         on conflict (id) do update set document_hash = excluded.document_hash"
    );
    client.batch_execute(&statement).await.unwrap();
}

/// Skips a call of this version, as an earlier version of the program does it.
async fn skip(client: &Client, id: &str, framework: i32, version: i32) {
    let statement = format!(
        "insert into qci_analyses (call_id, framework_id, status, skip_reason, call_hash, analyzed_at)
         values ('{id}', {framework}, 'skipped', 'test', decode(md5('{id} {version}'), 'hex'), now())
         on conflict (call_id, framework_id) do update
         set status = excluded.status, skip_reason = excluded.skip_reason, error_message = null, attempts = 0,
             call_hash = excluded.call_hash
         where qci_analyses.status <> 'scored'"
    );
    client.batch_execute(&statement).await.unwrap();
}

async fn scene() -> (TestDb, Client, shared::platform::db::Client, [i32; 2]) {
    let db = TestDb::new().await;
    let client = db.client().await;
    let frameworks = frameworks(&client).await;
    let connection = db.connect().await;
    (db, client, connection, frameworks)
}
