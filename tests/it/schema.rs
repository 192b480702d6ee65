//! The schema: what migrations promise whoever runs them, and whoever else can reach the database.

use std::path::PathBuf;

use local::postgres::{Postgres, Settings, find};
use serde_json::{Value, json};
use shared::platform::config::{Database, Reader};
use tests::TestDb;
use tokio::task::JoinSet;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, NoTls};

fn settings(url: &str) -> Database {
    Reader::from_pairs([("DATABASE_URL".to_owned(), url.to_owned())]).database()
}

/// The names in the first column of a query.
async fn names(db: &TestDb, query: &str) -> Vec<String> {
    let rows = db.client().await.query(query, &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

async fn columns(db: &TestDb, table: &str) -> Vec<String> {
    let query = format!(
        "select column_name::text from information_schema.columns
         where table_schema = 'public' and table_name = '{table}' order by ordinal_position"
    );
    names(db, &query).await
}

#[tokio::test]
async fn a_run_has_its_seventeen_columns_and_a_line_its_seven() {
    let db = TestDb::new().await;

    assert_eq!(
        columns(&db, "runs").await,
        [
            "id",
            "script_name",
            "status",
            "triggered_by",
            "batch_id",
            "started_at",
            "deadline_at",
            "finished_at",
            "duration_ms",
            "records_fetched",
            "records_inserted",
            "records_updated",
            "records_failed",
            "calls_analyzed",
            "api_cost",
            "error_message",
            "metadata",
        ]
    );
    assert_eq!(
        columns(&db, "logs").await,
        ["id", "run_id", "timestamp", "level", "step", "message", "meta"]
    );
}

#[tokio::test]
async fn every_table_hides_its_rows_from_whoever_does_not_own_it() {
    let db = TestDb::new().await;

    let open = "select relname::text from pg_class
                where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relrowsecurity";
    let granted = "select distinct relname::text from pg_class, aclexplode(relacl) as granted
                   where relnamespace = 'public'::regnamespace and granted.grantee <> relowner";

    assert_eq!(names(&db, open).await, Vec::<String>::new());
    assert_eq!(names(&db, granted).await, Vec::<String>::new());
}

#[tokio::test]
async fn every_constraint_has_the_name_that_a_migration_gave_it() {
    let db = TestDb::new().await;
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../migrations");
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let text: String = files.map(|file| std::fs::read_to_string(file).unwrap()).collect();
    let constraints = "select conname::text from pg_constraint
                       where connamespace = 'public'::regnamespace and contype in ('c', 'f', 'p', 'u', 'x')
                         and conrelid <> 'refinery_schema_history'::regclass";

    let found = names(&db, constraints).await;

    assert!(found.len() > 20, "{found:?}");
    for name in found {
        assert!(
            text.contains(&format!("constraint {name} ")),
            "no migration names {name}"
        );
    }
}

#[tokio::test]
async fn a_second_migration_finds_nothing_to_do() {
    let db = TestDb::new().await;
    let history = "select version, name, applied_on, checksum from refinery_schema_history order by version";
    let before = db.rows(history).await;

    let applied = shared::platform::db::migrate(&settings(&db.url())).await.unwrap();

    assert_eq!(applied, Vec::<String>::new());
    assert_eq!(db.rows(history).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_twenty_migrations_at_once_one_applies_each_and_the_others_wait() {
    let db = TestDb::new().await;
    let start_over = "drop schema public cascade; create schema public";
    let migrations = db.count("refinery_schema_history").await;
    db.client().await.batch_execute(start_over).await.unwrap();
    let mut callers = JoinSet::new();
    for _ in 0..20 {
        let settings = settings(&db.url());
        callers.spawn(async move { shared::platform::db::migrate(&settings).await.unwrap().len() });
    }

    let mut applied = callers.join_all().await;

    applied.sort_unstable();
    assert_eq!(applied[..19], [0; 19]);
    assert_eq!(i64::try_from(applied[19]).unwrap(), migrations);
    assert_eq!(db.count("refinery_schema_history").await, migrations);
}

#[tokio::test]
async fn a_migration_that_was_edited_after_it_was_applied_is_refused_by_name() {
    let db = TestDb::new().await;
    let edit = "update refinery_schema_history set checksum = '1' where version = 2";
    db.client().await.batch_execute(edit).await.unwrap();

    let refusal = shared::platform::db::migrate(&settings(&db.url())).await.unwrap_err();

    let refusal = format!("{:#}", anyhow::Error::from(refusal));
    assert!(
        refusal.starts_with("applying migrations: ") && refusal.contains("V2__logs"),
        "{refusal}"
    );
}

/// A server as a hosting platform sets it up: two roles that it exposes over HTTP, to which it grants all.
async fn exposed_server() -> (Postgres, Client) {
    let pg_bin = std::env::var_os("PG_BIN").map(PathBuf::from);
    let in_memory = Settings {
        in_memory: true,
        ..Settings::default()
    };
    let server = Postgres::start_with(&find(pg_bin.as_deref()).unwrap(), &in_memory)
        .await
        .unwrap();
    let (client, connection) = tokio_postgres::connect(&server.url("postgres"), NoTls).await.unwrap();
    tokio::spawn(connection);
    let expose = "create role anon; create role authenticated;
                  grant usage on schema public to anon, authenticated;
                  alter default privileges in schema public grant all on tables to anon, authenticated;
                  alter default privileges in schema public grant all on sequences to anon, authenticated;
                  alter default privileges in schema public grant all on functions to anon, authenticated";
    client.batch_execute(expose).await.unwrap();
    shared::platform::db::migrate(&settings(&server.url("postgres")))
        .await
        .unwrap();
    (server, client)
}

#[tokio::test]
async fn the_roles_that_a_platform_exposes_may_neither_read_nor_write_any_table() {
    let (_server, client) = exposed_server().await;
    let tables = "select relname::text from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'";
    let tables = client.query(tables, &[]).await.unwrap();
    assert!(tables.len() > 8);
    for role in ["anon", "authenticated"] {
        client.batch_execute(&format!("set role {role}")).await.unwrap();
        for table in &tables {
            let table: &str = table.get(0);
            for statement in ["select * from", "delete from", "truncate"] {
                let refusal = client.batch_execute(&format!("{statement} {table}")).await.unwrap_err();
                assert_eq!(
                    refusal.code(),
                    Some(&SqlState::INSUFFICIENT_PRIVILEGE),
                    "{role}: {statement} {table}"
                );
            }
        }
        client.batch_execute("reset role").await.unwrap();
    }
}

/// A function that reads as its caller would be refused the tables anyhow; one that does not would not.
#[tokio::test]
async fn nobody_but_the_owner_may_call_a_function() {
    let (_server, client) = exposed_server().await;
    let open = "select format('%s by %s', function.oid::regprocedure, granted.grantee)
                from pg_proc as function
                cross join aclexplode(coalesce(function.proacl, acldefault('f', function.proowner))) as granted
                where function.pronamespace = 'public'::regnamespace and granted.grantee <> function.proowner";

    let open: Vec<String> = client
        .query(open, &[])
        .await
        .unwrap()
        .iter()
        .map(|row| row.get(0))
        .collect();

    assert_eq!(open, Vec::<String>::new());
}

#[tokio::test]
async fn the_roles_that_a_platform_exposes_see_no_row_of_a_table_that_is_granted_to_them_later() {
    let (_server, client) = exposed_server().await;
    let grant = "insert into vapi_calls_raw (id, raw_json, document_hash, synced_at)
                 values ('a', '{}', decode(repeat('00', 16), 'hex'), now());
                 grant all on all tables in schema public to anon;
                 set role anon";
    client.batch_execute(grant).await.unwrap();

    let seen: i64 = client
        .query_one("select count(*) from vapi_calls_raw", &[])
        .await
        .unwrap()
        .get(0);

    assert_eq!(seen, 0);
}

#[tokio::test]
async fn a_row_that_contradicts_itself_is_refused_by_a_constraint_with_a_name() {
    let db = TestDb::new().await;
    let client = db.client().await;
    for (constraint, values) in [
        ("runs_status_known", "('s', 'done', now(), now(), null, '{}')"),
        (
            "runs_finished_iff_not_running",
            "('s', 'running', now(), now(), null, '{}')",
        ),
        (
            "runs_finished_iff_not_running",
            "('s', 'success', now(), null, null, '{}')",
        ),
        (
            "runs_finish_after_start",
            "('s', 'success', now(), now() - interval '1 s', null, '{}')",
        ),
        ("runs_error_says_why", "('s', 'error', now(), now(), null, '{}')"),
        (
            "runs_metadata_is_an_object",
            "('s', 'success', now(), now(), null, '[]')",
        ),
    ] {
        let insert = format!(
            "insert into runs (id, script_name, status, triggered_by, batch_id, started_at, deadline_at, finished_at, error_message, metadata)
             select gen_random_uuid(), script, status, 'test', gen_random_uuid(), start, start, finish::timestamptz, error, metadata::jsonb
             from (values {values}) as row (script, status, start, finish, error, metadata)"
        );

        let refusal = client.batch_execute(&insert).await.unwrap_err();

        let refused_by = refusal.as_db_error().and_then(|error| error.constraint());
        assert_eq!(refused_by, Some(constraint), "{values}: {refusal:?}");
    }
}

#[tokio::test]
async fn documents_are_compressed_with_lz4_where_the_server_has_it() {
    let db = TestDb::new().await;
    let has_lz4 = "select 1 from pg_settings where name = 'default_toast_compression' and 'lz4' = any(enumvals)";
    if db.rows(has_lz4).await.is_empty() {
        return;
    }
    let compressed = "select attname, attcompression from pg_attribute
                      where attrelid = 'vapi_calls_raw'::regclass and attcompression <> '' order by attname";

    let columns: Vec<Value> = db.rows(compressed).await;

    assert_eq!(
        columns,
        [
            json!({"attname": "raw_json", "attcompression": "l"}),
            json!({"attname": "transcript", "attcompression": "l"}),
        ]
    );
}
