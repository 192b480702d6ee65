//! The words of a message: what, since when, what it means for the calls, the error, where to read on.

use chrono::{DateTime, TimeDelta, Utc};
use shared::run::{Brought, Row};
use shared::store::incident::{Incident, Kind};
use url::Url;
use uuid::Uuid;

use crate::Deps;
use crate::impact::Impact;
use crate::message::{Message, Tone};
use crate::plan::{self, Telling};
use crate::trigger::News;
use shared::domain::time_span::in_words;

/// What the tables add to what is to be told.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    /// What it means for the calls.
    pub(crate) impact: Impact,
    /// The run that showed it.
    pub(crate) run: Option<Row>,
    /// What came in since it began.
    pub(crate) brought: Brought,
}

/// The message that tells it.
pub(crate) fn message(telling: &Telling, facts: &Facts, deps: &Deps, now: DateTime<Utc>) -> Message {
    let first = &telling.first;
    let mut message = match telling.occasion {
        plan::Occasion::Failure => failure(first, &headline(first), deps, now),
        plan::Occasion::Reminder => reminder(telling, deps, now),
        plan::Occasion::Recovery => return recovery(telling, facts, deps, now),
    };
    if let Some(run) = &facts.run {
        let counters = run.counters;
        let counted = format!(
            "{} read, {} new, {} changed, {} failed, {} scored",
            counters.records_fetched,
            counters.records_inserted,
            counters.records_updated,
            counters.records_failed,
            counters.calls_analyzed
        );
        message.text("The run counted", &counted);
    }
    if let Some(at) = facts.impact.synced_at {
        message.instant("Calls last came in", at, &format!("{} ago", in_words(since(at, now))));
    }
    if let Some(headroom) = facts.impact.headroom {
        let left = if headroom > TimeDelta::zero() {
            format!("Vapi still keeps what may be missing for {}", in_words(headroom))
        } else {
            "Vapi has begun to drop calls that may not be stored".to_owned()
        };
        message.text("Headroom", &left);
    }
    message
}

/// What is told while the database is away; nothing where it can wait.
pub(crate) fn unrecorded(news: &News, deps: &Deps) -> Option<Message> {
    let stack = deps.settings.stack.as_deref();
    let (tone, title, error, at) = match news {
        News::Finished(finished) if finished.status == "error" => {
            let error = finished.error_message.clone().unwrap_or_default();
            (Tone::Bad, format!("{} failed", finished.script_name), error, None)
        }
        News::Raised(raised) if raised.state == shared::platform::event::AlertState::Raised => {
            (Tone::Bad, raised.summary.clone(), String::new(), Some(raised.since))
        }
        News::Alarm(alarm) if alarm.is_on => (
            Tone::Bad,
            format!("Alarm {}", alarm.name),
            alarm.description.clone(),
            Some(alarm.at),
        ),
        News::GivenUp(sign) => (
            Tone::Bad,
            format!("{}: an event was given up", sign.subject),
            sign.summary.clone(),
            Some(sign.at),
        ),
        News::Test(by) => (Tone::Neutral, test_title(by), String::new(), None),
        News::Finished(_) | News::Raised(_) | News::Alarm(_) | News::Look => return None,
    };
    let mut message = Message::new(tone, &title, stack);
    if let Some(at) = at {
        message.instant("Since", at, "");
    }
    message.text("No record", "the database does not answer, so this may be told again");
    message.quote(&error);
    message.link = link(deps, None);
    Some(message)
}

/// A message that only shows that messages arrive.
pub(crate) fn test(by: &str, deps: &Deps, now: DateTime<Utc>) -> Message {
    let mut message = Message::new(Tone::Neutral, &test_title(by), deps.settings.stack.as_deref());
    message.instant("Sent", now, "");
    message.text("Nothing is wrong", "this is how alerts arrive");
    message.link = link(deps, None);
    message
}

fn test_title(by: &str) -> String {
    format!("Test message, asked for by {by}")
}

fn failure(incident: &Incident, title: &str, deps: &Deps, now: DateTime<Utc>) -> Message {
    let mut message = Message::new(Tone::Bad, title, deps.settings.stack.as_deref());
    let ago = format!("{} ago", in_words(since(incident.since, now)));
    message.instant("Since", incident.since, &ago);
    if incident.occurrences > 1 {
        message.text("How often", &format!("{} times", incident.occurrences));
    }
    message.quote(&incident.summary);
    message.link = link(deps, incident.run_id);
    message
}

