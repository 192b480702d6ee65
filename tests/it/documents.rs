//! No document is lost for what it says: odd ones are stored with a warning, unusable ones are kept aside.

use serde_json::{Value, json};
use shared::run::Status;
use simulator::vapi::{Oddity, Settings, Spec, World};
use tests::{Stage, now};

const UNUSABLE: [Oddity; 4] = [Oddity::MissingId, Oddity::EmptyId, Oddity::NumericId, Oddity::NullId];

/// A world of a hundred plain calls and one of this oddity; and the odd call's id.
async fn stage_with(oddity: Oddity) -> (Stage, String) {
    let mut world = World::generate(&Spec {
        calls: 100,
        ..Spec::new(now())
    });
    let id = world.plant(oddity).unwrap_or_default();
    (Stage::of(world, Settings::default()).await, id)
}

async fn row(stage: &Stage, id: &str) -> Value {
    let rows = stage.db.rows("select * from vapi_calls_raw").await;
    rows.into_iter()
        .find(|row| row["id"] == json!(id))
        .unwrap_or_else(|| panic!("call {id} is not in the table"))
}

async fn warnings(stage: &Stage) -> String {
    let run = stage.db.only_run().await;
    let lines = stage.db.logs(run.id).await;
    lines
        .iter()
        .filter(|line| line.level == "WARNING")
        .map(|line| line.message.clone() + "\n")
        .collect()
}

#[tokio::test]
async fn a_call_of_any_oddity_is_stored_beside_the_plain_ones() {
    for oddity in Oddity::ALL.into_iter().filter(|oddity| !UNUSABLE.contains(oddity)) {
        let (stage, id) = stage_with(oddity).await;

        let report = stage.sync().await;

        assert_eq!(report.status, Status::Success, "{oddity:?}: {:?}", report.reason);
        assert_eq!(report.counters.records_inserted, 101, "{oddity:?}");
        let ids = stage.db.rows("select id from vapi_calls_raw").await;
        assert!(
            ids.contains(&json!({"id": id})),
            "{oddity:?}: call {id} is not in the table"
        );
    }
}

#[tokio::test]
async fn an_unusable_id_is_the_only_reason_to_keep_a_call_aside_and_it_is_kept_once() {
    for oddity in UNUSABLE {
        let (stage, _) = stage_with(oddity).await;

        let report = stage.sync().await;
        let second = stage.try_sync(json!({"mode": "full"})).await.unwrap();

        assert_eq!(
            (report.status, second.status),
            (Status::Partial, Status::Partial),
            "{oddity:?}"
        );
        assert_eq!(
            (report.counters.records_inserted, report.counters.records_failed),
            (100, 1),
            "{oddity:?}"
        );
        let rejects = stage
            .db
            .rows("select reason, attempts, document is not null as kept from vapi_call_rejects")
            .await;
        let expected =
            json!({"reason": "no usable id: `id` must be a text that is not blank", "attempts": 2, "kept": true});
        assert_eq!(rejects, [expected], "{oddity:?}");
    }
}

#[tokio::test]
async fn characters_that_postgres_refuses_are_replaced_and_the_run_says_so() {
    for oddity in [Oddity::NullBytes, Oddity::LoneSurrogates] {
        let (stage, id) = stage_with(oddity).await;

        stage.sync().await;

        let row = row(&stage, &id).await;
        assert!(row["transcript"].as_str().unwrap().contains('\u{fffd}'), "{oddity:?}");
        assert!(row["raw_json"].to_string().contains('\u{fffd}'), "{oddity:?}");
        assert!(
            warnings(&stage).await.contains("characters that PostgreSQL refuses"),
            "{oddity:?}"
        );
    }
}

#[tokio::test]
async fn a_field_of_the_wrong_type_leaves_its_column_empty_and_a_warning_names_it() {
    let (stage, id) = stage_with(Oddity::WrongTypes).await;

    stage.sync().await;

    let row = row(&stage, &id).await;
    let said = warnings(&stage).await;
    assert_eq!(row["cost"], Value::Null);
    assert!(
        said.contains("`cost` has an unexpected type") && said.contains(&id),
        "{said}"
    );
}

#[tokio::test]
async fn a_value_that_is_new_to_us_is_stored_as_it_is_and_a_warning_names_its_field() {
    let (stage, id) = stage_with(Oddity::UnknownValues).await;

    stage.sync().await;

    let (row, call) = (row(&stage, &id).await, stage.vapi.world().call(&id).unwrap());
    assert_eq!(
        (&row["status"], &row["type"], &row["ended_reason"]),
        (&call["status"], &call["type"], &call["endedReason"])
    );
    let said = warnings(&stage).await;
    assert!(
        said.contains("`status` has a value that is new") && said.contains("`type` has a value that is new"),
        "{said}"
    );
}

