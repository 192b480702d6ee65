//! What happened, from the event that says so.

use anyhow::{Context as _, Result, bail};
use chrono::{DateTime, Utc};
use serde_json::Value;
use shared::platform::event::{
    ALERT_RAISED, AlertState, Finished, RUN_FINISHED, Raised, TEST_REQUESTED, TestRequested,
};
use shared::store::incident::{Kind, Symptom};

use crate::alarm::{self, Alarm};

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum News {
    /// A run ended.
    Finished(Finished),
    /// The watchdog found something, or found it gone.
    Raised(Raised),
    /// An alarm of the stack went on or off.
    Alarm(Alarm),
    /// An event or an invocation was given up.
    GivenUp(Symptom),
    /// Somebody wants to see whether messages arrive.
    Test(String),
    /// It is time to look whether somebody is to be reminded.
    Look,
}

/// Reads an event, of whatever origin.
pub(crate) fn read(event: &Value, now: DateTime<Utc>) -> Result<News> {
    let Value::Object(members) = event else {
        bail!("the event must be a JSON object, such as {{}}");
    };
    let Some(kind) = members.get("detail-type").and_then(Value::as_str) else {
        return Ok(News::Look);
    };
    let detail = members.get("detail").cloned().unwrap_or_default();
    let news = match kind {
        RUN_FINISHED => serde_json::from_value(detail).map(News::Finished),
        ALERT_RAISED => serde_json::from_value(detail).map(News::Raised),
        TEST_REQUESTED => serde_json::from_value(detail).map(|test: TestRequested| News::Test(test.requested_by)),
        alarm::DETAIL_TYPE => alarm::read(event, now).map(News::Alarm),
        _ => bail!("nobody is told of the event \"{kind}\""),
    };
    news.with_context(|| format!("the detail of the event \"{kind}\" is malformed"))
}

/// What the watchdog found, as a sign; nothing where it is gone.
pub(crate) fn sign_of(raised: &Raised, kind: Kind) -> Option<Symptom> {
    (raised.state == AlertState::Raised).then(|| Symptom {
        subject: raised.script_name.clone(),
        kind,
        fingerprint: kind.as_str().to_owned(),
        summary: raised.summary.clone(),
        run_id: None,
        since: raised.since.min(raised.at),
        at: raised.at,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_no_event_of_ours_is_refused_and_anything_plain_is_a_look() {
        let now = DateTime::UNIX_EPOCH;

        assert_eq!(read(&json!({}), now).unwrap(), News::Look);
        let scheduled = json!({"triggered_by": "schedule", "event_id": "e", "input": {}});
        assert_eq!(read(&scheduled, now).unwrap(), News::Look);
        assert!(read(&json!([]), now).is_err());
        assert!(read(&json!({"detail-type": "Object Created", "detail": {}}), now).is_err());
        let malformed = read(&json!({"detail-type": "Run Finished", "detail": {"run_id": 1}}), now);
        assert!(
            format!("{:#}", malformed.unwrap_err())
                .starts_with("the detail of the event \"Run Finished\" is malformed")
        );
    }
}
