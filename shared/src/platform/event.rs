//! The events that carry the system: what a function is invoked with, and what it tells the bus.
//!
//! An event is a nudge: the work to do is read from the database, so one that is lost, repeated or out
//! of order costs nothing.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

mod bus;
mod check;

pub use bus::{Bus, PublishError};

/// The `source` of every event of ours.
pub const SOURCE: &str = "callmark";

/// The `detail-type` of [`Requested`].
pub const RUN_REQUESTED: &str = "Run Requested";
/// The `detail-type` of [`Finished`].
pub const RUN_FINISHED: &str = "Run Finished";
/// The `detail-type` of [`Raised`].
pub const ALERT_RAISED: &str = "Alert Raised";
/// The `detail-type` of [`TestRequested`].
pub const TEST_REQUESTED: &str = "Test Requested";

/// Somebody wants a run: a schedule, a person, or a run that ran out of time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Requested {
    /// The script to run, such as `vapi-sync`.
    pub script_name: String,
    /// Who asks: `schedule`, `continuation`, a user's name.
    pub triggered_by: String,
    /// The batch that the run belongs to; a new one where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch_id: Option<Uuid>,
    /// The script's own input.
    #[serde(default)]
    pub input: Value,
    /// How many continuations led here.
    #[serde(default)]
    pub hop: u32,
}

/// A run ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finished {
    /// The run.
    pub run_id: Uuid,
    /// Its script.
    pub script_name: String,
    /// `success`, `partial`, `error` or `skipped`.
    pub status: String,
    /// Its batch.
    pub batch_id: Uuid,
    /// What it counted.
    pub counters: Value,
    /// Why it is not a success.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_message: Option<String>,
    /// Whether it asked for a run that goes on with what it left.
    #[serde(default)]
    pub continues: bool,
}

/// The watchdog found a condition that somebody has to know of, or found it gone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Raised {
    /// The row in `alerts`; the same for both states.
    pub alert_id: Uuid,
    /// What it is, such as `missed` or `late`: a kind of `shared::store::alert`.
    pub kind: String,
    /// The script.
    pub script_name: String,
    /// Whether it is there or gone.
    pub state: AlertState,
    /// What it is counted from.
    pub since: DateTime<Utc>,
    /// When it was raised or cleared.
    pub at: DateTime<Utc>,
    /// It in a sentence.
    pub summary: String,
}

/// Somebody wants to see whether messages arrive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestRequested {
    /// Who asks.
    pub requested_by: String,
}

/// Whether a condition is there or gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertState {
    /// It is there.
    Raised,
    /// It is gone.
    Cleared,
}

impl AlertState {
    /// As the event has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Raised => "raised",
            Self::Cleared => "cleared",
        }
    }
}

/// An event of ours.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// Somebody wants a run.
    Requested(Requested),
    /// A run ended.
    Finished(Finished),
    /// A condition is there or gone.
    Raised(Raised),
    /// Somebody wants to see whether messages arrive.
    TestRequested(TestRequested),
}

/// What a function was invoked with, whatever sent it: a schedule, the bus, a person in the console.
#[derive(Clone, Debug, PartialEq)]
pub struct Invocation {
    /// The id under which this is handled once; absent where the sender gives none.
    pub event_id: Option<String>,
    /// Who asks.
    pub triggered_by: String,
    /// The batch to join.
    pub batch_id: Option<Uuid>,
    /// How many continuations led here.
    pub hop: u32,
    /// The script's own input: an object.
    pub input: Value,
}

/// The payload is not something that a function can be invoked with.
#[derive(Debug, thiserror::Error)]
pub enum Malformed {
    /// Not an object.
    #[error("the event must be a JSON object, such as {{}}")]
    NotAnObject,
    /// A bus event whose detail does not have our form.
    #[error("the detail of the event \"{0}\" is malformed: {1}")]
    Detail(String, serde_json::Error),
    /// A batch id that is no UUID.
    #[error("batch_id must be a UUID")]
    BatchId,
    /// The input is there and is no object.
    #[error("input must be a JSON object")]
    Input,
}

impl Invocation {
    /// Somebody at a terminal or in a test asks, with this input.
    #[must_use]
    pub fn by_hand(triggered_by: &str, input: Value) -> Self {
        Self {
            event_id: None,
            triggered_by: triggered_by.to_owned(),
            batch_id: None,
            hop: 0,
            input,
        }
    }

    /// What a request on the bus asks for.
    #[must_use]
    pub fn requested(event_id: Option<String>, request: Requested) -> Self {
        let Requested {
            triggered_by,
            batch_id,
            input,
            hop,
            script_name: _,
        } = request;
        let input = if input.is_null() { json!({}) } else { input };
        Self {
            event_id,
            triggered_by,
            batch_id,
            hop,
            input,
        }
    }

