//! Which calls a filter lists, and how many of them.

use serde_json::json;
use tests::TestDb;

use super::{Call, IN_MARCH, call, put, score};

#[tokio::test]
async fn the_quality_of_a_scored_call_goes_by_its_length_and_its_score() {
    let db = TestDb::new().await;
    let client = db.client().await;
    for (id, seconds, total, quality) in [
        ("a", Some(61), 71, "excellent"),
        ("b", Some(61), 70, "good"),
        ("c", Some(60), 71, "good"),
        ("d", Some(31), 51, "good"),
        ("e", Some(31), 50, "average"),
        ("f", Some(30), 90, "average"),
        ("g", Some(16), 0, "average"),
        ("h", Some(15), 90, "poor"),
        ("i", None, 90, "poor"),
    ] {
        put(&client, Call { seconds, ..call(id) }).await;
        score(&client, id, total).await;

        let row = db
            .rows(&format!(
                "select quality from get_calls_list({IN_MARCH}) where id = '{id}'"
            ))
            .await;

        assert_eq!(
            row,
            [json!({"quality": quality})],
            "{id}: {seconds:?} seconds and {total}"
        );
    }
}

#[tokio::test]
async fn each_filter_lists_what_it_says_and_an_unknown_one_lists_all() {
    let db = TestDb::new().await;
    let client = db.client().await;
    put(
        &client,
        Call {
            transcript: Some("AI: Hi"),
            ..call("a")
        },
    )
    .await;
    put(
        &client,
        Call {
            transcript: Some(""),
            seconds: Some(30),
            ..call("b")
        },
    )
    .await;
    put(
        &client,
        Call {
            seconds: Some(31),
            ..call("c")
        },
    )
    .await;
    put(
        &client,
        Call {
            seconds: Some(60),
            ..call("d")
        },
    )
    .await;
    put(
        &client,
        Call {
            seconds: Some(61),
            ..call("e")
        },
    )
    .await;
    put(
        &client,
        Call {
            seconds: Some(61),
            ..call("f")
        },
    )
    .await;
    for (id, total) in [("d", 90), ("e", 70), ("f", 71)] {
        score(&client, id, total).await;
    }
    client
        .batch_execute(
            "insert into qci_analyses (call_id, framework_id, status, skip_reason, call_hash, analyzed_at)
             select 'b', id, 'skipped', 'too_short', '', now() from analysis_frameworks where is_active",
        )
        .await
        .unwrap();

    for (filter, expected) in [
        ("'all'", "fedcba"),
        ("null", "fedcba"),
        ("''", "fedcba"),
        ("'of-their-own'", "fedcba"),
        ("'quality'", "fedc"),
        ("'excellent'", "f"),
        ("'with_qci'", "fed"),
        ("'with_transcript'", "a"),
    ] {
        let listed = db
            .rows(&format!(
                "select id from get_calls_list({IN_MARCH}, p_quality_filter => {filter})"
            ))
            .await;

        let ids: String = listed.iter().map(|row| row["id"].as_str().unwrap()).collect();
        assert_eq!(ids, expected, "{filter}");
    }
}

#[tokio::test]
async fn limits_and_offsets_of_any_size_are_survived() {
    let db = TestDb::new().await;
    let client = db.client().await;
    for id in ["a", "b", "c"] {
        put(&client, call(id)).await;
    }

    for (limit, offset, expected) in [
        ("2", "0", 2),
        ("2", "2", 1),
        ("null", "null", 3),
        ("0", "0", 0),
        ("-1", "-1", 0),
        ("2147483647", "-2147483648", 3),
        ("100", "2147483647", 0),
    ] {
        for filter in ["all", "with_qci"] {
            let query = format!(
                "select id from get_calls_list({IN_MARCH}, p_quality_filter => '{filter}', p_limit => {limit}, p_offset => {offset})"
            );

            let listed = db.rows(&query).await.len();

            assert_eq!(listed, if filter == "all" { expected } else { 0 }, "{query}");
        }
    }
}
