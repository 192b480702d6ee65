//! Something that went wrong and is not over, in words.

use shared::store::incident::{Incident, Kind};
use uuid::Uuid;

use crate::format::first_line;
use crate::format::{self, Moment};
use crate::parameters::Parameters;
use crate::run_requests::SCRIPTS;
use crate::viewer::Viewer;

/// Characters of an error that are shown; its run has all of them.
const SUMMARY: usize = 300;

/// An open incident.
pub(super) struct Failing {
    pub(super) subject: String,
    /// Where the runs of the subject are, where it is a script.
    pub(super) runs: Option<String>,
    pub(super) kind: &'static str,
    pub(super) since: Moment,
    pub(super) ago: String,
    /// Such as `5 times, last 3 min ago`.
    pub(super) times: String,
    pub(super) summary: String,
    pub(super) run_id: Option<Uuid>,
    pub(super) told: Told,
}

/// Whether somebody knows of it.
pub(super) enum Told {
    At(Moment),
    /// A message is on its way.
    Now,
    Nobody,
}

impl Failing {
    pub(super) fn new(incident: Incident, viewer: &Viewer) -> Self {
        let (zone, now) = (viewer.zone(), viewer.now);
        let is_script = incident.run_id.is_some() || SCRIPTS.contains(&incident.subject.as_str());
        let runs = Parameters::read("/admin/execution-logs", "");
        Self {
            runs: is_script.then(|| runs.with("script", &incident.subject)),
            kind: words(incident.kind),
            since: format::moment(incident.since, zone),
            ago: format::ago(incident.since, now),
            times: match incident.occurrences {
                ..=1 => "once so far".to_owned(),
                often => format!(
                    "{} times, last {}",
                    format::count(often),
                    format::ago(incident.last_seen_at, now)
                ),
            },
            summary: first_line(&incident.summary, SUMMARY),
            run_id: incident.run_id,
            told: match (incident.told_at, incident.held_until) {
                (Some(at), _) => Told::At(format::clock_time(at, zone, now)),
                (None, Some(until)) if until > now => Told::Now,
                (None, _) => Told::Nobody,
            },
            subject: incident.subject,
        }
    }
}

/// A kind as people say it, after the subject's name.
pub(super) fn words(kind: Kind) -> &'static str {
    match kind {
        Kind::RunFailed => "runs are failing",
        Kind::RunIncomplete => "it left work undone",
        Kind::Missed => "no run has ended well for too long",
        Kind::Late => "its schedule has not started it",
        Kind::TooLong => "it goes on for too long",
        Kind::LowHeadroom => "calls will soon be lost",
        Kind::Alarm => "an alarm is on",
        Kind::Errors => "its invocations fail",
        Kind::Undelivered => "given up after the last retry",
        Kind::DocumentsEmptied => "Vapi's documents became emptier",
        Kind::ListingSuspect => "Vapi's listings lack calls",
        Kind::CountsDiffer => "Vapi counts calls that are not stored",
    }
}