    /// Reads a Lambda payload.
    ///
    /// Four forms are known: an EventBridge event (`detail-type`), what our own schedules send
    /// (`triggered_by`, `event_id`, `input`), and a bare input (`{}`, `{"mode": "full"}`) as typed into the
    /// console. `fallback_id` is the invocation's own id, which an asynchronous retry repeats.
    pub fn parse(payload: Value, fallback_id: &str) -> Result<Self, Malformed> {
        let Value::Object(members) = &payload else {
            return Err(Malformed::NotAnObject);
        };
        let text = |name: &str| members.get(name).and_then(Value::as_str).map(str::to_owned);
        if let Some(kind) = text("detail-type") {
            let event_id = text("id").or_else(|| Some(fallback_id.to_owned()));
            let detail = members.get("detail").cloned().unwrap_or(Value::Null);
            return match kind.as_str() {
                RUN_REQUESTED => serde_json::from_value(detail)
                    .map(|request| Self::requested(event_id, request))
                    .map_err(|error| Malformed::Detail(kind, error)),
                RUN_FINISHED => serde_json::from_value::<Finished>(detail)
                    .map(|finished| Self {
                        event_id,
                        triggered_by: finished.script_name,
                        batch_id: Some(finished.batch_id),
                        hop: 0,
                        input: json!({}),
                    })
                    .map_err(|error| Malformed::Detail(kind, error)),
                // EventBridge's own scheduled event, and anything else a rule may send: a plain nudge.
                _ => Ok(Self {
                    event_id,
                    ..Self::by_hand("schedule", json!({}))
                }),
            };
        }
        let event_id = text("event_id").or_else(|| Some(fallback_id.to_owned()));
        match text("triggered_by") {
            None => Ok(Self {
                event_id,
                ..Self::by_hand("manual", payload)
            }),
            Some(triggered_by) => Ok(Self {
                event_id,
                triggered_by,
                batch_id: text("batch_id")
                    .map(|id| id.parse().map_err(|_| Malformed::BatchId))
                    .transpose()?,
                hop: 0,
                input: match members.get("input") {
                    None | Some(Value::Null) => json!({}),
                    Some(input @ Value::Object(_)) => input.clone(),
                    Some(_) => return Err(Malformed::Input),
                },
            }),
        }
    }
}

impl Event {
    /// The `detail-type` and `detail` of the event document.
    #[must_use]
    pub fn document(&self) -> (&'static str, Value) {
        match self {
            Self::Requested(detail) => (RUN_REQUESTED, json!(detail)),
            Self::Finished(detail) => (RUN_FINISHED, json!(detail)),
            Self::Raised(detail) => (ALERT_RAISED, json!(detail)),
            Self::TestRequested(detail) => (TEST_REQUESTED, json!(detail)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(payload: Value) -> Result<Invocation, Malformed> {
        Invocation::parse(payload, "request-1")
    }

    #[test]
    fn a_console_test_event_is_the_input_itself() {
        let invocation = parse(json!({"mode": "full"})).unwrap();

        assert_eq!(invocation.triggered_by, "manual");
        assert_eq!(invocation.input, json!({"mode": "full"}));
        assert_eq!(invocation.event_id.as_deref(), Some("request-1"));
    }

    #[test]
    fn our_schedule_names_its_execution_so_that_a_redelivery_is_known() {
        let invocation = parse(json!({"triggered_by": "schedule", "event_id": "execution-9", "input": {}})).unwrap();

        assert_eq!(invocation.triggered_by, "schedule");
        assert_eq!(invocation.event_id.as_deref(), Some("execution-9"));
    }

    #[test]
    fn a_run_request_on_the_bus_carries_batch_hop_and_input() {
        let batch = Uuid::from_u128(7);
        let request = Requested {
            script_name: "vapi-sync".into(),
            triggered_by: "continuation".into(),
            batch_id: Some(batch),
            input: json!({"mode": "auto"}),
            hop: 3,
        };
        let (kind, detail) = Event::Requested(request).document();

        let invocation = parse(json!({"id": "e-1", "source": SOURCE, "detail-type": kind, "detail": detail})).unwrap();

        assert_eq!((invocation.batch_id, invocation.hop), (Some(batch), 3));
        assert_eq!(invocation.event_id.as_deref(), Some("e-1"));
    }

    #[test]
    fn what_is_no_event_is_refused_by_name() {
        assert!(matches!(parse(json!([])), Err(Malformed::NotAnObject)));
        assert!(matches!(
            parse(json!({"triggered_by": "x", "batch_id": "7"})),
            Err(Malformed::BatchId)
        ));
        assert!(matches!(
            parse(json!({"triggered_by": "x", "input": 3})),
            Err(Malformed::Input)
        ));
        assert!(matches!(
            parse(json!({"detail-type": "Run Requested", "detail": 1})),
            Err(Malformed::Detail(..))
        ));
    }
}
