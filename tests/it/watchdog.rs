//! The watchdog, against an injected clock: what did not happen is told, once, and its end too.

use std::time::Instant;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use shared::platform::config::{self, Reader};
use shared::platform::db::Executor as _;
use shared::platform::event::{AlertState, Bus, Event, Invocation};
use shared::run::{self, Outcome, RunSpec, RunStore, Status};
use tests::{Mischief, Proxy, TestDb};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use watchdog::{AT_IT_FOR, Deps, GRACE, LATE_AFTER, MISSED_AFTER, Report};

use crate::silent::{for_each_answer, in_a_hurry};

const SYNC: &str = "vapi-sync";
const QCI: &str = "qci-analysis";
const SECOND: TimeDelta = TimeDelta::seconds(1);

/// How often the template lets the watchdog look.
const EVERY: TimeDelta = TimeDelta::minutes(15);

struct Scene {
    db: TestDb,
    deps: Deps,
    events: UnboundedReceiver<Event>,
}

/// A moment of the simulated time, in minutes after its start.
fn at(minutes: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(20_000) + TimeDelta::minutes(minutes)
}

fn hours(hours: i64) -> DateTime<Utc> {
    at(hours * 60)
}

fn settings(more: &[(&str, &str)]) -> config::Watchdog {
    let pairs = more
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let mut reader = Reader::from_pairs(pairs);
    let settings = reader.watchdog();
    reader.finish().unwrap();
    settings
}

impl Scene {
    async fn new() -> Self {
        Self::with(&[]).await
    }

    async fn with(more: &[(&str, &str)]) -> Self {
        let db = TestDb::new().await;
        let mut reader = Reader::from_pairs([("DATABASE_URL".to_owned(), db.url())]);
        let pool = shared::platform::db::pool(&reader.database()).unwrap();
        let (sender, events) = tokio::sync::mpsc::unbounded_channel();
        let deps = Deps {
            pool,
            bus: Bus::InProcess(sender),
            settings: settings(more),
        };
        Self { db, deps, events }
    }

    async fn look(&self, now: DateTime<Utc>) -> Report {
        watchdog::handle(&self.deps, now).await.unwrap()
    }

    /// A run that its schedule started, with fifteen minutes to its deadline; without an end it is running.
    async fn run(&self, script: &str, started: DateTime<Utc>, end: Option<(Status, DateTime<Utc>)>) {
        self.run_in(Uuid::now_v7(), "schedule", script, started, end).await;
    }

    async fn run_in(
        &self,
        batch: Uuid,
        triggered_by: &str,
        script: &str,
        started: DateTime<Utc>,
        end: Option<(Status, DateTime<Utc>)>,
    ) {
        let status = end.map_or(Status::Running, |(status, _)| status);
        let insert = r"
            insert into runs (id, script_name, status, triggered_by, batch_id, started_at, deadline_at, finished_at, error_message)
            values (gen_random_uuid(), $1, $2, $3, $4, $5, $6, $7, case when $2 = 'error' then 'it failed' end)
        ";
        let (deadline, finished) = (started + TimeDelta::minutes(15), end.map(|(_, at)| at));
        let client = self.db.client().await;
        let inserted = client
            .execute(
                insert,
                &[
                    &script,
                    &status.as_str(),
                    &triggered_by,
                    &batch,
                    &started,
                    &deadline,
                    &finished,
                ],
            )
            .await;
        inserted.unwrap();
    }

    /// A sync that its schedule started and that took a minute.
    async fn synced(&self, started: DateTime<Utc>) {
        self.run(SYNC, started, Some((Status::Success, started + TimeDelta::minutes(1))))
            .await;
    }

    async fn watermark(&self, at: DateTime<Utc>) {
        let set = "insert into sync_state (name, watermark, updated_at) values ('calls', $1, $1)
                   on conflict (name) do update set watermark = excluded.watermark";
        self.db.client().await.execute(set, &[&at]).await.unwrap();
    }

    /// What was published about runs that ended since the last time: which one, and why.
    fn finished(&mut self) -> Vec<(Uuid, Option<String>)> {
        std::iter::from_fn(|| self.events.try_recv().ok())
            .filter_map(|event| match event {
                Event::Finished(finished) => Some((finished.run_id, finished.error_message)),
                _ => None,
            })
            .collect()
    }

    /// What was published about alerts since the last time: kind, script and state.
    fn alerts(&mut self) -> Vec<(String, String, AlertState)> {
        std::iter::from_fn(|| self.events.try_recv().ok())
            .filter_map(|event| match event {
                Event::Raised(raised) => Some((raised.kind, raised.script_name, raised.state)),
                _ => None,
            })
            .collect()
    }
}

