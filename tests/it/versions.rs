//! The oldest and the newest PostgreSQL that we support, and every other one on this machine.

use std::collections::BTreeSet;

use local::postgres::find_all;
use shared::run::Status;
use shared::store::backfill;
use tests::{Stage, TestDb};

/// What README.md says: the oldest and the newest.
const SUPPORTED: [u32; 2] = [15, 18];

#[tokio::test(flavor = "multi_thread")]
async fn migrations_and_syncs_work_on_every_version_that_is_supported() {
    let mut tried = BTreeSet::new();
    for binaries in find_all() {
        let db = TestDb::of_version(&binaries).await;
        if !tried.insert(db.version()) {
            continue;
        }
        let mut stage = Stage::with_calls(120).await;
        stage.db = db;

        let first = stage.sync().await;
        let ids = stage.vapi.world().call_ids();
        for id in ids.iter().take(30) {
            let mut world = stage.vapi.world();
            world.update(id, |call| call["name"] = serde_json::json!("Changed"));
            world.touch(id, tests::now());
        }
        let second = stage.sync().await;

        let version = stage.db.version();
        assert_eq!(
            (first.status, second.status),
            (Status::Success, Status::Success),
            "PostgreSQL {version}"
        );
        assert_eq!(first.counters.records_inserted, 120, "PostgreSQL {version}");
        assert_eq!(second.counters.records_updated, 30, "PostgreSQL {version}");
        stage.assert_equal().await;
        assert_eq!(backfill::left(&stage.db.connect().await).await.unwrap(), []);
    }
    assert!(!tried.is_empty());
    if !SUPPORTED.iter().all(|version| tried.contains(version)) {
        eprintln!("of the supported versions {SUPPORTED:?}, this test has tried {tried:?}");
    }
}