#[tokio::test]
async fn absurd_times_and_costs_leave_their_columns_empty_and_the_document_whole() {
    let (stage, id) = stage_with(Oddity::AbsurdDates).await;
    stage.sync().await;
    let dates = row(&stage, &id).await;
    assert_eq!(
        (&dates["started_at"], &dates["ended_at"], &dates["duration_seconds"]),
        (&Value::Null, &Value::Null, &Value::Null)
    );
    assert_ne!(dates["call_at"], Value::Null);

    let (stage, id) = stage_with(Oddity::NegativeDurations).await;
    stage.sync().await;
    assert_eq!(row(&stage, &id).await["duration_seconds"], Value::Null);

    let (stage, id) = stage_with(Oddity::OverflowingCost).await;
    stage.sync().await;
    let query =
        format!("select cost is null as empty, raw_json ->> 'cost' as told from vapi_calls_raw where id = '{id}'");
    let found = &stage.db.rows(&query).await[0];
    assert_eq!(found["empty"], json!(true));
    assert!(found["told"].as_str().unwrap().len() > 300, "{found}");
}

#[tokio::test]
async fn a_call_in_the_old_shape_has_its_transcript_and_recording() {
    let (stage, id) = stage_with(Oddity::OldShape).await;

    stage.sync().await;

    let row = row(&stage, &id).await;
    assert!(
        row["transcript"].is_string() && row["recording_url"].is_string(),
        "{row}"
    );
}

#[tokio::test]
async fn a_call_without_a_readable_creation_time_is_stored() {
    let (stage, id) = stage_with(Oddity::UnreadableDates).await;

    stage.sync().await;

    assert_eq!(row(&stage, &id).await["created_at"], Value::Null);
    assert!(warnings(&stage).await.contains("`createdAt` has an unexpected type"));
}

#[tokio::test]
async fn a_row_that_the_database_refuses_is_kept_aside_and_the_rest_of_its_batch_lands() {
    let stage = Stage::with_calls(300).await;
    let ids = stage.vapi.world().call_ids();
    let refusal = format!(
        "alter table vapi_calls_raw add constraint refused_by_test check (id not in ('{}', '{}'))",
        ids[7], ids[211]
    );
    stage.db.client().await.batch_execute(&refusal).await.unwrap();

    let report = stage.sync().await;

    assert_eq!(
        (
            report.status,
            report.counters.records_inserted,
            report.counters.records_failed
        ),
        (Status::Partial, 298, 2)
    );
    let rejects = stage
        .db
        .rows("select call_id, sqlstate, reason, resolved_at from vapi_call_rejects order by call_id")
        .await;
    assert_eq!(rejects.len(), 2);
    assert_eq!(rejects[0]["sqlstate"], json!("23514"));
    assert!(
        rejects[0]["reason"].as_str().unwrap().contains("refused_by_test"),
        "{rejects:?}"
    );

    stage
        .db
        .client()
        .await
        .batch_execute("alter table vapi_calls_raw drop constraint refused_by_test")
        .await
        .unwrap();
    let again = stage.try_sync(json!({"mode": "full"})).await.unwrap();

    assert_eq!((again.status, again.counters.records_inserted), (Status::Success, 2));
    assert_eq!(
        stage
            .db
            .rows("select from vapi_call_rejects where resolved_at is null")
            .await
            .len(),
        0
    );
    stage.assert_equal().await;
}

#[tokio::test]
async fn what_vapi_repeats_stands_once() {
    let stage = Stage::with_calls(200).await;

    stage.sync().await;

    let calls = stage.vapi.world().calls();
    let sent: usize = calls.iter().map(|call| call.to_string().len()).sum();
    let stored = &stage
        .db
        .rows("select sum(length(raw_json::text) + coalesce(length(transcript), 0))::int as size from vapi_calls_raw")
        .await[0];
    let stored = usize::try_from(stored["size"].as_u64().unwrap()).unwrap();
    assert!(stored * 10 < sent * 8, "{stored} of {sent} bytes");
    let twice = "select from vapi_calls_raw where raw_json ? 'messages' and raw_json -> 'artifact' ? 'messages'";
    assert_eq!(stage.db.rows(twice).await.len(), 0);
}
