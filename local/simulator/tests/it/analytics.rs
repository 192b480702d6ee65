//! `POST /analytics`: counts and sums by steps of time and groups, and what is refused.

use serde_json::{Value, json};
use simulator::vapi::{Counting, Kind};

use crate::client::{get, now, post, serve};

fn by_day(zone: &str) -> Value {
    json!({"queries": [{
        "name": "calls",
        "table": "call",
        "timeRange": {"step": "day", "start": now() - chrono::TimeDelta::days(14), "end": now(), "timezone": zone},
        "operations": [
            {"operation": "count", "column": "id", "alias": "calls"},
            {"operation": "sum", "column": "cost"},
        ],
    }]})
}

fn total(answer: &Value) -> i64 {
    let rows = answer[0]["result"].as_array().expect("rows");
    rows.iter()
        .map(|row| {
            row["calls"]
                .as_str()
                .expect("a count")
                .parse::<i64>()
                .expect("a number")
        })
        .sum()
}

#[tokio::test]
async fn calls_are_counted_by_the_days_of_a_time_zone() {
    let server = serve(300).await;
    let calls = server.world().calls();
    let first = calls[0]["createdAt"].as_str().expect("an instant")[..10].to_owned();

    let utc = post(&server, "/analytics", &by_day("UTC")).await;
    let auckland = post(&server, "/analytics", &by_day("Pacific/Auckland")).await;

    assert_eq!(utc.status, 200);
    let (utc, auckland) = (utc.json(), auckland.json());
    assert_eq!((total(&utc), total(&auckland)), (300, 300));
    assert_eq!(
        (&utc[0]["name"], &utc[0]["timeRange"]["timezone"]),
        (&json!("calls"), &json!("UTC"))
    );
    let day = calls
        .iter()
        .filter(|call| call["createdAt"].as_str().expect("an instant").starts_with(&first));
    let rows = utc[0]["result"].as_array().expect("rows");
    let row = rows.iter().find(|row| row["date"] == first.as_str()).expect("the day");
    assert_eq!(row["calls"], json!(day.count().to_string()));
    assert!(row["sumCost"].is_f64(), "{row}");
    assert_ne!(utc[0]["result"], auckland[0]["result"]);
    assert!(server.requests().iter().all(|request| request.kind == Kind::Analytics));
}

#[tokio::test]
async fn groups_and_other_operations_are_answered() {
    let server = serve(200).await;
    let question = json!({"queries": [{
        "name": "types",
        "table": "call",
        "groupBy": ["type"],
        "timeRange": {"start": now() - chrono::TimeDelta::days(14)},
        "operations": [
            {"operation": "count", "column": "id", "alias": "calls"},
            {"operation": "max", "column": "cost"},
            {"operation": "avg", "column": "costBreakdown.llm"},
        ],
    }]});

    let answer = post(&server, "/analytics", &question).await.json();

    assert_eq!(total(&answer), 200);
    for row in answer[0]["result"].as_array().expect("rows") {
        assert!(row["type"].is_string() && row["maxCost"].is_number(), "{row}");
    }
}

#[tokio::test]
async fn what_is_not_as_described_is_refused() {
    let server = serve(10).await;
    let query = |change: &dyn Fn(&mut Value)| {
        let mut body = by_day("UTC");
        change(&mut body["queries"][0]);
        body
    };
    let malformed = [
        json!({}),
        json!({"queries": [{}]}),
        json!({"queries": [], "more": 1}),
        query(&|query| query["table"] = json!("calls")),
        query(&|query| query["name"] = json!("x".repeat(41))),
        query(&|query| query["operations"][0]["column"] = json!("price")),
        query(&|query| query["operations"][0]["operation"] = json!("median")),
        query(&|query| query["timeRange"]["step"] = json!("fortnight")),
        query(&|query| query["timeRange"]["start"] = json!("yesterday")),
        query(&|query| query["timeRange"]["timezone"] = json!("Mars/Olympus")),
        query(&|query| query["groupBy"] = json!(["customer"])),
    ];

    for body in &malformed {
        let reply = post(&server, "/analytics", body).await;

        assert_eq!(reply.status, 400, "{body}");
        assert_eq!(reply.json()["statusCode"], json!(400));
    }
    assert_eq!(get(&server, "/analytics").await.status, 404);
}

#[tokio::test]
async fn it_refuses_and_lies_where_it_is_told_to() {
    let server = serve(50).await;
    server.world().set_counting(Counting::Refused(403));
    assert_eq!(post(&server, "/analytics", &by_day("UTC")).await.status, 403);
    server.world().set_counting(Counting::Off(5));

    let answer = post(&server, "/analytics", &by_day("UTC")).await.json();

    let days = i64::try_from(answer[0]["result"].as_array().expect("rows").len()).expect("days");
    assert_eq!(total(&answer), 50 + 5 * days);
}
