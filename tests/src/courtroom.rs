//! Calls in a database and a judge, and runs that score the ones by the other.

use std::sync::Arc;

use chrono::TimeDelta;
use qci::{Context, Deps, Judge};
use serde_json::{Value, json};
use shared::platform::config::Reader;
use shared::platform::event::{Bus, Invocation};
use shared::run::{Failure, Report, RunStore};
use simulator::judge::{MODEL, Server, Settings};
use simulator::vapi::World;
use tokio_util::sync::CancellationToken;

use crate::{Stage, TestDb, now};

/// What a scoring test plays on.
#[derive(Debug)]
pub struct Courtroom {
    /// Where the calls came from, and the database that they are in.
    pub stage: Stage,
    /// The judge.
    pub judge: Server,
    /// Settings by their names, over the defaults.
    pub settings: Vec<(&'static str, String)>,
}

impl Courtroom {
    /// Synced calls, the usual mixture, and an honest judge in no hurry.
    pub async fn with_calls(calls: usize) -> Self {
        Self::of(Stage::with_calls(calls).await, Settings::default()).await
    }

    /// A judge that behaves like this, and these calls alone.
    pub async fn hearing(calls: &[Value], settings: Settings) -> Self {
        let mut world = World::empty(now());
        for call in calls {
            world.insert(call);
        }
        Self::of(Stage::of(world, simulator::vapi::Settings::default()).await, settings).await
    }

    /// Syncs the stage's calls; a known price and brands are set.
    pub async fn of(stage: Stage, settings: Settings) -> Self {
        stage.sync().await;
        let client = stage.db.client().await;
        client
            .execute(
                "insert into model_prices values ($1, '2026-01-01', 0.40, 0.10, 1.60)",
                &[&MODEL],
            )
            .await
            .expect("setting a price");
        let brands = stage.vapi.world().brands();
        for (assistant, brand) in brands {
            client
                .execute("insert into assistant_brands values ($1, $2)", &[&assistant, &brand])
                .await
                .expect("setting a brand");
        }
        Self {
            stage,
            judge: Server::start(settings).await.expect("starting the judge"),
            settings: Vec::new(),
        }
    }

    /// The database.
    #[must_use]
    pub fn db(&self) -> &TestDb {
        &self.stage.db
    }

    /// Sets a setting of ours.
    #[must_use]
    #[expect(clippy::needless_pass_by_value, reason = "a setting is written as a literal")]
    pub fn setting(mut self, name: &'static str, value: impl ToString) -> Self {
        self.settings.push((name, value.to_string()));
        self
    }

    /// What the function works with.
    #[must_use]
    pub fn deps(&self) -> Deps {
        let defaults = [
            ("DATABASE_URL", self.db().url()),
            ("OPENAI_BASE_URL", self.judge.url()),
            ("OPENAI_API_KEY", "test-key".to_owned()),
            ("OPENAI_MODEL", MODEL.to_owned()),
            ("OPENAI_TIMEOUT_SECONDS", "2".to_owned()),
            ("OPENAI_ATTEMPTS", "2".to_owned()),
        ];
        let pairs = defaults.into_iter().chain(self.settings.iter().cloned());
        let mut reader = Reader::from_pairs(pairs.map(|(name, value)| (name.to_owned(), value)));
        let (database, judge, settings) = (reader.database(), reader.judge(), reader.qci());
        reader.finish().expect("usable settings");
        let ledger = RunStore {
            pool: shared::platform::db::pool(&database).expect("a usable database URL"),
            bus: Bus::Nowhere,
            watch: None,
        };
        Deps {
            ledger,
            judge: Arc::new(Judge::new(&judge, settings.concurrency).expect("a client")),
            settings,
        }
    }

    /// A run that must not fail.
    pub async fn score(&self) -> Report {
        self.try_score(json!({}))
            .await
            .unwrap_or_else(|failure| panic!("scoring failed: {failure}"))
    }

    /// A run with this input, now, with a quarter of an hour to do it in.
    pub async fn try_score(&self, input: Value) -> Result<Report, Failure> {
        self.score_within(TimeDelta::minutes(15), input).await
    }

    /// A run with this time limit.
    pub async fn score_within(&self, limit: TimeDelta, input: Value) -> Result<Report, Failure> {
        let now = now();
        let context = Context {
            now,
            deadline_at: now + limit,
            stop: CancellationToken::new(),
        };
        qci::handle(&self.deps(), &Invocation::by_hand("test", input), &context).await
    }

    /// What is said of a call.
    pub async fn analysis(&self, call: &str) -> Value {
        let query = format!("select * from qci_analyses where call_id = '{call}'");
        let rows = self.db().rows(&query).await;
        rows.into_iter().next().unwrap_or(Value::Null)
    }

    /// How many calls have this status.
    pub async fn with_status(&self, status: &str) -> i64 {
        let query = format!("select count(*) as calls from qci_analyses where status = '{status}'");
        self.db().rows(&query).await[0]["calls"].as_i64().expect("a number")
    }
}

/// What is said in a call that is worth a score.
pub const TALK: [&str; 6] = [
    "Thanks for calling Quillmere Bakery, this is Nell. How can I help you today?",
    "Hi, I would like to order a cake for Saturday, for about twenty people.",
    "A cake for twenty on Saturday, with pleasure. Shall I put you down for a pick-up at ten?",
    "Ten is fine. Is there something without nuts?",
    "Yes, our vanilla sponge has no nuts at all. I have booked it for Saturday at ten.",
    "Great, thank you, bye.",
];

/// Calls in which that is said.
#[must_use]
pub fn talks(count: usize) -> Vec<Value> {
    (0..count)
        .map(|index| conversation(&format!("talk-{index}"), &TALK))
        .collect()
}

/// A call in which agent and caller speak by turns, the agent first, two seconds each with a second in between.
#[must_use]
pub fn conversation(id: &str, said: &[&str]) -> Value {
    let created = now() - TimeDelta::hours(2);
    let speech = |(index, text): (i64, &&str)| {
        let start = created + TimeDelta::seconds(3 * index);
        json!({
            "role": if index % 2 == 0 { "bot" } else { "user" },
            "message": text,
            "time": start.timestamp_millis(),
            "endTime": start.timestamp_millis() + 2000,
            "secondsFromStart": 3 * index,
            "duration": 2000,
        })
    };
    let messages: Vec<Value> = (0..).zip(said).map(speech).collect();
    json!({
        "id": id,
        "orgId": "5d2f7c1a-3b44-4e0e-9a51-0c6f2a9b7e10",
        "type": "inboundPhoneCall",
        "status": "ended",
        "endedReason": "customer-ended-call",
        "createdAt": shared::platform::clock::rfc3339(created),
        "updatedAt": shared::platform::clock::rfc3339(created + TimeDelta::minutes(1)),
        "artifact": {"messages": messages},
    })
}
