//! What to tell of a subject: transitions, not states.

use chrono::{DateTime, TimeDelta, Utc};
use shared::incident::{Incident, Kind};

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
pub(crate) enum Telling {
    /// Something went wrong.
    Failure(Incident),
    /// It still is, and has been told.
    Reminder(Vec<Incident>),
    /// It is over.
    Recovery(Vec<Incident>),
}

impl Telling {
    /// As `notifications` has it.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Failure(_) => "failure",
            Self::Reminder(_) => "reminder",
            Self::Recovery(_) => "recovery",
        }
    }

    /// What it is about; never empty.
    pub(crate) fn incidents(&self) -> &[Incident] {
        match self {
            Self::Failure(incident) => std::slice::from_ref(incident),
            Self::Reminder(incidents) | Self::Recovery(incidents) => incidents,
        }
    }
}

/// The next message on a subject: of its open incidents, of those that ended untold, after `messages` within the
/// last [`COOLDOWN`].
pub(crate) fn next(open: &[Incident], ended: &[Incident], messages: i64, now: DateTime<Utc>) -> Option<Telling> {
    let is_free = |incident: &&Incident| incident.held_until.is_none_or(|until| until <= now);
    let ended: Vec<Incident> = ended.iter().filter(is_free).cloned().collect();
    if messages >= FLAPPING {
        return None;
    }
    if !ended.is_empty() {
        return Some(Telling::Recovery(ended));
    }
    let is_cooling = open
        .iter()
        .any(|incident| incident.told_at.is_some_and(|told| now - told < COOLDOWN));
    let untold = open
        .iter()
        .filter(is_free)
        .find(|incident| incident.told_at.is_none() && !is_echo(incident, open));
    if let Some(incident) = untold.filter(|_| !is_cooling) {
        return Some(Telling::Failure(incident.clone()));
    }
    let is_due = |incident: &&Incident| incident.told_at.is_some_and(|told| now - told >= REMIND_AFTER);
    let due: Vec<Incident> = open.iter().filter(is_free).filter(is_due).cloned().collect();
    (!due.is_empty() && !is_cooling).then_some(Telling::Reminder(due))
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
        assert_eq!(next(&told, &[], 1, hours(24)), Some(Telling::Reminder(told.to_vec())));
    }

    #[test]
    fn another_error_of_what_is_failing_waits_an_hour() {
        let open = [
            incident(1, Kind::RunFailed, Some(hours(5))),
            incident(2, Kind::RunFailed, None),
        ];

        assert_eq!(next(&open, &[], 1, hours(5) + TimeDelta::minutes(59)), None);
        assert_eq!(next(&open, &[], 0, hours(6)), Some(Telling::Failure(open[1].clone())));
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
            Some(Telling::Failure(open[1].clone()))
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
        assert_eq!(next(&held, &[], 0, hours(1)), Some(Telling::Failure(held[0].clone())));
    }

    #[test]
    fn what_flaps_is_left_to_the_next_look() {
        let open = [incident(1, Kind::RunFailed, None)];

        assert_eq!(next(&open, &open, FLAPPING, hours(1)), None);
        assert_eq!(
            next(&open, &open, FLAPPING - 1, hours(1)),
            Some(Telling::Recovery(open.to_vec()))
        );
    }
}
