//! The same for the syncs after the first one, which compare, ask for what is absent, doubt and count.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use shared::run::{Report, Status};
use simulator::vapi::{Counting, Fault, Kind, Settings, World};
use tests::{Mischief, Proxy, Stage, TestDb, now};

use super::{CALLS, for_each_answer};

/// What a Vapi that was synced from says later.
struct Later {
    stage: Stage,
}

impl Later {
    /// After two syncs of everything.
    async fn of(calls: usize) -> Self {
        let stage = Stage::with_calls(calls).await;
        stage.sync().await;
        stage.sync().await;
        Self { stage }
    }

    async fn execute(&self, statements: &str) {
        self.stage.db.client().await.batch_execute(statements).await.unwrap();
    }

    fn fault(&self, fault: Fault) {
        self.stage.vapi.faults().push(fault.every(1).on(Kind::CallList));
    }

    /// Plays the sync that follows, on a copy of the database for each of its answers. `check` looks at what it did.
    async fn at_each_answer<F>(&self, input: Value, mischief: Mischief, check: impl Fn(Report, TestDb) -> F)
    where
        F: Future<Output = ()>,
    {
        let (undisturbed, proxy) = self.copy().await;
        let report = undisturbed.try_sync(input.clone()).await.unwrap();
        let answers = proxy.answers();
        check(report, undisturbed.db).await;
        let (input, check) = (&input, &check);

        for_each_answer(answers, |number| async move {
            let (stage, proxy) = self.copy().await;
            proxy.on_answer(number, mischief);
            let begun = Instant::now();

            let report = stage.try_sync(input.clone()).await.unwrap();

            let took = begun.elapsed();
            check(report, stage.db).await;
            (proxy.struck(), took)
        })
        .await;
    }

    /// The same Vapi and a copy of the database, behind a proxy.
    async fn copy(&self) -> (Stage, Proxy) {
        let unused = Stage::of(World::empty(now()), Settings::default()).await;
        let stage = Stage {
            db: self.stage.db.copy().await,
            ..unused
        };
        stage
            .setting("VAPI_BASE_URL", self.stage.vapi.url())
            .behind_proxy()
            .await
    }
}

/// Two calls that are omitted, five that are gone, one that Vapi counts and never lists, and a rejected one that is
/// stored by now.
async fn lacking() -> Later {
    let later = Later::of(CALLS).await;
    let vapi = &later.stage.vapi;
    let ids: Vec<String> = vapi
        .world()
        .call_ids()
        .into_iter()
        .skip(20)
        .step_by(8)
        .take(8)
        .collect();
    for id in &ids[..2] {
        vapi.world().update(id, |call| call["cost"] = json!(8.5));
    }
    for id in &ids[2..7] {
        vapi.world().remove(id);
    }
    later
        .execute(&format!(
            "delete from vapi_calls_raw where id = '{}';
             insert into vapi_call_rejects
                 (id, call_id, reason, document_bytes, document_hash, first_seen_at, last_seen_at)
             values (gen_random_uuid(), '{}', 'it was odd', 2, '\\x00', '2026-01-01', '2026-01-01')",
            ids[7], ids[0]
        ))
        .await;
    later.fault(Fault::OmittedRows([&ids[..2], &ids[7..]].concat()));
    later
}

async fn assert_reconciled(report: Report, db: TestDb) {
    assert_eq!(report.status, Status::Success, "{:?}", report.reason);
    let metadata = &report.metadata;
    let noted = ["calls_omitted", "calls_gone", "calls_missing"].map(|name| metadata[name].as_i64());
    assert_eq!(noted, [Some(2), Some(5), Some(1)], "{metadata}");
    assert_eq!(report.counters.records_inserted, 0);
    for (what, rows) in [
        ("vapi_calls_raw", 119),
        ("vapi_calls_raw where gone_at is not null", 5),
        ("vapi_calls_raw where absent_at is not null and gone_at is null", 0),
        ("vapi_calls_raw where cost = 8.5", 2),
        ("vapi_call_rejects where resolved_at is not null", 1),
        ("logs where message = '1 rejected documents are stored by now'", 1),
        ("sync_windows", 0),
        ("sync_state where target is null and calls_missing = 1", 1),
        ("runs where status = 'success'", 3),
    ] {
        assert_eq!(db.count(what).await, rows, "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_that_compares_and_counts_survives_a_lost_reply_to_any_statement() {
    let later = lacking().await;

    later
        .at_each_answer(json!({"mode": "full"}), Mischief::Swallow, assert_reconciled)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_that_compares_and_counts_survives_a_restart_at_any_statement() {
    let later = lacking().await;
    let restart = Mischief::Restart(Duration::from_secs(2));

    later
        .at_each_answer(json!({"mode": "full"}), restart, assert_reconciled)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_that_doubts_survives_a_lost_reply_to_any_statement_and_counts_its_doubt_once() {
    async fn assert_doubts(report: Report, db: TestDb) {
        assert_eq!(report.status, Status::Partial, "{:?}", report.reason);
        assert_eq!(report.metadata["listing_suspect"]["times"], json!(1));
        assert_eq!(db.count("vapi_calls_raw").await, 420);
        assert_eq!(db.count("sync_windows").await, 0);
        assert_eq!(db.count("sync_state where suspect_runs = 1").await, 1);
        assert_eq!(
            db.count("sync_state where watermark < now() - interval '20 hours'")
                .await,
            1
        );
    }
    // Thirty calls a day; a day passes, and none is listed.
    let later = Later::of(420).await;
    later
        .execute(
            "update sync_state
             set watermark = watermark - interval '24 hours',
                 rescanned_at = rescanned_at - interval '24 hours',
                 read_again_at = read_again_at - interval '24 hours'",
        )
        .await;
    later.stage.vapi.world().set_counting(Counting::Refused(404));
    later.fault(Fault::EmptyList);

    later.at_each_answer(json!({}), Mischief::Swallow, assert_doubts).await;
}
