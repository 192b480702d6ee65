//! What a sync finds to be wrong with what Vapi gives becomes one incident, and its end one recovery.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use shared::platform::config::Reader;
use shared::platform::event::{AlertState, Bus, Event};
use simulator::vapi::{Counting, Fault, Kind};
use tests::{Stage, TestDb};
use tokio::sync::mpsc::UnboundedReceiver;
use watchdog::Deps;

struct Watch {
    deps: Deps,
    events: UnboundedReceiver<Event>,
}

fn at(hours: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(20_000) + TimeDelta::hours(hours)
}

impl Watch {
    fn over(db: &TestDb) -> Self {
        let mut reader = Reader::from_pairs([("DATABASE_URL".to_owned(), db.url())]);
        let pool = shared::platform::db::pool(&reader.database()).unwrap();
        let (sender, events) = tokio::sync::mpsc::unbounded_channel();
        Self {
            deps: Deps {
                pool,
                bus: Bus::InProcess(sender),
                settings: reader.watchdog(),
            },
            events,
        }
    }

    /// What is raised and cleared by a look, by kind.
    async fn look(&mut self, now: DateTime<Utc>) -> Vec<(String, AlertState)> {
        watchdog::handle(&self.deps, now).await.unwrap();
        std::iter::from_fn(|| self.events.try_recv().ok())
            .filter_map(|event| match event {
                Event::Raised(raised) => Some((raised.kind, raised.state)),
                _ => None,
            })
            .collect()
    }
}

/// A sync that ended well and noted this.
async fn synced(db: &TestDb, started: DateTime<Utc>, noted: Value) {
    let insert = r"
        insert into runs (id, script_name, status, triggered_by, batch_id, started_at, deadline_at, finished_at, metadata)
        values (gen_random_uuid(), 'vapi-sync', 'success', 'schedule', gen_random_uuid(), $1, $2, $2, $3)
    ";
    let client = db.client().await;
    let ended = started + TimeDelta::minutes(1);
    client.execute(insert, &[&started, &ended, &noted]).await.unwrap();
}

fn raised(kind: &str) -> Vec<(String, AlertState)> {
    vec![(kind.to_owned(), AlertState::Raised)]
}

fn cleared(kind: &str) -> Vec<(String, AlertState)> {
    vec![(kind.to_owned(), AlertState::Cleared)]
}

#[tokio::test]
async fn each_finding_is_raised_once_and_cleared_by_the_first_sync_without_it() {
    for (kind, finding) in [
        ("documents_emptied", json!({"content_kept": 6})),
        (
            "listing_suspect",
            json!({"listing_suspect": {"times": 2, "reasons": ["Vapi lists no call"]}}),
        ),
        (
            "counts_differ",
            json!({"calls_missing": 4, "complete_to": "2026-11-27"}),
        ),
    ] {
        let db = TestDb::new().await;
        let mut watch = Watch::over(&db);
        let with = |mode: &str, more: &Value| {
            let mut noted = more.clone();
            noted["mode"] = json!(mode);
            noted
        };
        synced(&db, at(0), with("auto", &finding)).await;
        assert_eq!(watch.look(at(1)).await, raised(kind));
        synced(&db, at(6), with("auto", &finding)).await;
        assert_eq!(watch.look(at(7)).await, []);

        // Neither a part nor a dry run says that it is over.
        synced(&db, at(8), with("range", &json!({}))).await;
        synced(&db, at(8), with("call", &json!({}))).await;
        synced(&db, at(8), with("auto", &json!({"dry_run": true}))).await;
        assert_eq!(watch.look(at(9)).await, [], "{kind}");
        synced(&db, at(10), with("full", &json!({}))).await;

        assert_eq!(watch.look(at(10)).await, cleared(kind));
    }
}

#[tokio::test]
async fn what_is_usual_raises_nothing() {
    let db = TestDb::new().await;
    let mut watch = Watch::over(&db);
    let noted = json!({
        "mode": "auto", "content_kept": 5, "calls_missing": 0, "listing_suspect": {"times": 1, "reasons": ["once"]},
    });
    synced(&db, at(0), noted).await;

    assert_eq!(watch.look(at(1)).await, []);
}

#[tokio::test]
async fn a_vapi_that_lists_nothing_is_raised_after_the_second_sync_and_over_with_the_first_good_one() {
    let stage = Stage::with_calls(300).await;
    let mut watch = Watch::over(&stage.db);
    stage.vapi.world().set_counting(Counting::Refused(404));
    stage.vapi.faults().push(Fault::EmptyList.every(1).on(Kind::CallList));
    let now = shared::platform::clock::now;

    stage.sync().await;
    assert_eq!(watch.look(now()).await, []);
    stage.sync().await;
    assert_eq!(watch.look(now()).await, raised("listing_suspect"));
    stage.sync().await;
    assert_eq!(watch.look(now()).await, []);
    stage.vapi.faults().clear();
    stage.sync().await;

    assert_eq!(watch.look(now()).await, cleared("listing_suspect"));
}
