//! What is thrown at the functions: calls close to a change of clocks, and whatever can be asked of them.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use tokio_postgres::Client;

/// Calls, scores and a question.
#[derive(Clone, Debug)]
pub(super) struct Scene {
    pub(super) calls: Vec<Call>,
    pub(super) scores: Vec<Score>,
    /// Which of the two frameworks is active.
    pub(super) active: Option<usize>,
    pub(super) zone: Tz,
    pub(super) granularity: &'static str,
    pub(super) filter: Option<&'static str>,
    pub(super) limit: i32,
    pub(super) offset: i32,
    assistant: Option<usize>,
    base: DateTime<Utc>,
    /// Minutes from the base.
    window: (i64, i64),
}

/// A call as it is, and as it was when it was scored.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) id: String,
    pub(super) now: Version,
    before: Version,
    pub(super) transcript: Option<&'static str>,
}

/// What may change of a call; times in minutes from the base.
#[derive(Clone, Debug)]
pub(super) struct Version {
    created: Option<i64>,
    started: Option<i64>,
    pub(super) seconds: Option<i32>,
    assistant: Option<usize>,
}

/// What a framework says of a call: a total in hundredths, or that it has none.
#[derive(Clone, Debug)]
pub(super) struct Score {
    pub(super) call: usize,
    pub(super) framework: usize,
    pub(super) total: Option<i32>,
}

const ASSISTANTS: [&str; 3] = ["desk", "bookings", "nobody-calls"];
/// Days on which some of the zones below change their clocks, and one on which none does.
const BASES: [&str; 6] = [
    "2025-03-09T05:00:00Z",
    "2025-03-30T01:00:00Z",
    "2025-04-05T15:00:00Z",
    "2025-10-26T01:00:00Z",
    "2025-11-02T05:00:00Z",
    "2024-12-31T23:00:00Z",
];
const ZONES: [Tz; 7] = [
    Tz::UTC,
    Tz::Europe__Rome,
    Tz::America__New_York,
    Tz::America__Havana,
    Tz::Asia__Kolkata,
    Tz::Australia__Lord_Howe,
    Tz::Pacific__Auckland,
];

pub(super) fn scene() -> impl Strategy<Value = Scene> {
    let question = (
        option::of(0..2_usize),
        select(&ZONES[..]),
        select(&["hour", "day", "week", "month", "quarter", "year"][..]),
        option::of(select(
            &["all", "quality", "excellent", "with_qci", "with_transcript", "?"][..],
        )),
        -1..30_i32,
        -1..10_i32,
        option::weighted(0.3, 0..3_usize),
        select(&BASES[..]),
        (-7000..7000_i64, -1500..9000_i64),
    );
    let scores = vec(
        (
            any::<prop::sample::Index>(),
            0..2_usize,
            option::weighted(0.8, 0..=10_000),
        ),
        0..60,
    );
    (vec(call(), 1..60), scores, question).prop_map(|(calls, scores, question)| {
        let (active, zone, granularity, filter, limit, offset, assistant, base, (from, length)) = question;
        let calls = (0..).zip(calls).map(|(n, call)| Call {
            id: format!("{n:02}"),
            ..call
        });
        let calls: Vec<Call> = calls.collect();
        let scores = scores.into_iter().map(|(index, framework, total)| Score {
            call: index.index(calls.len()),
            framework,
            total,
        });
        Scene {
            scores: once_each(scores),
            calls,
            active,
            zone,
            granularity,
            filter,
            limit,
            offset,
            assistant,
            base: base.parse().unwrap(),
            window: (from, from + length),
        }
    })
}

fn call() -> impl Strategy<Value = Call> {
    let transcript = select(&[None, Some(""), Some("AI: Hello")][..]);
    (version(), option::of(version()), transcript).prop_map(|(now, before, transcript)| Call {
        id: String::new(),
        before: before.unwrap_or_else(|| now.clone()),
        now,
        transcript,
    })
}

