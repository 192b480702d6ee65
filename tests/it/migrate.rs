//! The migrations as a resource of the stack: whatever happens, CloudFormation is answered, once and in time.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use axum::Router;
use axum::http::{HeaderMap, StatusCode, header};
use axum::routing::put;
use chrono::TimeDelta;
use migrate::Context;
use serde_json::{Value, json};
use shared::platform::clock;
use shared::platform::config::{Database, Reader};
use tests::TestDb;
use tokio::net::TcpListener;

const UNUSABLE: &str = "postgres://callmark:hunter2@127.0.0.1:1/callmark";

/// Stands for the place in S3 that CloudFormation has answers put to.
#[derive(Clone)]
pub(super) struct Receiver {
    address: SocketAddr,
    taken: Arc<Mutex<Vec<(HeaderMap, String)>>>,
}

impl Receiver {
    pub(super) async fn new() -> Self {
        Self::refusing(0, StatusCode::OK).await
    }

    /// Refuses the first answers with this status, and takes what comes after them.
    async fn refusing(first: usize, status: StatusCode) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let receiver = Self {
            address: listener.local_addr().unwrap(),
            taken: Arc::default(),
        };
        let taken = receiver.taken.clone();
        let take = put(async move |headers: HeaderMap, body: String| {
            let mut taken = taken.lock().unwrap();
            taken.push((headers, body));
            if taken.len() <= first { status } else { StatusCode::OK }
        });
        let router = Router::new().route("/answer", take);
        tokio::spawn(async move { axum::serve(listener, router).await });
        receiver
    }

    pub(super) fn event(&self, kind: &str) -> Value {
        json!({
            "RequestType": kind,
            "ResponseURL": format!("http://{}/answer?X-Amz-Signature=key-of-the-answer", self.address),
            "StackId": "arn:stack",
            "RequestId": "request-1",
            "LogicalResourceId": "Migrations",
            "ResourceType": "Custom::Migrations",
            "ResourceProperties": {},
        })
    }

    fn bodies(&self) -> Vec<String> {
        let taken = self.taken.lock().unwrap();
        taken.iter().map(|(_, body)| body.clone()).collect()
    }

    /// The only answer there is.
    pub(super) fn answer(&self) -> Value {
        let bodies = self.bodies();
        assert_eq!(bodies.len(), 1, "{bodies:?}");
        serde_json::from_str(&bodies[0]).unwrap()
    }

    /// Why it says that it failed.
    pub(super) fn failure(&self) -> String {
        let answer = self.answer();
        assert_eq!(answer["Status"], "FAILED", "{answer}");
        answer["Reason"].as_str().unwrap().to_owned()
    }
}

fn lasting(time: TimeDelta) -> Context {
    let now = clock::now();
    Context {
        now,
        deadline_at: now + time,
        log: "request r-1 in the log stream s-1 of g-1".to_owned(),
    }
}

pub(super) fn minutes() -> Context {
    lasting(TimeDelta::minutes(2))
}

fn pointing_at(url: &str) -> Result<Database> {
    migrate::settings(Reader::from_pairs([("DATABASE_URL".to_owned(), url.to_owned())]))
}

async fn handle(url: &str, event: &Value) -> Result<Value> {
    let settings = pointing_at(url);
    migrate::handle(async { settings }, event, &minutes()).await
}

/// A database that nothing was applied to, and how many migrations there are.
async fn without_migrations() -> (TestDb, i64) {
    let db = TestDb::new().await;
    let migrations = db.count("refinery_schema_history").await;
    let start_over = "drop schema public cascade; create schema public";
    db.client().await.batch_execute(start_over).await.unwrap();
    (db, migrations)
}

#[tokio::test]
async fn a_stack_that_is_made_has_every_migration_applied_and_is_told_how_many() {
    let (db, migrations) = without_migrations().await;
    let receiver = Receiver::new().await;

    handle(&db.url(), &receiver.event("Create")).await.unwrap();

    assert_eq!(db.count("refinery_schema_history").await, migrations);
    assert_eq!(
        receiver.answer(),
        json!({
            "Status": "SUCCESS",
            "Reason": format!("applied {migrations} migrations"),
            "PhysicalResourceId": "callmark-migrations",
            "StackId": "arn:stack",
            "RequestId": "request-1",
            "LogicalResourceId": "Migrations",
            "NoEcho": false,
            "Data": {"Applied": migrations.to_string()},
        })
    );
}

#[tokio::test]
async fn an_answer_has_a_length_and_neither_a_type_nor_an_encoding() {
    let receiver = Receiver::new().await;

    handle(UNUSABLE, &receiver.event("Delete")).await.unwrap();

    let (headers, body) = receiver.taken.lock().unwrap()[0].clone();
    assert_eq!(headers[header::CONTENT_LENGTH], body.len().to_string());
    for absent in [
        header::CONTENT_TYPE,
        header::CONTENT_ENCODING,
        header::TRANSFER_ENCODING,
    ] {
        assert!(!headers.contains_key(&absent), "{absent}: {headers:?}");
    }
}