fn reminder(telling: &Telling, deps: &Deps, now: DateTime<Utc>) -> Message {
    let first = &telling.first;
    let mut message = failure(first, &format!("Ongoing: {}", headline(first)), deps, now);
    let others: Vec<String> = telling.others.iter().map(headline).collect();
    if !others.is_empty() {
        message.text("Also", &others.join("; "));
    }
    message
}

fn recovery(telling: &Telling, facts: &Facts, deps: &Deps, now: DateTime<Utc>) -> Message {
    let first = &telling.first;
    let ended = telling.incidents().filter_map(|incident| incident.ended_at).max();
    let ended = ended.unwrap_or(now);
    let mut message = Message::new(Tone::Good, &relief(first), deps.settings.stack.as_deref());
    let out = in_words(since(first.since, ended));
    message.instant("Over since", ended, &format!("it lasted {out}"));
    let was: Vec<String> = telling.incidents().map(headline).collect();
    message.text("It was", &was.join("; "));
    let caught_up = match (facts.brought.inserted, facts.brought.analyzed) {
        (0, 0) => None,
        (inserted, 0) => Some(format!("{inserted} calls brought in since it began")),
        (0, analyzed) => Some(format!("{analyzed} calls scored since it began")),
        (inserted, analyzed) => Some(format!(
            "{inserted} calls brought in and {analyzed} scored since it began"
        )),
    };
    if let Some(caught_up) = caught_up {
        message.text("Caught up", &caught_up);
    } else if first.kind.is_of_a_run() {
        message.text("Caught up", "no call was missing");
    }
    message.link = link(deps, facts.run.as_ref().map(|run| run.id));
    message
}

fn headline(incident: &Incident) -> String {
    let subject = &incident.subject;
    match incident.kind {
        Kind::RunFailed => format!("{subject} failed"),
        Kind::RunIncomplete => format!("{subject} left work undone"),
        Kind::Missed => format!("{subject} has not ended well for too long"),
        Kind::Late => format!("{subject} was not started by its schedule"),
        Kind::TooLong => format!("{subject} takes too long"),
        Kind::LowHeadroom => "Vapi will soon drop calls that may not be stored".to_owned(),
        Kind::Alarm => format!("Alarm of {subject}"),
        Kind::Errors => format!("{subject} has errors"),
        Kind::Undelivered => format!("{subject}: an event was given up"),
        Kind::DocumentsEmptied => "Vapi's documents became emptier".to_owned(),
        Kind::ListingSuspect => "Vapi's listings lack calls".to_owned(),
        Kind::CountsDiffer => "Vapi counts calls that are not stored".to_owned(),
    }
}

fn relief(incident: &Incident) -> String {
    let subject = &incident.subject;
    match incident.kind {
        Kind::RunFailed | Kind::RunIncomplete | Kind::Missed | Kind::Errors | Kind::Undelivered => {
            format!("{subject} runs well again")
        }
        Kind::Late => format!("{subject} is started again"),
        Kind::TooLong => format!("{subject} has come to an end"),
        Kind::LowHeadroom => "No call is about to be lost any more".to_owned(),
        Kind::Alarm => format!("The alarm of {subject} is over"),
        Kind::DocumentsEmptied => "Vapi's documents are whole again".to_owned(),
        Kind::ListingSuspect => "Vapi's listings are complete again".to_owned(),
        Kind::CountsDiffer => "Every call that Vapi counts is stored".to_owned(),
    }
}

/// The page to read on: the run's, or that of the alerts.
fn link(deps: &Deps, run: Option<Uuid>) -> Option<(&'static str, Url)> {
    let pages = deps.settings.pages.as_ref()?;
    let (label, path) = match run {
        Some(id) => ("Open the run", format!("/admin/execution-logs/{id}")),
        None => ("Open the alerts", "/admin/alerts".to_owned()),
    };
    Some((label, pages.join(&path).ok()?))
}

/// Clocks that differ make no negative stretch of time.
fn since(at: DateTime<Utc>, now: DateTime<Utc>) -> TimeDelta {
    (now - at).max(TimeDelta::zero())
}
