//! Random histories: calls come, change and go, in transactions that overlap, while frameworks look at them.

use std::collections::HashSet;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use shared::store::score::backlog;
use tokio::runtime::Runtime;
use tokio_postgres::Client;

use super::{advance, all, read, scene};

const CASES: u32 = 96;
/// Connections that may leave a transaction open.
const WRITERS: usize = 3;

#[derive(Clone, Debug)]
enum Step {
    /// Calls are stored or get another version.
    Store {
        call: u8,
        version: u8,
        created: Option<u8>,
    },
    /// Everything but the document changes.
    Touch {
        call: u8,
    },
    Remove {
        call: u8,
    },
    /// A framework looked at this version of a call.
    Look {
        call: u8,
        framework: usize,
        version: u8,
        status: &'static str,
    },
    /// Somebody wants calls to be looked at again.
    Forget {
        call: u8,
        framework: usize,
    },
    ForgetAll,
    Begin,
    Commit,
    Rollback,
    /// A run chooses its calls.
    Advance {
        framework: usize,
        limit: i64,
    },
    /// A run that dies before it has chosen.
    Abandon {
        framework: usize,
    },
}

fn step() -> impl Strategy<Value = (usize, Step)> {
    let (call, version, framework) = (0..12u8, 0..3u8, 0..2usize);
    let status = prop::sample::select(vec!["scored", "skipped", "skipped", "failed", "parked"]);
    let step = prop_oneof![
        6 => (call.clone(), version.clone(), prop::option::of(0..4u8))
            .prop_map(|(call, version, created)| Step::Store { call, version, created }),
        1 => call.clone().prop_map(|call| Step::Touch { call }),
        1 => call.clone().prop_map(|call| Step::Remove { call }),
        8 => (call.clone(), framework.clone(), version, status)
            .prop_map(|(call, framework, version, status)| Step::Look { call, framework, version, status }),
        1 => (call, framework.clone()).prop_map(|(call, framework)| Step::Forget { call, framework }),
        1 => Just(Step::ForgetAll),
        4 => Just(Step::Begin),
        4 => Just(Step::Commit),
        1 => Just(Step::Rollback),
        6 => (framework.clone(), 1..9i64).prop_map(|(framework, limit)| Step::Advance { framework, limit }),
        1 => framework.prop_map(|framework| Step::Abandon { framework }),
    ];
    (0..WRITERS, step)
}

/// A connection, and what its open transaction holds.
struct Writer {
    client: Client,
    is_open: bool,
    calls: HashSet<u8>,
    holds_marks: bool,
}

impl Writer {
    async fn run(&self, statement: &str) {
        let done = self.client.batch_execute(statement).await;
        done.unwrap_or_else(|error| panic!("{statement}: {error:?}"));
    }

    async fn apply(&mut self, step: &Step, frameworks: [i32; 2]) {
        self.run(&statement(step, frameworks)).await;
        if self.is_open {
            let (call, marks, _) = needs(step);
            self.calls.extend(call);
            self.holds_marks |= marks;
        }
    }

    async fn end(&mut self, statement: &str) {
        if std::mem::take(&mut self.is_open) {
            self.run(statement).await;
        }
        self.calls.clear();
        self.holds_marks = false;
    }
}

fn statement(step: &Step, frameworks: [i32; 2]) -> String {
    match step {
        Step::Store { call, version, created } => {
            let created = created.map_or("null".to_owned(), |day| format!("'2026-05-0{}Z'", day + 1));
            format!(
                "insert into vapi_calls_raw (id, created_at, raw_json, document_hash, synced_at)
                 values ('{call}', {created}, '{{}}', decode(md5('{call} {version}'), 'hex'), '2026-05-01Z')
                 on conflict (id) do update
                 set document_hash = excluded.document_hash, created_at = excluded.created_at"
            )
        }
        Step::Touch { call } => format!("update vapi_calls_raw set absent_at = now() where id = '{call}'"),
        Step::Remove { call } => format!("delete from vapi_calls_raw where id = '{call}'"),
        Step::Look {
            call,
            framework,
            version,
            status,
        } => look(*call, frameworks[*framework], *version, status),
        Step::Forget { call, framework } => format!(
            "delete from qci_analyses where call_id = '{call}' and framework_id = {}",
            frameworks[*framework]
        ),
        Step::ForgetAll => "truncate qci_analyses".to_owned(),
        _ => String::new(),
    }
}

