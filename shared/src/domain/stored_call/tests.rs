//! Which of two versions counts, and what tells them apart.

use super::*;

fn at(seconds: i64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(seconds, 0)
}

#[test]
fn the_version_that_vapi_changed_later_counts_and_of_equals_the_one_read_later() {
    let counts = |ours, theirs| {
        let call = Call {
            updated_at: ours,
            ..Call::default()
        };
        call.counts_over(theirs)
    };

    assert!(counts(at(2), at(1)));
    assert!(counts(at(1), at(1)), "values settle late without a new updatedAt");
    assert!(!counts(at(1), at(2)));
    assert!(!counts(None, at(1)));
    assert!(counts(at(1), None));
    assert!(counts(None, None));
}

fn read(document: &Value) -> Call {
    match crate::domain::document::call(document.to_string().as_bytes()) {
        crate::domain::document::Reading::Usable(call, _) => *call,
        other => panic!("{other:?}"),
    }
}

/// The row that this call was written as, its document read back.
fn row(call: &Call) -> Stored {
    Stored {
        known: Known {
            updated_at: call.updated_at,
            document_hash: call.document_hash,
            source_hash: call.source_hash,
            content_shape: Some(call.content_shape),
        },
        content_kept_at: call.content_kept_at,
        document: Some((call.document.clone(), call.transcript.clone())),
    }
}

#[test]
fn another_way_to_write_that_nothing_is_there_changes_nothing_and_a_touch_changes_its_time_alone() {
    let first = read(&json!({"id": "c", "updatedAt": "2026-08-03T10:00:00Z", "costs": [], "squadId": null}));
    let now = at(9).unwrap();
    let hollow = json!({"id": "c", "updatedAt": "2026-08-03T10:00:00Z", "costs": null, "artifact": "", "analysis": []});

    let sent = read(&hollow);
    let change = row(&first).change(&sent, now).unwrap();
    assert_eq!(
        (&change.call.document_hash, change.keeps_content),
        (&first.document_hash, false)
    );
    assert!(row(&change.call).known.shows(&sent), "it is known again");

    let mut touched = hollow;
    touched["updatedAt"] = json!("2026-08-03T11:00:00Z");
    let touched = read(&touched);
    let change = row(&first).change(&touched, now).unwrap();
    let document: Value = serde_json::from_str(&change.call.document).unwrap();
    assert_eq!(
        document,
        json!({"id": "c", "updatedAt": "2026-08-03T11:00:00Z", "costs": [], "squadId": null})
    );
    assert_eq!(change.call.document_hash, first.document_hash);
    assert!(!change.keeps_content && change.call.content_kept_at.is_none());
    assert!(row(&change.call).known.shows(&touched));
}

#[test]
fn content_counts_as_kept_once_since_the_first_time_and_no_more_when_all_of_it_comes_again() {
    let full = read(&json!({"id": "c", "analysis": {"summary": "Short.", "a": 1}}));
    let less = read(&json!({"id": "c", "analysis": {"a": 1}}));
    let nothing = read(&json!({"id": "c"}));
    let change = row(&full).change(&less, at(1).unwrap()).unwrap();
    assert!(change.keeps_content);
    assert_eq!(change.call.document_hash, full.document_hash, "nothing in it is new");

    let again = row(&change.call).change(&nothing, at(2).unwrap());
    assert!(again.is_none(), "nothing is different");

    let whole = row(&change.call).change(&full, at(3).unwrap()).unwrap();
    assert_eq!((change.call.content_kept_at, whole.call.content_kept_at), (at(1), None));
    assert_eq!((whole.keeps_content, whole.call.source_hash), (false, None));
}

#[test]
fn two_versions_of_one_batch_are_one_call_that_is_known_again() {
    let full =
        read(&json!({"id": "c", "updatedAt": "2026-08-03T10:00:00Z", "cost": 1, "analysis": {"summary": "Short."}}));
    let later = read(&json!({"id": "c", "updatedAt": "2026-08-03T10:00:00Z", "cost": 2}));
    let older = read(&json!({"id": "c", "updatedAt": "2026-08-03T09:00:00Z", "cost": 3, "endedReason": "x"}));

    let both = later.clone().after(&full, at(1).unwrap());
    let all = older.after(&both, at(2).unwrap());

    assert_eq!((both.cost, both.content_kept_at), (later.cost, at(1)));
    assert_eq!(
        (all.cost, all.content_kept_at, all.ended_reason.as_deref()),
        (later.cost, at(1), Some("x"))
    );
    assert!(row(&both).known.shows(&later) && !row(&both).known.shows(&full));
    assert!(row(&both).known.shows(&both));
}
