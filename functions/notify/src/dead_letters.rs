//! What was given up: messages of the queue that dead letters and failed invocations go to.
//!
//! Three writers fill it: EventBridge with an event that a target did not take, its scheduler with an input, and Lambda
//! with an invocation that failed after its last retry. What was meant for this very function is dealt with after all.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;
use shared::store::incident::{Kind, Symptom};

use crate::trigger::News;
use crate::{alarm, fingerprint, trigger};

/// A message of the queue.
pub(crate) struct Record {
    /// Its id in the queue.
    pub(crate) id: String,
    body: String,
    attributes: Attributes,
}

/// What EventBridge and its scheduler say of a delivery that failed.
#[derive(Default, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", default)]
struct Attributes {
    target_arn: Attribute,
    error_code: Attribute,
    error_message: Attribute,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Attribute {
    string_value: String,
}

/// What Lambda says of an invocation that failed.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Failed {
    timestamp: Option<DateTime<Utc>>,
    request_context: RequestContext,
    #[serde(default)]
    request_payload: Value,
    #[serde(default)]
    response_payload: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext {
    function_arn: String,
    #[serde(default)]
    condition: String,
}

/// The messages that an event source mapping brings; nothing where the event is no such batch.
pub(crate) fn records(event: &Value) -> Option<Vec<Record>> {
    let records = event.get("Records")?.as_array()?;
    let text = |record: &Value, name: &str| record[name].as_str().unwrap_or_default().to_owned();
    Some(
        records
            .iter()
            .map(|record| Record {
                id: text(record, "messageId"),
                body: text(record, "body"),
                attributes: Attributes::deserialize(&record["messageAttributes"]).unwrap_or_default(),
            })
            .collect(),
    )
}

/// What one of them says. It is never refused: nobody else looks into the queue.
pub(crate) fn read(record: &Record, now: DateTime<Utc>) -> News {
    let body: Value = serde_json::from_str(&record.body).unwrap_or_else(|_| Value::String(record.body.clone()));
    let (target, payload, error, at) = if let Ok(failed) = Failed::deserialize(&body) {
        let error = failure(&failed);
        (
            failed.request_context.function_arn,
            failed.request_payload,
            error,
            failed.timestamp,
        )
    } else {
        let Attributes {
            target_arn,
            error_code,
            error_message,
        } = &record.attributes;
        let error = format!(
            "not delivered: {} {}",
            error_code.string_value, error_message.string_value
        );
        (target_arn.string_value.clone(), body, error, None)
    };
    let function = logical_name(&target);
    if function.starts_with("Notify")
        && let Ok(news) = trigger::read(&payload, now)
    {
        return news;
    }
    let at = at.unwrap_or(now).min(now);
    News::GivenUp(Symptom {
        subject: if function.is_empty() {
            "Undelivered".to_owned()
        } else {
            alarm::subject(&function)
        },
        kind: Kind::Undelivered,
        fingerprint: fingerprint::of(Kind::Undelivered, &error),
        summary: error,
        run_id: None,
        since: at,
        at,
    })
}

fn failure(failed: &Failed) -> String {
    let message = failed.response_payload["errorMessage"]
        .as_str()
        .unwrap_or("it did not answer");
    format!("given up ({}): {message}", failed.request_context.condition)
}

/// The name that the template has for a function: CloudFormation puts the stack's before it and something random after.
fn logical_name(arn: &str) -> String {
    let name = arn.split(':').nth(6).unwrap_or_default();
    name.split('-')
        .find(|part| part.ends_with("Function"))
        .unwrap_or(name)
        .to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: &str = "2026-01-02T03:04:05Z";

    fn news(body: &Value, attributes: &Value) -> News {
        let event = json!({"Records": [{
            "messageId": "m-1", "eventSource": "aws:sqs", "body": body.to_string(), "messageAttributes": attributes,
        }]});
        let records = records(&event).unwrap();
        assert_eq!(records[0].id, "m-1");
        read(&records[0], NOW.parse().unwrap())
    }

    fn arn(function: &str) -> String {
        format!("arn:aws:lambda:eu-west-1:123456789012:function:callmark-dev-{function}-Ab1Cd2Ef3")
    }

    fn given_up(news: News) -> Symptom {
        match news {
            News::GivenUp(sign) => sign,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_invocation_that_failed_for_good_is_about_its_script() {
        let failed = json!({
            "version": "1.0",
            "timestamp": "2026-01-02T02:00:00.000Z",
            "requestContext": {"functionArn": arn("SyncFunction") + ":$LATEST", "condition": "RetriesExhausted"},
            "requestPayload": {},
            "responsePayload": {"errorType": "Failure", "errorMessage": "DATABASE_URL is missing"},
        });

        let sign = given_up(news(&failed, &json!({})));

        assert_eq!((sign.subject.as_str(), sign.kind), ("vapi-sync", Kind::Undelivered));
        assert_eq!(sign.summary, "given up (RetriesExhausted): DATABASE_URL is missing");
        assert_eq!(sign.at.to_rfc3339(), "2026-01-02T02:00:00+00:00");
    }

    #[test]
    fn an_event_that_its_target_did_not_take_says_why() {
        let attributes = json!({
            "TARGET_ARN": {"stringValue": arn("QciFunction"), "dataType": "String"},
            "ERROR_CODE": {"stringValue": "NO_PERMISSIONS", "dataType": "String"},
            "ERROR_MESSAGE": {"stringValue": "not allowed", "dataType": "String"},
        });

        let sign = given_up(news(&json!({"detail-type": "Run Requested"}), &attributes));

        assert_eq!(
            (sign.subject.as_str(), sign.summary.as_str()),
            ("qci-analysis", "not delivered: NO_PERMISSIONS not allowed")
        );
    }

    #[test]
    fn what_was_meant_for_this_function_is_dealt_with_after_all() {
        let test = json!({"detail-type": "Test Requested", "detail": {"requested_by": "ada"}});
        let target = json!({"TARGET_ARN": {"stringValue": arn("NotifyFunction")}});
        let failed = json!({"requestContext": {"functionArn": arn("NotifyFunction")}, "requestPayload": test});

        assert_eq!(news(&test, &target), News::Test("ada".to_owned()));
        assert_eq!(news(&failed, &json!({})), News::Test("ada".to_owned()));
    }

    #[test]
    fn what_is_unreadable_is_told_too() {
        let sign = given_up(news(&json!("no event"), &json!({})));

        assert_eq!(sign.subject, "Undelivered");
        assert!(records(&json!({"Records": []})).unwrap().is_empty() && records(&json!({})).is_none());
    }
}
