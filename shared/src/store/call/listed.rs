//! What is stored against what Vapi lists: which calls a listing must hold, which it lacks, how many there are.

use chrono::{DateTime, Utc};
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use crate::platform::db::{DbError, Executor};

/// A stored call that a listing must hold, or once lacked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its id.
    pub id: String,
    /// When Vapi created it.
    pub created_at: DateTime<Utc>,
    /// When a listing lacked it, or Vapi was last asked for it by its id; none once that is settled.
    pub absent_at: Option<DateTime<Utc>>,
    /// When Vapi first did not know it by its id.
    pub gone_at: Option<DateTime<Utc>>,
}

/// What is stored of one stretch of creation time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Counted {
    /// Calls, those that are gone from Vapi among them.
    pub calls: i64,
    /// What they cost, in USD.
    pub cost: f64,
}

/// The organisation of the newest call that names one.
pub async fn newest_organisation(db: &impl Executor) -> Result<Option<String>, DbError> {
    let row = db
        .query_typed_opt(
            r"
            select org_id
            from vapi_calls_raw
            where org_id is not null
              and created_at is not null
            order by created_at desc
            limit 1
            ",
            &[],
        )
        .await?;
    row.map(|row| Ok(row.try_get(0)?)).transpose()
}

/// When the oldest call of an organisation was created that is stored.
pub async fn oldest(db: &impl Executor, organisation: Option<&str>) -> Result<Option<DateTime<Utc>>, DbError> {
    let row = db
        .query_typed_opt(
            r"
            select created_at
            from vapi_calls_raw
            where created_at is not null
              and ($1::text is null or org_id is null or org_id = $1)
            order by created_at
            limit 1
            ",
            &[(&organisation, Type::TEXT)],
        )
        .await?;
    row.map(|row| Ok(row.try_get(0)?)).transpose()
}

/// When the oldest call of an organisation was created, within a stretch, that Vapi did not show as a whole when it was
/// last asked for it: a listing lacked it, its id did not find it, or its document was emptier than what is stored.
pub async fn oldest_not_shown(
    db: &impl Executor,
    organisation: Option<&str>,
    (from, to): (DateTime<Utc>, DateTime<Utc>),
) -> Result<Option<DateTime<Utc>>, DbError> {
    let rows = db
        .query_typed(
            r"
            select min(created_at)
            from vapi_calls_raw
            where created_at >= $2
              and created_at <= $3
              and (absent_at is not null or gone_at is not null or content_kept_at is not null)
              and ($1::text is null or org_id is null or org_id = $1)
            ",
            &[
                (&organisation, Type::TEXT),
                (&from, Type::TIMESTAMPTZ),
                (&to, Type::TIMESTAMPTZ),
            ],
        )
        .await?;
    rows.first().map_or(Ok(None), |row| Ok(row.try_get(0)?))
}

/// The calls of an organisation created within a stretch, both ends included, that are not known to be gone; oldest
/// first, after a call where one is named.
pub async fn in_stretch(
    db: &impl Executor,
    organisation: Option<&str>,
    (from, to): (DateTime<Utc>, DateTime<Utc>),
    after: Option<&Listed>,
    limit: i64,
) -> Result<Vec<Listed>, DbError> {
    let (at, id) = after.map_or((from, ""), |after| (after.created_at, after.id.as_str()));
    let rows = db
        .query_typed(
            r"
            select id, created_at, absent_at, gone_at
            from vapi_calls_raw
            where created_at >= $2
              and created_at <= $3
              and (created_at, id) > ($2, $4)
              and gone_at is null
              and ($1::text is null or org_id is null or org_id = $1)
            order by created_at, id
            limit $5
            ",
            &[
                (&organisation, Type::TEXT),
                (&at, Type::TIMESTAMPTZ),
                (&to, Type::TIMESTAMPTZ),
                (&id, Type::TEXT),
                (&limit, Type::INT8),
            ],
        )
        .await?;
    rows.iter().map(listed).collect()
}

