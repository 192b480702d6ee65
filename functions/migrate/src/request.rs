//! What CloudFormation asks of a custom resource.

use anyhow::{Context as _, Result};
use serde_json::Value;
use url::Url;

/// The resource's name where CloudFormation does not give one yet. It never changes: with another one, CloudFormation
/// would take the resource for replaced, and delete the one before.
const PHYSICAL_ID: &str = "callmark-migrations";

/// A request, and what its answer repeats.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) kind: Kind,
    /// Whoever has this URL can answer in our place: it is not logged.
    pub(crate) answer_to: Url,
    pub(crate) stack_id: String,
    pub(crate) id: String,
    pub(crate) logical_id: String,
    pub(crate) physical_id: String,
    /// Whether the earlier system's tables are to be adopted, where there are any.
    pub(crate) adopt: bool,
}

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Create,
    Update,
    Delete,
    Unknown(String),
}

impl Request {
    /// The request in an event; `None` where the function was invoked by hand, and nobody waits elsewhere.
    ///
    /// Each member is read by itself, since one that is wrong must not keep the others from being answered.
    pub(crate) fn parse(event: &Value) -> Result<Option<Self>> {
        if event.get("RequestType").is_none() && event.get("ResponseURL").is_none() {
            return Ok(None);
        }
        let text = |name: &str| event.get(name).and_then(Value::as_str).unwrap_or_default();
        let given = |name: &str| Some(text(name).to_owned()).filter(|text| !text.is_empty());
        Ok(Some(Self {
            kind: Kind::parse(text("RequestType")),
            answer_to: response_url(text("ResponseURL"))?,
            stack_id: text("StackId").to_owned(),
            id: text("RequestId").to_owned(),
            logical_id: text("LogicalResourceId").to_owned(),
            physical_id: given("PhysicalResourceId").unwrap_or_else(|| PHYSICAL_ID.to_owned()),
            // CloudFormation turns every property into a text.
            adopt: event
                .pointer("/ResourceProperties/AdoptExisting")
                .and_then(Value::as_str)
                == Some("true"),
        }))
    }
}

impl Kind {
    fn parse(text: &str) -> Self {
        match text {
            "Create" => Self::Create,
            "Update" => Self::Update,
            "Delete" => Self::Delete,
            other => Self::Unknown(other.to_owned()),
        }
    }
}

fn response_url(text: &str) -> Result<Url> {
    Url::parse(text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        .context("cannot answer: the event's ResponseURL is no http:// or https:// URL")
}
