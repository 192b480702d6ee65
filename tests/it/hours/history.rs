//! Random histories: calls and scores come, change, move to another day and go, in transactions that overlap, and now and
//! then the hours are counted.

use std::cell::RefCell;
use std::collections::HashSet;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tests::TestDb;
use tokio::runtime::Runtime;
use tokio_postgres::Client;

use super::{Question, answers, count, plain_answers};

const CASES: u32 = 96;
/// Connections that may leave a transaction open.
const WRITERS: usize = 3;
const ASSISTANTS: [Option<&str>; 3] = [None, Some("desk"), Some("bookings")];
/// Several change their clocks within the days that calls are of; two are not at whole hours.
const ZONES: [&str; 6] = [
    "UTC",
    "Europe/Rome",
    "America/Havana",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "America/St_Johns",
];

#[derive(Clone, Debug)]
enum Step {
    /// A call is stored, or changes: minutes since the beginning, seconds, an assistant.
    Store {
        call: u8,
        minutes: Option<i32>,
        seconds: Option<i32>,
        assistant: usize,
    },
    /// Only its document does.
    Touch {
        call: u8,
    },
    Remove {
        call: u8,
    },
    /// A total, or none.
    Score {
        call: u8,
        total: Option<i32>,
    },
    Forget {
        call: u8,
    },
    Begin,
    Commit,
    Rollback,
    Count,
    Ask(Question),
}

fn step() -> impl Strategy<Value = (usize, Step)> {
    let call = 0..12u8;
    // Many at full hours and close to them, over some eighty days.
    let minutes = prop_oneof![(0..1900i32).prop_map(|hour| hour * 60), 0..115_000i32];
    let seconds = prop::option::of(prop::sample::select(vec![0, 1, 30, 31, 60, 61, 500]));
    let step = prop_oneof![
        8 => (call.clone(), prop::option::weighted(0.95, minutes), seconds, 0..3usize)
            .prop_map(|(call, minutes, seconds, assistant)| Step::Store { call, minutes, seconds, assistant }),
        1 => call.clone().prop_map(|call| Step::Touch { call }),
        1 => call.clone().prop_map(|call| Step::Remove { call }),
        5 => (call.clone(), prop::option::weighted(0.8, 0..=10_000i32)).prop_map(|(call, total)| Step::Score { call, total }),
        1 => call.prop_map(|call| Step::Forget { call }),
        3 => Just(Step::Begin),
        3 => Just(Step::Commit),
        1 => Just(Step::Rollback),
        4 => Just(Step::Count),
        4 => question().prop_map(Step::Ask),
    ];
    (0..WRITERS, step)
}

fn question() -> impl Strategy<Value = Question> {
    let from = prop_oneof![(0..1000i64).prop_map(|hours| hours * 3600), 0..3_600_000i64];
    let length = prop_oneof![(769..2000i64).prop_map(|hours| hours * 3600), 2_764_801..7_000_000i64];
    let granularity = prop::sample::select(vec!["hour", "day", "week", "month", "quarter"]);
    (
        prop::sample::select(ASSISTANTS.to_vec()),
        from,
        length,
        granularity,
        prop::sample::select(ZONES.to_vec()),
    )
        .prop_map(|(assistant, from, length, granularity, zone)| Question {
            assistant,
            from: instant(from),
            to: instant(from + length),
            granularity,
            zone,
        })
}

fn instant(seconds: i64) -> String {
    let begin: chrono::DateTime<chrono::Utc> = "2025-02-10T00:00:00Z".parse().unwrap();
    (begin + chrono::TimeDelta::seconds(seconds)).to_rfc3339()
}

struct Writer {
    client: Client,
    is_open: bool,
    /// What its open transaction holds.
    calls: HashSet<u8>,
}

impl Writer {
    async fn run(&self, statement: &str) {
        let done = self.client.batch_execute(statement).await;
        done.unwrap_or_else(|error| panic!("{statement}: {error:?}"));
    }

    async fn end(&mut self, statement: &str) {
        if std::mem::take(&mut self.is_open) {
            self.run(statement).await;
        }
        self.calls.clear();
    }
}