#[tokio::test]
async fn a_stack_that_is_changed_without_a_new_migration_succeeds_under_the_name_it_had() {
    let db = TestDb::new().await;
    let receiver = Receiver::new().await;
    let mut event = receiver.event("Update");
    event["PhysicalResourceId"] = "from-long-ago".into();

    handle(&db.url(), &event).await.unwrap();

    let answer = receiver.answer();
    assert_eq!(answer["Status"], "SUCCESS");
    assert_eq!(answer["Data"]["Applied"], "0");
    assert_eq!(answer["PhysicalResourceId"], "from-long-ago");
}

#[tokio::test]
async fn a_stack_that_is_deleted_keeps_its_database_and_needs_none() {
    let db = TestDb::new().await;
    let before = db.count("refinery_schema_history").await;

    for url in [db.url(), UNUSABLE.to_owned()] {
        let receiver = Receiver::new().await;
        handle(&url, &receiver.event("Delete")).await.unwrap();
        assert_eq!(receiver.answer()["Status"], "SUCCESS");
    }

    assert_eq!(db.count("refinery_schema_history").await, before);
}

#[tokio::test]
async fn a_database_that_is_not_there_is_named_by_its_setting_and_without_the_password() {
    let receiver = Receiver::new().await;
    let began = Instant::now();

    handle(UNUSABLE, &receiver.event("Create")).await.unwrap();

    let reason = receiver.failure();
    assert!(reason.contains("DATABASE_URL"), "{reason}");
    assert!(reason.contains("127.0.0.1:1"), "{reason}");
    assert!(
        reason.ends_with("(request r-1 in the log stream s-1 of g-1)"),
        "{reason}"
    );
    assert!(!receiver.bodies()[0].contains("hunter2"), "{reason}");
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_server_that_refuses_the_password_does_not_make_us_tell_it() {
    let db = TestDb::new().await;
    let receiver = Receiver::new().await;
    let mut url: url::Url = db.url().parse().unwrap();
    url.set_username("nobody").unwrap();
    url.set_password(Some("hunter2")).unwrap();

    handle(url.as_str(), &receiver.event("Create")).await.unwrap();

    let reason = receiver.failure();
    assert!(reason.contains("nobody") && !reason.contains("hunter2"), "{reason}");
}

#[tokio::test]
async fn a_database_that_never_answers_is_given_up_in_time_to_say_so() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("postgres://u:hunter2@{}/d", silent.local_addr().unwrap());
    let receiver = Receiver::new().await;
    let began = Instant::now();

    migrate::handle(
        async move { pointing_at(&url) },
        &receiver.event("Create"),
        &lasting(TimeDelta::seconds(4)),
    )
    .await
    .unwrap();

    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    let reason = receiver.failure();
    assert!(reason.starts_with("out of time: "), "{reason}");
}

#[tokio::test]
async fn a_setting_that_is_missing_or_malformed_is_named() {
    for (url, problem) in [
        ("", "the settings: DATABASE_URL is missing"),
        ("mysql://u:hunter2@h/d", "the settings: DATABASE_URL is malformed"),
        (
            "postgres://u:hunter2@h/d?hunter=2",
            "the settings: DATABASE_URL has the unknown parameter `hunter`",
        ),
    ] {
        let receiver = Receiver::new().await;

        handle(url, &receiver.event("Create")).await.unwrap();

        let reason = receiver.failure();
        assert!(reason.starts_with(problem) && !reason.contains("hunter2"), "{reason}");
    }
}

#[tokio::test]
async fn a_database_that_cannot_hold_every_character_is_refused_with_the_remedy() {
    let (neighbour, name) = (TestDb::empty().await, format!("latin_{}", std::process::id()));
    let create = format!("create database {name} encoding 'LATIN1' lc_collate 'C' lc_ctype 'C' template template0");
    neighbour.client().await.batch_execute(&create).await.unwrap();
    let (address, _) = neighbour
        .url()
        .rsplit_once('/')
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .unwrap();
    let receiver = Receiver::new().await;

    handle(&format!("{address}/{name}"), &receiver.event("Create"))
        .await
        .unwrap();

    let reason = receiver.failure();
    assert!(reason.contains("LATIN1") && reason.contains("template0"), "{reason}");
}

#[tokio::test]
async fn settings_that_cannot_be_read_are_answered_with_every_cause() {
    let receiver = Receiver::new().await;
    let unreadable = async { Err(anyhow::anyhow!("access denied").context("reading the secret")) };

    migrate::handle(unreadable, &receiver.event("Create"), &minutes())
        .await
        .unwrap();

    let reason = receiver.failure();
    assert!(
        reason.starts_with("the settings: reading the secret: access denied"),
        "{reason}"
    );
}

