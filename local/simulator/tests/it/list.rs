//! What lists hold.

use std::{collections::BTreeSet, time::Duration};

use chrono::TimeDelta;
use serde_json::{Value, json};
use simulator::vapi::{Order, Refusal, Retention, Settings, Unknown};

use crate::client::{get, now, serve, serve_as};

/// Walks as a careful client does: bounded by the oldest instant seen, inclusive, until nothing is new.
async fn walk(server: &simulator::vapi::Server, limit: usize) -> Vec<String> {
    let (mut seen, mut bound) = (Vec::new(), String::new());
    loop {
        let rows = get(server, &format!("/call?limit={limit}{bound}")).await.rows();
        let fresh: Vec<String> = rows
            .iter()
            .map(|row| row["id"].as_str().unwrap().to_owned())
            .filter(|id| !seen.contains(id))
            .collect();
        if fresh.is_empty() {
            return seen;
        }
        seen.extend(fresh);
        bound = format!("&createdAtLe={}", rows.last().unwrap()["createdAt"].as_str().unwrap());
    }
}

#[tokio::test]
async fn a_list_is_a_bare_array_of_a_hundred_newest_first() {
    let server = serve(150).await;

    let rows = get(&server, "/call").await.rows();

    let created: Vec<&str> = rows.iter().map(|row| row["createdAt"].as_str().unwrap()).collect();
    assert_eq!(rows.len(), 100);
    assert!(created.is_sorted_by(|newer, older| newer >= older));
    assert_eq!(rows[0]["id"], server.world().calls()[0]["id"]);
}

#[tokio::test]
async fn an_inclusive_walk_finds_every_call_once() {
    let server = serve(330).await;

    let walked = walk(&server, 50).await;

    assert_eq!(walked, server.world().call_ids());
}

#[tokio::test]
async fn the_limit_is_obeyed_up_to_a_thousand_and_capped_below_it() {
    let server = serve_as(
        150,
        Settings {
            page_cap: 70,
            ..Settings::default()
        },
    )
    .await;

    assert_eq!(get(&server, "/call?limit=3").await.rows().len(), 3);
    assert_eq!(get(&server, "/call?limit=0").await.rows().len(), 0);
    assert_eq!(get(&server, "/call?limit=1000").await.rows().len(), 70);
    assert_eq!(get(&server, "/call").await.rows().len(), 70);
    for (limit, message) in [
        ("1001", "limit must not be greater than 1000"),
        ("-1", "limit must not be less than 0"),
        ("many", "limit must be a number conforming to the specified constraints"),
    ] {
        let reply = get(&server, &format!("/call?limit={limit}")).await;
        assert_eq!(reply.status, 400);
        assert_eq!(
            reply.json(),
            json!({"message": [message], "error": "Bad Request", "statusCode": 400})
        );
    }
}

#[tokio::test]
async fn all_eight_date_filters_hold_together() {
    let server = serve(200).await;
    let calls = server.world().calls();
    let (newer, older) = (
        calls[40]["createdAt"].as_str().unwrap(),
        calls[120]["createdAt"].as_str().unwrap(),
    );
    let updated = calls[80]["updatedAt"].as_str().unwrap();
    let expect = |keep: &dyn Fn(&str, &str) -> bool| -> Vec<String> {
        let text = |call: &Value, key: &str| call[key].as_str().unwrap().to_owned();
        let kept = calls
            .iter()
            .filter(|call| keep(&text(call, "createdAt"), &text(call, "updatedAt")));
        kept.map(|call| text(call, "id")).collect()
    };
    let ask = async |query: String| get(&server, &format!("/call?limit=1000&{query}")).await.ids();

    assert_eq!(
        ask(format!("createdAtLt={newer}&createdAtGt={older}")).await,
        expect(&|c, _| c < newer && c > older)
    );
    assert_eq!(
        ask(format!("createdAtLe={newer}&createdAtGe={older}")).await,
        expect(&|c, _| c <= newer && c >= older)
    );
    assert_eq!(
        ask(format!("updatedAtGe={updated}")).await,
        expect(&|_, u| u >= updated)
    );
    assert_eq!(ask(format!("updatedAtGt={updated}")).await, expect(&|_, u| u > updated));
    assert_eq!(
        ask(format!("updatedAtLe={updated}&createdAtGe={older}")).await,
        expect(&|c, u| u <= updated && c >= older)
    );
    assert_eq!(ask(format!("updatedAtLt={updated}")).await, expect(&|_, u| u < updated));
}

