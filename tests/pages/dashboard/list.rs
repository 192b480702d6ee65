//! The list of calls by places, and as a stream.

use chrono::TimeDelta;
use futures::TryStreamExt as _;
use shared::store::dashboard::{self, Listed, Place, Quality, Scope};
use tests::TestDb;

use super::{Call, call, march, noon, put, score};

fn ids(listed: &[Listed]) -> String {
    listed.iter().map(|call| call.id.as_str()).collect()
}

#[tokio::test]
async fn pages_meet_without_a_gap_or_a_repeat_although_calls_share_an_instant() {
    let db = TestDb::new().await;
    let client = db.client().await;
    for id in ["a", "b", "c", "d", "e", "f", "g"] {
        put(&client, call(id)).await;
    }
    let page = async |place| {
        dashboard::list(&db.connect().await, &march(), Quality::All, place, 3)
            .await
            .unwrap()
    };

    let first = page(Place::Newest).await;
    let second = page(Place::Before(first[2].call_at, &first[2].id)).await;
    let third = page(Place::Before(second[2].call_at, &second[2].id)).await;
    let back = page(Place::After(third[0].call_at, &third[0].id)).await;

    assert_eq!(
        (ids(&first), ids(&second), ids(&third)),
        ("gfe".into(), "dcb".into(), "a".into())
    );
    assert_eq!(back, second);
}

#[tokio::test]
async fn a_scope_ends_before_its_end_and_knows_its_assistant() {
    let db = TestDb::new().await;
    let client = db.client().await;
    let scope = Scope {
        assistant_id: Some("desk"),
        from: noon(2),
        to: noon(3),
    };
    for (id, at, assistant) in [
        ("a", noon(2) - TimeDelta::microseconds(1), "desk"),
        ("b", noon(2), "desk"),
        ("c", noon(2), "elsewhere"),
        ("d", noon(3) - TimeDelta::microseconds(1), "desk"),
        ("e", noon(3), "desk"),
    ] {
        put(
            &client,
            Call {
                created_at: Some(at),
                assistant: Some(assistant),
                ..call(id)
            },
        )
        .await;
        score(&client, id, 80).await;
    }

    for quality in [Quality::All, Quality::WithQci] {
        let listed = dashboard::list(&db.connect().await, &scope, quality, Place::Newest, 10)
            .await
            .unwrap();
        let beyond = dashboard::list(&db.connect().await, &scope, quality, Place::Before(noon(9), "z"), 10)
            .await
            .unwrap();
        let rising = dashboard::list(&db.connect().await, &scope, quality, Place::After(noon(1), ""), 10)
            .await
            .unwrap();

        assert_eq!(
            [ids(&listed), ids(&beyond), ids(&rising)],
            ["db", "db", "db"],
            "{quality}"
        );
    }
    let metrics = dashboard::metrics(&db.connect().await, &scope).await.unwrap();
    let days = dashboard::timeline(&db.connect().await, &scope, "day", "UTC")
        .await
        .unwrap();
    assert_eq!((metrics.total_calls, metrics.analyzed_calls), (2, 2));
    assert_eq!(
        days.iter()
            .map(|day| (day.total_calls, day.analyzed_calls))
            .collect::<Vec<_>>(),
        [(1, 1), (1, 1)]
    );
}

#[tokio::test]
async fn a_stream_has_all_that_the_pages_have() {
    let db = TestDb::new().await;
    let client = db.client().await;
    for (id, seconds) in [("a", 61), ("b", 20), ("c", 61), ("d", 40)] {
        put(
            &client,
            Call {
                seconds: Some(seconds),
                transcript: Some("AI: Hi"),
                ..call(id)
            },
        )
        .await;
    }
    score(&client, "c", 80).await;
    score(&client, "b", 30).await;

    for quality in Quality::ALL {
        let paged = dashboard::list(&db.connect().await, &march(), quality, Place::Newest, 10)
            .await
            .unwrap();
        let connection = db.connect().await;
        let stream = dashboard::stream(&connection, &march(), quality).await.unwrap();
        let streamed: Vec<Listed> = stream.try_collect().await.unwrap();

        assert_eq!(streamed, paged, "{quality}");
        assert!(!paged.is_empty(), "{quality}");
    }
}

#[test]
fn the_name_of_a_filter_leads_back_to_it() {
    for quality in Quality::ALL {
        assert_eq!(Quality::parse(quality.as_str()), Some(quality));
    }
    assert_eq!(Quality::parse("anything"), None);
}
