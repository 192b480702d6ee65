//! Metrics as CloudWatch reads them: lines on standard output, of a process that logs as on Lambda.

use std::time::Duration;

use chrono::TimeDelta;
use serde_json::{Value, json};
use shared::platform::event::{Bus, Invocation};
use shared::platform::telemetry::{self, Form};
use shared::run::{Outcome, Status};
use simulator::judge::{Fault, Settings};
use tests::{Courtroom, TestDb, now, talks};
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

use crate::run::{by_hand, execute, ledger};

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
async fn prints_what_scoring_costs() {
    telemetry::init(Form::Json, "off");
    let slow = Settings {
        latency: Duration::from_millis(200),
        ..Settings::default()
    };
    let done = Courtroom::hearing(&talks(3), Settings::default()).await;
    let used_up = Courtroom::hearing(&talks(12), Settings::default())
        .await
        .setting("QCI_MAX_USD_PER_RUN", "0.012")
        .setting("QCI_CONCURRENCY", 2);
    let useless = Courtroom::hearing(&talks(1), Settings::default()).await;
    useless.judge.faults().push(Fault::InvalidJson.always());
    let cut = Courtroom::hearing(&talks(12), slow).await.setting("QCI_CONCURRENCY", 1);

    for room in [&done, &used_up, &useless] {
        drop(room.try_score(json!({})).await);
        tell(room).await;
    }
    until_told_to_stop(&cut).await;
    tell(&cut).await;
    let estimate = done.try_score(json!({"estimate": true})).await.unwrap();

    assert_eq!(estimate.counters.api_cost, Some(0.into()));
    print_end("estimate", Some(0.0));
}

/// What the last run's row says.
async fn tell(room: &Courtroom) {
    let run = room.db().runs().await.pop().unwrap();
    print_end(&run.status, run.api_cost);
}

/// Scores until the judge has been asked a few times.
async fn until_told_to_stop(room: &Courtroom) {
    let (deps, now, stop) = (room.deps(), now(), CancellationToken::new());
    let context = qci::Context {
        now,
        deadline_at: now + TimeDelta::minutes(15),
        stop: stop.clone(),
    };
    let invocation = Invocation::by_hand("test", json!({}));
    let (ended, ()) = tokio::join!(qci::handle(&deps, &invocation, &context), async {
        while room.judge.requests().len() < 4 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        stop.cancel();
    });
    assert!(ended.unwrap_err().to_string().contains("cancelled"));
}

#[tokio::test]
async fn a_run_that_spent_something_says_how_much_once_however_it_ended() {
    let printed = printed_by("prints_what_scoring_costs").await;

    let costs = printed.iter().filter(|line| line["ScoringCostUsd"].is_number());
    let costs: Vec<&Value> = costs.collect();
    let ends: Vec<&Value> = printed.iter().filter(|line| line["ended"].is_string()).collect();
    let statuses: Vec<&Value> = ends.iter().map(|end| &end["ended"]).collect();
    assert_eq!(statuses, ["success", "partial", "error", "error", "estimate"]);
    let spent: Vec<&Value> = ends.iter().take(4).map(|end| &end["spent"]).collect();
    assert!(spent.iter().all(|usd| usd.as_f64() > Some(0.0)), "{spent:?}");
    assert_eq!(
        costs.iter().map(|line| &line["ScoringCostUsd"]).collect::<Vec<_>>(),
        spent
    );
    for line in costs {
        assert_eq!(
            line["_aws"]["CloudWatchMetrics"],
            json!([{
                "Namespace": "Callmark",
                "Dimensions": [["Script", "Stack"]],
                "Metrics": [{"Name": "ScoringCostUsd", "Unit": "None"}],
            }])
        );
        assert_eq!(
            (&line["Script"], &line["Stack"]),
            (&json!("qci-analysis"), &json!("callmark-prod"))
        );
    }
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

    let deaf = execute(&ledger, &by_hand(), |_| async { Ok(left()) }).await;
    print_end(deaf.unwrap().status.as_str(), None);
    ledger.bus = Bus::Nowhere;
    let unheard = execute(&ledger, &by_hand(), |_| async { Ok(left()) }).await;

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