/// The calls of an organisation created since that a listing lacked, or that are gone; oldest first, after a call
/// where one is named.
pub async fn unlisted(
    db: &impl Executor,
    organisation: Option<&str>,
    since: DateTime<Utc>,
    after: Option<&Listed>,
    limit: i64,
) -> Result<Vec<Listed>, DbError> {
    let (at, id) = after.map_or((since, ""), |after| (after.created_at, after.id.as_str()));
    let rows = db
        .query_typed(
            r"
            select id, created_at, absent_at, gone_at
            from vapi_calls_raw
            where (absent_at is not null or gone_at is not null)
              and created_at >= $2
              and (created_at, id) > ($2, $3)
              and ($1::text is null or org_id is null or org_id = $1)
            order by created_at, id
            limit $4
            ",
            &[
                (&organisation, Type::TEXT),
                (&at, Type::TIMESTAMPTZ),
                (&id, Type::TEXT),
                (&limit, Type::INT8),
            ],
        )
        .await?;
    rows.iter().map(listed).collect()
}

/// A listing lacks these calls.
pub async fn mark_absent(db: &impl Executor, ids: &[&str], now: DateTime<Utc>) -> Result<(), DbError> {
    db.execute_typed(
        r"
        update vapi_calls_raw
        set absent_at = $2
        where id = any($1)
          and absent_at is null
        ",
        &[(&ids, Type::TEXT_ARRAY), (&now, Type::TIMESTAMPTZ)],
    )
    .await?;
    Ok(())
}

/// Vapi does not know these calls any more. Those that are gone since `believed` or later stay absent, to be asked for again.
pub async fn mark_gone(
    db: &impl Executor,
    ids: &[&str],
    believed: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    db.execute_typed(
        r"
        update vapi_calls_raw
        set gone_at = coalesce(gone_at, $2),
            absent_at = case when coalesce(gone_at, $2) > $3 then $2 end
        where id = any($1)
        ",
        &[
            (&ids, Type::TEXT_ARRAY),
            (&now, Type::TIMESTAMPTZ),
            (&believed, Type::TIMESTAMPTZ),
        ],
    )
    .await?;
    Ok(())
}

/// Vapi has these calls after all.
pub async fn is_listed(db: &impl Executor, ids: &[&str]) -> Result<(), DbError> {
    db.execute_typed(
        r"
        update vapi_calls_raw
        set gone_at = null,
            absent_at = null
        where id = any($1)
        ",
        &[(&ids, Type::TEXT_ARRAY)],
    )
    .await?;
    Ok(())
}

/// What is stored of each of some stretches of creation time, their ends excluded.
pub async fn by_stretch(
    db: &impl Executor,
    organisation: Option<&str>,
    stretches: &[(DateTime<Utc>, DateTime<Utc>)],
) -> Result<Vec<Counted>, DbError> {
    let (starts, ends): (Vec<_>, Vec<_>) = stretches.iter().copied().unzip();
    let rows = db
        .query_typed(
            r"
            select counted.calls, counted.cost
            from unnest($2::timestamptz[], $3::timestamptz[]) with ordinality as stretch (starts, ends, position)
            -- Joined as a whole, the table would be read once for each stretch.
            cross join lateral (
                select count(*) as calls, coalesce(sum(call.cost), 0)::float8 as cost
                from vapi_calls_raw as call
                where call.created_at >= stretch.starts
                  and call.created_at < stretch.ends
                  and ($1::text is null or call.org_id is null or call.org_id = $1)
            ) as counted
            order by stretch.position
            ",
            &[
                (&organisation, Type::TEXT),
                (&starts, Type::TIMESTAMPTZ_ARRAY),
                (&ends, Type::TIMESTAMPTZ_ARRAY),
            ],
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Counted {
                calls: row.try_get("calls")?,
                cost: row.try_get("cost")?,
            })
        })
        .collect()
}

fn listed(row: &Row) -> Result<Listed, DbError> {
    Ok(Listed {
        id: row.try_get("id")?,
        created_at: row.try_get("created_at")?,
        absent_at: row.try_get("absent_at")?,
        gone_at: row.try_get("gone_at")?,
    })
}
