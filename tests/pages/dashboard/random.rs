//! The three functions beside a second, plain reckoning in Rust, on data that nobody thought of.

mod reckoning;
mod scene;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};
use tests::TestDb;
use tokio::runtime::Runtime;
use tokio_postgres::Client;

use self::scene::{Scene, scene};

const CASES: u32 = 96;

#[test]
fn random_calls_scores_frameworks_windows_and_zones_are_counted_as_a_person_would() {
    let runtime = Runtime::new().unwrap();
    let (_db, client, frameworks) = runtime.block_on(async {
        let db = TestDb::new().await;
        let client = db.client().await;
        let first = client
            .query_one("select id from analysis_frameworks", &[])
            .await
            .unwrap();
        let frameworks = [first.get(0), super::other_framework(&client).await];
        (db, client, frameworks)
    });
    let mut runner = TestRunner::new(Config {
        cases: CASES,
        failure_persistence: None,
        ..Config::default()
    });

    let outcome = runner.run(&scene(), |scene| {
        runtime.block_on(async {
            scene.store(&client, frameworks).await;
            prop_assert_eq!(metrics(&client, &scene).await, reckoning::metrics(&scene));
            prop_assert_eq!(list(&client, &scene).await, reckoning::list(&scene));
            prop_assert_eq!(timeline(&client, &scene).await, reckoning::timeline(&scene));
            Ok(())
        })
    });

    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}

async fn metrics(client: &Client, scene: &Scene) -> Value {
    let row = client
        .query_one(
            "select to_jsonb(get_dashboard_metrics($1, $2, $3))",
            &[&scene.assistant(), &scene.from(), &scene.to()],
        )
        .await;
    row.unwrap().get(0)
}

/// The ids, each with all that the score says.
async fn list(client: &Client, scene: &Scene) -> Vec<Value> {
    let rows = client
        .query(
            "select id, qci_score::float8, has_transcript, has_qci, quality, assistant_id, duration_seconds
             from get_calls_list($1, $2, $3, $4, $5, $6)",
            &[
                &scene.assistant(),
                &scene.from(),
                &scene.to(),
                &scene.filter,
                &scene.limit,
                &scene.offset,
            ],
        )
        .await;
    rows.unwrap()
        .iter()
        .map(|row| {
            json!([
                row.get::<_, &str>(0),
                row.get::<_, Option<f64>>(1),
                row.get::<_, bool>(2),
                row.get::<_, bool>(3),
                row.get::<_, Option<&str>>(4),
                row.get::<_, Option<&str>>(5),
                row.get::<_, Option<i32>>(6),
            ])
        })
        .collect()
}

async fn timeline(client: &Client, scene: &Scene) -> Vec<Value> {
    let rows = client
        .query(
            "select date, total_calls, quality_calls, analyzed_calls from get_timeline_data($1, $2, $3, $4, $5)",
            &[
                &scene.assistant(),
                &scene.from(),
                &scene.to(),
                &scene.granularity,
                &scene.zone.name(),
            ],
        )
        .await;
    rows.unwrap()
        .iter()
        .map(|row| {
            json!([
                row.get::<_, &str>(0),
                row.get::<_, i64>(1),
                row.get::<_, i64>(2),
                row.get::<_, i64>(3),
            ])
        })
        .collect()
}
