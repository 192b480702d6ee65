//! A message arrives by some way, or it is on record that it did not.

use serde_json::json;
use shared::run::Status;

use super::post::Mood;
use super::scene::{Scene, at, event, look, title};

const ERROR: &str = "listing calls: Vapi answered 401";

/// Channel, status, form and attempts of every row, oldest first.
async fn record(scene: &Scene) -> Vec<(String, String, String, i32)> {
    let query = "select channel, status, form, attempts from notifications order by created_at, id";
    let rows = scene.db.client().await.query(query, &[]).await.unwrap();
    rows.iter()
        .map(|row| (row.get(0), row.get(1), row.get(2), row.get(3)))
        .collect()
}

fn row(channel: &str, status: &str, form: &str, attempts: i32) -> (String, String, String, i32) {
    (channel.to_owned(), status.to_owned(), form.to_owned(), attempts)
}

#[tokio::test]
async fn blocks_that_slack_refuses_are_followed_by_plain_words() {
    let scene = Scene::new().await;
    scene.post.slack.feel(Mood::WantsText);

    let report = scene.run(Status::Error, Some(ERROR), at(0)).await;

    assert_eq!((report.told, report.failed), (1, 0));
    let taken = scene.post.slack.taken();
    assert_eq!((taken.len(), taken[0].get("blocks")), (1, None));
    let text = taken[0]["text"].as_str().unwrap();
    assert!(
        text.starts_with("vapi-sync failed: listing calls: Vapi answered 401 https://pages.example.com/"),
        "{text}"
    );
    assert_eq!(
        record(&scene).await,
        [row("slack", "sent", "minimal", 2), row("email", "sent", "full", 1)]
    );
}

#[tokio::test]
async fn where_slack_fails_mail_arrives_and_says_so() {
    for mood in [
        Mood::Refuses(400, "invalid_blocks"),
        Mood::Refuses(429, "rate_limited"),
        Mood::Refuses(500, "oh no"),
        Mood::Hangs,
    ] {
        let scene = Scene::new().await;
        scene.post.slack.feel(mood);

        let report = scene.run(Status::Error, Some(ERROR), at(0)).await;

        assert_eq!((report.told, report.failed), (1, 0), "{mood:?}");
        assert_eq!(
            record(&scene).await,
            [row("slack", "failed", "minimal", 2), row("email", "sent", "full", 1)]
        );
        let mail = scene.post.mail.taken()[0]["Content"]["Simple"]["Body"]["Text"]["Data"].to_string();
        assert!(mail.contains("It did not arrive on slack: Slack "), "{mail}");
        // Told is told: the next failure is only counted.
        scene.run(Status::Error, Some(ERROR), at(20)).await;
        assert_eq!(scene.post.mail.taken().len(), 1);
    }
}