/// The call that a step is about, and what it does.
fn statement(step: &Step) -> Option<(u8, String)> {
    match step {
        Step::Store {
            call,
            minutes,
            seconds,
            assistant,
        } => {
            let created = minutes.map_or("null".to_owned(), |minutes| {
                format!("'{}'", instant(i64::from(minutes) * 60))
            });
            let seconds = seconds.map_or("null".to_owned(), |seconds| seconds.to_string());
            let assistant = ASSISTANTS[*assistant].map_or("null".to_owned(), |name| format!("'{name}'"));
            let statement = format!(
                "insert into vapi_calls_raw (id, created_at, duration_seconds, assistant_id, raw_json, document_hash, synced_at)
                 values ('{call}', {created}, {seconds}, {assistant}, '{{}}', decode(md5('a'), 'hex'), now())
                 on conflict (id) do update
                 set created_at = excluded.created_at, duration_seconds = excluded.duration_seconds,
                     assistant_id = excluded.assistant_id"
            );
            Some((*call, statement))
        }
        Step::Touch { call } => {
            let statement = format!(
                "update vapi_calls_raw set document_hash = decode(md5(encode(document_hash, 'hex')), 'hex') where id = '{call}'"
            );
            Some((*call, statement))
        }
        Step::Remove { call } => Some((*call, format!("delete from vapi_calls_raw where id = '{call}'"))),
        Step::Forget { call } => Some((*call, format!("delete from qci_analyses where call_id = '{call}'"))),
        Step::Score { call, total } => Some((*call, score(*call, *total))),
        Step::Begin | Step::Commit | Step::Rollback | Step::Count | Step::Ask(_) => None,
    }
}

fn score(call: u8, total: Option<i32>) -> String {
    let total = total.map_or("null".to_owned(), |total| format!("{total}"));
    format!(
        "insert into qci_analyses (call_id, framework_id, status, skip_reason, dynamics_score, points, applicable_max,
                                   total_score, call_classification, analysis_model, call_hash, analyzed_at)
         select call.id, framework.id, case when total is null then 'skipped' else 'scored' end,
                case when total is null then 'test' end, total, total, 100 + 0 * total, total,
                case when total is not null then 'good' end, 'm', call.document_hash, now()
         from (select {total} / 100.0 as total) as given
         cross join vapi_calls_raw as call
         cross join analysis_frameworks as framework
         where call.id = '{call}' and framework.is_active
         on conflict (call_id, framework_id) do update
         set status = excluded.status, skip_reason = excluded.skip_reason, dynamics_score = excluded.dynamics_score,
             points = excluded.points, applicable_max = excluded.applicable_max, total_score = excluded.total_score,
             call_classification = excluded.call_classification"
    )
}

#[test]
fn what_the_hours_say_is_what_the_calls_say() {
    let runtime = Runtime::new().unwrap();
    let (_db, writers, connection) = runtime.block_on(async {
        let db = TestDb::new().await;
        let mut writers = Vec::new();
        for _ in 0..=WRITERS {
            let (client, is_open, calls) = (db.client().await, false, HashSet::new());
            writers.push(Writer { client, is_open, calls });
        }
        let connection = db.connect().await;
        (db, writers, connection)
    });
    let stage = RefCell::new((writers, connection));
    let mut runner = TestRunner::new(Config {
        cases: CASES,
        failure_persistence: None,
        ..Config::default()
    });

    let outcome = runner.run(&(prop::collection::vec(step(), 1..50), question()), |(steps, last)| {
        let (writers, connection) = &mut *stage.borrow_mut();
        runtime.block_on(play(writers, connection, &steps, last))
    });

    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}

async fn play(
    writers: &mut [Writer],
    connection: &mut shared::platform::db::Client,
    steps: &[(usize, Step)],
    last: Question,
) -> Result<(), TestCaseError> {
    for writer in &mut *writers {
        writer.end("rollback").await;
    }
    // The hours know of either.
    let start_over = if steps.len().is_multiple_of(3) {
        "truncate vapi_calls_raw cascade"
    } else {
        "delete from vapi_calls_raw"
    };
    writers[WRITERS].run(start_over).await;
    count(connection).await;
    for (own, step) in steps {
        match step {
            Step::Begin => {
                writers[*own].end("commit").await;
                writers[*own].run("begin").await;
                writers[*own].is_open = true;
            }
            Step::Commit => writers[*own].end("commit").await,
            Step::Rollback => writers[*own].end("rollback").await,
            Step::Count => count(connection).await,
            Step::Ask(question) => ask(&writers[WRITERS].client, question).await?,
            _ => {
                let Some((call, statement)) = statement(step) else {
                    continue;
                };
                let is_held = |(index, writer): (usize, &Writer)| index != *own && writer.calls.contains(&call);
                if !writers.iter().enumerate().any(is_held) {
                    writers[*own].run(&statement).await;
                    if writers[*own].is_open {
                        writers[*own].calls.insert(call);
                    }
                }
            }
        }
    }
    ask(&writers[WRITERS].client, &last).await
}

async fn ask(client: &Client, question: &Question) -> Result<(), TestCaseError> {
    let by_hours = answers(client, question).await;
    prop_assert_eq!(by_hours, plain_answers(client, question).await, "{:?}", question);
    Ok(())
}
