//! What people were told: each incident was of something that was done, was over in the end, and none was left out.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use shared::platform::config::Reader;
use shared::platform::event::{self, Bus, Event};
use tests::{TestDb, Webhook};
use tokio::sync::mpsc::{self, UnboundedReceiver};
use uuid::Uuid;

use super::calendar::{Calendar, Stretch};
use super::hostility::Hostility;

const DAY: TimeDelta = TimeDelta::days(1);
const RETENTION: TimeDelta = TimeDelta::days(14);
/// An outage after which Vapi has begun to drop calls, or will within three days.
const LONG: TimeDelta = TimeDelta::days(12);
/// How soon after the machine is on again it looks around.
const SOON: TimeDelta = TimeDelta::hours(1);

/// Whoever tells people, and what reached them.
pub(super) struct Incidents {
    pub(super) bus: Bus,
    news: UnboundedReceiver<Event>,
    notify: notify::Deps,
    slack: Webhook,
    /// A run that did not succeed may have an incident, which the next one that does ends.
    is_open: bool,
}

/// From its first sign to its end.
struct Incident {
    kind: String,
    raised: DateTime<Utc>,
    ended: Option<DateTime<Utc>>,
    summary: String,
}

impl Incidents {
    pub(super) async fn new(db: &TestDb) -> Self {
        let slack = Webhook::new().await;
        let mut reader = Reader::from_pairs([
            ("DATABASE_URL".to_owned(), db.url()),
            ("SLACK_WEBHOOK_URL".to_owned(), slack.url().to_owned()),
        ]);
        let settings = reader.alerts();
        let notify = notify::Deps {
            pool: Ok(shared::platform::db::pool(&reader.database()).unwrap()),
            channels: notify::Channels::open(&settings).await,
            settings,
        };
        let (sender, news) = mpsc::unbounded_channel();
        Self {
            bus: Bus::InProcess(sender),
            news,
            notify,
            slack,
            is_open: false,
        }
    }

    /// Tells of what the bus has. That a run succeeded is no news where the one before did.
    pub(super) async fn tell(&mut self, now: DateTime<Utc>) {
        while let Ok(event) = self.news.try_recv() {
            if let Event::Finished(finished) = &event {
                let is_success = finished.status == "success";
                if is_success && !std::mem::replace(&mut self.is_open, !is_success) {
                    continue;
                }
                self.is_open = !is_success;
            }
            let (kind, detail) = event.document();
            let event = json!({"id": Uuid::now_v7(), "source": event::SOURCE, "detail-type": kind, "detail": detail});
            let report = notify::handle(&self.notify, &event, now).await.unwrap();
            assert_eq!(report.failed, 0, "a message reached nobody: {event}");
        }
    }

    /// How many of each kind there were, and what is wrong with them.
    pub(super) async fn check(
        &self,
        db: &TestDb,
        calendar: &Calendar,
        hostility: &Hostility,
    ) -> (BTreeMap<String, usize>, Vec<String>) {
        let incidents = incidents(db).await;
        let mut wrong = Vec::new();
        for incident in &incidents {
            let Incident {
                kind, raised, summary, ..
            } = incident;
            if incident.ended.is_none() {
                wrong.push(format!("{raised}: {kind} is never over: {summary}"));
            }
            if let Err(why) = is_founded(incident, calendar, hostility) {
                wrong.push(format!("{raised}: {kind} is raised, {why}: {summary}"));
            }
        }
        wrong.extend(missing(&incidents, calendar));
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for incident in &incidents {
            *counts.entry(incident.kind.clone()).or_default() += 1;
        }
        // Within an hour of a message, another incident on the same subject may be over before it is told.
        let untold = db
            .rows(
                "select kind, since from incidents
                 where told_at is null
                   and not exists (
                       select from incidents as other
                       where other.subject = incidents.subject
                         and other.told_at between incidents.since and incidents.ended_at
                   )",
            )
            .await;
        if !untold.is_empty() || self.slack.messages().is_empty() {
            wrong.push(format!("nobody was told of {untold:?}, but {:?}", self.slack.titles()));
        }
        (counts, wrong)
    }
}