#[tokio::test]
async fn a_migration_that_fails_is_named_and_those_before_it_stay() {
    let (db, _) = without_migrations().await;
    let receiver = Receiver::new().await;
    // A type of the same name: a table would be noticed before.
    let in_the_way = "create type logs as (id int)";
    db.client().await.batch_execute(in_the_way).await.unwrap();

    handle(&db.url(), &receiver.event("Update")).await.unwrap();

    let reason = receiver.failure();
    assert!(reason.starts_with("applying migrations: "), "{reason}");
    assert!(
        reason.contains("V2__logs") && reason.contains("already exists"),
        "{reason}"
    );
    assert_eq!(db.count("refinery_schema_history").await, 1);
}

#[tokio::test]
async fn a_panic_is_answered_as_a_failure() {
    let receiver = Receiver::new().await;

    migrate::handle(
        async { panic!("the unthinkable") },
        &receiver.event("Create"),
        &minutes(),
    )
    .await
    .unwrap();

    let reason = receiver.failure();
    assert!(reason.contains("the unthinkable"), "{reason}");
}

#[tokio::test]
async fn a_request_of_an_unknown_kind_is_refused_without_touching_the_database() {
    let (db, _) = without_migrations().await;
    let receiver = Receiver::new().await;

    handle(&db.url(), &receiver.event("Import")).await.unwrap();

    let reason = receiver.failure();
    assert!(reason.starts_with("RequestType is \"Import\""), "{reason}");
    let tables = "select 1 as found from pg_tables where schemaname = 'public'";
    assert_eq!(db.rows(tables).await, Vec::<Value>::new());
}

