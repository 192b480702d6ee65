//! How to reach the judge, and how calls are scored.

use std::time::Duration;

use rust_decimal::Decimal;
use secrecy::SecretString;
use url::Url;

use super::Reader;

/// How to reach the judge: an endpoint for chat completions as `OpenAI` has them.
#[derive(Clone, Debug)]
pub struct Judge {
    /// `OPENAI_BASE_URL`: up to and without `/chat/completions`.
    pub base_url: Url,
    /// `OPENAI_API_KEY`.
    pub api_key: SecretString,
    /// `OPENAI_MODEL`: the model that is asked in place of the framework's.
    pub model: Option<String>,
    /// `OPENAI_RESPONSE_FORMAT`: how the form of an answer is asked for.
    pub format: ResponseFormat,
    /// `OPENAI_TIMEOUT_SECONDS`: how long one answer may take.
    pub timeout: Duration,
    /// `OPENAI_ATTEMPTS`: tries of one request.
    pub attempts: usize,
}

/// How the form of an answer is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResponseFormat {
    /// The endpoint is given the JSON schema, and holds the model to it.
    JsonSchema,
    /// The endpoint only knows that JSON is wanted; the schema stands in the prompt.
    JsonObject,
}

/// How calls are scored.
#[derive(Clone, Debug)]
pub struct Qci {
    /// `QCI_CONCURRENCY`: requests to the judge at once, at most.
    pub concurrency: usize,
    /// `QCI_MAX_USD_PER_RUN`.
    pub max_usd_per_run: Decimal,
    /// `QCI_MAX_USD_PER_DAY`, by UTC.
    pub max_usd_per_day: Decimal,
}

impl Reader {
    /// `OPENAI_API_KEY`, `OPENAI_BASE_URL` and the other `OPENAI_…` settings.
    pub fn judge(&mut self) -> Judge {
        self.proxies();
        let api_key = self.key("OPENAI_API_KEY", "the key of the judge's endpoint");
        let format = match self.text("OPENAI_RESPONSE_FORMAT").as_deref() {
            None | Some("json_schema") => ResponseFormat::JsonSchema,
            Some("json_object") => ResponseFormat::JsonObject,
            Some(_) => {
                self.problem("OPENAI_RESPONSE_FORMAT", "is malformed", "json_schema or json_object");
                ResponseFormat::JsonSchema
            }
        };
        Judge {
            base_url: self.base_url(
                "OPENAI_BASE_URL",
                "https://api.openai.com/v1",
                &["/chat/completions", "/completions", "/chat", "/responses", "/models"],
            ),
            api_key,
            model: self.text("OPENAI_MODEL"),
            format,
            timeout: Duration::from_secs(self.within("OPENAI_TIMEOUT_SECONDS", 120, 1, 600, "seconds, from 1 to 600")),
            attempts: self.within("OPENAI_ATTEMPTS", 5, 1, 20, "a number from 1 to 20"),
        }
    }

    /// Concurrency and budgets of scoring.
    pub fn qci(&mut self) -> Qci {
        let usd = "an amount in USD, from 0 to 1000000";
        let most = Decimal::from(1_000_000);
        Qci {
            concurrency: self.within("QCI_CONCURRENCY", 15, 1, 500, "a number from 1 to 500"),
            max_usd_per_run: self.within("QCI_MAX_USD_PER_RUN", Decimal::from(10), Decimal::ZERO, most, usd),
            max_usd_per_day: self.within("QCI_MAX_USD_PER_DAY", Decimal::from(50), Decimal::ZERO, most, usd),
        }
    }
}