#[tokio::test]
async fn calls_are_found_by_id_by_assistant_and_by_number() {
    let server = serve(200).await;
    let calls = server.world().calls();
    for key in ["id", "assistantId", "phoneNumberId"] {
        let wanted = calls.iter().find_map(|call| call[key].as_str()).unwrap();

        let found = get(&server, &format!("/call?limit=1000&{key}={wanted}")).await.rows();

        assert_eq!(found.len(), calls.iter().filter(|call| call[key] == wanted).count());
        assert!(found.iter().all(|call| call[key] == wanted));
    }
}

#[tokio::test]
async fn a_date_that_is_none_is_refused_by_name() {
    let server = serve(1).await;

    let plus = get(&server, "/call?createdAtLe=2026-09-01T00:00:00+00:00").await;
    let encoded = get(&server, "/call?createdAtLe=2026-09-01T00:00:00%2B00:00").await;
    let two = get(&server, "/assistant?updatedAtGe=yesterday&createdAtGt=").await;

    assert_eq!(plus.status, 400);
    assert_eq!(
        plus.json()["message"],
        json!(["createdAtLe must be a valid ISO 8601 date string"])
    );
    assert_eq!(encoded.status, 200);
    assert_eq!(two.json()["message"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn an_unknown_parameter_is_ignored_unless_it_is_to_be_refused() {
    let lenient = serve(10).await;
    let strict = serve_as(
        10,
        Settings {
            unknown_parameters: Unknown::Refused,
            ..Settings::default()
        },
    )
    .await;

    assert_eq!(get(&lenient, "/call?createdAtGte=nonsense").await.rows().len(), 10);
    assert_eq!(get(&strict, "/call?createdAtGte=nonsense").await.status, 400);
}

#[tokio::test]
async fn assistants_are_listed_like_calls() {
    let server = serve(1).await;

    let all = get(&server, "/assistant?limit=1000").await.rows();
    let oldest = all.last().unwrap()["createdAt"].as_str().unwrap().to_owned();
    let one = get(&server, &format!("/assistant?createdAtLe={oldest}")).await.rows();

    assert_eq!(all.len(), 13);
    assert_eq!(
        all.iter().filter(|assistant| assistant.get("name").is_none()).count(),
        1
    );
    assert_eq!(one.len(), 1);
}

#[tokio::test]
async fn a_thousand_calls_of_one_millisecond_cannot_be_paged_but_can_be_asked_for_at_once() {
    let server = serve(0).await;
    let instant = now() - TimeDelta::hours(5);
    let planted = server.world().plant_same_instant(1000, instant);

    let walked = walk(&server, 100).await;
    let whole = get(&server, "/call?limit=1000").await.ids();

    assert_eq!(walked.len(), 100);
    assert_eq!(
        whole.into_iter().collect::<BTreeSet<_>>(),
        planted.into_iter().collect()
    );
}

#[tokio::test]
async fn a_tie_can_lie_across_the_edge_of_a_page() {
    let server = serve(400).await;
    let tied = server.world().plant_across_page_edge(60, 100);

    let first = get(&server, "/call?limit=100").await.ids();
    let on_first = tied.iter().filter(|id| first.contains(id)).count();

    assert!((20..40).contains(&on_first), "{on_first}");
    assert_eq!(walk(&server, 100).await, server.world().call_ids());
}

#[tokio::test]
async fn hidden_microseconds_make_an_inclusive_bound_exclusive() {
    let plain = serve(60).await;
    let hidden = serve_as(
        60,
        Settings {
            sub_millisecond: true,
            ..Settings::default()
        },
    )
    .await;
    let call = plain.world().calls()[30].clone();
    let bound = format!("/call?limit=1000&createdAtLe={}", call["createdAt"].as_str().unwrap());
    let id = call["id"].as_str().unwrap().to_owned();

    assert!(get(&plain, &bound).await.ids().contains(&id));
    assert!(!get(&hidden, &bound).await.ids().contains(&id));
    assert_eq!(
        get(&hidden, "/call?limit=1000").await.rows(),
        get(&plain, "/call?limit=1000").await.rows()
    );
}

#[tokio::test]
async fn retention_hides_old_calls_or_refuses_to_be_asked_for_them() {
    let of = |refusal| Settings {
        retention: Some(Retention {
            period: Duration::from_hours(7 * 24),
            refusal,
        }),
        ..Settings::default()
    };
    let refusing = serve_as(100, of(Refusal::BadRequest400)).await;
    let empty = serve_as(100, of(Refusal::EmptyList)).await;
    let calls = refusing.world().calls();
    let old = calls.last().unwrap();
    let bound = format!("/call?createdAtLe={}", old["createdAt"].as_str().unwrap());
    let single = format!("/call/{}", old["id"].as_str().unwrap());

    let refused = get(&refusing, &bound).await;

    assert_eq!(refused.status, 400);
    assert_eq!(
        refused.json()["message"],
        "Retention window exceeded: the oldest data your plan serves is from 2026-09-07T09:00:00.000Z"
    );
    assert_eq!(get(&refusing, &single).await.status, 400);
    assert_eq!(get(&empty, &bound).await.rows(), Vec::<Value>::new());
    assert_eq!(get(&empty, &single).await.status, 404);
    for server in [&refusing, &empty] {
        let rows = get(server, "/call?limit=1000").await.rows();
        assert!(!rows.is_empty());
        assert!(
            rows.iter()
                .all(|row| row["createdAt"].as_str().unwrap() >= "2026-09-07T09:00:00.000Z")
        );
    }
}

#[tokio::test]
async fn the_order_under_updated_filters_can_be_another() {
    let query = "/call?limit=1000&updatedAtGe=2020-01-01T00:00:00.000Z";
    let by = async |order| {
        let server = serve_as(
            120,
            Settings {
                order,
                ..Settings::default()
            },
        )
        .await;
        (
            get(&server, query).await.rows(),
            get(&server, "/call?limit=1000").await.rows(),
        )
    };

    let (created, plain) = by(Order::CreatedDescending).await;
    let (updated, _) = by(Order::UpdatedDescending).await;
    let (unsorted, still_plain) = by(Order::Unsorted).await;

    assert_eq!(created, plain);
    assert!(updated.is_sorted_by(|a, b| a["updatedAt"].as_str() >= b["updatedAt"].as_str()));
    assert!(!unsorted.is_sorted_by(|a, b| a["createdAt"].as_str() >= b["createdAt"].as_str()));
    assert_eq!(unsorted.len(), 120);
    assert_eq!(still_plain, plain);
}

#[tokio::test]
async fn a_compressed_page_is_the_same_page() {
    let server = serve_as(
        60,
        Settings {
            gzip: true,
            ..Settings::default()
        },
    )
    .await;
    let headers = "Authorization: Bearer any\r\nAccept-Encoding: gzip, br\r\n";

    let plain = get(&server, "/call").await;
    let zipped = crate::client::send(&server, "GET", "/call", headers).await;
    let again = crate::client::send(&server, "GET", "/call", headers).await;

    assert_eq!(zipped.header("content-encoding"), Some("gzip"));
    assert_eq!(zipped.unzipped(), plain.body);
    assert_eq!(again.body, zipped.body);
    assert!(zipped.body.len() * 3 < plain.body.len());
}
