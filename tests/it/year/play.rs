//! Plays the year: time passes, Vapi does what it does, the machine syncs where it is on, and all is compared.

use std::collections::BTreeMap;
use std::fmt::{self, Display};

use chrono::{DateTime, Datelike, TimeDelta, TimeZone, Timelike, Utc, Weekday};
use serde_json::{Value, json};
use shared::platform::config::Reader;
use shared::platform::event::Invocation;
use shared::run::{Failure, Report, Status};
use simulator::vapi::{Fault, Hidden, Kind, Refusal, Retention, Settings, World};
use sync::Context;
use tests::Stage;
use tokio_postgres::Client;
use tokio_util::sync::CancellationToken;

use super::calendar::Calendar;
use super::call::{self, Story};
use super::dice::Dice;
use super::hostility::Hostility;
use super::incidents::Incidents;
use super::truth::Truth;

const OURS: &str = "5d2f7c1a-3b44-4e0e-9a51-0c6f2a9b7e10";
const OTHERS: &str = "0b1e5c77-9f0e-4a44-8c1d-6f1f0d1c2e3a";
const DAY: TimeDelta = TimeDelta::days(1);
const RETENTION: TimeDelta = TimeDelta::days(14);
/// Syncs every six hours.
const LOOKS_A_DAY: u32 = 4;
/// After this long a sync does what is done once a day.
const DAILY: TimeDelta = TimeDelta::hours(23);

/// What is known of a call that Vapi has or will have.
pub(super) struct Fate {
    pub(super) created: DateTime<Utc>,
    /// Its `createdAt`, from which retention counts.
    dated: DateTime<Utc>,
    /// What Vapi has by now could be read by a sync: it may be hollowed out.
    pub(super) is_known: bool,
    /// When each of its versions comes, and whether it is announced.
    versions: Vec<(DateTime<Utc>, bool)>,
    looks: Looks,
}

/// What syncs were given of a call since its last version.
#[derive(Default)]
struct Looks {
    /// A sync was told the truth while lists left the call out: what announced the version is over.
    was_left_out: bool,
    /// Truthful syncs that were given it as a whole while calls of its age are read again once a day: the young and the
    /// old ones.
    young: u32,
    old: u32,
}

/// What the year came to.
#[derive(Default)]
pub(super) struct Figures {
    pub(super) wrong: Vec<String>,
    calls: usize,
    compared: usize,
    /// Calls that are not stored, and parts that stored calls lack, though Vapi served them to a sync.
    missing: usize,
    lost_parts: usize,
    syncs: usize,
    failed: usize,
    requests: usize,
    faults: usize,
    hollowed: usize,
    hidden: usize,
    emptied: usize,
    refused: usize,
    kept: usize,
    incidents: BTreeMap<String, usize>,
    took: std::time::Duration,
}

pub(super) struct Year {
    stage: Stage,
    sync: sync::Deps,
    watchdog: watchdog::Deps,
    client: Client,
    calendar: Calendar,
    dice: Dice,
    hostility: Hostility,
    incidents: Incidents,
    truth: Truth,
    fates: BTreeMap<String, Fate>,
    /// The world that the key does not show at the moment.
    aside: World,
    is_elsewhere: bool,
    /// What was not listed is.
    is_listed: bool,
    passed_to: DateTime<Utc>,
    last: Option<Last>,
    /// When Vapi last told the truth to a sync.
    told_at: Option<DateTime<Utc>>,
    figures: Figures,
}

/// The sync before.
struct Last {
    watermark: Option<DateTime<Utc>>,
}

/// A date that the machine's own clock is far from: what reads that clock in place of the run's shows.
fn start() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2030, 1, 7, 0, 0, 0).unwrap()
}

