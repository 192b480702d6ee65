//! Transitions, not states: what begins is told at once, what lasts once a day, what ends with what it cost.

use std::sync::Arc;

use chrono::TimeDelta;
use futures::StreamExt as _;
use shared::run::Status;

use super::scene::{SYNC, Scene, at, event, hours, look, title};

const REFUSED: &str = "listing calls: Vapi answered 401: the key is not known";

#[tokio::test]
async fn ten_thousand_identical_failures_send_one_alert_and_one_reminder_a_day() {
    let scene = Arc::new(Scene::new().await);
    let failed = scene.ended(Status::Error, Some(REFUSED), at(0)).await;

    // Two and a half days, five at a time, a failure every 21.6 seconds.
    futures::stream::iter(0..10_000_i64)
        .map(|count| {
            let (scene, failed) = (Arc::clone(&scene), failed.clone());
            async move {
                scene
                    .tell(&failed, at(0) + TimeDelta::milliseconds(count * 21_600))
                    .await
            }
        })
        .buffered(5)
        .for_each(async |_| ())
        .await;

    let expected = [
        "vapi-sync failed",
        "Ongoing: vapi-sync failed",
        "Ongoing: vapi-sync failed",
    ];
    assert_eq!(scene.titles(), expected);
    assert_eq!(scene.post.mail.taken().len(), 3);
    let seen = scene
        .db
        .client()
        .await
        .query("select occurrences from incidents", &[])
        .await
        .unwrap();
    assert_eq!((seen.len(), seen[0].get::<_, i64>(0)), (1, 10_000));
    assert_eq!(scene.db.count("notifications").await, 6);
}

#[tokio::test]
async fn a_failure_told_by_many_at_once_is_told_once() {
    let scene = Arc::new(Scene::new().await);
    let failed = scene.ended(Status::Error, Some(REFUSED), at(0)).await;

    let told = futures::future::join_all((0..40).map(|_| scene.tell(&failed, at(0)))).await;

    assert_eq!(told.iter().map(|report| report.told).sum::<usize>(), 1);
    assert_eq!(scene.titles(), ["vapi-sync failed"]);
}

#[tokio::test]
async fn failure_recovery_and_failure_are_three_messages() {
    let scene = Scene::new().await;

    scene.run(Status::Error, Some(REFUSED), at(0)).await;
    scene.run(Status::Success, None, at(10)).await;
    scene.run(Status::Error, Some(REFUSED), at(20)).await;

    assert_eq!(
        scene.titles(),
        ["vapi-sync failed", "vapi-sync runs well again", "vapi-sync failed"]
    );
    assert_eq!(scene.post.mail.taken().len(), 3);
}

#[tokio::test]
async fn what_ends_well_and_did_before_is_nothing_to_tell() {
    let scene = Scene::new().await;

    for minutes in 0..5 {
        scene.run(Status::Success, None, at(minutes)).await;
    }
    scene.run(Status::Skipped, None, at(6)).await;

    assert!(scene.titles().is_empty());
    assert_eq!(scene.db.count("incidents").await, 0);
}

#[tokio::test]
async fn an_alert_says_what_since_when_what_it_means_and_where_to_read_on() {
    let scene = Scene::new().await;
    scene.run(Status::Success, None, hours(0)).await;
    let watermark = "insert into sync_state (name, watermark, updated_at) values ('calls', $1, $1)";
    scene.db.client().await.execute(watermark, &[&hours(0)]).await.unwrap();
    let failed = scene.ended_with(SYNC, Status::Error, Some(REFUSED), 17, hours(7)).await;

    scene.tell(&failed, hours(7)).await;

    let mail = &scene.post.mail.taken()[0];
    let body = mail["Content"]["Simple"]["Body"]["Text"]["Data"].as_str().unwrap();
    let run = failed["detail"]["run_id"].as_str().unwrap();
    let expected = format!(
        "vapi-sync failed

Since: 2024-10-04 06:59 UTC (1 min ago)
The run counted: 0 read, 17 new, 0 changed, 0 failed, 0 scored
Calls last came in: 2024-10-04 00:00 UTC (7 h ago)
Headroom: Vapi still keeps what may be missing for 13 days 17 h

    {REFUSED}

Open the run: https://pages.example.com/admin/execution-logs/{run}

Callmark, stack callmark-test"
    );
    assert_eq!(body, expected);
    assert_eq!(mail["Content"]["Simple"]["Subject"]["Data"], "vapi-sync failed");
    assert_eq!(mail["Destination"]["ToAddresses"][0], "ada@example.com");
    let slack = scene.post.slack.taken()[0].to_string();
    assert!(slack.contains(REFUSED) && slack.contains(run), "{slack}");
}