fn look(call: u8, framework: i32, version: u8, status: &str) -> String {
    let (block, total, class, model) = match status {
        "scored" => ("10", "10", "'poor'", "'m'"),
        _ => ("null", "null", "null", "null"),
    };
    let (reason, error) = match status {
        "skipped" => ("'test'", "null"),
        "failed" | "parked" => ("null", "'test'"),
        _ => ("null", "null"),
    };
    format!(
        "insert into qci_analyses (call_id, framework_id, status, skip_reason, error_message, dynamics_score, points,
                                   applicable_max, total_score, call_classification, analysis_model, call_hash, analyzed_at)
         select id, {framework}, '{status}', {reason}, {error}, {block}, {block}, case when {block} is null then null else 100 end,
                {total}, {class}, {model}, decode(md5('{call} {version}'), 'hex'), now()
         from vapi_calls_raw
         where id = '{call}'
         on conflict (call_id, framework_id) do update
         set status = excluded.status, skip_reason = excluded.skip_reason, error_message = excluded.error_message,
             dynamics_score = excluded.dynamics_score, points = excluded.points,
             applicable_max = excluded.applicable_max, total_score = excluded.total_score,
             call_classification = excluded.call_classification, analysis_model = excluded.analysis_model,
             call_hash = excluded.call_hash"
    )
}

/// What a step locks: nobody may do it while another writer holds that.
fn needs(step: &Step) -> (Option<u8>, bool, bool) {
    match step {
        Step::Store { call, .. } | Step::Touch { call } | Step::Look { call, .. } => (Some(*call), false, false),
        Step::Remove { call } | Step::Forget { call, .. } => (Some(*call), true, false),
        Step::ForgetAll => (None, true, true),
        Step::Advance { .. } | Step::Abandon { .. } => (None, true, false),
        Step::Begin | Step::Commit | Step::Rollback => (None, false, false),
    }
}

fn is_free(writers: &[Writer], own: usize, step: &Step) -> bool {
    let (call, marks, everything) = needs(step);
    writers
        .iter()
        .enumerate()
        .filter(|(index, _)| *index != own)
        .all(|(_, other)| {
            let holds_call = call.is_some_and(|call| other.calls.contains(&call));
            !(holds_call || (marks && other.holds_marks) || (everything && other.is_open))
        })
}

#[test]
fn what_is_read_by_the_mark_is_what_the_view_has() {
    let runtime = Runtime::new().unwrap();
    let (_db, mut writers, mut connection, frameworks) = runtime.block_on(async {
        let (db, client, connection, frameworks) = scene().await;
        let mut writers = Vec::new();
        // The last one reads.
        for client in [client, db.client().await, db.client().await, db.client().await] {
            let (calls, is_open, holds_marks) = (HashSet::new(), false, false);
            writers.push(Writer {
                client,
                is_open,
                calls,
                holds_marks,
            });
        }
        (db, writers, connection, frameworks)
    });
    let mut runner = TestRunner::new(Config {
        cases: CASES,
        failure_persistence: None,
        ..Config::default()
    });
    let cell = std::cell::RefCell::new((&mut writers, &mut connection));

    let outcome = runner.run(&prop::collection::vec(step(), 1..60), |steps| {
        let (writers, connection) = &mut *cell.borrow_mut();
        runtime.block_on(play(writers, connection, frameworks, &steps))
    });

    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}

async fn play(
    writers: &mut [Writer],
    connection: &mut shared::platform::db::Client,
    frameworks: [i32; 2],
    steps: &[(usize, Step)],
) -> Result<(), TestCaseError> {
    for writer in &mut *writers {
        writer.end("rollback").await;
    }
    let start_over = "delete from vapi_calls_raw; delete from analysis_marks; delete from analysis_pending";
    writers[WRITERS].run(start_over).await;
    for (own, step) in steps {
        if !is_free(writers, *own, step) {
            continue;
        }
        let own = *own;
        match step {
            Step::Begin => {
                writers[own].end("commit").await;
                writers[own].run("begin").await;
                writers[own].is_open = true;
            }
            Step::Commit => writers[own].end("commit").await,
            Step::Rollback => writers[own].end("rollback").await,
            // It would keep everybody from reading.
            Step::ForgetAll if writers[own].is_open => {}
            // The run is another process than the writers.
            Step::Advance { .. } | Step::Abandon { .. } if writers.iter().any(|writer| writer.holds_marks) => {}
            Step::Advance { framework, limit } => {
                let chosen = advance(connection, frameworks[*framework], *limit).await;
                let found = all(&writers[WRITERS].client, frameworks[*framework], *limit).await;
                prop_assert_eq!(chosen, found);
            }
            Step::Abandon { framework } => {
                let transaction = connection.transaction().await.unwrap();
                backlog::advance(&transaction, frameworks[*framework], 5).await.unwrap();
                transaction.rollback().await.unwrap();
            }
            _ => writers[own].apply(step, frameworks).await,
        }
        // A table that is being truncated cannot be read.
        if writers.iter().any(|writer| writer.holds_marks) {
            continue;
        }
        for framework in frameworks {
            let view = all(&writers[WRITERS].client, framework, i64::MAX).await;
            prop_assert_eq!(read(connection, framework).await, view);
        }
    }
    Ok(())
}
