//! A Vapi assistant as stored, its versions, and every query on their two tables.

pub mod adopted;
pub mod issue;
mod names;
pub mod overview;
pub mod quality;
pub mod version;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use tokio_postgres::types::Type;

use crate::domain::assistant::Assistant;
use crate::platform::db::{DbError, Executor, Transaction};

pub use names::{Named, names};

/// What storing a listing did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Stored {
    /// Assistants in the listing.
    pub fetched: u64,
    /// New ones.
    pub inserted: u64,
    /// Changed ones, and ones that came back.
    pub updated: u64,
    /// Versions added to the history.
    pub versions: u64,
    /// Ones that Vapi does not know any more.
    pub deleted: u64,
}

/// Stores what Vapi has: new and changed assistants, their new versions, and those that are `gone`.
pub async fn store(
    transaction: &Transaction<'_>,
    listing: &[Assistant],
    gone: &[&str],
    now: DateTime<Utc>,
) -> Result<Stored, DbError> {
    let (inserted, updated) = upsert(transaction, listing, now).await?;
    let versions = add_versions(transaction, listing, Source::Listing, now).await?;
    let deleted = mark_deleted(transaction, gone, now).await?;
    Ok(Stored {
        fetched: listing.len() as u64,
        inserted,
        updated,
        versions,
        deleted,
    })
}