#[tokio::test]
async fn a_recovery_says_how_long_it_was_out_and_how_many_calls_were_caught_up() {
    let scene = Scene::new().await;
    scene.run(Status::Error, Some(REFUSED), hours(1)).await;
    let later = scene
        .ended_with(SYNC, Status::Partial, Some("out of time"), 400, hours(7))
        .await;
    let mut continued = later.clone();
    continued["detail"]["continues"] = true.into();
    scene.tell(&continued, hours(7)).await;
    let well = scene.ended_with(SYNC, Status::Success, None, 26, hours(8)).await;

    scene.tell(&well, hours(8)).await;

    let message = scene.post.slack.taken().pop().unwrap();
    let fields = message["blocks"][1]["fields"].to_string();
    assert_eq!(title(&message), "vapi-sync runs well again");
    assert!(fields.contains("it lasted 7 h 1 min"), "{fields}");
    assert!(fields.contains("426 calls brought in since it began"), "{fields}");
}

#[tokio::test]
async fn work_that_is_left_is_told_unless_a_continuation_takes_it_up() {
    let scene = Scene::new().await;
    let mut continued = scene.ended(Status::Partial, Some("out of time"), at(0)).await;
    continued["detail"]["continues"] = true.into();

    scene.tell(&continued, at(0)).await;
    assert!(scene.titles().is_empty());
    scene
        .run(Status::Partial, Some("3 calls could not be read"), at(20))
        .await;
    scene
        .run(Status::Partial, Some("5 calls could not be read"), at(40))
        .await;
    scene.run(Status::Success, None, at(60)).await;

    assert_eq!(
        scene.titles(),
        ["vapi-sync left work undone", "vapi-sync runs well again"]
    );
}

#[tokio::test]
async fn an_estimate_or_a_dry_run_that_goes_well_is_no_recovery() {
    let scene = Scene::new().await;
    scene.run(Status::Error, Some(REFUSED), at(0)).await;

    for (minutes, input) in [
        r#"{"estimate": true}"#,
        r#"{"dry_run": true}"#,
        r#"{"mode": "call"}"#,
        r#"{"call_ids": []}"#,
    ]
    .into_iter()
    .enumerate()
    {
        let end = at(1 + i64::try_from(minutes).unwrap());
        let well = scene.ended(Status::Success, None, end).await;
        let narrow = format!("update runs set metadata = '{{\"input\": {input}}}' where status = 'success'");
        scene.db.client().await.batch_execute(&narrow).await.unwrap();
        scene.tell(&well, end).await;
    }
    assert_eq!(scene.titles(), ["vapi-sync failed"]);
    let continued = scene.ended(Status::Success, None, at(30)).await;
    scene.tell(&continued, at(30)).await;

    assert_eq!(scene.titles(), ["vapi-sync failed", "vapi-sync runs well again"]);
}

#[tokio::test]
async fn another_error_of_what_is_failing_waits_an_hour_and_a_look_tells_it() {
    let scene = Scene::new().await;
    scene.run(Status::Error, Some(REFUSED), at(0)).await;

    scene
        .run(
            Status::Error,
            Some("claiming the lease: the database does not answer"),
            at(5),
        )
        .await;
    scene.tell(&look(), at(30)).await;
    assert_eq!(scene.titles(), ["vapi-sync failed"]);
    scene.tell(&look(), at(61)).await;

    assert_eq!(scene.titles(), ["vapi-sync failed", "vapi-sync failed"]);
    let quote = scene.post.slack.taken()[1]["blocks"][2]["text"]["text"].to_string();
    assert!(quote.contains("the database does not answer"), "{quote}");
}

#[tokio::test]
async fn a_script_that_falls_silent_while_it_fails_is_called_to_mind_once_a_day() {
    let scene = Scene::new().await;
    scene.run(Status::Error, Some(REFUSED), at(0)).await;

    for hour in 1..=72 {
        scene.tell(&look(), hours(hour)).await;
    }

    assert_eq!(scene.titles().len(), 4);
}

