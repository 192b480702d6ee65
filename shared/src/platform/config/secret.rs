//! The secret document: one JSON object of settings in AWS Secrets Manager.

use std::collections::BTreeMap;

use anyhow::{Result, anyhow};
use aws_sdk_secretsmanager::error::ProvideErrorMetadata as _;
use serde_json::Value;

use crate::platform::aws;

/// What the secret turned out to hold.
pub(super) enum Document {
    /// Settings by name.
    Settings(BTreeMap<String, String>),
    /// Not a JSON object of texts and numbers.
    Malformed,
}

/// Fetches and parses the secret named by its ARN or name.
pub(super) async fn fetch(arn: &str) -> Result<Document> {
    let answer = aws_sdk_secretsmanager::Client::new(&aws::sdk().await)
        .get_secret_value()
        .secret_id(arn)
        .send()
        .await
        .map_err(|error| {
            let advice = advice(error.code());
            anyhow!("AWS Secrets Manager: {} ({advice})", aws::reason(error))
        })?;
    Ok(answer.secret_string().map_or(Document::Malformed, parse))
}

/// What to look at, by the code of the refusal; there is none where nobody answered.
fn advice(code: Option<&str>) -> &'static str {
    match code {
        None => "check region and credentials, and in a VPC the way out of it: a NAT gateway or an endpoint",
        Some("ResourceNotFoundException") => "check the ARN, and that it is of this region",
        Some("AccessDeniedException" | "DecryptionFailure") => {
            "check that the role may secretsmanager:GetSecretValue it, and kms:Decrypt where it has a key of its own"
        }
        Some(_) => "check the ARN",
    }
}

fn parse(text: &str) -> Document {
    let Ok(Value::Object(members)) = serde_json::from_str(text) else {
        return Document::Malformed;
    };
    let settings = members.into_iter().map(|(name, value)| match value {
        Value::String(text) => Some((name, text)),
        Value::Number(number) => Some((name, number.to_string())),
        Value::Null => Some((name, String::new())),
        _ => None,
    });
    settings
        .collect::<Option<_>>()
        .map_or(Document::Malformed, Document::Settings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_an_object_of_texts_and_numbers() {
        let Document::Settings(settings) = parse(r#"{"VAPI_API_KEY": "k", "DATABASE_POOL": 4}"#) else {
            panic!("refused a good document");
        };

        assert_eq!(settings["VAPI_API_KEY"], "k");
        assert_eq!(settings["DATABASE_POOL"], "4");
    }

    #[test]
    fn anything_else_is_malformed() {
        for text in ["", "plain password", "[1]", r#"{"DATABASE_URL": {"host": "h"}}"#] {
            assert!(matches!(parse(text), Document::Malformed), "{text}");
        }
    }
}
