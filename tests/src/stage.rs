//! A Vapi and a database, and syncs from the one into the other.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use shared::platform::config::{self, Reader};
use shared::platform::event::{Bus, Invocation};
use shared::run::{Failure, Report, RunStore};
use simulator::vapi::{Server, Settings, Spec, World};
use sync::{Context, Deps, Vapi};
use tokio_util::sync::CancellationToken;

use crate::{Proxy, TestDb, expected_row};

/// What a sync test plays on.
#[derive(Debug)]
pub struct Stage {
    /// Where calls go.
    pub db: TestDb,
    /// Where they come from.
    pub vapi: Server,
    /// Settings by their names, over the defaults.
    pub settings: Vec<(&'static str, String)>,
}

/// The time that worlds end at.
#[must_use]
pub fn now() -> DateTime<Utc> {
    shared::platform::clock::now()
}

impl Stage {
    /// A world of this many calls, served as documented.
    pub async fn with_calls(calls: usize) -> Self {
        Self::of(
            World::generate(&Spec {
                calls,
                ..Spec::new(now())
            }),
            Settings::default(),
        )
        .await
    }

    /// This world, served in this way.
    pub async fn of(world: World, settings: Settings) -> Self {
        let vapi = Server::start(world, settings).await.expect("starting the simulator");
        Self {
            db: TestDb::new().await,
            vapi,
            settings: Vec::new(),
        }
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
            ("DATABASE_URL", self.db.url()),
            ("VAPI_BASE_URL", self.vapi.url()),
            ("VAPI_API_KEY", "test-key".to_owned()),
            ("VAPI_RATE", "5000".to_owned()),
            ("VAPI_TIMEOUT_SECONDS", "2".to_owned()),
        ];
        let pairs = defaults.into_iter().chain(self.settings.iter().cloned());
        let mut reader = Reader::from_pairs(pairs.map(|(name, value)| (name.to_owned(), value)));
        let (database, vapi, settings): (config::Database, config::Vapi, config::Sync) =
            (reader.database(), reader.vapi(), reader.sync());
        reader.finish().expect("usable settings");
        let pool = shared::platform::db::pool(&database).expect("a usable database URL");
        let ledger = RunStore {
            pool,
            bus: Bus::Nowhere,
            watch: None,
        };
        Deps {
            ledger,
            vapi: Arc::new(Vapi::new(&vapi).expect("a client")),
            settings,
        }
    }

    /// A sync that must not fail.
    pub async fn sync(&self) -> Report {
        self.try_sync(json!({}))
            .await
            .unwrap_or_else(|failure| panic!("the sync failed: {failure}"))
    }

    /// A sync with this input, now, with a quarter of an hour to do it in.
    pub async fn try_sync(&self, input: Value) -> Result<Report, Failure> {
        self.sync_within(TimeDelta::minutes(15), input).await
    }

    /// A sync with this time limit.
    pub async fn sync_within(&self, limit: TimeDelta, input: Value) -> Result<Report, Failure> {
        let now = now();
        let context = Context {
            now,
            deadline_at: now + limit,
            stop: CancellationToken::new(),
        };
        sync::handle(&self.deps(), &Invocation::by_hand("test", input), &context).await
    }

    /// Syncs reach the database through a proxy from here on, and wait two seconds for an answer.
    pub async fn behind_proxy(mut self) -> (Self, Proxy) {
        let (proxy, url) = self.db.through_proxy().await;
        self.settings.push(("DATABASE_URL", url));
        self.settings.push(("DATABASE_TIMEOUT_SECONDS", "2".to_owned()));
        (self, proxy)
    }

    /// Every row of the table equals its call, field by field, and there is no other row.
    pub async fn assert_equal(&self) {
        let mut rows = self.db.rows("select * from vapi_calls_raw order by id").await;
        let mut calls = self.vapi.world().calls();
        calls.sort_by_key(|call| call["id"].as_str().unwrap_or_default().to_owned());
        let ids = |values: &[Value]| {
            values
                .iter()
                .map(|value| value["id"].as_str().unwrap_or_default().to_owned())
                .collect::<Vec<_>>()
        };
        let (in_table, in_vapi) = (ids(&rows), ids(&calls));
        let missing: Vec<_> = in_vapi
            .iter()
            .filter(|id| in_table.binary_search(id).is_err())
            .collect();
        assert!(
            missing.is_empty(),
            "{} calls are not in the table: {missing:?}",
            missing.len()
        );
        assert_eq!(in_table, in_vapi, "the table holds calls that Vapi does not have");
        for (row, call) in rows.iter_mut().zip(&calls) {
            assert_row(row, call);
        }
    }
}

fn assert_row(row: &mut Value, call: &Value) {
    let expected = expected_row(call);
    for (column, value) in expected.as_object().expect("an object") {
        let found = instant_or(row[column].take());
        assert!(
            &found == value,
            "column {column} of call {}:\n in the table: {}\n expected:     {}",
            call["id"],
            clipped(&found),
            clipped(value)
        );
    }
}

/// Instants are compared as instants, not as texts.
fn instant_or(value: Value) -> Value {
    match value.as_str().and_then(|text| DateTime::parse_from_rfc3339(text).ok()) {
        Some(instant) => json!(instant.timestamp_micros()),
        None => value,
    }
}

fn clipped(value: &Value) -> String {
    value.to_string().chars().take(2000).collect()
}
