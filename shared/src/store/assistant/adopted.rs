//! Assistants and versions that come from the earlier system's tables.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde_json::Value;
use tokio_postgres::types::Type;

use super::{Source, add_versions, upsert};
use crate::domain::assistant::Assistant;
use crate::platform::db::{DbError, Executor, Transaction};

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
        add_versions(
            transaction,
            std::slice::from_ref(assistant),
            Source::Earlier,
            adopted.synced_at,
        )
        .await?;
    }
    Ok(Stored { is_new, versions })
}

/// How an assistant of the table compares with an adopted one.
#[derive(Clone, Copy, Debug)]
pub struct Held {
    /// Every column is the same, but for when it was stored and who is gone.
    pub is_same: bool,
    /// It was written again since.
    pub is_rewritten: bool,
}

/// Compares assistants with those that the table holds, by id.
pub async fn compare(db: &impl Executor, assistants: &[Adopted]) -> Result<HashMap<String, Held>, DbError> {
    let listing: Vec<&Assistant> = assistants.iter().map(|adopted| &adopted.assistant).collect();
    let column = |field: fn(&Assistant) -> Option<&str>| listing.iter().map(|it| field(it)).collect::<Vec<_>>();
    let instants = |field: fn(&Adopted) -> Option<DateTime<Utc>>| assistants.iter().map(field).collect::<Vec<_>>();
    let hashes: Vec<&[u8]> = listing.iter().map(|assistant| &assistant.document_hash[..]).collect();
    let tools: Vec<Option<&Value>> = listing.iter().map(|assistant| assistant.tools.as_ref()).collect();
    let rows = db
        .query_typed(
            r"
            select assistant_id,
                   (stored.org_id, stored.name, stored.model, stored.voice, stored.prompt, stored.tools, stored.raw_json,
                    stored.document_hash, stored.created_at, stored.updated_at)
                   is not distinct from
                   (earlier.org_id, earlier.name, earlier.model, earlier.voice, earlier.prompt, earlier.tools,
                    earlier.raw_json, earlier.document_hash, earlier.created_at, earlier.updated_at) as is_same,
                   stored.synced_at > earlier.synced_at as is_rewritten
            from unnest(
                $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::jsonb[], $8::text[]::jsonb[],
                $9::bytea[], $10::timestamptz[], $11::timestamptz[], $12::timestamptz[]
            ) as earlier (
                assistant_id, org_id, name, model, voice, prompt, tools, raw_json, document_hash, created_at, updated_at,
                synced_at
            )
            join vapi_assistants as stored using (assistant_id)
            ",
            &[
                (&column(|it| Some(&it.id)), Type::TEXT_ARRAY),
                (&column(|it| it.org_id.as_deref()), Type::TEXT_ARRAY),
                (&column(|it| it.name.as_deref()), Type::TEXT_ARRAY),
                (&column(|it| it.model.as_deref()), Type::TEXT_ARRAY),
                (&column(|it| it.voice.as_deref()), Type::TEXT_ARRAY),
                (&column(|it| it.prompt.as_deref()), Type::TEXT_ARRAY),
                (&tools, Type::JSONB_ARRAY),
                (&column(|it| Some(&it.document)), Type::TEXT_ARRAY),
                (&hashes, Type::BYTEA_ARRAY),
                (&instants(|it| it.assistant.created_at), Type::TIMESTAMPTZ_ARRAY),
                (&instants(|it| it.assistant.updated_at), Type::TIMESTAMPTZ_ARRAY),
                (&instants(|it| Some(it.synced_at)), Type::TIMESTAMPTZ_ARRAY),
            ],
        )
        .await?;
    rows.iter()
        .map(|row| {
            let held = Held {
                is_same: row.try_get("is_same")?,
                is_rewritten: row.try_get("is_rewritten")?,
            };
            Ok((row.try_get("assistant_id")?, held))
        })
        .collect()
}

/// How many of these versions the table holds as they are; what they do not say may be there.
pub async fn same_versions(db: &impl Executor, versions: &[Version]) -> Result<i64, DbError> {
    let column = |field: fn(&Assistant) -> Option<&str>| -> Vec<Option<&str>> {
        versions.iter().map(|version| field(&version.state)).collect()
    };
    let numbers: Vec<i32> = versions.iter().map(|version| version.number).collect();
    let row = db
        .query_typed_one(
            r"
            select count(*)
            from unnest($1::text[], $2::integer[], $3::text[], $4::text[], $5::text[])
                as earlier (assistant_id, number, prompt, model, voice)
            join vapi_assistant_prompt_history as version
                on version.assistant_id = earlier.assistant_id
                and version.version_number = earlier.number
            where coalesce(earlier.prompt = version.prompt, earlier.prompt is null)
              and coalesce(earlier.model = version.model, earlier.model is null)
              and coalesce(earlier.voice = version.voice, earlier.voice is null)
            ",
            &[
                (&column(|state| Some(&state.id)), Type::TEXT_ARRAY),
                (&numbers, Type::INT4_ARRAY),
                (&column(|state| state.prompt.as_deref()), Type::TEXT_ARRAY),
                (&column(|state| state.model.as_deref()), Type::TEXT_ARRAY),
                (&column(|state| state.voice.as_deref()), Type::TEXT_ARRAY),
            ],
        )
        .await?;
    Ok(row.try_get(0)?)
}

async fn is_known(transaction: &Transaction<'_>, id: &str) -> Result<bool, DbError> {
    let row = transaction
        .query_typed_one(
            "select exists (select from vapi_assistants where assistant_id = $1)",
            &[(&id, Type::TEXT)],
        )
        .await?;
    Ok(row.try_get(0)?)
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
            select coalesce(prompt = $2, $2 is null)
                       and coalesce(model = $3, $3 is null)
                       and coalesce(voice = $4, $4 is null) as is_last
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
    let (versions, room) = if is_last {
        (&versions[..versions.len() - 1], last.number - 1)
    } else {
        (versions, last.number)
    };
    if first.is_some() {
        make_room(transaction, id, room).await?;
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
                // The mark says that what is null is not known.
                r#"
                insert into vapi_assistant_prompt_history (
                    assistant_id, version_number, prompt, model, voice, tools, changed_at, raw_json, version_hash
                )
                values ($1, $2, $3, $4, $5, $6, $7,
                        $8::text::jsonb
                            || case num_nulls($3, $4, $5, $6) when 0 then '{}' else '{"before_callmark": {}}' end::jsonb,
                        $9)
                "#,
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
