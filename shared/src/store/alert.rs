//! Conditions that somebody has to know of, each raised once and cleared once; every query on `alerts` and
//! `watched_scripts`.
//!
//! watchdog ─▶ [`raise`], [`clear`] ─▶ rows ─▶ [`unpublished`] ─▶ "Alert Raised" on the bus ─▶ [`published`]

use chrono::{DateTime, Utc};
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::platform::db::{DbError, Executor};
use crate::platform::event::{AlertState, Raised};

/// What is not as it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// No run of the script has ended well for too long.
    Missed,
    /// The schedule has not started the script.
    Late,
    /// A run and its continuations go on for too long.
    TooLong,
    /// Vapi will soon stop serving calls that may not be stored.
    LowHeadroom,
    /// Documents of calls that are stored came back with less in them.
    DocumentsEmptied,
    /// Vapi's listings cannot be true.
    ListingSuspect,
    /// Vapi counts calls that are not stored.
    CountsDiffer,
}

/// Something that is not as it should be, of one script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// What it is.
    pub kind: Kind,
    /// The script.
    pub script_name: String,
    /// What it is counted from.
    pub since: DateTime<Utc>,
    /// It in a sentence.
    pub summary: String,
}

/// An alert that was not cleared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open {
    /// Its row.
    pub id: Uuid,
    /// A [`Kind`], as the row has it.
    pub kind: String,
    /// The script.
    pub script_name: String,
}

impl Kind {
    /// As the row has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Missed => "missed",
            Self::Late => "late",
            Self::TooLong => "too_long",
            Self::LowHeadroom => "low_headroom",
            Self::DocumentsEmptied => "documents_emptied",
            Self::ListingSuspect => "listing_suspect",
            Self::CountsDiffer => "counts_differ",
        }
    }
}

impl Open {
    /// Whether this is what was raised for a condition.
    #[must_use]
    pub fn is_of(&self, condition: &Condition) -> bool {
        self.kind == condition.kind.as_str() && self.script_name == condition.script_name
    }
}

/// Since when a script has been watched: `now`, where it was not.
pub async fn watch(db: &impl Executor, script_name: &str, now: DateTime<Utc>) -> Result<DateTime<Utc>, DbError> {
    let row = db
        .query_typed_one(
            r"
            insert into watched_scripts (script_name, watched_since)
            values ($1, $2)
            on conflict (script_name) do update
            set watched_since = least(watched_scripts.watched_since, excluded.watched_since)
            returning watched_since
            ",
            &[(&script_name, Type::TEXT), (&now, Type::TIMESTAMPTZ)],
        )
        .await?;
    Ok(row.try_get(0)?)
}

/// The alerts that are not cleared.
pub async fn open(db: &impl Executor) -> Result<Vec<Open>, DbError> {
    let rows = db
        .query_typed(
            r"
            select id, kind, script_name
            from alerts
            where cleared_at is null
            order by raised_at, id
            ",
            &[],
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Open {
                id: row.try_get("id")?,
                kind: row.try_get("kind")?,
                script_name: row.try_get("script_name")?,
            })
        })
        .collect()
}

/// Whether an alert was cleared; one that is not here was not.
pub async fn is_cleared(db: &impl Executor, id: Uuid) -> Result<bool, DbError> {
    let row = db
        .query_typed_opt(
            r"
            select cleared_at is not null
            from alerts
            where id = $1
            ",
            &[(&id, Type::UUID)],
        )
        .await?;
    row.map_or(Ok(false), |row| Ok(row.try_get(0)?))
}

/// Raises a condition; `false` where it is raised already.
pub async fn raise(db: &impl Executor, condition: &Condition, now: DateTime<Utc>) -> Result<bool, DbError> {
    let inserted = db
        .execute_typed(
            r"
            insert into alerts (id, kind, script_name, since, summary, raised_at)
            values ($1, $2, $3, $4, $5, $6)
            on conflict do nothing
            ",
            &[
                (&Uuid::now_v7(), Type::UUID),
                (&condition.kind.as_str(), Type::TEXT),
                (&condition.script_name, Type::TEXT),
                (&condition.since, Type::TIMESTAMPTZ),
                (&condition.summary, Type::TEXT),
                (&now, Type::TIMESTAMPTZ),
            ],
        )
        .await?;
    Ok(inserted == 1)
}

/// Clears an alert; `false` where it is cleared already.
pub async fn clear(db: &impl Executor, id: Uuid, now: DateTime<Utc>) -> Result<bool, DbError> {
    let cleared = db
        .execute_typed(
            r"
            update alerts
            set cleared_at = greatest($2, raised_at)
            where id = $1
              and cleared_at is null
            ",
            &[(&id, Type::UUID), (&now, Type::TIMESTAMPTZ)],
        )
        .await?;
    Ok(cleared == 1)
}

/// What the bus does not know yet, in the order in which it came about.
pub async fn unpublished(db: &impl Executor) -> Result<Vec<Raised>, DbError> {
    let rows = db
        .query_typed(
            r"
            select id, kind, script_name, state, since, summary, at
            from (
                select id, kind, script_name, 'raised' as state, since, summary, raised_at as at
                from alerts
                where raise_published_at is null
                union all
                select id, kind, script_name, 'cleared', since, summary, cleared_at
                from alerts
                where cleared_at is not null
                  and clear_published_at is null
            ) as news
            order by at, id, state desc
            ",
            &[],
        )
        .await?;
    rows.iter().map(news).collect()
}

/// Keeps that the bus took an event.
pub async fn published(db: &impl Executor, news: &Raised, now: DateTime<Utc>) -> Result<(), DbError> {
    db.execute_typed(
        r"
        update alerts
        set raise_published_at = case when $2 = 'raised' then $3 else raise_published_at end,
            clear_published_at = case when $2 = 'cleared' then $3 else clear_published_at end
        where id = $1
        ",
        &[
            (&news.alert_id, Type::UUID),
            (&news.state.as_str(), Type::TEXT),
            (&now, Type::TIMESTAMPTZ),
        ],
    )
    .await
    .map(drop)
}

fn news(row: &Row) -> Result<Raised, DbError> {
    let state: &str = row.try_get("state")?;
    Ok(Raised {
        alert_id: row.try_get("id")?,
        kind: row.try_get("kind")?,
        script_name: row.try_get("script_name")?,
        state: if state == AlertState::Cleared.as_str() {
            AlertState::Cleared
        } else {
            AlertState::Raised
        },
        since: row.try_get("since")?,
        at: row.try_get("at")?,
        summary: row.try_get("summary")?,
    })
}
