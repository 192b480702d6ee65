//! Alarms of the stack, as CloudWatch announces them on the account's own bus.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;
use shared::domain::script::Script;
use shared::store::incident::{Kind, Symptom};

/// The `detail-type` of such an event.
pub(crate) const DETAIL_TYPE: &str = "CloudWatch Alarm State Change";

/// The scripts whose names in the template are not their own.
const SCRIPTS: [(&str, Script); 2] = [("Sync", Script::Sync), ("Qci", Script::Qci)];
/// The functions that are no scripts.
const FUNCTIONS: [&str; 4] = ["Admin", "Watchdog", "Migrate", "Notify"];

/// An alarm that went on or off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Alarm {
    /// Its name in the template, such as `SyncErrors`.
    pub(crate) name: String,
    /// Whether it is on.
    pub(crate) is_on: bool,
    /// When it changed.
    pub(crate) at: DateTime<Utc>,
    /// What it means and what to do, as the template describes it.
    pub(crate) description: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Detail {
    alarm_name: String,
    state: State,
    #[serde(default)]
    configuration: Configuration,
}

#[derive(Deserialize)]
struct State {
    value: String,
    #[serde(default)]
    reason: String,
}

#[derive(Default, Deserialize)]
struct Configuration {
    #[serde(default)]
    description: String,
}

/// Reads an event of CloudWatch. One that is neither on nor off because data is missing is off.
pub(crate) fn read(event: &Value, now: DateTime<Utc>) -> Result<Alarm, serde_json::Error> {
    let detail: Detail = serde_json::from_value(event["detail"].clone())?;
    let name = detail.alarm_name.rsplit('/').next().unwrap_or_default().to_owned();
    let at = event["time"].as_str().and_then(|time| time.parse().ok());
    Ok(Alarm {
        name,
        is_on: detail.state.value == "ALARM",
        // What comes from a clock that is ahead has not lasted since then.
        at: at.unwrap_or(now).min(now),
        description: if detail.configuration.description.is_empty() {
            detail.state.reason
        } else {
            detail.configuration.description
        },
    })
}

impl Alarm {
    /// What it is a sign of.
    pub(crate) fn sign(&self) -> Symptom {
        Symptom {
            subject: subject(&self.name),
            kind: self.kind(),
            fingerprint: format!("alarm {}", self.name),
            summary: format!("{}: {}", self.name, self.description),
            run_id: None,
            since: self.at,
            at: self.at,
        }
    }

    /// An alarm that counts errors is off as soon as nothing is tried any more.
    pub(crate) fn kind(&self) -> Kind {
        if self.name.ends_with("Errors") || self.name.ends_with("Throttles") {
            Kind::Errors
        } else {
            Kind::Alarm
        }
    }
}

/// What a resource of the template belongs to: a script, a function, or nothing but itself.
pub(crate) fn subject(resource: &str) -> String {
    let script = SCRIPTS.iter().find(|(prefix, _)| resource.starts_with(prefix));
    let function = FUNCTIONS.iter().find(|prefix| resource.starts_with(**prefix));
    match (script, function) {
        (Some((_, script)), _) => script.as_str().to_owned(),
        (None, Some(function)) => function.to_lowercase(),
        (None, None) => resource.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(name: &str, state: &str) -> Value {
        json!({
            "source": "aws.cloudwatch",
            "detail-type": DETAIL_TYPE,
            "time": "2026-01-02T03:04:05Z",
            "detail": {
                "alarmName": name,
                "state": {"value": state, "reason": "Threshold Crossed"},
                "configuration": {"description": "A sync failed."},
            },
        })
    }

    #[test]
    fn an_alarm_is_about_the_script_whose_name_it_begins_with() {
        let now = "2026-01-02T03:05:00Z".parse().unwrap();

        let sync = read(&event("callmark/prod/SyncErrors", "ALARM"), now).unwrap();
        let cost = read(&event("callmark/prod/QciCost", "OK"), now).unwrap();

        assert!(sync.is_on && !cost.is_on);
        let sign = sync.sign();
        assert_eq!((sign.subject.as_str(), sign.kind), ("vapi-sync", Kind::Errors));
        assert_eq!(sign.summary, "SyncErrors: A sync failed.");
        assert_eq!(sign.at.to_rfc3339(), "2026-01-02T03:04:05+00:00");
        assert_eq!(
            (cost.sign().subject.as_str(), cost.kind()),
            ("qci-analysis", Kind::Alarm)
        );
        assert_eq!(subject("WatchdogAbsent"), "watchdog");
        assert_eq!(subject("EventsUnpublished"), "EventsUnpublished");
    }

    #[test]
    fn an_alarm_from_the_future_begins_now() {
        let now = "2026-01-01T00:00:00Z".parse().unwrap();

        assert_eq!(read(&event("callmark/prod/SyncLong", "ALARM"), now).unwrap().at, now);
    }
}
