//! What to tell of a subject: transitions, not states.

use chrono::{DateTime, TimeDelta, Utc};
use shared::store::incident::{Incident, Kind};

/// What lasts is told again after this long.
pub const REMIND_AFTER: TimeDelta = TimeDelta::hours(24);
/// Of what is failing and told already, another error is told no sooner than this.
pub const COOLDOWN: TimeDelta = TimeDelta::hours(1);
/// Messages on one subject within [`COOLDOWN`] at most: what fails and recovers all the time is told at its hourly look.
pub const FLAPPING: i64 = 6;
/// What has no end of its own is over when it was not seen for this long.
pub const EXPIRY: TimeDelta = TimeDelta::hours(24);

/// What somebody is to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Telling {
    /// What is new about it.
    pub(crate) occasion: Occasion,
    /// What began first.
    pub(crate) first: Incident,
    /// What is told with it.
    pub(crate) others: Vec<Incident>,
}

/// What is new about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Occasion {
    /// Something went wrong.
    Failure,
    /// It still is, and has been told.
    Reminder,
    /// It is over.
    Recovery,
}

impl Occasion {
    /// As `notifications` has it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Failure => "failure",
            Self::Reminder => "reminder",
            Self::Recovery => "recovery",
        }
    }
}

impl Telling {
    /// Nothing is told of nothing.
    fn of(occasion: Occasion, incidents: impl IntoIterator<Item = Incident>) -> Option<Self> {
        let mut incidents = incidents.into_iter();
        Some(Self {
            occasion,
            first: incidents.next()?,
            others: incidents.collect(),
        })
    }

    /// All that it is about.
    pub(crate) fn incidents(&self) -> impl Iterator<Item = &Incident> {
        std::iter::once(&self.first).chain(&self.others)
    }
}

/// The next message on a subject: of its open incidents, of those that ended untold, after `messages` within the
/// last [`COOLDOWN`].
pub(crate) fn next(open: &[Incident], ended: &[Incident], messages: i64, now: DateTime<Utc>) -> Option<Telling> {
    if messages >= FLAPPING {
        return None;
    }
    let is_free = |incident: &&Incident| incident.held_until.is_none_or(|until| until <= now);
    let recovery = Telling::of(Occasion::Recovery, ended.iter().filter(is_free).cloned());
    if recovery.is_some() {
        return recovery;
    }
    let is_cooling = |incident: &Incident| incident.told_at.is_some_and(|told| now - told < COOLDOWN);
    if open.iter().any(is_cooling) {
        return None;
    }
    let is_untold = |incident: &&Incident| incident.told_at.is_none() && !is_echo(incident, open);
    let is_due = |incident: &&Incident| incident.told_at.is_some_and(|told| now - told >= REMIND_AFTER);
    let free = || open.iter().filter(is_free);
    Telling::of(Occasion::Failure, free().find(is_untold).cloned())
        .or_else(|| Telling::of(Occasion::Reminder, free().filter(is_due).cloned()))
}

/// Whether it says only that what is failing already is failing.
fn is_echo(incident: &Incident, open: &[Incident]) -> bool {
    let cause: &[Kind] = match incident.kind {
        Kind::Errors | Kind::Undelivered => &[
            Kind::RunFailed,
            Kind::RunIncomplete,
            Kind::Missed,
            Kind::Late,
            Kind::TooLong,
        ],
        Kind::Alarm => &[Kind::Missed, Kind::Late, Kind::LowHeadroom],
        _ => return false,
    };
    open.iter().any(|other| cause.contains(&other.kind))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn hours(hours: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::hours(hours)
    }

    fn incident(id: u128, kind: Kind, told_at: Option<DateTime<Utc>>) -> Incident {
        Incident {
            id: Uuid::from_u128(id),
            subject: "vapi-sync".to_owned(),
            kind,
            summary: "it failed".to_owned(),
            run_id: None,
            since: hours(0),
            last_seen_at: hours(0),
            occurrences: 1,
            ended_at: None,
            told_at,
            held_until: None,
        }
    }

    #[test]
    fn what_was_told_is_told_again_after_a_day() {
        let told = [incident(1, Kind::RunFailed, Some(hours(0)))];

        assert_eq!(next(&told, &[], 1, hours(23)), None);
        assert_eq!(
            next(&told, &[], 1, hours(24)),
            Telling::of(Occasion::Reminder, told.to_vec())
        );
    }

    #[test]
    fn another_error_of_what_is_failing_waits_an_hour() {
        let open = [
            incident(1, Kind::RunFailed, Some(hours(5))),
            incident(2, Kind::RunFailed, None),
        ];

        assert_eq!(next(&open, &[], 1, hours(5) + TimeDelta::minutes(59)), None);
        assert_eq!(
            next(&open, &[], 0, hours(6)),
            Telling::of(Occasion::Failure, [open[1].clone()])
        );
    }

    #[test]
    fn an_alarm_that_echoes_what_is_known_is_told_only_once_that_is_over() {
        let open = [
            incident(1, Kind::RunFailed, Some(hours(0))),
            incident(2, Kind::Errors, None),
            incident(3, Kind::Undelivered, None),
        ];

        assert_eq!(next(&open, &[], 0, hours(5)), None);
        assert_eq!(
            next(&open[1..], &[], 0, hours(5)),
            Telling::of(Occasion::Failure, [open[1].clone()])
        );
    }

    #[test]
    fn what_somebody_else_is_telling_is_left_to_them_until_they_must_be_dead() {
        let held = [Incident {
            held_until: Some(hours(1)),
            ..incident(1, Kind::RunFailed, None)
        }];

        assert_eq!(next(&held, &[], 0, hours(1) - TimeDelta::seconds(1)), None);
        assert_eq!(next(&[], &held, 0, hours(1) - TimeDelta::seconds(1)), None);
        assert_eq!(
            next(&held, &[], 0, hours(1)),
            Telling::of(Occasion::Failure, [held[0].clone()])
        );
    }

    #[test]
    fn what_flaps_is_left_to_the_next_look() {
        let open = [incident(1, Kind::RunFailed, None)];

        assert_eq!(next(&open, &open, FLAPPING, hours(1)), None);
        assert_eq!(
            next(&open, &open, FLAPPING - 1, hours(1)),
            Telling::of(Occasion::Recovery, open.to_vec())
        );
    }
}