fn raised(kind: &str) -> Vec<(String, String, AlertState)> {
    vec![(kind.to_owned(), SYNC.to_owned(), AlertState::Raised)]
}

fn cleared(kind: &str) -> Vec<(String, String, AlertState)> {
    vec![(kind.to_owned(), SYNC.to_owned(), AlertState::Cleared)]
}

#[tokio::test]
async fn a_run_killed_by_its_time_out_is_closed_and_told_within_twenty_minutes() {
    let mut scene = Scene::new().await;
    scene.run(SYNC, at(0), None).await;
    let deadline = at(15);

    // The looks fall as badly as they can.
    let mut now = deadline + GRACE;
    let just_too_early = scene.look(now).await;
    now += EVERY;
    let report = scene.look(now).await;
    let again = scene.look(now + EVERY).await;

    assert_eq!((just_too_early.lost, report.lost, again.lost), (0, 1, 0));
    assert!(now - deadline < TimeDelta::minutes(20));
    let row = scene.db.only_run().await;
    assert_eq!((row.status.as_str(), row.finished_at), ("error", Some(deadline)));
    let Ok(Event::Finished(finished)) = scene.events.try_recv() else {
        panic!("nothing was published");
    };
    assert_eq!((finished.run_id, finished.status.as_str()), (row.id, "error"));
    assert_eq!(finished.batch_id, row.batch_id);
    assert_eq!(
        finished.error_message.as_deref(),
        Some("lost: no result before its deadline")
    );
    assert!(scene.events.try_recv().is_err());
}

#[tokio::test]
async fn a_schedule_that_stopped_is_told_once_and_so_is_its_return() {
    let mut scene = Scene::new().await;
    scene.synced(at(0)).await;

    for minutes in (0..=390).step_by(15) {
        scene.look(at(minutes)).await;
        assert_eq!(scene.alerts(), [], "after {minutes} minutes");
    }
    scene.look(at(390) + SECOND).await;
    let late = scene.alerts();
    for minutes in (405..=780).step_by(15) {
        scene.look(at(minutes)).await;
    }
    let still = scene.alerts();
    scene.look(at(781) + SECOND).await;
    let missed = scene.alerts();
    scene.synced(at(790)).await;
    scene.look(at(795)).await;
    let mut back = scene.alerts();
    back.sort_by(|one, other| one.0.cmp(&other.0));

    assert_eq!(late, raised("late"));
    assert_eq!(still, []);
    assert_eq!(missed, raised("missed"));
    assert_eq!(back, [cleared("late"), cleared("missed")].concat());
    assert_eq!(LATE_AFTER + MISSED_AFTER, TimeDelta::minutes(90));
}

#[tokio::test]
async fn a_schedule_that_never_fired_is_told_from_when_it_has_been_watched() {
    let mut scene = Scene::with(&[("QCI_SCHEDULE", "rate(12 hours)")]).await;

    scene.look(hours(0)).await;
    scene.look(at(390)).await;
    let before = scene.alerts();
    scene.look(at(390) + SECOND).await;
    let sync = scene.alerts();
    scene.look(at(750) + SECOND).await;
    let qci = scene.alerts();

    assert_eq!(before, []);
    assert_eq!(sync, raised("late"));
    assert_eq!(qci, [("late".to_owned(), QCI.to_owned(), AlertState::Raised)]);
}

#[tokio::test]
async fn runs_by_hand_do_not_hide_that_the_schedule_is_dead() {
    let mut scene = Scene::new().await;
    scene.synced(hours(0)).await;
    for hour in 1..12 {
        let end = Some((Status::Success, at(hour * 60 + 1)));
        scene.run_in(Uuid::now_v7(), "ada", SYNC, hours(hour), end).await;
    }

    scene.look(hours(12)).await;

    assert_eq!(scene.alerts(), raised("late"));
}

#[tokio::test]
async fn a_script_that_only_fails_has_missed_its_time_although_it_is_not_late() {
    let mut scene = Scene::new().await;
    scene.synced(hours(0)).await;
    for hour in [6, 12] {
        scene
            .run(SYNC, hours(hour), Some((Status::Error, at(hour * 60 + 2))))
            .await;
    }

    scene.look(hours(14)).await;
    let missed = scene.alerts();
    scene
        .run(SYNC, at(14 * 60 + 5), Some((Status::Partial, at(14 * 60 + 6))))
        .await;
    scene.look(hours(15)).await;

    assert_eq!(missed, raised("missed"));
    assert_eq!(scene.alerts(), cleared("missed"));
}