impl Year {
    pub(super) async fn new(seed: u64, days: i64) -> Self {
        let (start, mut dice) = (start(), Dice::new(seed));
        let calendar = Calendar::new(start, days, &mut dice);
        let settings = Settings {
            retention: Some(Retention {
                period: RETENTION.to_std().unwrap(),
                refusal: dice.pick(&[Refusal::BadRequest400, Refusal::EmptyList]),
            }),
            ..Settings::default()
        };
        let stage = Stage::of(World::empty(start), settings)
            .await
            .setting("LOG_RETENTION_DAYS", 3650);
        let mut reader = Reader::from_pairs([("DATABASE_URL".to_owned(), stage.db.url())]);
        let incidents = Incidents::new(&stage.db).await;
        let watchdog = watchdog::Deps {
            pool: shared::platform::db::pool(&reader.database()).unwrap(),
            bus: incidents.bus.clone(),
            settings: reader.watchdog(),
        };
        let mut sync = stage.deps();
        sync.ledger.bus = incidents.bus.clone();
        let mut year = Self {
            sync,
            client: stage.db.client().await,
            stage,
            watchdog,
            calendar,
            hostility: Hostility::default(),
            incidents,
            truth: Truth::default(),
            fates: BTreeMap::new(),
            aside: World::empty(start),
            is_elsewhere: false,
            is_listed: false,
            passed_to: start - RETENTION - DAY,
            last: None,
            told_at: None,
            figures: Figures::default(),
            dice,
        };
        // What Vapi has when the first sync comes.
        for hour in -14 * 24..0 {
            year.calls_of_the_hour(start + TimeDelta::hours(hour));
        }
        let elsewhere = year.calendar.elsewhere.map_or(start, |stretch| stretch.from);
        for _ in 0..30 {
            let at = elsewhere - TimeDelta::minutes(year.dice.between(60, 10 * 24 * 60));
            let story = call::story(&mut year.dice, &year.calendar, OTHERS, at);
            plan(&mut year.aside, &story);
        }
        year
    }

    pub(super) async fn play(mut self) -> Figures {
        let began = std::time::Instant::now();
        let (start, end) = (self.calendar.start, self.calendar.end);
        let (mut now, mut was_on) = (start, true);
        while now < end {
            // Nobody calls in the last two weeks: all that there is has its last look.
            if now < end - RETENTION - DAY {
                self.calls_of_the_hour(now);
            }
            self.pass_to(now);
            let on = !Calendar::is_in(&self.calendar.outages, now);
            if on && !was_on {
                // It looks every quarter of an hour.
                self.look(now).await;
            }
            was_on = on;
            if on && now.hour() % 6 == 0 {
                let minute = TimeDelta::minutes(self.dice.between(0, 50));
                self.pass_to(now + minute);
                self.sync(now + minute).await;
                self.look(now + minute + TimeDelta::minutes(2)).await;
            } else if on && now.hour() % 6 == 3 {
                self.look(now).await;
            }
            if now.hour() == 0 && now.day() % 5 == 0 {
                self.compare(now - RETENTION - DAY).await;
            }
            now += TimeDelta::hours(1);
        }
        self.compare(end + DAY * 30).await;
        let (incidents, wrong) = self
            .incidents
            .check(&self.stage.db, &self.calendar, &self.hostility)
            .await;
        self.figures.incidents = incidents;
        self.figures.wrong.extend(wrong);
        self.figures.hollowed = self.hostility.hollowed;
        self.figures.hidden = self.hostility.hidden;
        self.figures.took = began.elapsed();
        if !self.figures.wrong.is_empty() {
            eprintln!("{:#?}", self.calendar);
        }
        self.figures
    }

    /// Plans the calls that are made in this hour.
    fn calls_of_the_hour(&mut self, hour: DateTime<Utc>) {
        if Calendar::is_in(&self.calendar.quiet, hour) {
            return;
        }
        let weekend = matches!(hour.weekday(), Weekday::Sat | Weekday::Sun);
        let most = match (weekend, hour.hour()) {
            (true, 9..18) | (false, 18..22) => 1,
            (false, 8..18) => 4,
            _ => 0,
        };
        let busy = Calendar::is_in(&self.calendar.busy, hour);
        let count = self.dice.between(0, most * if busy { 4 } else { 1 });
        for _ in 0..count {
            let created = hour + TimeDelta::milliseconds(self.dice.between(0, 3_599_999));
            let story = call::story(&mut self.dice, &self.calendar, OURS, created);
            let mut server = self.stage.vapi.world();
            plan(
                if self.is_elsewhere {
                    &mut self.aside
                } else {
                    &mut server
                },
                &story,
            );
            self.figures.calls += 1;
            self.fates.insert(
                story.id,
                Fate {
                    created,
                    dated: story.dated,
                    is_known: false,
                    versions: story
                        .versions
                        .iter()
                        .map(|version| (version.at, version.is_announced))
                        .collect(),
                    looks: Looks::default(),
                },
            );
        }
    }

