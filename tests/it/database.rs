//! The ground that the other tests stand on.

use shared::platform::config::Reader;
use tests::TestDb;
use tokio_postgres::NoTls;

#[tokio::test]
async fn a_test_sees_a_migrated_database_and_nothing_of_its_neighbours() {
    let (one, other) = tokio::join!(TestDb::new(), TestDb::new());

    one.client()
        .await
        .batch_execute("insert into vapi_calls_raw (id, raw_json, document_hash, synced_at) values ('a', '{}', decode(repeat('00', 16), 'hex'), now())")
        .await
        .unwrap();

    assert_eq!(one.count("vapi_calls_raw").await, 1);
    assert_eq!(other.count("vapi_calls_raw").await, 0);
}

#[tokio::test]
async fn runs_and_their_lines_are_read_as_the_schema_has_them() {
    let db = TestDb::new().await;
    db.client()
        .await
        .batch_execute(
            "insert into runs (id, script_name, status, triggered_by, batch_id, started_at, deadline_at, api_cost)
             select id, 'vapi-sync', 'running', 'manual', id, now(), now(), 0.25 from gen_random_uuid() as id;
             insert into logs (id, run_id, level, step, message)
             select gen_random_uuid(), id, 'INFO', 'START', 'begun' from runs",
        )
        .await
        .unwrap();

    let run = db.only_run().await;
    let lines = db.logs(run.id).await;

    assert_eq!((run.status.as_str(), run.api_cost), ("running", Some(0.25)));
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0].message, "begun");
}

#[tokio::test]
async fn a_database_alone_survives_the_death_of_its_server() {
    let mut db = TestDb::alone().await;

    db.server().kill().await.unwrap();
    db.server().start_again().await.unwrap();

    assert_eq!(db.count("runs").await, 0);
}

#[tokio::test]
async fn clients_of_the_pooler_share_three_connections() {
    let db = TestDb::new().await;
    let Some((_pooler, url)) = db.through_pooler().await else {
        return;
    };
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..12 {
        let url = url.clone();
        clients.spawn(async move { backend(&url).await });
    }

    let mut backends = clients.join_all().await;
    backends.sort_unstable();
    backends.dedup();

    assert_eq!(backends.len(), 3);
}

/// Which of the server's processes answers.
async fn backend(url: &str) -> i32 {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    let row = client
        .query_typed("select pg_backend_pid() from pg_sleep(0.02)", &[])
        .await;
    row.unwrap()[0].get(0)
}

/// Whether there is no connection for now, or for good.
async fn is_transient(url: String) -> bool {
    let mut reader = Reader::from_pairs([("DATABASE_URL".to_owned(), url)]);
    let pool = shared::platform::db::pool(&reader.database()).unwrap();
    let Err(error) = shared::platform::db::connect(&pool).await else {
        panic!("there is a connection")
    };
    error.is_transient()
}

#[tokio::test]
async fn a_server_that_is_away_may_come_back_and_a_name_that_it_does_not_know_stays_unknown() {
    let db = TestDb::new().await;
    let unknown = db.url().replace('?', "_but_not_quite?");

    assert!(is_transient("postgres://user@127.0.0.1:9/calls".to_owned()).await);
    assert!(!is_transient(unknown).await);
}