#[tokio::test]
async fn an_answer_that_is_refused_for_a_moment_is_given_again_until_it_is_taken() {
    let (db, migrations) = without_migrations().await;
    let receiver = Receiver::refusing(2, StatusCode::INTERNAL_SERVER_ERROR).await;

    handle(&db.url(), &receiver.event("Create")).await.unwrap();

    let bodies = receiver.bodies();
    assert_eq!(bodies.len(), 3);
    assert!(bodies.iter().all(|body| *body == bodies[0]), "{bodies:?}");
    assert!(
        bodies[0].contains(&format!(r#""Applied":"{migrations}""#)),
        "{bodies:?}"
    );
}

#[tokio::test]
async fn an_answer_that_is_refused_for_good_fails_the_invocation_without_showing_where_it_went() {
    let receiver = Receiver::refusing(usize::MAX, StatusCode::FORBIDDEN).await;

    let error = handle(UNUSABLE, &receiver.event("Delete")).await.unwrap_err();

    let error = format!("{error:#}");
    assert!(
        error.contains("could not be delivered") && error.contains("403"),
        "{error}"
    );
    assert_eq!(receiver.bodies().len(), 1);
}

#[tokio::test]
async fn an_answer_that_nobody_takes_fails_the_invocation_before_its_deadline() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let mute = TcpListener::bind("127.0.0.1:0").await.unwrap();
    for address in [nobody, mute.local_addr().unwrap()] {
        let mut event = Receiver::new().await.event("Delete");
        event["ResponseURL"] = format!("http://{address}/?X-Amz-Signature=key-of-the-answer").into();
        let began = Instant::now();

        let ended = migrate::handle(async { bail!("unused") }, &event, &lasting(TimeDelta::seconds(3))).await;

        let error = format!("{:#}", ended.unwrap_err());
        assert!(
            error.contains("could not be delivered: out of time: it could not be sent: "),
            "{error}"
        );
        assert!(!error.contains("key-of-the-answer"), "{error}");
        assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    }
}

#[tokio::test]
async fn a_reason_of_any_length_and_letters_is_cut_to_what_is_taken() {
    for (letter, kept) in [("x", 3000), ("\u{1f980}", 3000), ("\"", 1500), ("\u{1}", 500)] {
        let receiver = Receiver::new().await;
        let long = letter.repeat(20_000);

        migrate::handle(async { bail!(long) }, &receiver.event("Create"), &minutes())
            .await
            .unwrap();

        let (reason, size) = (receiver.failure(), receiver.bodies()[0].len());
        assert!((4080..4096).contains(&size), "{letter:?}: {size}");
        assert!(
            reason.ends_with("… (request r-1 in the log stream s-1 of g-1)"),
            "{reason}"
        );
        assert!(reason.matches(letter).map(str::len).sum::<usize>() > kept, "{reason}");
    }
}

#[tokio::test]
async fn of_two_stacks_made_at_once_on_one_database_both_succeed_and_one_migrates() {
    let (db, migrations) = without_migrations().await;
    let (one, other) = (Receiver::new().await, Receiver::new().await);
    let (url, first, second) = (db.url(), one.event("Create"), other.event("Create"));

    let (first, second) = tokio::join!(handle(&url, &first), handle(&url, &second));

    first.unwrap();
    second.unwrap();
    let mut applied = [one, other].map(|receiver| {
        let applied = receiver.answer()["Data"]["Applied"].as_str().map(str::parse::<i64>);
        applied.unwrap().unwrap()
    });
    applied.sort_unstable();
    assert_eq!(applied, [0, migrations]);
}

#[tokio::test]
async fn by_hand_the_migrations_are_applied_and_their_names_returned() {
    let (db, migrations) = without_migrations().await;

    let returned = handle(&db.url(), &json!({})).await.unwrap();

    let applied = returned["applied"].as_array().unwrap();
    assert_eq!(i64::try_from(applied.len()).unwrap(), migrations);
    assert_eq!(applied[0], "V1__runs");
    assert_eq!(
        handle(&db.url(), &json!({})).await.unwrap(),
        json!({"applied": Vec::<String>::new()})
    );
}

#[tokio::test]
async fn by_hand_a_failure_is_the_invocations() {
    let error = handle("", &json!({})).await.unwrap_err();

    assert!(format!("{error:#}").contains("DATABASE_URL is missing"), "{error:#}");
}

#[tokio::test]
async fn a_request_that_does_not_say_where_to_answer_fails_and_applies_nothing() {
    let (db, _) = without_migrations().await;
    for url in [json!(null), json!("nonsense"), json!("file:///tmp/answer"), json!(7)] {
        let event = json!({"RequestType": "Create", "ResponseURL": url});

        let error = handle(&db.url(), &event).await.unwrap_err();

        assert!(error.to_string().contains("ResponseURL"), "{error:#}");
    }
    let tables = "select 1 as found from pg_tables where schemaname = 'public'";
    assert_eq!(db.rows(tables).await, Vec::<Value>::new());
}

#[tokio::test]
async fn code_that_is_rolled_back_finds_a_newer_database_and_lets_the_rollback_end() {
    let db = TestDb::new().await;
    let receiver = Receiver::new().await;
    let newer = "insert into refinery_schema_history
                 select 999, 'from_the_future', applied_on, '1' from refinery_schema_history where version = 1";
    db.client().await.batch_execute(newer).await.unwrap();

    handle(&db.url(), &receiver.event("Update")).await.unwrap();

    let answer = receiver.answer();
    assert_eq!(answer["Status"], "SUCCESS", "{answer}");
    assert_eq!(answer["Data"]["Applied"], "0");
}

#[tokio::test]
async fn a_newer_database_that_lacks_one_of_our_migrations_or_has_another_one_is_refused() {
    for damage in [
        "delete from refinery_schema_history where version = 3",
        "update refinery_schema_history set checksum = '1' where version = 2",
    ] {
        let db = TestDb::new().await;
        let receiver = Receiver::new().await;
        let newer = "insert into refinery_schema_history
                     select 999, 'from_the_future', applied_on, '1' from refinery_schema_history where version = 1";
        db.client().await.batch_execute(newer).await.unwrap();
        db.client().await.batch_execute(damage).await.unwrap();

        handle(&db.url(), &receiver.event("Update")).await.unwrap();

        let reason = receiver.failure();
        assert!(reason.starts_with("applying migrations: "), "{reason}");
    }
}

#[tokio::test]
async fn a_request_with_members_missing_or_wrong_is_still_answered() {
    let receiver = Receiver::new().await;
    let mut event = receiver.event("Delete");
    event["StackId"] = 5.into();
    event["LogicalResourceId"] = Value::Null;

    handle(UNUSABLE, &event).await.unwrap();

    assert_eq!(receiver.answer()["StackId"], "");
    assert_eq!(receiver.answer()["RequestId"], "request-1");
}

#[tokio::test]
async fn what_the_function_leaves_to_the_command_is_said_in_its_answer() {
    let db = TestDb::of_migration(29).await;
    let call = "insert into vapi_calls_raw (id, raw_json, document_hash, synced_at)
                values ('a', '{}', decode(repeat('00', 16), 'hex'), now())";
    db.client().await.batch_execute(call).await.unwrap();
    let receiver = Receiver::new().await;

    handle(&db.url(), &receiver.event("Update")).await.unwrap();

    let answer = receiver.answer();
    assert_eq!(answer["Status"], "SUCCESS", "{answer}");
    let reason = answer["Reason"].as_str().unwrap();
    assert!(
        reason.ends_with("; left to `callmark migrate`: the backfill compress_calls"),
        "{reason}"
    );
    let again = handle(&db.url(), &json!({})).await.unwrap();
    assert_eq!(again["left"], json!(["the backfill compress_calls"]));
}