    /// Time passes at Vapi, by its own clock, and so does what it does.
    fn pass_to(&mut self, now: DateTime<Utc>) {
        let mut server = self.stage.vapi.world();
        let elsewhere = self.calendar.elsewhere.is_some_and(|stretch| stretch.has(now));
        if elsewhere != self.is_elsewhere {
            std::mem::swap(&mut *server, &mut self.aside);
            self.is_elsewhere = elsewhere;
        }
        for world in [&mut *server, &mut self.aside] {
            world.live_until(now);
            let theirs = self.calendar.vapi_time(now);
            world.set_now(theirs);
            world.set_clock_ahead(theirs - now);
        }
        if let Some(stretch) = self.calendar.unlisted {
            let ours = if elsewhere { &mut self.aside } else { &mut *server };
            for (id, _) in self.fates.iter().filter(|(_, fate)| stretch.has(fate.created)) {
                // Created in it, and not yet shown again.
                if stretch.has(now) {
                    ours.hide(id, Hidden::Everywhere);
                } else if !self.is_listed {
                    ours.show(id);
                }
            }
            self.is_listed = now >= stretch.to;
        }
        let before = std::mem::replace(&mut self.passed_to, now);
        let has_changed = |fate: &Fate| fate.versions.iter().any(|(at, _)| before < *at && *at <= now);
        for fate in self.fates.values_mut().filter(|fate| has_changed(fate)) {
            (fate.is_known, fate.looks) = (false, Looks::default());
        }
        if now.minute() == 0 {
            let ours = if elsewhere { &mut self.aside } else { &mut *server };
            self.hostility
                .hour(ours, &self.fates, &self.calendar, &mut self.dice, now);
            ours.forget_before(now - RETENTION - DAY);
        }
    }

    async fn sync(&mut self, now: DateTime<Utc>) {
        let faults = self.faults();
        let is_empty = Calendar::is_in(&self.calendar.empty, now);
        if is_empty {
            self.stage
                .vapi
                .faults()
                .push(Fault::EmptyList.every(1).on(Kind::CallList));
        }
        self.stage.vapi.forget_requests();
        let result = self.run(now).await;
        let requests = self.stage.vapi.requests();
        self.figures.syncs += 1;
        self.figures.requests += requests.len();
        self.figures.faults += requests
            .iter()
            .filter(|request| request.fault.as_ref().is_some_and(|fault| *fault != Fault::EmptyList))
            .count();
        self.figures.emptied += usize::from(is_empty);
        self.stage.vapi.faults().clear();
        self.incidents.tell(now).await;
        let watermark = self.watermark().await;
        if self.is_elsewhere {
            self.check_refusal(now, &result, watermark);
        } else if let Ok(report) = &result
            && !is_empty
        {
            self.told(now);
            let says_all = !self.stage.vapi.world().is_empty()
                && !self.fates.keys().any(|id| self.stage.vapi.world().is_hidden(id));
            if says_all {
                self.check_success(now, report, watermark).await;
            }
        }
        if let Err(failure) = &result
            && !self.is_elsewhere
            && !faults
        {
            self.wrong(now, &format!("the sync failed: {failure}"));
        }
        self.figures.failed += usize::from(result.is_err());
        if let Ok(report) = &result {
            let kept = report.metadata["content_kept"].as_u64().unwrap_or_default();
            self.figures.kept += usize::try_from(kept).unwrap();
        }
        let before = self.last.as_ref().and_then(|last| last.watermark);
        if watermark < before || watermark > Some(now) {
            self.wrong(now, &format!("the watermark went from {before:?} to {watermark:?}"));
        }
        self.last = Some(Last { watermark });
    }

