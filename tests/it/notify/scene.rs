//! A database, both channels, and a clock that goes where it is told to.

use chrono::{DateTime, TimeDelta, Utc};
use notify::{Deps, Report};
use serde_json::{Value, json};
use shared::platform::config::Reader;
use shared::run::{Failure, Status};
use tests::TestDb;
use uuid::Uuid;

use super::post::Post;

pub(super) const SYNC: &str = "vapi-sync";

pub(super) struct Scene {
    pub(super) db: TestDb,
    pub(super) post: Post,
    pub(super) deps: Deps,
}

/// A moment of the simulated time, in minutes after its start.
pub(super) fn at(minutes: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(20_000) + TimeDelta::minutes(minutes)
}

pub(super) fn hours(hours: i64) -> DateTime<Utc> {
    at(hours * 60)
}

/// An event as the bus delivers it.
pub(super) fn event(kind: &str, detail: &Value) -> Value {
    json!({"id": Uuid::new_v4(), "source": "callmark", "detail-type": kind, "detail": detail})
}

pub(super) fn look() -> Value {
    json!({"triggered_by": "schedule", "event_id": Uuid::new_v4(), "input": {}})
}

impl Scene {
    pub(super) async fn new() -> Self {
        let db = TestDb::new().await;
        let post = Post::new().await;
        let mut reader = Reader::from_pairs([("DATABASE_URL".to_owned(), db.url())]);
        let deps = Deps {
            pool: Ok(shared::platform::db::pool(&reader.database()).unwrap()),
            channels: post.channels(),
            settings: post.settings(),
        };
        Self { db, post, deps }
    }

    pub(super) async fn tell(&self, event: &Value, now: DateTime<Utc>) -> Report {
        self.try_to_tell(event, now).await.unwrap()
    }

    pub(super) async fn try_to_tell(&self, event: &Value, now: DateTime<Utc>) -> Result<Report, Failure> {
        notify::handle(&self.deps, event, now).await
    }

    /// A sync that ended at `end`, a minute after it began, and the event that says so.
    pub(super) async fn ended(&self, status: Status, error: Option<&str>, end: DateTime<Utc>) -> Value {
        self.ended_with(SYNC, status, error, 0, end).await
    }

    pub(super) async fn ended_with(
        &self,
        script: &str,
        status: Status,
        error: Option<&str>,
        inserted: i32,
        end: DateTime<Utc>,
    ) -> Value {
        let id = Uuid::now_v7();
        let insert = r"
            insert into runs (id, script_name, status, triggered_by, batch_id, started_at, deadline_at, finished_at,
                              error_message, records_inserted)
            values ($1, $2, $3, 'schedule', $1, $4, $5, $5, $6, $7)
        ";
        let client = self.db.client().await;
        client
            .execute(
                insert,
                &[
                    &id,
                    &script,
                    &status.as_str(),
                    &(end - TimeDelta::minutes(1)),
                    &end,
                    &error,
                    &inserted,
                ],
            )
            .await
            .unwrap();
        event(
            "Run Finished",
            &json!({"run_id": id, "script_name": script, "status": status, "batch_id": id, "counters": {}, "error_message": error}),
        )
    }

    /// A run ended, and that is told at the same time.
    pub(super) async fn run(&self, status: Status, error: Option<&str>, end: DateTime<Utc>) -> Report {
        let event = self.ended(status, error, end).await;
        self.tell(&event, end).await
    }

    /// The titles of what arrived in Slack.
    pub(super) fn titles(&self) -> Vec<String> {
        self.post.slack.taken().iter().map(title).collect()
    }
}

/// The title of a message in Slack, without the coloured sign before it.
pub(super) fn title(message: &Value) -> String {
    let header = message["blocks"][0]["text"]["text"].as_str();
    let title = header
        .and_then(|header| header.split_once(": "))
        .map(|(_, title)| title);
    title.or(message["text"].as_str()).unwrap().to_owned()
}
