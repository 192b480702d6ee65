//! The rows that tests look at, named as in the schema.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

/// A row of `runs`.
#[expect(
    missing_docs,
    reason = "the columns are explained where they are made, in migrations/"
)]
#[derive(Clone, Debug, Deserialize)]
pub struct Run {
    pub id: Uuid,
    pub script_name: String,
    pub status: String,
    pub triggered_by: String,
    pub batch_id: Uuid,
    pub started_at: DateTime<Utc>,
    pub deadline_at: DateTime<Utc>,
    pub finished_at: Option<DateTime<Utc>>,
    pub duration_ms: Option<i32>,
    pub records_fetched: i32,
    pub records_inserted: i32,
    pub records_updated: i32,
    pub records_failed: i32,
    pub calls_analyzed: i32,
    pub api_cost: Option<f64>,
    pub error_message: Option<String>,
    pub metadata: Value,
}

/// A row of `logs`.
#[expect(
    missing_docs,
    reason = "the columns are explained where they are made, in migrations/"
)]
#[derive(Clone, Debug, Deserialize)]
pub struct LogLine {
    pub id: Uuid,
    pub run_id: Uuid,
    pub timestamp: DateTime<Utc>,
    pub level: String,
    pub step: String,
    pub message: String,
    pub meta: Value,
}