#[tokio::test]
async fn where_mail_fails_slack_arrives() {
    for mood in [
        Mood::Refuses(400, r#"{"message": "Email address is not verified."}"#),
        Mood::Refuses(500, "{}"),
        Mood::Hangs,
    ] {
        let scene = Scene::new().await;
        scene.post.mail.feel(mood);

        let report = scene.run(Status::Error, Some(ERROR), at(0)).await;

        assert_eq!((report.told, report.failed), (1, 0), "{mood:?}");
        assert_eq!(scene.titles(), ["vapi-sync failed"]);
        assert_eq!(
            record(&scene).await,
            [row("slack", "sent", "full", 1), row("email", "failed", "minimal", 2)]
        );
    }
}

#[tokio::test]
async fn what_reaches_nobody_is_on_record_in_the_log_of_its_run_and_told_later() {
    let scene = Scene::new().await;
    scene.post.slack.feel(Mood::Refuses(404, "no_service"));
    scene
        .post
        .mail
        .feel(Mood::Refuses(400, r#"{"message": "Email address is not verified."}"#));

    let report = scene.run(Status::Error, Some(ERROR), at(0)).await;

    assert_eq!((report.told, report.failed), (0, 1));
    assert_eq!(
        record(&scene).await,
        [
            row("slack", "failed", "minimal", 2),
            row("email", "failed", "minimal", 2)
        ]
    );
    let client = scene.db.client().await;
    let logged = client
        .query("select level, step, message from logs", &[])
        .await
        .unwrap();
    let (level, step, message): (String, String, String) = (logged[0].get(0), logged[0].get(1), logged[0].get(2));
    assert_eq!((level.as_str(), step.as_str()), ("ERROR", "ERROR"));
    assert!(
        message.starts_with("not notified: vapi-sync failed: Slack answered 404 Not Found: no_service; "),
        "{message}"
    );
    assert!(message.contains("Email address is not verified"), "{message}");

    scene.post.slack.feel(Mood::Fine);
    scene.tell(&look(), at(9)).await;
    assert!(scene.titles().is_empty());
    scene.tell(&look(), at(10)).await;
    assert_eq!(scene.titles(), ["vapi-sync failed"]);
}

#[tokio::test]
async fn a_megabyte_of_markup_and_secrets_arrives_clamped_escaped_and_scrubbed() {
    let scene = Scene::new().await;
    let secrets = "<!channel> *boo* ``` <script>alert(1)</script> & password=hunter2 sk-live-hunter2hunter2 \
                   postgres://owner:hunter2@db.example.com/calls Authorization: Bearer hunter2.hunter2 +15550100142 ";
    let error = secrets.repeat(1_000_000 / secrets.len() + 1);
    let failed = scene.ended(Status::Error, Some(&error), at(0)).await;

    scene.tell(&failed, at(0)).await;

    let slack = scene.post.slack.taken()[0].to_string();
    let mail = scene.post.mail.taken()[0].to_string();
    for (name, message) in [("slack", &slack), ("mail", &mail)] {
        assert!(!message.contains("hunter2"), "{name}: {message}");
        assert!(
            !message.contains("5550100142") && message.contains("••• 42"),
            "{name}: {message}"
        );
        assert!(
            message.len() < 6_000 && message.contains('…'),
            "{name}: {}",
            message.len()
        );
    }
    assert!(
        !slack.contains("<!channel>") && !slack.contains("<script>") && slack.contains("&lt;!channel&gt;"),
        "{slack}"
    );
    let quote = scene.post.slack.taken()[0]["blocks"][2]["text"]["text"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(quote.matches("```").count(), 2, "{quote}");
    let kept = "select summary || (select body from notifications limit 1) from incidents";
    let kept: String = scene.db.client().await.query_one(kept, &[]).await.unwrap().get(0);
    assert!(!kept.contains("hunter2") && kept.chars().count() < 3_000, "{kept}");
}

#[tokio::test]
async fn without_a_channel_it_is_recorded_and_nothing_fails() {
    let mut scene = Scene::new().await;
    scene.deps.channels = notify::Channels::default();

    let report = scene.run(Status::Error, Some(ERROR), at(0)).await;
    scene.run(Status::Error, Some(ERROR), at(60)).await;

    assert_eq!((report.told, report.failed), (1, 0));
    assert_eq!(record(&scene).await, [row("none", "recorded", "full", 0)]);
}

#[tokio::test]
async fn a_test_message_goes_to_every_channel_and_is_on_record() {
    let scene = Scene::new().await;

    let report = scene
        .tell(&event("Test Requested", &json!({"requested_by": "ada"})), at(0))
        .await;

    assert_eq!((report.told, report.failed), (1, 0));
    assert_eq!(title(&scene.post.slack.taken()[0]), "Test message, asked for by ada");
    assert_eq!(scene.post.mail.taken().len(), 1);
    assert_eq!(
        record(&scene).await,
        [row("slack", "sent", "full", 1), row("email", "sent", "full", 1)]
    );
}

#[tokio::test]
async fn while_the_database_is_away_what_cannot_wait_is_told_and_the_rest_is_left_to_a_retry() {
    let mut scene = Scene::new().await;
    let away = shared::platform::config::Database {
        url: "postgres://callmark:hunter2@127.0.0.1:1/callmark".into(),
        ca: None,
        pool: 2,
        timeout: std::time::Duration::from_secs(15),
    };
    let well = scene.ended(Status::Success, None, at(0)).await;
    let failed = scene.ended(Status::Error, Some(ERROR), at(0)).await;

    for pool in [
        Ok(shared::platform::db::pool(&away).unwrap()),
        Err("DATABASE_URL is missing".to_owned()),
    ] {
        scene.deps.pool = pool;
        let alarm = json!({
            "source": "aws.cloudwatch", "detail-type": "CloudWatch Alarm State Change", "time": "2024-10-04T00:00:00Z",
            "detail": {"alarmName": "callmark/test/SyncErrors", "state": {"value": "ALARM"}},
        });

        assert_eq!(scene.tell(&alarm, at(1)).await.told, 1);
        assert_eq!(scene.tell(&failed, at(1)).await.told, 1);
        assert!(scene.try_to_tell(&well, at(1)).await.is_err());
        assert!(scene.try_to_tell(&look(), at(1)).await.is_err());
    }

    assert_eq!(
        scene.titles(),
        [
            "Alarm SyncErrors",
            "vapi-sync failed",
            "Alarm SyncErrors",
            "vapi-sync failed"
        ]
    );
    assert!(
        scene.post.slack.taken()[0]
            .to_string()
            .contains("the database does not answer")
    );
    // Told by nobody and kept nowhere: then the event itself is kept, by Lambda.
    scene.post.slack.feel(Mood::Refuses(500, "oh no"));
    scene.post.mail.feel(Mood::Refuses(500, "{}"));
    let error = scene.try_to_tell(&failed, at(1)).await.unwrap_err().to_string();
    assert!(
        error.starts_with("not notified: vapi-sync failed: Slack answered 500"),
        "{error}"
    );
}
