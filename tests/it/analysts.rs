//! What an analyst may read: the views, all of their rows, and nothing else.

use std::collections::BTreeSet;

use serde_json::Value;
use shared::platform::config::{Database, Reader};
use tests::{Courtroom, TestDb};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, NoTls};
use uuid::Uuid;

/// Each view, and the rows of ours that it has to show.
const VIEWS: [(&str, &str); 7] = [
    ("calls", "vapi_calls_raw"),
    ("assistants", "vapi_assistants"),
    ("frameworks", "analysis_frameworks"),
    ("scores", "qci_analyses"),
    ("criteria", "qci_analyses, jsonb_array_elements(criteria)"),
    ("earlier_scores", "earlier_analyses"),
    ("runs", "runs"),
];

/// A login that is an analyst and nothing else.
async fn analyst(db: &TestDb) -> Client {
    let login = format!("reports_{}", Uuid::new_v4().simple());
    let create = format!("create role {login} login in role callmark_analyst");
    db.client().await.batch_execute(&create).await.unwrap();
    let url = db.url().replace("postgres@", &format!("{login}@"));
    let (client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

async fn count(client: &Client, from: &str) -> i64 {
    let row = client.query_one(&format!("select count(*) from {from}"), &[]).await;
    row.unwrap().get(0)
}

#[tokio::test]
async fn an_analyst_sees_every_row_and_none_of_what_was_said() {
    let room = Courtroom::with_calls(60).await;
    room.score().await;
    let (db, owner) = (room.db(), room.db().client().await);
    let analyst = analyst(db).await;

    let mut shown = String::new();
    for (view, ours) in VIEWS {
        let view = format!("callmark_analytics.{view}");
        assert_eq!(count(&analyst, &view).await, count(&owner, ours).await, "{view}");
        let query = format!("select to_jsonb(row)::text from {view} as row");
        for row in analyst.query(&query, &[]).await.unwrap() {
            shown.push_str(row.get(0));
        }
    }

    let numbers = db.rows(
        "select distinct customer_phone_number as number from vapi_calls_raw where customer_phone_number is not null",
    );
    let numbers = numbers.await;
    assert!(!numbers.is_empty());
    for number in numbers {
        let number = number["number"].as_str().unwrap();
        assert!(!shown.contains(number.trim_start_matches('+')), "{number}");
    }
    let quotes = "select distinct quote ->> 'quote' as quote from qci_analyses,
                  jsonb_path_query(criteria, '$[*].evidence[*]') as quote";
    let quotes: BTreeSet<String> = db
        .rows(quotes)
        .await
        .iter()
        .filter_map(|row| Some(row["quote"].as_str()?.to_owned()))
        .collect();
    assert!(quotes.len() > 10, "{quotes:?}");
    for quote in quotes {
        assert!(!shown.contains(&quote), "{quote}");
    }
}

#[tokio::test]
async fn an_analyst_reads_no_table_and_writes_nothing() {
    let db = TestDb::new().await;
    let analyst = analyst(&db).await;
    let relations = db.rows(
        "select relname as name from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'v')",
    );

    let mut statements: Vec<String> = relations
        .await
        .iter()
        .map(|row| format!("select from {}", row["name"].as_str().unwrap()))
        .collect();
    assert!(statements.len() > 20);
    for view in ["assistants", "frameworks", "scores", "earlier_scores", "runs"] {
        statements.push(format!("delete from callmark_analytics.{view}"));
    }
    statements.push("create table callmark_analytics.mine ()".to_owned());
    for statement in statements {
        let refusal = analyst.batch_execute(&statement).await.unwrap_err();
        assert_eq!(refusal.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE), "{statement}");
    }
}

#[tokio::test]
async fn a_number_shows_its_last_two_digits_where_it_has_many() {
    let db = TestDb::new().await;
    let insert = "insert into vapi_calls_raw (id, customer_phone_number, raw_json, document_hash, synced_at)
                  select number, number, '{}', decode(repeat('00', 16), 'hex'), now()
                  from unnest(array['+1 (555) 010-0142', '12345', 'sip:nobody@example.invalid']) as number";
    db.client().await.batch_execute(insert).await.unwrap();

    let analyst = analyst(&db).await;
    let shown = analyst.query(
        "select id, customer_number_masked from callmark_analytics.calls order by id collate \"C\"",
        &[],
    );
    let shown: Vec<(String, Option<String>)> = shown
        .await
        .unwrap()
        .iter()
        .map(|row| (row.get(0), row.get(1)))
        .collect();

    let masked: Vec<&str> = shown.iter().map(|(_, masked)| masked.as_deref().unwrap()).collect();
    assert_eq!(masked, ["••• 42", "•••", "•••"], "{shown:?}");
}

#[tokio::test]
async fn an_owner_who_may_make_no_roles_migrates_and_lets_an_administrator_make_it() {
    let db = TestDb::empty().await;
    let migrator = format!("owner_{}", Uuid::new_v4().simple());
    let name: Value = db.rows("select current_database() as name").await[0]["name"].clone();
    let create = format!(
        "create role {migrator} login nocreaterole; alter database {} owner to {migrator}; alter schema public owner to {migrator}",
        name.as_str().unwrap()
    );
    db.client().await.batch_execute(&create).await.unwrap();
    let url = db.url().replace("postgres@", &format!("{migrator}@"));
    let settings: Database = Reader::from_pairs([("DATABASE_URL".to_owned(), url)]).database();

    shared::platform::db::migrate(&settings).await.unwrap();

    let owned =
        db.rows("select 1 as one from pg_views where schemaname = 'callmark_analytics' and viewowner <> 'postgres'");
    assert_eq!(owned.await.len(), VIEWS.len());
}
