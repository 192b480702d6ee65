//! The list as a file.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use tests::{TestDb, Visitor, now};

use super::scene::{id, run, store};

fn many() -> Vec<Value> {
    (0..700)
        .map(|index: usize| {
            run(json!({
                "started_at": now() - TimeDelta::minutes(i64::try_from(index).unwrap() + 1),
                "status": if index.is_multiple_of(4) { "error" } else { "success" },
                "error_message": index.is_multiple_of(4).then(|| format!("line \"one\", of {index}\nline two;\tÄ \u{1f4a5}")),
                "api_cost": if index.is_multiple_of(5) { Value::Null } else { json!(0.25) },
                "metadata": {"mode": "auto"},
            }))
        })
        .collect()
}

#[tokio::test]
async fn a_csv_file_has_every_run_that_matches_field_by_field() {
    let db = TestDb::new().await;
    let runs = many();
    store(&db, &runs).await;
    let mut visitor = Visitor::signed_in(&db, "UTC").await;

    let answer = visitor.get("/admin/execution-logs.csv?status=error&before=7.x").await;

    let today = now().date_naive();
    let name = format!(
        "attachment; filename=\"callmark-runs-{}-to-{today}.csv\"",
        today - TimeDelta::days(29)
    );
    assert_eq!(answer.headers["content-disposition"], name);
    assert!(
        answer.headers["content-type"]
            .to_str()
            .unwrap()
            .starts_with("text/csv; charset=utf-8")
    );
    let mut reader = csv::Reader::from_reader(answer.body.as_bytes());
    let columns: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
    let records: Vec<csv::StringRecord> = reader.into_records().map(Result::unwrap).collect();
    let expected: Vec<&Value> = runs.iter().filter(|run| run["status"] == "error").collect();
    assert_eq!((records.len(), columns.len()), (175, 17));
    for (record, run) in records.iter().zip(expected) {
        for (column, cell) in columns.iter().zip(record) {
            match (column.as_str(), &run[column]) {
                ("duration_ms", _) => assert_eq!(cell, "10000"),
                ("api_cost", cost) => assert_eq!(cell.parse().ok(), cost.as_f64()),
                ("started_at" | "finished_at" | "deadline_at", at) => {
                    assert!(cell.ends_with('Z'), "{cell}");
                    let exact: DateTime<Utc> = at.as_str().unwrap().parse().unwrap();
                    assert_eq!(cell.parse::<DateTime<Utc>>().unwrap(), exact);
                }
                (_, Value::Null) => assert_eq!(cell, "", "{column}"),
                (_, Value::String(text)) => assert_eq!(cell, text, "{column}"),
                (_, other) => assert_eq!(cell, other.to_string(), "{column}"),
            }
        }
    }
}

#[tokio::test]
async fn an_ndjson_file_has_every_run_that_matches() {
    let db = TestDb::new().await;
    let runs = many();
    store(&db, &runs).await;
    let mut visitor = Visitor::signed_in(&db, "UTC").await;

    let answer = visitor.get("/admin/execution-logs.ndjson?status=success").await;

    let rows: Vec<Value> = answer
        .body
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let expected: Vec<&str> = runs.iter().filter(|run| run["status"] == "success").map(id).collect();
    assert_eq!(rows.iter().map(id).collect::<Vec<_>>(), expected);
    assert_eq!(rows[0]["metadata"], json!({"mode": "auto"}));
    assert_eq!(rows[0]["duration_ms"], 10_000);
}

#[tokio::test]
async fn cells_that_a_spreadsheet_would_run_are_text() {
    let db = TestDb::new().await;
    let texts = ["=1+1", "+1", "-1+cmd|' /C calc'!A0", "@x", "\t=1", "\r=1", "plain = 1"];
    let runs: Vec<Value> = texts
        .iter()
        .map(|text| run(json!({"triggered_by": text, "started_at": now()})))
        .collect();
    store(&db, &runs).await;

    let csv = Visitor::signed_in(&db, "UTC")
        .await
        .page("/admin/execution-logs.csv")
        .await;

    let records = csv::Reader::from_reader(csv.as_bytes())
        .into_records()
        .map(Result::unwrap);
    let mut found: Vec<String> = records.map(|record| record[3].to_owned()).collect();
    let mut expected: Vec<String> = texts[..6].iter().map(|text| format!("'{text}")).collect();
    expected.push("plain = 1".to_owned());
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn a_file_gives_its_connection_back() {
    let db = TestDb::new().await;
    store(&db, &many()).await;
    let mut visitor = Visitor::signed_in(&db, "UTC").await;

    for _ in 0..12 {
        visitor.page("/admin/execution-logs.ndjson").await;
    }

    assert_eq!(visitor.get("/healthz").await.status.as_u16(), 200);
}

#[tokio::test]
async fn a_file_without_rows_has_its_header() {
    let db = TestDb::new().await;

    let csv = Visitor::signed_in(&db, "UTC")
        .await
        .page("/admin/execution-logs.csv")
        .await;

    assert!(csv.starts_with("id,script_name,status,"), "{csv}");
    assert_eq!(csv.lines().count(), 1);
}