#[tokio::test]
async fn what_fails_and_recovers_all_the_time_does_not_flood_anybody() {
    let scene = Scene::new().await;

    for minute in 0..60 {
        let (status, error) = if minute % 2 == 0 {
            (Status::Error, Some(REFUSED))
        } else {
            (Status::Success, None)
        };
        scene.run(status, error, at(minute)).await;
    }

    let told = scene.titles().len();
    assert!((4..=7).contains(&told), "{told}");
}

#[tokio::test]
async fn events_that_come_late_or_in_the_wrong_order_raise_nothing_false() {
    let scene = Scene::new().await;
    let failed = scene.ended(Status::Error, Some(REFUSED), at(0)).await;
    let well = scene.ended(Status::Success, None, at(10)).await;

    scene.tell(&well, at(11)).await;
    scene.tell(&failed, at(12)).await;
    assert!(scene.titles().is_empty());

    // Of an older success, a newer failure is no less a failure.
    let failed_again = scene.ended(Status::Error, Some(REFUSED), at(20)).await;
    scene.tell(&failed_again, at(20)).await;
    scene.tell(&well, at(21)).await;
    assert_eq!(scene.titles(), ["vapi-sync failed"]);
}

#[tokio::test]
async fn who_dies_over_a_message_is_followed_by_who_tells_it_after_all() {
    let scene = Scene::new().await;
    scene.post.slack.feel(super::post::Mood::Hangs);
    let failed = scene.ended(Status::Error, Some(REFUSED), at(0)).await;
    let telling = scene.tell(&failed, at(0));
    let killed = tokio::time::timeout(std::time::Duration::from_secs(2), telling).await;
    assert!(killed.is_err());
    scene.post.slack.feel(super::post::Mood::Fine);

    scene.tell(&failed, at(1)).await;
    assert!(scene.titles().is_empty());
    scene.tell(&look(), at(3)).await;

    assert_eq!(scene.titles(), ["vapi-sync failed"]);
}

#[tokio::test]
async fn a_condition_of_the_watchdog_is_told_and_its_end_too() {
    let scene = Scene::new().await;
    let news = |state: &str, minutes: i64| {
        event(
            "Alert Raised",
            &serde_json::json!({
                "alert_id": uuid::Uuid::from_u128(7), "kind": "missed", "script_name": SYNC, "state": state,
                "since": hours(-13), "at": at(minutes), "summary": "vapi-sync last ended well at 03:00, and should every 6 h",
            }),
        )
    };

    scene.tell(&news("raised", 0), at(0)).await;
    scene.tell(&news("raised", 0), at(1)).await;
    scene.tell(&news("cleared", 30), at(30)).await;

    assert_eq!(
        scene.titles(),
        ["vapi-sync has not ended well for too long", "vapi-sync runs well again"]
    );
}

#[tokio::test]
async fn what_the_watchdog_finds_in_a_sync_is_told_once_and_a_suspect_sync_alone_is_not() {
    let suspect = serde_json::json!({"listing_suspect": {"times": 2, "is_all": true}});
    for (kind, raised, cleared) in [
        (
            "listing_suspect",
            "Vapi's listings lack calls",
            "Vapi's listings are complete again",
        ),
        (
            "counts_differ",
            "Vapi counts calls that are not stored",
            "Every call that Vapi counts is stored",
        ),
        (
            "documents_emptied",
            "Vapi's documents became emptier",
            "Vapi's documents are whole again",
        ),
    ] {
        let scene = Scene::new().await;
        let ended = scene
            .ended(Status::Partial, Some("Vapi lists no call at all"), at(0))
            .await;
        let client = scene.db.client().await;
        client
            .execute("update runs set metadata = $1", &[&suspect])
            .await
            .unwrap();
        scene.tell(&ended, at(0)).await;
        assert_eq!(scene.db.count("incidents").await, 0);
        let news = |state: &str, minutes: i64| {
            event(
                "Alert Raised",
                &serde_json::json!({
                    "alert_id": uuid::Uuid::from_u128(8), "kind": kind, "script_name": SYNC, "state": state,
                    "since": at(0), "at": at(minutes), "summary": "what it is",
                }),
            )
        };

        scene.tell(&news("raised", 10), at(10)).await;
        scene.tell(&news("raised", 10), at(11)).await;
        scene.tell(&news("cleared", 60), at(60)).await;

        assert_eq!(scene.titles(), [raised, cleared]);
        assert_eq!(scene.db.count("incidents").await, 1);
    }
}
