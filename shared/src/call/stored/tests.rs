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

#[test]
fn what_is_mixed_with_a_hash_cannot_be_read_with_another() {
    let (first, second) = ([7; 16], [9; 16]);
    let hash: DocumentHash = [1; 16];

    assert_eq!(mixed(mixed(hash, first), first), hash);
    assert_ne!(mixed(mixed(hash, first), second), hash);
    assert_ne!(half(first), half(second));
}