#[tokio::test]
async fn a_run_that_continues_itself_for_hours_is_told() {
    let mut scene = Scene::new().await;
    let batch = Uuid::now_v7();
    for part in 0..8 {
        let started = at(part * 15);
        let end = Some((Status::Partial, started + TimeDelta::minutes(14)));
        scene
            .run_in(
                batch,
                if part == 0 { "schedule" } else { "continuation" },
                SYNC,
                started,
                end,
            )
            .await;
    }
    scene.run_in(batch, "continuation", SYNC, at(120), None).await;

    scene.look(at(0) + AT_IT_FOR).await;
    let in_time = scene.alerts();
    scene.look(at(0) + AT_IT_FOR + SECOND).await;
    let too_long = scene.alerts();
    scene
        .db
        .client()
        .await
        .batch_execute("update runs set status = 'success', finished_at = deadline_at where status = 'running'")
        .await
        .unwrap();
    scene.look(at(135)).await;

    assert_eq!(in_time, []);
    assert_eq!(too_long, raised("too_long"));
    assert_eq!(scene.alerts(), cleared("too_long"));
}

#[tokio::test]
async fn calls_that_vapi_will_soon_drop_are_told_of_while_there_is_time() {
    let mut scene = Scene::new().await;
    scene.watermark(hours(0)).await;
    let fresh = |hour| hours(hour - 1);

    for (hour, expected) in [
        (264, vec![]),
        (265, raised("low_headroom")),
        (336, vec![]),
        (340, vec![]),
    ] {
        scene.synced(fresh(hour)).await;
        scene.look(hours(hour)).await;
        assert_eq!(scene.alerts(), expected, "after {hour} hours");
    }
    let said = scene.db.rows("select summary from alerts").await;
    scene.watermark(hours(340)).await;
    scene.look(hours(340)).await;

    let text = said[0]["summary"].as_str().unwrap();
    assert!(
        text.ends_with("may not be stored, and Vapi drops the first of them in 2 days 23 h"),
        "{text}"
    );
    assert_eq!(scene.alerts(), cleared("low_headroom"));
}

#[tokio::test]
async fn a_short_retention_is_not_low_headroom_by_itself() {
    let mut scene = Scene::with(&[("VAPI_RETENTION_DAYS", "3")]).await;
    scene.watermark(hours(0)).await;
    scene.synced(hours(30)).await;

    scene.look(hours(31)).await;
    let half_full = scene.alerts();
    scene.synced(hours(36)).await;
    scene.look(hours(37)).await;

    assert_eq!((half_full, scene.alerts()), (vec![], raised("low_headroom")));
}

#[tokio::test]
async fn clocks_that_are_minutes_apart_raise_nothing() {
    for skew in [-4, 4] {
        let mut scene = Scene::new().await;
        let off = TimeDelta::minutes(skew);
        for sync in 0..4 {
            scene.synced(hours(sync * 6) + off).await;
        }
        // It began a moment ago by its own clock, and lives to its deadline.
        scene
            .run_in(Uuid::now_v7(), "schedule", SYNC, hours(24) + off, None)
            .await;
        scene.watermark(hours(24) + off).await;

        let report = scene.look(hours(24) + TimeDelta::minutes(15)).await;

        assert_eq!((report, scene.alerts()), (Report::default(), vec![]), "{skew} minutes");
        assert_eq!(scene.db.count("runs where status = 'running'").await, 1);
    }
}

#[tokio::test]
async fn what_the_bus_did_not_take_is_told_when_it_does() {
    let mut scene = Scene::new().await;
    scene.run(SYNC, hours(0), None).await;
    let (closed, _) = tokio::sync::mpsc::unbounded_channel();
    let bus = std::mem::replace(&mut scene.deps.bus, Bus::InProcess(closed));

    let deaf = watchdog::handle(&scene.deps, hours(14)).await;
    let still_running = scene.db.count("runs where status = 'running'").await;
    scene.deps.bus = bus;
    let report = scene.look(hours(14)).await;
    let told = scene.alerts();
    scene.look(hours(14)).await;

    assert!(
        deaf.unwrap_err()
            .to_string()
            .contains("nobody listens on the in-process bus")
    );
    assert_eq!(still_running, 0, "it is closed, and marked as unannounced");
    assert_eq!((report.lost, report.raised), (1, 1));
    assert_eq!((told, scene.alerts()), (raised("late"), vec![]));
}

