//! What a sync brings in when nothing goes wrong.

use serde_json::json;
use shared::run::Status;
use tests::Stage;

#[tokio::test]
async fn a_first_sync_brings_in_every_call_field_by_field_and_every_assistant() {
    let stage = Stage::with_calls(926).await;

    let report = stage.sync().await;

    assert_eq!(report.status, Status::Success);
    assert_eq!(
        (report.counters.records_fetched, report.counters.records_inserted),
        (926, 926)
    );
    stage.assert_equal().await;
    assert_eq!(stage.db.count("vapi_assistants").await, 13);
    assert_eq!(stage.db.count("vapi_assistant_prompt_history").await, 13);
    assert_eq!(stage.db.count("sync_windows").await, 0);
}

#[tokio::test]
async fn a_second_sync_of_the_same_calls_writes_no_row() {
    let stage = Stage::with_calls(926).await;
    stage.sync().await;
    let written = "select max(synced_at) as at, sum(xmin::text::bigint) as versions from vapi_calls_raw";
    let before = stage.db.rows(written).await;

    let report = stage.sync().await;

    assert_eq!(
        (report.counters.records_inserted, report.counters.records_updated),
        (0, 0)
    );
    assert_eq!(report.metadata["assistants"]["updated"], json!(0));
    assert_eq!(stage.db.rows(written).await, before);
}
