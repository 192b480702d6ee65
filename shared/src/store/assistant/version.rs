//! What an assistant was at each time, and how its calls were then.

use std::ops::Range;

use chrono::{DateTime, Utc};
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::quality::{Sample, sample};
use crate::platform::db::{DbError, Executor};

/// One version of an assistant. It was in force from its change until the next.
#[derive(Clone, Debug, PartialEq)]
pub struct Version {
    /// 1 for the first that was seen.
    pub number: i32,
    /// When it came into force.
    pub changed_at: DateTime<Utc>,
    /// When the next one did; absent for the newest.
    pub replaced_at: Option<DateTime<Utc>>,
    /// The language model.
    pub model: Option<String>,
    /// The voice's id.
    pub voice: Option<String>,
    /// The beginning of the system prompt.
    pub prompt: Option<String>,
    /// The length of all of it, in characters.
    pub prompt_length: i32,
    /// What differs from the version before; nothing for the first.
    pub changes: Vec<Change>,
    /// Calls in the time that was asked for, while it was in force.
    pub calls: i64,
    /// Their scores.
    pub sample: Sample,
}

/// What makes a version another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The system prompt.
    Prompt,
    /// The language model.
    Model,
    /// The voice.
    Voice,
    /// The tools.
    Tools,
}

/// The versions of an assistant, newest first, that are below a number, each with the calls of a stretch of time.
/// Of prompts, no more is read than so many characters.
pub async fn list(
    db: &impl Executor,
    id: &str,
    window: &Range<DateTime<Utc>>,
    below: i32,
    limit: i64,
    longest: i32,
) -> Result<Vec<Version>, DbError> {
    let rows = db
        .query_typed(
            sample!(
                r"
                with history as (
                    select version_number, changed_at, prompt, model, voice,
                           lead(changed_at) over versions as replaced_at,
                           lag(version_number) over versions is not null as has_earlier,
                           prompt is distinct from lag(prompt) over versions as is_prompt_new,
                           model is distinct from lag(model) over versions as is_model_new,
                           voice is distinct from lag(voice) over versions as is_voice_new,
                           tools is distinct from lag(tools) over versions as are_tools_new
                    from vapi_assistant_prompt_history
                    where assistant_id = $1
                    window versions as (order by version_number)
                ),
                page as materialized (
                    select version_number, changed_at, replaced_at, model, voice,
                           left(prompt, $6) as prompt,
                           coalesce(length(prompt), 0) as prompt_length,
                           has_earlier and is_prompt_new as is_prompt_new,
                           has_earlier and is_model_new as is_model_new,
                           has_earlier and is_voice_new as is_voice_new,
                           has_earlier and are_tools_new as are_tools_new
                    from history
                    where version_number < $4
                    order by version_number desc
                    limit $5
                )
                select page.version_number, page.changed_at, page.replaced_at, page.model, page.voice, page.prompt,
                       page.prompt_length, page.is_prompt_new, page.is_model_new, page.is_voice_new, page.are_tools_new,
                       counted.calls, scores.scored, scores.total, scores.squares
                from page
                cross join lateral (
                    select count(*) as calls
                    from vapi_calls_raw as call
                    where call.assistant_id = $1
                      and call.call_at >= greatest($2, page.changed_at)
                      and call.call_at < least($3, page.replaced_at)
                ) as counted
                cross join lateral (
                    select
                ",
                r"
                    from qci_analyses as score
                    where score.framework_id = (
                        select id
                        from analysis_frameworks
                        where is_active
                          and framework_type = 'qci'
                    )
                      and score.status = 'scored'
                      and score.assistant_id = $1
                      and score.call_at >= greatest($2, page.changed_at)
                      and score.call_at < least($3, page.replaced_at)
                ) as scores
                order by page.version_number desc
                "
            ),
            &[
                (&id, Type::TEXT),
                (&window.start, Type::TIMESTAMPTZ),
                (&window.end, Type::TIMESTAMPTZ),
                (&below, Type::INT4),
                (&limit, Type::INT8),
                (&longest, Type::INT4),
            ],
        )
        .await?;
    rows.iter().map(Version::try_from).collect()
}

impl TryFrom<&Row> for Version {
    type Error = DbError;

    fn try_from(row: &Row) -> Result<Self, DbError> {
        let columns = [
            ("is_prompt_new", Change::Prompt),
            ("is_model_new", Change::Model),
            ("is_voice_new", Change::Voice),
            ("are_tools_new", Change::Tools),
        ];
        let mut changes = Vec::new();
        for (column, change) in columns {
            if row.try_get(column)? {
                changes.push(change);
            }
        }
        Ok(Self {
            number: row.try_get("version_number")?,
            changed_at: row.try_get("changed_at")?,
            replaced_at: row.try_get("replaced_at")?,
            model: row.try_get("model")?,
            voice: row.try_get("voice")?,
            prompt: row.try_get("prompt")?,
            prompt_length: row.try_get("prompt_length")?,
            changes,
            calls: row.try_get("calls")?,
            sample: Sample::try_from(row)?,
        })
    }
}
