//! The last look: each call is read once more shortly before Vapi forgets it, one day's stretch a day.
//!
//! A call that its last look was not shown as a whole (absent, not known by its id, or emptier than what is stored) is
//! looked at again with the next day's stretch, while Vapi may still serve it.

use chrono::{DateTime, TimeDelta, Utc};
use shared::platform::db::{DbError, Executor};
use shared::store::call;
use shared::store::sync_state::{Pass, State, Window};

/// How long before the end of retention a call is read once more.
const BEFORE_THE_END: TimeDelta = TimeDelta::days(2);
/// The stretch of creation time that is worth a walk: a day's, less what a schedule may come early one day and late the
/// day before. A whole day would skip a run of those every six hours now and then.
const STRETCH: TimeDelta = TimeDelta::hours(23);

/// Up to which creation time calls are old enough for their last look.
pub(crate) fn reach(retention: TimeDelta, now: DateTime<Utc>) -> DateTime<Utc> {
    now - retention + before_the_end(retention)
}

/// The stretch that is due; nothing where most of a day of it has been looked at.
pub(crate) fn due(
    looked_to: Option<DateTime<Utc>>,
    retention: TimeDelta,
    now: DateTime<Utc>,
) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
    let oldest = now - retention;
    let (from, to) = (
        looked_to.map_or(oldest, |looked_to| looked_to.max(oldest)),
        reach(retention, now),
    );
    // Half of the margin at least is left when a stretch is read, however short the retention is.
    (to - from >= STRETCH.min(before_the_end(retention) / 2)).then_some((from, to))
}

/// Extends the last look of a plan to the oldest call that the one before was not shown as a whole. It then holds two
/// days' stretches at most, and a call is looked at twice at most.
pub(crate) async fn look_again(
    db: &impl Executor,
    organisation: Option<&str>,
    opened: &mut [Window],
    state: &State,
    oldest: DateTime<Utc>,
) -> Result<(), DbError> {
    let (Some(window), Some(looked_to)) = (
        opened.iter_mut().find(|window| window.pass == Pass::LastLook),
        state.last_looked_to,
    ) else {
        return Ok(());
    };
    if let Some(unseen) = call::oldest_not_shown(db, organisation, (oldest, looked_to)).await? {
        window.created_from = window.created_from.min(Some(unseen));
    }
    Ok(())
}

fn before_the_end(retention: TimeDelta) -> TimeDelta {
    BEFORE_THE_END.min(retention / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hours: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::days(20_000) + TimeDelta::hours(hours)
    }

    #[test]
    fn every_call_is_looked_at_once_a_day_at_least_before_it_is_forgotten() {
        for days in [1, 2, 3, 14, 30] {
            let retention = TimeDelta::days(days);
            let (mut looked_to, mut looks, mut least_left) = (Some(at(0) - retention), 0, retention);
            for hour in (0..24 * 30).step_by(6) {
                let Some((from, to)) = due(looked_to, retention, at(hour)) else {
                    continue;
                };
                assert_eq!(
                    Some(from),
                    looked_to.map(|looked_to| looked_to.max(at(hour) - retention))
                );
                least_left = least_left.min(from + retention - at(hour));
                (looked_to, looks) = (Some(to), looks + 1);
            }

            assert!(
                looks <= 30 * 24 / 6 && (days < 4 || looks <= 31),
                "{days} days: {looks}"
            );
            assert!(days < 2 || least_left >= TimeDelta::zero(), "{days} days: {least_left}");
        }
    }

    #[test]
    fn after_a_pause_the_stretch_is_longer_and_never_older_than_what_is_served() {
        let retention = TimeDelta::days(14);

        assert_eq!(due(Some(at(0)), retention, at(24 * 12 + 22)), None);
        assert_eq!(due(Some(at(0)), retention, at(24 * 13)), Some((at(0), at(24))));
        assert_eq!(due(Some(at(0)), retention, at(24 * 15)), Some((at(24), at(24 * 3))));
        assert_eq!(due(None, retention, at(24 * 14)), Some((at(0), at(48))));
    }
}