/// When it was raised is what the watchdog says, where it found it: that it lasts since before is another matter.
async fn incidents(db: &TestDb) -> Vec<Incident> {
    let rows = db
        .rows(
            "select kind, raised_at as raised, cleared_at as ended, summary from alerts
             union all
             select kind, since, ended_at, summary from incidents where kind in ('run_failed', 'run_incomplete', 'errors', 'undelivered')
             order by raised",
        )
        .await;
    let at = |value: &Value| DateTime::parse_from_rfc3339(value.as_str()?).ok().map(|at| at.to_utc());
    rows.iter()
        .map(|row| Incident {
            kind: row["kind"].as_str().unwrap().to_owned(),
            raised: at(&row["raised"]).unwrap(),
            ended: at(&row["ended"]),
            summary: row["summary"].as_str().unwrap().to_owned(),
        })
        .collect()
}

fn is_founded(incident: &Incident, calendar: &Calendar, hostility: &Hostility) -> Result<(), &'static str> {
    let raised = incident.raised;
    let within =
        |moments: &[DateTime<Utc>], span: TimeDelta| moments.iter().any(|at| *at <= raised && raised - *at <= span);
    let ends = |stretches: &[Stretch]| {
        stretches
            .iter()
            .any(|stretch| stretch.from <= raised && raised - stretch.to <= DAY)
    };
    if Calendar::is_in(&calendar.honest, raised - TimeDelta::hours(1)) {
        return Err("in a stretch in which Vapi says all it has");
    }
    let founded = match incident.kind.as_str() {
        // The last look may be the first to see it.
        "documents_emptied" => within(&hostility.hollowed_at, RETENTION),
        "listing_suspect" | "counts_differ" => {
            within(&hostility.hidden_at, DAY * 3) || ends(&calendar.empty) || ends(calendar.unlisted.as_slice())
        }
        "missed" | "late" | "low_headroom" => {
            ends(&calendar.outages) || ends(&calendar.empty) || ends(calendar.elsewhere.as_slice())
        }
        "run_failed" => {
            calendar.elsewhere.is_some_and(|stretch| stretch.has(raised)) && incident.summary.contains("VAPI_ORG_ID")
        }
        _ => false,
    };
    if founded { Ok(()) } else { Err("and nothing was done") }
}

/// What was done and deserves an incident, and has none.
fn missing(incidents: &[Incident], calendar: &Calendar) -> Vec<String> {
    let mut expected: Vec<(&str, Option<Stretch>)> = vec![
        // The first two syncs find nothing.
        ("listing_suspect", calendar.empty.first().copied()),
    ];
    // Documents are hollowed out by chance, and few at once are no incident: some weeks may have none.
    if calendar.end - calendar.start > TimeDelta::days(180) {
        expected.push(("documents_emptied", None));
    }
    for outage in &calendar.outages {
        let on = Stretch {
            from: outage.to,
            to: outage.to + SOON,
        };
        expected.extend([("missed", Some(on)), ("late", Some(on))]);
        if outage.to - outage.from >= LONG {
            expected.push(("low_headroom", Some(on)));
        }
    }
    expected.extend(calendar.elsewhere.map(|stretch| ("run_failed", Some(stretch))));
    // Vapi's count of a day is compared the day after, and once a day.
    expected.extend(calendar.unlisted.map(|stretch| ("counts_differ", Some(stretch))));
    expected
        .into_iter()
        .filter(|(kind, within)| {
            let fits = |incident: &&Incident| {
                incident.kind == *kind && within.is_none_or(|stretch| stretch.has(incident.raised))
            };
            !incidents.iter().any(|incident| fits(&incident))
        })
        .map(|(kind, within)| format!("{kind} is never raised within {within:?}"))
        .collect()
}