/// The ids of all assistants, the gone ones too: they may have taken calls that Vapi still lists.
pub async fn ids(db: &impl Executor) -> Result<Vec<String>, DbError> {
    let rows = db
        .query_typed("select assistant_id from vapi_assistants order by assistant_id", &[])
        .await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

/// The assistants of an organisation that are stored, are not known to be gone, and are not `listed`; by their ids.
pub async fn unlisted(
    db: &impl Executor,
    organisation: Option<&str>,
    listed: &[&str],
    limit: i64,
) -> Result<Vec<String>, DbError> {
    let rows = db
        .query_typed(
            r"
            select assistant_id
            from vapi_assistants
            where deleted_at is null
              and assistant_id <> all($1)
              and ($2::text is null or org_id is null or org_id = $2)
            order by assistant_id
            limit $3
            ",
            &[
                (&listed, Type::TEXT_ARRAY),
                (&organisation, Type::TEXT),
                (&limit, Type::INT8),
            ],
        )
        .await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

async fn upsert(
    transaction: &Transaction<'_>,
    listing: &[Assistant],
    now: DateTime<Utc>,
) -> Result<(u64, u64), DbError> {
    let column = |field: fn(&Assistant) -> Option<&str>| listing.iter().map(field).collect::<Vec<_>>();
    let hashes: Vec<&[u8]> = listing.iter().map(|assistant| &assistant.document_hash[..]).collect();
    let rows = transaction
        .query_typed(
            r"
            insert into vapi_assistants (
                assistant_id, org_id, name, model, voice, prompt, tools, raw_json, document_hash,
                created_at, updated_at, synced_at
            )
            select listed.*, $12
            from unnest(
                $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::jsonb[], $8::text[]::jsonb[],
                $9::bytea[], $10::timestamptz[], $11::timestamptz[]
            ) as listed
            on conflict (assistant_id) do update
            set org_id = excluded.org_id,
                name = excluded.name,
                model = excluded.model,
                voice = excluded.voice,
                prompt = excluded.prompt,
                tools = excluded.tools,
                raw_json = excluded.raw_json,
                document_hash = excluded.document_hash,
                created_at = excluded.created_at,
                updated_at = excluded.updated_at,
                deleted_at = null,
                synced_at = excluded.synced_at
            where vapi_assistants.deleted_at is not null
               or (vapi_assistants.document_hash <> excluded.document_hash
                   and (vapi_assistants.updated_at is null or vapi_assistants.updated_at <= excluded.updated_at))
            returning xmax = 0
            ",
            &[
                (&column(|assistant| Some(&assistant.id)), Type::TEXT_ARRAY),
                (&column(|assistant| assistant.org_id.as_deref()), Type::TEXT_ARRAY),
                (&column(|assistant| assistant.name.as_deref()), Type::TEXT_ARRAY),
                (&column(|assistant| assistant.model.as_deref()), Type::TEXT_ARRAY),
                (&column(|assistant| assistant.voice.as_deref()), Type::TEXT_ARRAY),
                (&column(|assistant| assistant.prompt.as_deref()), Type::TEXT_ARRAY),
                (&tools(listing), Type::JSONB_ARRAY),
                (&column(|assistant| Some(&assistant.document)), Type::TEXT_ARRAY),
                (&hashes, Type::BYTEA_ARRAY),
                (&listing.iter().map(|assistant| assistant.created_at).collect::<Vec<_>>(), Type::TIMESTAMPTZ_ARRAY),
                (&listing.iter().map(|assistant| assistant.updated_at).collect::<Vec<_>>(), Type::TIMESTAMPTZ_ARRAY),
                (&now, Type::TIMESTAMPTZ),
            ],
        )
        .await?;
    let inserted = rows.iter().filter(|row| row.get::<_, bool>(0)).count() as u64;
    Ok((inserted, rows.len() as u64 - inserted))
}

/// Who says what an assistant is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    /// Vapi, now.
    Listing,
    /// The earlier system, which may not have kept everything.
    Earlier,
}

/// Reads from the table that [`upsert`] has just filled, so that a listing older than the row adds no version.
///
/// A version of the earlier system that says nothing of the tools, say, is completed by the first listing that says
/// nothing else: no change is known of.
async fn add_versions(
    transaction: &Transaction<'_>,
    listing: &[Assistant],
    source: Source,
    now: DateTime<Utc>,
) -> Result<u64, DbError> {
    let ids: Vec<&str> = listing.iter().map(|assistant| assistant.id.as_str()).collect();
    let document_hashes: Vec<&[u8]> = listing.iter().map(|assistant| &assistant.document_hash[..]).collect();
    let version_hashes: Vec<&[u8]> = listing.iter().map(|assistant| &assistant.version_hash[..]).collect();
    transaction
        .execute_typed(
            r#"
            with seen as (
                select stored.assistant_id, stored.prompt, stored.model, stored.voice, stored.tools, stored.raw_json,
                       coalesce(stored.updated_at, $4) as changed_at, listed.version_hash,
                       newest.version_number as newest_number,
                       newest.has_gaps
                           and coalesce(newest.prompt = stored.prompt, newest.prompt is null)
                           and coalesce(newest.model = stored.model, newest.model is null)
                           and coalesce(newest.voice = stored.voice, newest.voice is null) as is_completed
                from unnest($1::text[], $2::bytea[], $3::bytea[]) as listed (assistant_id, document_hash, version_hash)
                join vapi_assistants stored using (assistant_id, document_hash)
                left join lateral (
                    select version_number, version_hash, prompt, model, voice, tools,
                           num_nulls(prompt, model, voice, tools) > 0 and raw_json ? 'before_callmark' as has_gaps
                    from vapi_assistant_prompt_history
                    where assistant_id = listed.assistant_id
                    order by version_number desc
                    limit 1
                ) as newest on true
                where newest.version_number is null
                   or newest.has_gaps
                   or (newest.version_hash <> listed.version_hash
                       -- A hash that differs may only say that members came in another order.
                       and (newest.prompt, newest.model, newest.voice, newest.tools)
                           is distinct from (stored.prompt, stored.model, stored.voice, stored.tools))
            ),
            completed as (
                update vapi_assistant_prompt_history as version
                set prompt = seen.prompt,
                    model = seen.model,
                    voice = seen.voice,
                    tools = seen.tools,
                    raw_json = case
                        when $5 or num_nulls(seen.prompt, seen.model, seen.voice, seen.tools) = 0 then seen.raw_json
                        else seen.raw_json || '{"before_callmark": {}}'
                    end,
                    version_hash = seen.version_hash
                from seen
                where seen.is_completed
                  and version.assistant_id = seen.assistant_id
                  and version.version_number = seen.newest_number
            )
            insert into vapi_assistant_prompt_history (
                assistant_id, version_number, prompt, model, voice, tools, changed_at, raw_json, version_hash
            )
            select assistant_id, coalesce(newest_number, 0) + 1, prompt, model, voice, tools, changed_at, raw_json,
                   version_hash
            from seen
            where is_completed is not true
            "#,
            &[
                (&ids, Type::TEXT_ARRAY),
                (&document_hashes, Type::BYTEA_ARRAY),
                (&version_hashes, Type::BYTEA_ARRAY),
                (&now, Type::TIMESTAMPTZ),
                (&(source == Source::Listing), Type::BOOL),
            ],
        )
        .await
}

async fn mark_deleted(transaction: &Transaction<'_>, gone: &[&str], now: DateTime<Utc>) -> Result<u64, DbError> {
    if gone.is_empty() {
        return Ok(0);
    }
    transaction
        .execute_typed(
            r"
            update vapi_assistants
            set deleted_at = $2
            where deleted_at is null
              and assistant_id = any($1)
            ",
            &[(&gone, Type::TEXT_ARRAY), (&now, Type::TIMESTAMPTZ)],
        )
        .await
}

fn tools(listing: &[Assistant]) -> Vec<Option<&Value>> {
    listing.iter().map(|assistant| assistant.tools.as_ref()).collect()
}
