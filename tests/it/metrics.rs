//! Metrics as CloudWatch reads them: lines on standard output, of a process that logs as on Lambda.

use std::time::Duration;

use serde_json::{Value, json};
use shared::event::Bus;
use shared::run::{Outcome, Status};
use shared::telemetry::{self, Form};
use tests::TestDb;
use tokio::process::Command;

use crate::run::{by_hand, keep, ledger};

/// Generous: the process starts a server of its own.
const BOUND: Duration = Duration::from_mins(2);

/// What a process of this stack prints that runs one of the tests below: the JSON of its lines.
async fn printed_by(test: &str) -> Vec<Value> {
    let mut process = Command::new(std::env::current_exe().unwrap());
    process
        .args([&format!("metrics::{test}"), "--exact", "--ignored", "--nocapture"])
        .envs([("CALLMARK_STACK", "callmark-prod"), ("RUST_LOG", "off")])
        .kill_on_drop(true);
    let ended = tokio::time::timeout(BOUND, process.output()).await.unwrap().unwrap();
    assert!(ended.status.success(), "{ended:?}");
    let lines = String::from_utf8(ended.stdout).unwrap();
    // The first one stands behind the name of the test.
    let values = lines.lines().filter_map(|line| line.split_once('{'));
    values
        .map(|(_, rest)| serde_json::from_str(&format!("{{{rest}")).unwrap())
        .collect()
}

fn print_end(status: &str, spent: Option<f64>) {
    println!("{}", json!({"ended": status, "spent": spent}));
}

#[tokio::test]
#[ignore = "the process that another test starts"]
async fn prints_what_the_bus_does_not_take() {
    telemetry::init(Form::Json, "off");
    let db = TestDb::new().await;
    let (mut ledger, events) = ledger(&db.url());
    drop(events);
    let left = || Outcome::Left {
        reason: "time".to_owned(),
        continue_with: Some(json!({})),
    };

    let deaf = keep(&ledger, &by_hand(), |_| async { Ok(left()) }).await;
    print_end(deaf.unwrap().status.as_str(), None);
    ledger.bus = Bus::Nowhere;
    let unheard = keep(&ledger, &by_hand(), |_| async { Ok(left()) }).await;

    assert_eq!(unheard.unwrap().status, Status::Partial);
}

#[tokio::test]
async fn each_event_that_the_bus_does_not_take_is_counted() {
    let printed = printed_by("prints_what_the_bus_does_not_take").await;

    let [continuation, end, ended] = printed.as_slice() else {
        panic!("{printed:?}")
    };
    for line in [continuation, end] {
        assert_eq!(
            (&line["EventsUnpublished"], &line["Stack"]),
            (&json!(1.0), &json!("callmark-prod"))
        );
        assert_eq!(line["_aws"]["CloudWatchMetrics"][0]["Dimensions"], json!([["Stack"]]));
    }
    assert_eq!(ended["ended"], "partial");
}
