//! The pages of `callmark admin` and `callmark serve` as their users reach them: the real program, over HTTP.

#![allow(
    clippy::unwrap_used,
    reason = "Clippy sees a test in a test function, and not in the functions it calls"
)]

mod visitor;

use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use simulator::vapi::{Fault, Server, Settings, Spec, World};
use tests::{TestDb, Webhook};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use visitor::Visitor;

fn start(arguments: &[&str], settings: &[(&str, &str)]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_callmark"))
        .args(arguments)
        .env_clear()
        .envs(settings.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

/// The first line on standard output.
async fn first_line(child: &mut Child) -> String {
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = timeout(Duration::from_secs(30), lines.next_line()).await.unwrap();
    line.unwrap().unwrap()
}

async fn end(child: Child) -> Option<i32> {
    let id = child.id().unwrap().to_string();
    Command::new("kill").arg(&id).status().await.unwrap();
    let output = timeout(Duration::from_secs(30), child.wait_with_output())
        .await
        .unwrap();
    output.unwrap().status.code()
}

async fn refused(arguments: &[&str], settings: &[(&str, &str)]) -> (Option<i32>, String) {
    let child = start(arguments, settings);
    let output = timeout(Duration::from_secs(30), child.wait_with_output())
        .await
        .unwrap();
    let output = output.unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[tokio::test]
async fn admin_prints_an_address_and_a_sign_in_that_lets_one_in() {
    let db = TestDb::new().await;
    let mut admin = start(&["admin", "--port", "0", "--json"], &[("DATABASE_URL", &db.url())]);

    let invitation: Value = serde_json::from_str(&first_line(&mut admin).await).unwrap();
    let sign_in = &invitation["sign_in"];
    let mut visitor = Visitor::at(invitation["url"].as_str().unwrap());
    let health = visitor.get("/healthz").await;
    let stranger = visitor.get("/admin/execution-logs").await;
    let wrong = visitor.sign_in("demo", "not-the-password").await;
    let right = visitor
        .sign_in(sign_in["user"].as_str().unwrap(), sign_in["password"].as_str().unwrap())
        .await;
    let page = visitor.get("/admin/execution-logs").await;

    assert_eq!(
        (health.status, stranger.status, wrong.status, right.status),
        (200, 303, 401, 303)
    );
    assert_eq!(page.status, 200);
    // Without a bus nobody would hear a request, and the page says so.
    assert!(page.text.contains("No runs yet"), "{}", page.text);
    assert!(page.text.contains("EVENT_BUS_NAME"), "{}", page.text);
    assert_eq!(end(admin).await, Some(0));
}

#[tokio::test]
async fn admin_lets_in_the_users_of_its_settings_and_prints_no_password() {
    let db = TestDb::new().await;
    let users = format!("ada:{}", admin::hash("a-long-password").unwrap());
    let key = "0123456789abcdef0123456789abcdef";
    let settings = [
        ("DATABASE_URL", db.url()),
        ("ADMIN_USERS", users),
        ("ADMIN_SESSION_KEY", key.to_owned()),
    ];
    let settings = settings.each_ref().map(|(name, value)| (*name, value.as_str()));
    let mut admin = start(&["admin", "--port", "0"], &settings);

    let address = first_line(&mut admin).await;
    let mut visitor = Visitor::at(&address);
    let answer = visitor.sign_in("ada", "a-long-password").await;

    assert_eq!(answer.status, 303, "{}", answer.text);
    assert_eq!(visitor.get("/admin/calls").await.status, 200);
    assert_eq!(end(admin).await, Some(0));
}

#[tokio::test]
async fn what_keeps_the_pages_from_being_shown_is_told_in_one_line() {
    let db = TestDb::new().await;
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let url = db.url();
    let database = ("DATABASE_URL", url.as_str());

    let port_taken = refused(&["admin", "--port", &port], &[database]).await;
    let no_database = refused(&["admin"], &[]).await;
    let no_key = refused(
        &["admin"],
        &[
            database,
            ("ADMIN_USERS", "ada:$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaA"),
        ],
    )
    .await;
    let no_users = refused(&["admin"], &[database, ("ADMIN_USERS", "ada")]).await;

    assert_eq!(port_taken.0, Some(1));
    assert!(
        port_taken.1.contains(&port) && port_taken.1.lines().count() == 1,
        "{}",
        port_taken.1
    );
    assert_eq!(no_database.0, Some(2));
    assert!(no_database.1.contains("DATABASE_URL"), "{}", no_database.1);
    assert_eq!(no_key.0, Some(2));
    assert!(no_key.1.contains("ADMIN_SESSION_KEY"), "{}", no_key.1);
    assert_eq!(no_users.0, Some(2));
    assert!(
        no_users.1.contains("ADMIN_USERS") && no_users.1.contains("hash-password"),
        "{}",
        no_users.1
    );
}

#[tokio::test]
async fn serve_runs_what_its_pages_ask_for_between_its_own_times() {
    let db = TestDb::new().await;
    let world = World::generate(&Spec {
        calls: 5,
        ..Spec::new(shared::platform::clock::now())
    });
    let vapi = Server::start(world, Settings::default()).await.unwrap();
    let (database, base) = (db.url(), vapi.url());
    let settings = [
        ("DATABASE_URL", database.as_str()),
        ("VAPI_BASE_URL", base.as_str()),
        ("VAPI_API_KEY", "any"),
    ];
    let mut serve = start(&["serve", "--admin-port", "0", "--json"], &settings);
    let mut remarks = BufReader::new(serve.stderr.take().unwrap()).lines();
    let mut runs = BufReader::new(serve.stdout.take().unwrap()).lines();

    let told = remarks.next_line().await.unwrap().unwrap();
    let url = told.split(' ').find(|word| word.starts_with("http://")).unwrap();
    let password = told.rsplit(' ').next().unwrap().trim_end_matches(')');
    let mut visitor = Visitor::at(url);
    let first: Value = serde_json::from_str(&runs.next_line().await.unwrap().unwrap()).unwrap();
    visitor.sign_in("demo", password).await;
    let csrf = visitor.csrf("/admin/execution-logs").await;
    let asked = visitor
        .post("/admin/execution-logs/run", &format!("script=vapi-sync&csrf={csrf}"))
        .await;
    let second = timeout(Duration::from_secs(30), runs.next_line()).await.unwrap();
    let second: Value = serde_json::from_str(&second.unwrap().unwrap()).unwrap();

    assert_eq!(asked.status, 303, "{}", asked.text);
    assert_eq!(
        (&first["triggered_by"], &second["triggered_by"]),
        (&"schedule".into(), &"demo".into())
    );
    assert_eq!(second["status"], "success");
    assert_eq!(end(serve).await, Some(0));
}

#[tokio::test]
async fn a_test_message_that_is_asked_for_on_the_pages_arrives_while_a_sync_is_at_it() {
    let db = TestDb::new().await;
    let world = World::generate(&Spec {
        calls: 5,
        ..Spec::new(shared::platform::clock::now())
    });
    // No answer within the test: the sync is at it all the time.
    let vapi = Server::start(world, Settings::default()).await.unwrap();
    vapi.faults().push(Fault::Hang.every(1));
    let slack = Webhook::new().await;
    let (database, base) = (db.url(), vapi.url());
    let settings = [
        ("DATABASE_URL", database.as_str()),
        ("VAPI_BASE_URL", base.as_str()),
        ("VAPI_API_KEY", "any"),
        ("SLACK_WEBHOOK_URL", slack.url()),
    ];
    let mut serve = start(&["serve", "--admin-port", "0", "--json"], &settings);
    let mut remarks = BufReader::new(serve.stderr.take().unwrap()).lines();

    let told = remarks.next_line().await.unwrap().unwrap();
    let url = told.split(' ').find(|word| word.starts_with("http://")).unwrap();
    let password = told.rsplit(' ').next().unwrap().trim_end_matches(')');
    let mut visitor = Visitor::at(url);
    visitor.sign_in("demo", password).await;
    let csrf = visitor.csrf("/admin/alerts").await;
    let asked = visitor.post("/admin/alerts/test", &format!("csrf={csrf}")).await;
    let arrived = timeout(Duration::from_secs(30), async {
        while slack.titles().is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });

    assert_eq!(asked.status, 303, "{}", asked.text);
    arrived.await.unwrap();
    assert_eq!(slack.titles(), [":large_blue_circle: Test message, asked for by demo"]);
    let page = timeout(Duration::from_secs(30), async {
        loop {
            let page = visitor.get("/admin/alerts").await.text;
            if page.contains("Test message, asked for by demo") {
                break page;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    assert!(page.await.unwrap().contains("Slack"));
    assert_eq!(end(serve).await, Some(0));
}
