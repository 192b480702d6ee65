//! `callmark adopt` as its users run it: the real program, its output and its exit status, and its death.

#![allow(
    clippy::unwrap_used,
    reason = "Clippy sees a test in a test function, and not in the functions it calls"
)]

use std::process::{Output, Stdio};
use std::time::Duration;

use local::earlier::{self, Size};
use serde_json::{Value, json};
use simulator::vapi::{Spec, World};
use tests::TestDb;
use tokio::process::Command;

fn callmark(db: &TestDb, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_callmark"));
    command
        .args(arguments)
        .env_clear()
        .env("DATABASE_URL", db.url())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

async fn run(db: &TestDb, arguments: &[&str]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = callmark(db, arguments).output().await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

async fn earlier() -> TestDb {
    let db = TestDb::empty().await;
    let spec = Spec {
        calls: 60,
        ..Spec::new(tests::now())
    };
    let world = World::generate(&spec);
    let client = db.client().await;
    earlier::make(&client, &world, &spec, Size::SMALL).await.unwrap();
    drop(client);
    tokio::time::sleep(Duration::from_millis(300)).await;
    db
}

#[tokio::test]
async fn each_command_says_what_it_found_and_ends_with_its_status() {
    let db = earlier().await;

    let (refused, _, why) = run(&db, &["migrate"]).await;
    let (planned, plan, _) = run(&db, &["adopt", "--dry-run"]).await;
    let (early, _, not_yet) = run(&db, &["adopt", "--verify"]).await;
    let (adopted, text, _) = run(&db, &["adopt"]).await;
    let (again, answer, _) = run(&db, &["adopt", "--json", "-q"]).await;
    let (verified, table, _) = run(&db, &["adopt", "--verify"]).await;

    assert_eq!(
        [refused, planned, early, adopted, again, verified],
        [Some(1), Some(0), Some(1), Some(0), Some(0), Some(0)]
    );
    assert!(why.contains("run `callmark adopt`"), "{why}");
    assert!(not_yet.contains("run `callmark adopt` first"), "{not_yet}");
    for said in [
        "  public.vapi_calls_raw: 856 rows\n    become calls",
        "  view public.long_calls\n    goes on working",
        "    31 whose total",
        "public.get_calls_list(",
    ] {
        assert!(plan.contains(said), "{said}: {plan}");
    }
    assert!(text.contains("vapi_calls_raw: 856 rows, 856 new\n"), "{text}");
    for (what, said) in [("the plan", &plan), ("the answer", &text), ("the table", &table)] {
        let long = said.lines().find(|line| line.chars().count() > 80);
        assert_eq!(long, None, "{what} fits into 80 columns");
    }
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!([&answer["is_complete"], &answer["moved"]], [&json!(true), &json!([])]);
    assert!(table.contains("Every figure agrees"), "{table}");

    let lose = "delete from logs where id in (select id from logs limit 1); delete from vapi_calls_raw
                where id = (select min(id) from vapi_calls_raw)";
    db.client().await.batch_execute(lose).await.unwrap();
    let (differs, table, _) = run(&db, &["adopt", "--verify"]).await;
    assert_eq!(differs, Some(1));
    assert!(table.contains("NOT EXPLAINED"), "{table}");

    let (none, _, why) = run(&TestDb::new().await, &["adopt"]).await;
    assert_eq!(none, Some(1));
    assert!(why.contains("there is nothing to adopt"), "{why}");
    let (misused, _, _) = run(&db, &["adopt", "--dry-run", "--verify"]).await;
    assert_eq!(misused, Some(2));
}

#[tokio::test]
async fn a_program_that_is_killed_ten_times_is_done_with_all_at_the_eleventh() {
    let db = earlier().await;
    for milliseconds in [20, 60, 110, 170, 240, 320, 400, 500, 600, 700] {
        let mut child = callmark(&db, &["adopt", "-q"]).spawn().unwrap();
        tokio::time::sleep(Duration::from_millis(milliseconds)).await;
        child.kill().await.unwrap();
    }

    let (status, text, error) = run(&db, &["adopt"]).await;

    assert_eq!(status, Some(0), "{error}");
    assert!(text.contains("vapi_calls_raw: 856 rows, 856 new\n"), "{text}");
    let (status, table, _) = run(&db, &["adopt", "--verify"]).await;
    assert_eq!(status, Some(0), "{table}");
}
