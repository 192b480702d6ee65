//! Assistants and versions that come from the earlier system's tables.

use chrono::{DateTime, Utc};
use tokio_postgres::types::Type;
use tokio_postgres::{GenericClient, Transaction};

use super::{Assistant, add_versions, upsert};
use crate::db::DbError;

/// An assistant of the earlier system.
#[derive(Clone, Debug)]
pub struct Adopted {
    /// As it was last listed.
    pub assistant: Assistant,
    /// When it was stored.
    pub synced_at: DateTime<Utc>,
    /// Only its history was kept: the listing lacked it.
    pub is_gone: bool,
    /// What it was at each time, oldest first.
    pub versions: Vec<Version>,
}

/// One version, as a document of its time.
#[derive(Clone, Debug)]
pub struct Version {
    /// Its number; those of an assistant rise.
    pub number: i32,
    /// When it came into force.
    pub changed_at: DateTime<Utc>,
    /// The assistant as it was then.
    pub state: Assistant,
}

/// What storing an assistant did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stored {
    /// The assistant is new.
    pub is_new: bool,
    /// Versions that are new; one that a sync has stored since is not.
    pub versions: u64,
}

/// Stores an assistant with its history, which comes before whatever a sync has stored since.
pub async fn adopt(transaction: &Transaction<'_>, adopted: &Adopted, now: DateTime<Utc>) -> Result<Stored, DbError> {
    let assistant = &adopted.assistant;
    let is_new = !is_known(transaction, &assistant.id).await?;
    if is_new {
        upsert(transaction, std::slice::from_ref(assistant), adopted.synced_at).await?;
        if adopted.is_gone {
            mark_gone(transaction, &assistant.id, now).await?;
        }
    }
    let versions = prepend(transaction, &assistant.id, &adopted.versions).await?;
    // What the assistant was last, where the history ends with something else.
    if is_new && !adopted.is_gone {
        add_versions(transaction, std::slice::from_ref(assistant), adopted.synced_at).await?;
    }
    Ok(Stored { is_new, versions })
}

/// How many of these assistants there are, and how many versions of them.
pub async fn count(db: &impl GenericClient, ids: &[&str]) -> Result<(i64, i64), DbError> {
    let row = db
        .query_typed_one(
            r"
            select (select count(*) from vapi_assistants where assistant_id = any($1)) as assistants,
                   (select count(*) from vapi_assistant_prompt_history where assistant_id = any($1)) as versions
            ",
            &[(&ids, Type::TEXT_ARRAY)],
        )
        .await?;
    Ok((row.try_get("assistants")?, row.try_get("versions")?))
}

/// The prompts of an assistant's versions, by number.
pub async fn prompts(db: &impl GenericClient, id: &str) -> Result<Vec<(i32, Option<String>)>, DbError> {
    let rows = db
        .query_typed(
            r"
            select version_number, prompt
            from vapi_assistant_prompt_history
            where assistant_id = $1
            order by version_number
            ",
            &[(&id, Type::TEXT)],
        )
        .await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

async fn is_known(transaction: &Transaction<'_>, id: &str) -> Result<bool, DbError> {
    transaction
        .query_typed_one(
            "select exists (select from vapi_assistants where assistant_id = $1)",
            &[(&id, Type::TEXT)],
        )
        .await?
        .try_get(0)
}

async fn mark_gone(transaction: &Transaction<'_>, id: &str, now: DateTime<Utc>) -> Result<(), DbError> {
    transaction
        .execute_typed(
            "update vapi_assistants set deleted_at = $2 where assistant_id = $1",
            &[(&id, Type::TEXT), (&now, Type::TIMESTAMPTZ)],
        )
        .await
        .map(drop)
}

/// Puts versions before those that are there. The first that is there may be the last of these; then it is kept once.
async fn prepend(transaction: &Transaction<'_>, id: &str, versions: &[Version]) -> Result<u64, DbError> {
    let Some(last) = versions.last() else { return Ok(0) };
    let first = transaction
        .query_typed_opt(
            r"
            select (prompt, model, voice) is not distinct from ($2, $3, $4) as is_last
            from vapi_assistant_prompt_history
            where assistant_id = $1
            order by version_number
            limit 1
            ",
            &[
                (&id, Type::TEXT),
                (&last.state.prompt, Type::TEXT),
                (&last.state.model, Type::TEXT),
                (&last.state.voice, Type::TEXT),
            ],
        )
        .await?;
    let is_last = first.as_ref().map_or(Ok(false), |row| row.try_get("is_last"))?;
    let versions = if is_last {
        &versions[..versions.len() - 1]
    } else {
        versions
    };
    if first.is_some() {
        make_room(transaction, id, versions.last().map_or(0, |version| version.number)).await?;
    }
    insert(transaction, id, versions).await
}

/// Renumbers the versions that are there so that they begin behind `last`. In two steps: numbers are unique at every row.
async fn make_room(transaction: &Transaction<'_>, id: &str, last: i32) -> Result<(), DbError> {
    const ASIDE: i32 = 1_000_000_000;
    for (by, least) in [(ASIDE, 0), (last - ASIDE, ASIDE)] {
        transaction
            .execute_typed(
                r"
                update vapi_assistant_prompt_history
                set version_number = version_number + $2
                where assistant_id = $1
                  and version_number > $3
                ",
                &[(&id, Type::TEXT), (&by, Type::INT4), (&least, Type::INT4)],
            )
            .await?;
    }
    Ok(())
}

async fn insert(transaction: &Transaction<'_>, id: &str, versions: &[Version]) -> Result<u64, DbError> {
    let mut inserted = 0;
    for version in versions {
        let hash: &[u8] = &version.state.version_hash;
        inserted += transaction
            .execute_typed(
                r"
                insert into vapi_assistant_prompt_history (
                    assistant_id, version_number, prompt, model, voice, tools, changed_at, raw_json, version_hash
                )
                values ($1, $2, $3, $4, $5, $6, $7, $8::text::jsonb, $9)
                ",
                &[
                    (&id, Type::TEXT),
                    (&version.number, Type::INT4),
                    (&version.state.prompt, Type::TEXT),
                    (&version.state.model, Type::TEXT),
                    (&version.state.voice, Type::TEXT),
                    (&version.state.tools, Type::JSONB),
                    (&version.changed_at, Type::TIMESTAMPTZ),
                    (&version.state.document, Type::TEXT),
                    (&hash, Type::BYTEA),
                ],
            )
            .await?;
    }
    Ok(inserted)
}
