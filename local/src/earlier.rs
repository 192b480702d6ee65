//! A database as the earlier system leaves it, to adopt: the same from the same seed.
//!
//! Its newest calls are those that a simulated Vapi serves, stored as that system stored them; the older ones have left
//! Vapi. Its faults are there too: calls that never began, totals that do not add up, runs that never ended.

mod rows;

use anyhow::{Context as _, Result};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use simulator::vapi::{Spec, World};
use tokio_postgres::Client;

/// A secret that stands in some documents, and must stand in none of ours.
pub const SECRET: &str = "sk-planted-5f2e8c1d";

/// Its tables, and what people built on them.
pub const TABLES: &str = include_str!("earlier/schema.sql");

/// How large the database is.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Calls.
    pub calls: usize,
    /// Those of them that never began.
    pub never_began: usize,
    /// Analyses; a third do not add up.
    pub analyses: usize,
    /// Runs; one in a hundred never ended.
    pub runs: usize,
}

impl Size {
    /// As it was measured.
    pub const MEASURED: Self = Self {
        calls: 8_559,
        never_began: 6_182,
        analyses: 918,
        runs: 320,
    };

    /// A tenth of it.
    pub const SMALL: Self = Self {
        calls: 856,
        never_began: 618,
        analyses: 92,
        runs: 40,
    };
}

/// What was put into the database.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Made {
    /// Calls, of which the newest are those of the world.
    pub calls: usize,
    /// Those without a start.
    pub never_began: usize,
    /// Assistants.
    pub assistants: usize,
    /// Versions of them.
    pub versions: usize,
    /// Runs.
    pub runs: usize,
    /// Runs that never ended.
    pub running: usize,
    /// Log lines.
    pub lines: usize,
    /// Analyses.
    pub analyses: usize,
    /// Analyses whose total is not the sum of their parts.
    pub off: usize,
}

/// Makes the tables and fills them. The newest calls and the assistants are those of `world`.
pub async fn make(client: &Client, world: &World, spec: &Spec, size: Size) -> Result<Made> {
    client
        .batch_execute(TABLES)
        .await
        .context("making the earlier system's tables")?;
    let calls = calls(world, spec, size);
    let mut made = Made {
        calls: calls.len(),
        never_began: calls.iter().filter(|call| call["startedAt"].is_null()).count(),
        ..Made::default()
    };
    rows::calls(client, &calls, spec.now).await?;
    (made.assistants, made.versions) = rows::assistants(client, &world.assistants(), spec.now).await?;
    (made.runs, made.running, made.lines) = rows::runs(client, size.runs, spec.now).await?;
    (made.analyses, made.off) = rows::analyses(client, &calls, size.analyses, spec.now).await?;
    Ok(made)
}

/// The calls of the world, and before them as many older ones as it takes.
fn calls(world: &World, spec: &Spec, size: Size) -> Vec<Value> {
    let mut calls = world.calls();
    calls.truncate(size.calls);
    let older = World::generate(&Spec {
        seed: spec.seed + 1000,
        calls: size.calls - calls.len(),
        now: spec.now - TimeDelta::days(i64::from(spec.days)) - TimeDelta::hours(1),
        days: 200,
        ..spec.clone()
    });
    let mut older = older.calls();
    let assistants: Vec<Value> = world
        .assistants()
        .iter()
        .map(|assistant| assistant["id"].clone())
        .collect();
    for (place, call) in older.iter_mut().enumerate() {
        if !call["assistantId"].is_null() && !assistants.is_empty() {
            call["assistantId"] = assistants[place % assistants.len()].clone();
        }
    }
    let began = |call: &Value| !call["startedAt"].is_null();
    let mut spare = calls.iter().chain(&older).filter(|call| !began(call)).count();
    for call in &mut older {
        if spare < size.never_began && began(call) {
            forget_start(call);
            spare += 1;
        } else if spare > size.never_began && !began(call) {
            begin(call);
            spare -= 1;
        }
    }
    calls.extend(older);
    calls
}

fn forget_start(call: &mut Value) {
    if let Some(members) = call.as_object_mut() {
        members.remove("startedAt");
    }
}

fn begin(call: &mut Value) {
    let created = call["createdAt"]
        .as_str()
        .and_then(|text| text.parse::<DateTime<Utc>>().ok());
    let Some(created) = created else { return };
    let at =
        |seconds| json!((created + TimeDelta::seconds(seconds)).to_rfc3339_opts(chrono::SecondsFormat::Millis, true));
    call["startedAt"] = at(2);
    call["endedAt"] = at(40);
}