    async fn run(&self, now: DateTime<Utc>) -> Result<Report, Failure> {
        let context = Context {
            now,
            deadline_at: now + TimeDelta::minutes(15),
            stop: CancellationToken::new(),
        };
        let invocation = Invocation::by_hand("schedule", json!({}));
        let run = sync::handle(&self.sync, &invocation, &context);
        let Ok(ended) = tokio::time::timeout(std::time::Duration::from_mins(1), run).await else {
            panic!("a sync of a few hundred calls takes longer than a minute");
        };
        ended
    }

    /// Now and then the network or Vapi is in trouble for a request.
    fn faults(&mut self) -> bool {
        let strikes = self.dice.chance(0.02);
        if strikes {
            let fault = self.dice.pick(&[
                Fault::Status(500),
                Fault::Reset,
                Fault::BrokenJson,
                Fault::RateLimited { retry_after: None },
            ]);
            self.stage.vapi.faults().push(fault.next(1).on(Kind::CallList));
        }
        strikes
    }

    /// Notes what this sync was told: whatever the lists of calls had, while it ran.
    ///
    /// A version whose `createdAt` or `updatedAt` says that it is new must be stored from then on. One that nothing
    /// announces, or that lists left out when it was new, can only be found by reading each call in every sync, which no
    /// bounded number of requests allows. It must be stored once four syncs (a day of them; one alone after a day without)
    /// were given it as a whole, in a list, while its call was younger than two days, or four while it was older than
    /// twelve: the two stretches that are read again once a day. That a list left it out, or had less of it, at the very
    /// time at which it was read again does not count, and is no excuse either: four other syncs are enough.
    fn told(&mut self, now: DateTime<Utc>) {
        let world = self.stage.vapi.world();
        let oldest = world.now() - RETENTION;
        let day_passed = self.told_at.is_none_or(|told| now - told >= DAILY);
        for (id, fate) in &mut self.fates {
            fate.looks.was_left_out |= world.is_hidden(id);
        }
        for id in world.call_ids() {
            let (Some(text), Some(fate)) = (world.call_text(&id), self.fates.get_mut(&id)) else {
                continue;
            };
            // Clocks differ by up to twelve minutes.
            if fate.dated < oldest + TimeDelta::minutes(15) {
                continue;
            }
            let age = now - fate.dated;
            let slack = TimeDelta::minutes(30);
            if !world.is_thin(&id) {
                let looks = if day_passed { LOOKS_A_DAY } else { 1 };
                fate.looks.young += if age < DAY * 2 - slack { looks } else { 0 };
                fate.looks.old += if age > DAY * 12 + slack { looks } else { 0 };
            }
            let version = fate.versions.iter().rev().find(|(at, _)| *at <= now);
            let is_announced = version.is_some_and(|(_, announced)| *announced) && !fate.looks.was_left_out;
            // What a document lacks from its first day on comes unannounced, if it comes.
            let is_told = is_announced && !world.is_thin(&id);
            fate.is_known |= is_told || fate.looks.young >= LOOKS_A_DAY || fate.looks.old >= LOOKS_A_DAY;
            self.truth.listed(&id, &text, fate.is_known);
        }
        self.told_at = Some(now);
    }

    async fn check_success(&mut self, now: DateTime<Utc>, report: &Report, watermark: Option<DateTime<Utc>>) {
        if report.status != Status::Success {
            let reason = report.reason.clone().unwrap_or_default();
            self.wrong(
                now,
                &format!("Vapi said all it has, and the sync is {}: {reason}", report.status),
            );
            for run in self.stage.db.runs().await.iter().rev().take(4).rev() {
                for line in self.stage.db.logs(run.id).await {
                    eprintln!("{} {} {} {}", run.started_at, line.step, line.message, line.meta);
                }
            }
            let hidden: Vec<_> = self
                .hostility
                .hidden_at
                .iter()
                .rev()
                .take(3)
                .map(ToString::to_string)
                .collect();
            eprintln!("hidden at {hidden:?}");
        } else if watermark != Some(now) {
            self.wrong(now, &format!("the watermark is {watermark:?}"));
        }
        let headroom = &report.metadata["retention_headroom_hours"];
        if report.status == Status::Success && *headroom != json!(336.0) {
            self.wrong(now, &format!("the headroom is {headroom}"));
        }
    }

