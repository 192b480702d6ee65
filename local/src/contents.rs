//! What is in the tables: the summary that the demo ends with.

use anyhow::Result;
use chrono::{DateTime, Utc};
use serde::Serialize;
use shared::store::framework::{self, LoadError};
use shared::store::score::{self, Spread};

use crate::report::{instant, number, table};
use shared::platform::db::Executor;

/// What is in the tables.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Contents {
    calls: i64,
    calls_with_transcript: i64,
    calls_with_tool_calls: i64,
    oldest_call: Option<DateTime<Utc>>,
    newest_call: Option<DateTime<Utc>>,
    calls_by_status: Vec<Share>,
    calls_by_type: Vec<Share>,
    assistants: i64,
    prompt_versions: i64,
    rejects: i64,
    /// How the active framework's scores are spread.
    scores: Vec<Spread>,
    quotes: i64,
    quotes_verified: i64,
    database_size: String,
}

/// How many of the calls have a value.
#[derive(Clone, Debug, Serialize)]
struct Share {
    value: String,
    calls: i64,
}

impl Contents {
    /// Counts.
    pub(crate) async fn read(db: &impl Executor) -> Result<Self> {
        let row = db
            .query_typed_one(
                r"
                select count(*) as calls,
                       count(*) filter (where transcript <> '') as calls_with_transcript,
                       count(*) filter (where has_tool_calls) as calls_with_tool_calls,
                       min(call_at) as oldest_call,
                       max(call_at) as newest_call,
                       (select count(*) from vapi_assistants where deleted_at is null) as assistants,
                       (select count(*) from vapi_assistant_prompt_history) as prompt_versions,
                       (select count(*) from vapi_call_rejects where resolved_at is null) as rejects,
                       (select coalesce(sum(quotes_total), 0) from qci_analyses) as quotes,
                       (select coalesce(sum(quotes_verified), 0) from qci_analyses) as quotes_verified,
                       pg_size_pretty(pg_database_size(current_database())) as database_size
                from vapi_calls_raw
                ",
                &[],
            )
            .await?;
        Ok(Self {
            calls: row.try_get("calls")?,
            calls_with_transcript: row.try_get("calls_with_transcript")?,
            calls_with_tool_calls: row.try_get("calls_with_tool_calls")?,
            oldest_call: row.try_get("oldest_call")?,
            newest_call: row.try_get("newest_call")?,
            calls_by_status: shares(db, BY_STATUS).await?,
            calls_by_type: shares(db, BY_TYPE).await?,
            assistants: row.try_get("assistants")?,
            prompt_versions: row.try_get("prompt_versions")?,
            rejects: row.try_get("rejects")?,
            scores: scores(db).await?,
            quotes: row.try_get("quotes")?,
            quotes_verified: row.try_get("quotes_verified")?,
            database_size: row.try_get("database_size")?,
        })
    }

    /// As text.
    pub(crate) fn text(&self) -> String {
        let span = match (self.oldest_call, self.newest_call) {
            (Some(oldest), Some(newest)) => format!("{} to {}", instant(oldest), instant(newest)),
            _ => "-".to_owned(),
        };
        table(&[
            ("calls", number(self.calls)),
            ("by status", list(&self.calls_by_status)),
            ("by type", list(&self.calls_by_type)),
            ("with a transcript", number(self.calls_with_transcript)),
            ("with tool calls", number(self.calls_with_tool_calls)),
            ("from", span),
            ("assistants", number(self.assistants)),
            ("prompt versions", number(self.prompt_versions)),
            ("rejected documents", number(self.rejects)),
            ("scored", self.spread("scored")),
            ("skipped", self.spread("skipped")),
            ("not scored yet", self.spread("failed")),
            (
                "verified quotes",
                format!("{} of {}", number(self.quotes_verified), number(self.quotes)),
            ),
            ("size", self.database_size.clone()),
        ])
    }
}

impl Contents {
    /// How many calls have each class, or reason.
    fn spread(&self, status: &str) -> String {
        let of_status: Vec<&Spread> = self.scores.iter().filter(|spread| spread.status == status).collect();
        if of_status.is_empty() {
            return "-".to_owned();
        }
        let total: i64 = of_status.iter().map(|spread| spread.calls).sum();
        let parts = of_status
            .iter()
            .map(|spread| format!("{} {}", number(spread.calls), spread.kind));
        format!("{} ({})", number(total), parts.collect::<Vec<_>>().join(", "))
    }
}

/// How the active framework's scores are spread; nothing where there is none.
async fn scores(db: &impl Executor) -> Result<Vec<Spread>> {
    match framework::load(db, None).await {
        Ok(framework) => Ok(score::spread(db, framework.id).await?),
        Err(LoadError::NoneActive) => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}

const BY_STATUS: &str = r"
    select coalesce(status, 'unknown') as value, count(*) as calls
    from vapi_calls_raw
    group by 1
    order by 2 desc, 1
";

const BY_TYPE: &str = r"
    select coalesce(type, 'unknown') as value, count(*) as calls
    from vapi_calls_raw
    group by 1
    order by 2 desc, 1
";

async fn shares(db: &impl Executor, query: &str) -> Result<Vec<Share>> {
    let rows = db.query_typed(query, &[]).await?;
    rows.iter()
        .map(|row| {
            Ok(Share {
                value: row.try_get("value")?,
                calls: row.try_get("calls")?,
            })
        })
        .collect()
}

fn list(shares: &[Share]) -> String {
    if shares.is_empty() {
        return "-".to_owned();
    }
    let shares = shares
        .iter()
        .map(|share| format!("{} {}", number(share.calls), share.value));
    shares.collect::<Vec<_>>().join(", ")
}