fn version() -> impl Strategy<Value = Version> {
    // Close together, so that some share an instant; now and then without a time at all.
    let minutes = || prop_oneof![-90..90_i64, -6000..6000_i64];
    let seconds = option::of(select(&[0, 1, 15, 16, 30, 31, 60, 61, 100, 3600][..]));
    (
        option::weighted(0.95, minutes()),
        option::weighted(0.3, minutes()),
        seconds,
        option::weighted(0.9, 0..2_usize),
    )
        .prop_map(|(created, started, seconds, assistant)| Version {
            created,
            started,
            seconds,
            assistant,
        })
}

fn once_each(scores: impl Iterator<Item = Score>) -> Vec<Score> {
    let mut kept: Vec<Score> = Vec::new();
    for score in scores {
        if !kept
            .iter()
            .any(|other| (other.call, other.framework) == (score.call, score.framework))
        {
            kept.push(score);
        }
    }
    kept
}

impl Scene {
    pub(super) fn assistant(&self) -> Option<&'static str> {
        self.assistant.map(|assistant| ASSISTANTS[assistant])
    }

    pub(super) fn from(&self) -> DateTime<Utc> {
        self.at(self.window.0)
    }

    pub(super) fn to(&self) -> DateTime<Utc> {
        self.at(self.window.1)
    }

    fn at(&self, minutes: i64) -> DateTime<Utc> {
        self.base + TimeDelta::minutes(minutes)
    }

    /// When a call was, as every filter sees it.
    pub(super) fn call_at(&self, call: &Call) -> Option<DateTime<Utc>> {
        Some(self.at(call.now.started.or(call.now.created)?))
    }

    /// The tables as the scene has them and nothing else: first the calls as they were, then the scores, then the changes.
    pub(super) async fn store(&self, client: &Client, frameworks: [i32; 2]) {
        let empty = "truncate vapi_calls_raw, qci_analyses, judge_requests, earlier_analyses; update analysis_frameworks set is_active = false";
        client.batch_execute(empty).await.unwrap();
        let active = self.active.map(|active| frameworks[active]);
        let activate = "update analysis_frameworks set is_active = true where id = $1";
        client.execute(activate, &[&active]).await.unwrap();
        let insert =
            "insert into vapi_calls_raw (id, created_at, started_at, duration_seconds, assistant_id, transcript,
                                                  raw_json, document_hash, synced_at)
                      values ($1, $2, $3, $4, $5, $6, '{}', decode(repeat('00', 16), 'hex'), now())";
        let update = "update vapi_calls_raw
                      set created_at = $2, started_at = $3, duration_seconds = $4, assistant_id = $5, transcript = $6
                      where id = $1";
        self.write(client, insert, |call| &call.before).await;
        for score in &self.scores {
            let call = &self.calls[score.call].id;
            store_score(client, call, frameworks[score.framework], score.total).await;
        }
        self.write(client, update, |call| &call.now).await;
    }

    async fn write(&self, client: &Client, statement: &str, version: impl Fn(&Call) -> &Version) {
        let statement = client.prepare(statement).await.unwrap();
        for call in &self.calls {
            let version = version(call);
            let created = version.created.map(|minutes| self.at(minutes));
            let started = version.started.map(|minutes| self.at(minutes));
            let assistant = version.assistant();
            client
                .execute(
                    &statement,
                    &[
                        &call.id,
                        &created,
                        &started,
                        &version.seconds,
                        &assistant,
                        &call.transcript,
                    ],
                )
                .await
                .unwrap();
        }
    }
}

impl Version {
    pub(super) fn assistant(&self) -> Option<&'static str> {
        self.assistant.map(|assistant| ASSISTANTS[assistant])
    }
}

async fn store_score(client: &Client, call: &str, framework: i32, hundredths: Option<i32>) {
    let insert = "insert into qci_analyses (call_id, framework_id, status, skip_reason, dynamics_score, points,
                                            applicable_max, total_score, call_classification, analysis_model,
                                            call_hash, analyzed_at)
                  select $1, $2,
                         case when total is null then 'skipped' else 'scored' end,
                         case when total is null then 'too_short' end,
                         total, total, 100 + 0 * total, total,
                         case when total is not null then 'good' end,
                         'a-model', '', now()
                  from (select $3::integer / 100.0 as total) as given";
    client.execute(insert, &[&call, &framework, &hundredths]).await.unwrap();
}