    /// Another organisation's calls are refused, by name, and nothing of them is stored.
    fn check_refusal(
        &mut self,
        now: DateTime<Utc>,
        result: &Result<Report, Failure>,
        watermark: Option<DateTime<Utc>>,
    ) {
        self.figures.refused += 1;
        match result {
            Err(failure) => {
                let text = failure.to_string();
                if ![OURS, OTHERS, "VAPI_ORG_ID"].iter().all(|word| text.contains(word)) {
                    self.wrong(
                        now,
                        &format!("the refusal names neither organisations nor remedy: {text}"),
                    );
                }
            }
            Ok(report) => self.wrong(
                now,
                &format!("another organisation's calls are taken: {}", report.status),
            ),
        }
        if watermark != self.last.as_ref().and_then(|last| last.watermark) {
            self.wrong(
                now,
                &format!("another organisation moved the watermark to {watermark:?}"),
            );
        }
    }

    async fn look(&mut self, now: DateTime<Utc>) {
        watchdog::handle(&self.watchdog, now).await.unwrap();
        self.incidents.tell(now).await;
    }

    async fn watermark(&self) -> Option<DateTime<Utc>> {
        let row = self
            .client
            .query_opt("select watermark from sync_state", &[])
            .await
            .unwrap();
        row?.get(0)
    }

    /// Compares what is stored of the calls that were created before this, and lets go of them.
    async fn compare(&mut self, before: DateTime<Utc>) {
        let due: Vec<String> = self
            .fates
            .iter()
            .filter(|(_, fate)| fate.created < before)
            .map(|(id, _)| id.clone())
            .collect();
        let query = "select to_jsonb(found) from vapi_calls_raw as found where id = any($1)";
        let found = self.client.query(query, &[&due]).await.unwrap();
        let rows: BTreeMap<String, Value> = found
            .iter()
            .map(|row| row.get(0))
            .map(|row: Value| (row["id"].as_str().unwrap().to_owned(), row))
            .collect();
        for id in due {
            let lacks = self.truth.lacks(&id, rows.get(&id));
            self.figures.compared += usize::from(self.truth.knows(&id));
            if rows.contains_key(&id) {
                self.figures.lost_parts += lacks.len();
            } else {
                self.figures.missing += lacks.len();
            }
            if let Some(fate) = self.fates.remove(&id)
                && !lacks.is_empty()
            {
                let changes = fate.versions.iter().map(|(at, announced)| {
                    let how = if *announced { "announced" } else { "silent" };
                    format!("{} {how}", at.format("%m-%d %H:%M"))
                });
                let changes: Vec<String> = changes.collect();
                let done = self.hostility.done_to(&id);
                for lack in lacks {
                    let story = format!("{lack} (changed {changes:?}; {done:?})");
                    self.figures.wrong.push(story);
                }
            }
        }
    }

    fn wrong(&mut self, at: DateTime<Utc>, what: &str) {
        self.figures.wrong.push(format!("{at}: {what}"));
    }
}

/// What is to become of a call, at the world's true time.
fn plan(world: &mut World, story: &Story) {
    for version in &story.versions {
        world.plan(version.at, version.document.clone());
    }
}

impl Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} calls ({} compared: {} missing, {} parts lost), {} syncs ({} failed, {} of them refused another organisation), {} requests ({} broken), \
             {} documents hollowed out ({} kept by a sync), {} calls left out, {} syncs told [], incidents {:?}, in {:.1} s",
            self.calls,
            self.compared,
            self.missing,
            self.lost_parts,
            self.syncs,
            self.failed,
            self.refused,
            self.requests,
            self.faults,
            self.hollowed,
            self.kept,
            self.hidden,
            self.emptied,
            self.incidents,
            self.took.as_secs_f64()
        )
    }
}
