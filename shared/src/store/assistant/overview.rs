//! Every assistant there is: as listed by Vapi, gone from it, or known from calls alone.

use std::ops::Range;

use chrono::{DateTime, Utc};
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use crate::platform::db::{DbError, Executor};

/// An assistant in a list of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Overview {
    /// Vapi's id.
    pub id: String,
    /// Its name; where Vapi's listing has none, the one in its newest call.
    pub name: Option<String>,
    /// The language model.
    pub model: Option<String>,
    /// Whether it has ever been in Vapi's listing.
    pub is_listed: bool,
    /// Since when the listing lacks it.
    pub deleted_at: Option<DateTime<Utc>>,
    /// Versions that were seen.
    pub versions: i64,
    /// When the newest of them began.
    pub changed_at: Option<DateTime<Utc>>,
    /// Calls in the time that was asked for.
    pub calls: i64,
}

/// One assistant and what it is now.
#[derive(Clone, Debug, PartialEq)]
pub struct Facts {
    /// Vapi's id.
    pub id: String,
    /// Its name; where Vapi's listing has none, the one in its newest call.
    pub name: Option<String>,
    /// The organisation.
    pub org_id: Option<String>,
    /// The language model.
    pub model: Option<String>,
    /// The voice's id.
    pub voice: Option<String>,
    /// Whether it has ever been in Vapi's listing.
    pub is_listed: bool,
    /// When Vapi created it.
    pub created_at: Option<DateTime<Utc>>,
    /// When Vapi last changed it.
    pub updated_at: Option<DateTime<Utc>>,
    /// Since when the listing lacks it.
    pub deleted_at: Option<DateTime<Utc>>,
    /// When its newest call was.
    pub last_call_at: Option<DateTime<Utc>>,
}

/// The ids of all assistants. Those that are in calls alone are found by steps through the index on them, up to a
/// thousand.
pub async fn known(db: &impl Executor) -> Result<Vec<String>, DbError> {
    let rows = db
        .query_typed(
            r"
            with recursive in_calls (assistant_id, step) as (
                select min(assistant_id), 1
                from vapi_calls_raw
                union all
                select (
                           select min(call.assistant_id)
                           from vapi_calls_raw as call
                           where call.assistant_id > in_calls.assistant_id
                       ),
                       step + 1
                from in_calls
                where in_calls.assistant_id is not null
                  and step < 1000
            )
            select assistant_id
            from vapi_assistants
            union
            select assistant_id
            from in_calls
            where assistant_id is not null
            ",
            &[],
        )
        .await?;
    rows.iter().map(|row| Ok(row.try_get("assistant_id")?)).collect()
}

/// These assistants with their calls of a stretch of time, those with most calls first.
pub async fn list(db: &impl Executor, ids: &[String], window: &Range<DateTime<Utc>>) -> Result<Vec<Overview>, DbError> {
    let rows = db
        .query_typed(
            r"
            select asked.assistant_id,
                   coalesce(stored.name, newest.assistant_name) as name,
                   stored.model,
                   stored.assistant_id is not null as is_listed,
                   stored.deleted_at,
                   history.versions,
                   history.changed_at,
                   counted.calls
            from unnest($1) as asked (assistant_id)
            left join vapi_assistants as stored using (assistant_id)
            cross join lateral (
                select count(*) as versions,
                       max(version.changed_at) as changed_at
                from vapi_assistant_prompt_history as version
                where version.assistant_id = asked.assistant_id
            ) as history
            cross join lateral (
                select count(*) as calls
                from vapi_calls_raw as call
                where call.assistant_id = asked.assistant_id
                  and call.call_at >= $2
                  and call.call_at < $3
            ) as counted
            left join lateral (
                select call.assistant_name
                from vapi_calls_raw as call
                where call.assistant_id = asked.assistant_id
                order by call.call_at desc, call.id desc
                limit 1
            ) as newest on stored.name is null
            order by counted.calls desc, name, asked.assistant_id
            ",
            &[
                (&ids, Type::TEXT_ARRAY),
                (&window.start, Type::TIMESTAMPTZ),
                (&window.end, Type::TIMESTAMPTZ),
            ],
        )
        .await?;
    rows.iter().map(Overview::try_from).collect()
}

/// The assistant of this id, if it has been listed or has taken a call.
pub async fn find(db: &impl Executor, id: &str) -> Result<Option<Facts>, DbError> {
    let row = db
        .query_typed_opt(
            r"
            select asked.assistant_id,
                   coalesce(stored.name, newest.assistant_name) as name,
                   stored.org_id,
                   stored.model,
                   stored.voice,
                   stored.assistant_id is not null as is_listed,
                   stored.created_at,
                   stored.updated_at,
                   stored.deleted_at,
                   newest.call_at as last_call_at
            from (select $1 as assistant_id) as asked
            left join vapi_assistants as stored using (assistant_id)
            left join lateral (
                select call.assistant_id, call.assistant_name, call.call_at
                from vapi_calls_raw as call
                where call.assistant_id = asked.assistant_id
                order by call.call_at desc, call.id desc
                limit 1
            ) as newest on true
            where stored.assistant_id is not null
               or newest.assistant_id is not null
            ",
            &[(&id, Type::TEXT)],
        )
        .await?;
    row.as_ref().map(Facts::try_from).transpose()
}

impl TryFrom<&Row> for Overview {
    type Error = DbError;

    fn try_from(row: &Row) -> Result<Self, DbError> {
        Ok(Self {
            id: row.try_get("assistant_id")?,
            name: row.try_get("name")?,
            model: row.try_get("model")?,
            is_listed: row.try_get("is_listed")?,
            deleted_at: row.try_get("deleted_at")?,
            versions: row.try_get("versions")?,
            changed_at: row.try_get("changed_at")?,
            calls: row.try_get("calls")?,
        })
    }
}

impl TryFrom<&Row> for Facts {
    type Error = DbError;

    fn try_from(row: &Row) -> Result<Self, DbError> {
        Ok(Self {
            id: row.try_get("assistant_id")?,
            name: row.try_get("name")?,
            org_id: row.try_get("org_id")?,
            model: row.try_get("model")?,
            voice: row.try_get("voice")?,
            is_listed: row.try_get("is_listed")?,
            created_at: row.try_get("created_at")?,
            updated_at: row.try_get("updated_at")?,
            deleted_at: row.try_get("deleted_at")?,
            last_call_at: row.try_get("last_call_at")?,
        })
    }
}
