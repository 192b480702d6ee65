//! What people are told of beside runs: alarms of the stack, and what was given up.

use serde_json::{Value, json};
use shared::run::Status;

use super::scene::{Scene, at, hours, look};

const ERROR: &str = "listing calls: Vapi answered 401";

fn alarm(name: &str, state: &str) -> Value {
    json!({
        "source": "aws.cloudwatch", "detail-type": "CloudWatch Alarm State Change",
        "detail": {
            "alarmName": format!("callmark/test/{name}"),
            "state": {"value": state, "reason": "Threshold Crossed"},
            "configuration": {"description": "What it means, and what to do."},
        },
    })
}

fn given_up(function: &str, error: &str) -> Value {
    let body = json!({
        "requestContext": {
            "functionArn": format!("arn:aws:lambda:eu-west-1:123456789012:function:callmark-{function}-A1b2C3"),
            "condition": "RetriesExhausted",
        },
        "requestPayload": {},
        "responsePayload": {"errorMessage": error},
    });
    json!({"messageId": function, "eventSource": "aws:sqs", "body": body.to_string(), "messageAttributes": {}})
}

#[tokio::test]
async fn an_alarm_is_told_when_it_goes_on_and_when_it_goes_off() {
    let scene = Scene::new().await;

    scene.tell(&alarm("WatchdogAbsent", "OK"), at(0)).await;
    scene.tell(&alarm("WatchdogAbsent", "ALARM"), at(1)).await;
    scene.tell(&alarm("WatchdogAbsent", "ALARM"), at(2)).await;
    scene.tell(&alarm("WatchdogAbsent", "OK"), at(30)).await;

    assert_eq!(scene.titles(), ["Alarm of watchdog", "The alarm of watchdog is over"]);
    let first = scene.post.slack.taken()[0].to_string();
    assert!(
        first.contains("WatchdogAbsent: What it means, and what to do."),
        "{first}"
    );
}

#[tokio::test]
async fn alarms_of_one_script_end_one_by_one() {
    let scene = Scene::new().await;
    scene.tell(&alarm("SyncLong", "ALARM"), hours(0)).await;
    scene.tell(&alarm("SyncHeadroom", "ALARM"), hours(2)).await;

    scene.tell(&alarm("SyncLong", "OK"), hours(4)).await;

    let open = "select summary from incidents where ended_at is null";
    let open: String = scene.db.client().await.query_one(open, &[]).await.unwrap().get(0);
    assert!(open.starts_with("SyncHeadroom"), "{open}");
    assert_eq!(scene.titles().len(), 3);
}

#[tokio::test]
async fn that_no_more_errors_are_counted_is_no_recovery_and_a_success_is() {
    let scene = Scene::new().await;

    scene.tell(&alarm("SyncErrors", "ALARM"), at(0)).await;
    scene.tell(&alarm("SyncErrors", "OK"), at(10)).await;
    assert_eq!(scene.titles(), ["vapi-sync has errors"]);
    scene.run(Status::Success, None, at(20)).await;

    assert_eq!(scene.titles(), ["vapi-sync has errors", "vapi-sync runs well again"]);
}

#[tokio::test]
async fn errors_of_what_does_not_run_by_a_script_are_over_after_a_day_without() {
    let scene = Scene::new().await;
    scene.tell(&alarm("AdminErrors", "ALARM"), hours(0)).await;

    scene.tell(&look(), hours(23)).await;
    scene.tell(&look(), hours(25)).await;
    scene.tell(&look(), hours(26)).await;

    assert_eq!(scene.titles(), ["admin has errors"]);
    let open = "select count(*) from incidents where ended_at is null";
    assert_eq!(
        scene
            .db
            .client()
            .await
            .query_one(open, &[])
            .await
            .unwrap()
            .get::<_, i64>(0),
        0
    );
}

#[tokio::test]
async fn what_only_echoes_a_failure_that_was_told_is_not_told_again() {
    let scene = Scene::new().await;
    scene.run(Status::Error, Some(ERROR), at(0)).await;

    scene.tell(&alarm("SyncErrors", "ALARM"), at(5)).await;
    scene
        .tell(&json!({"Records": [given_up("SyncFunction", ERROR)]}), at(10))
        .await;
    scene.tell(&look(), hours(2)).await;
    assert_eq!(scene.titles(), ["vapi-sync failed"]);
    scene.run(Status::Success, None, hours(3)).await;

    assert_eq!(scene.titles(), ["vapi-sync failed", "vapi-sync runs well again"]);
}

#[tokio::test]
async fn what_was_given_up_without_a_run_is_told() {
    let scene = Scene::new().await;
    let records = json!({"Records": [
        given_up("SyncFunction", "DATABASE_URL is missing"),
        given_up("MigrateFunction", "the stack is gone"),
        {"messageId": "m-3", "eventSource": "aws:sqs", "body": "no json"},
    ]});

    let report = scene.tell(&records, at(0)).await;

    assert_eq!((report.told, report.returned.len()), (3, 0));
    assert_eq!(
        scene.titles(),
        [
            "vapi-sync: an event was given up",
            "migrate: an event was given up",
            "Undelivered: an event was given up"
        ]
    );
    let first = scene.post.slack.taken()[0].to_string();
    assert!(
        first.contains("given up (RetriesExhausted): DATABASE_URL is missing"),
        "{first}"
    );
}

#[tokio::test]
async fn a_message_that_cannot_be_dealt_with_goes_back_to_its_queue_alone() {
    let mut scene = Scene::new().await;
    scene.deps.pool = None;
    let function = "arn:aws:lambda:eu-west-1:123456789012:function:callmark-NotifyFunction-A1b2C3";
    let look = json!({
        "messageId": "look", "eventSource": "aws:sqs", "body": look().to_string(),
        "messageAttributes": {"TARGET_ARN": {"stringValue": function}},
    });

    let report = scene
        .tell(
            &json!({"Records": [look, given_up("SyncFunction", "DATABASE_URL is missing")]}),
            at(0),
        )
        .await;

    let answer = serde_json::to_value(&report).unwrap();
    assert_eq!(answer["batchItemFailures"], json!([{"itemIdentifier": "look"}]));
    assert_eq!(report.told, 1);
}