/// Whoever closes lost runs may die before the bus has heard of them, or may find no bus.
#[tokio::test]
async fn a_lost_run_that_its_closer_did_not_announce_is_announced_by_the_next_look_once() {
    let closers = [
        "a look that died",
        "a claim that found no bus",
        "a look at processes that died",
    ];
    for closer in closers {
        let mut scene = Scene::new().await;
        scene.run(SYNC, hours(0), None).await;
        let mut client = scene.db.connect().await;
        match closer {
            "a look that died" => {
                let transaction = client.transaction().await.unwrap();
                run::close_lost(&transaction, SYNC, hours(1), GRACE).await.unwrap();
                transaction.commit().await.unwrap();
            }
            "a claim that found no bus" => {
                let (bus, _) = tokio::sync::mpsc::unbounded_channel();
                let ledger = RunStore {
                    pool: scene.deps.pool.clone(),
                    bus: Bus::InProcess(bus),
                    watch: None,
                };
                let order = RunSpec {
                    script_name: SYNC,
                    invocation: &Invocation::by_hand("test", json!({})),
                    deadline_at: shared::platform::clock::now() + TimeDelta::minutes(15),
                    stop: CancellationToken::new(),
                    metadata: json!({}),
                };
                let kept = run::execute(&ledger, order, shared::platform::clock::now(), |_| async {
                    Ok(Outcome::Done)
                });
                kept.await.unwrap();
            }
            _ => {
                let holder = "update runs set metadata = metadata || '{\"holder\": 1}'";
                client.batch_execute(holder).await.unwrap();
                let transaction = client.transaction().await.unwrap();
                run::close_gone(&transaction, SYNC, hours(1), |_| true).await.unwrap();
                transaction.commit().await.unwrap();
            }
        }
        let lost = scene.db.runs().await[0].clone();

        let report = scene.look(hours(1)).await;
        let again = scene.look(hours(1)).await;

        assert_eq!(lost.status, "error", "{closer}");
        assert_eq!((report.lost, again.lost), (1, 0), "{closer}");
        assert_eq!(scene.finished(), [(lost.id, lost.error_message)], "{closer}");
        assert_eq!(scene.db.count("runs where metadata ? 'unannounced'").await, 0);
    }
}

#[tokio::test]
async fn of_many_looks_at_once_one_raises() {
    let mut scene = Scene::new().await;
    scene.look(hours(0)).await;

    let mut looks = JoinSet::new();
    for _ in 0..8 {
        let deps = scene.deps.clone();
        looks.spawn(async move { watchdog::handle(&deps, hours(7)).await.unwrap() });
    }
    let raised_by: usize = looks.join_all().await.iter().map(|report| report.raised).sum();

    assert_eq!(raised_by, 1);
    assert_eq!(scene.db.count("alerts").await, 1);
    assert!(!scene.alerts().is_empty());
}

#[tokio::test]
async fn a_database_that_is_gone_fails_the_look_by_name() {
    let mut reader = Reader::from_pairs([(
        "DATABASE_URL".to_owned(),
        "postgres://u:hidden@127.0.0.1:1/d".to_owned(),
    )]);
    let deps = Deps {
        pool: shared::platform::db::pool(&reader.database()).unwrap(),
        bus: Bus::Nowhere,
        settings: settings(&[]),
    };

    let error = watchdog::handle(&deps, hours(0)).await.unwrap_err().to_string();

    assert!(
        error.contains("connecting to the database named by DATABASE_URL"),
        "{error}"
    );
    assert!(!error.contains("hidden"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_survives_a_lost_reply_to_any_statement() {
    /// A lost run, and a sync that is late, looked at through a proxy.
    async fn scene() -> (Scene, Proxy) {
        let mut scene = Scene::new().await;
        scene.run(SYNC, hours(0), None).await;
        let (proxy, url) = scene.db.through_proxy().await;
        scene.deps.pool = shared::platform::db::pool(&in_a_hurry(&url)).unwrap();
        (scene, proxy)
    }
    let (undisturbed, proxy) = scene().await;
    let expected = undisturbed.look(hours(14)).await;
    assert_eq!((expected.lost, expected.raised), (1, 1));
    let expected = &expected;

    for_each_answer(proxy.answers(), |number| async move {
        let (mut scene, proxy) = scene().await;
        proxy.on_answer(number, Mischief::Swallow);
        let begun = Instant::now();

        let report = scene.look(hours(14)).await;

        assert_eq!(&report, expected);
        assert_eq!(scene.db.count("alerts").await, 1);
        assert_eq!(scene.db.count("alerts where raise_published_at is null").await, 0);
        let (mut finished, mut alerts) = (0, Vec::new());
        while let Ok(event) = scene.events.try_recv() {
            match event {
                Event::Finished(_) => finished += 1,
                Event::Raised(raised) => alerts.push(raised.kind),
                _ => {}
            }
        }
        assert_eq!(
            (finished, alerts),
            (1, vec!["late".to_owned()]),
            "announced twice, or not at all"
        );
        assert_eq!(scene.db.count("runs where metadata ? 'unannounced'").await, 0);
        (proxy.struck(), begun.elapsed())
    })
    .await;
}
