//! How far a sync has got: the watermark and the windows still to walk; every query on their two tables.
//!
//! The watermark promises that every call changed up to it is stored. It moves to the target of the
//! passes under way, and only when no window is left; a window shrinks in the transaction that stores
//! what was read from it, so that a run killed anywhere leaves exactly what is still to do.

use chrono::{DateTime, Utc};
use tokio_postgres::types::Type;

use crate::db::{DbError, Executor};

/// The row of the calls' sync.
const CALLS: &str = "calls";

/// How far a sync has got.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Every call changed up to here is stored.
    pub watermark: Option<DateTime<Utc>>,
    /// What the watermark becomes once no window is open.
    pub target: Option<DateTime<Utc>>,
    /// When the trailing window was last read again.
    pub rescanned_at: Option<DateTime<Utc>>,
}

/// Why a window is walked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Pass {
    /// Everything that Vapi still has.
    Full,
    /// Calls created since the watermark.
    New,
    /// Calls changed since the watermark.
    Changed,
    /// Recent calls again, for values that settle late.
    Rescan,
    /// A range that somebody asked for.
    Range,
}

/// A stretch of creation time to walk, both ends included, newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// Its row; a dry run's window has none.
    pub id: Option<i64>,
    /// Why it is walked.
    pub pass: Pass,
    /// Where it ends; without it the walk goes back as far as Vapi does.
    pub created_from: Option<DateTime<Utc>>,
    /// Where it begins.
    pub created_to: DateTime<Utc>,
    /// Only calls changed since.
    pub updated_from: Option<DateTime<Utc>>,
}

/// Reads the state; an empty one before the first sync.
pub async fn read(db: &impl Executor) -> Result<State, DbError> {
    let row = db
        .query_typed_opt(
            r"
            select watermark, target, rescanned_at
            from sync_state
            where name = $1
            ",
            &[(&CALLS, Type::TEXT)],
        )
        .await?;
    row.map_or(Ok(State::default()), |row| {
        Ok(State {
            watermark: row.try_get(0)?,
            target: row.try_get(1)?,
            rescanned_at: row.try_get(2)?,
        })
    })
}

/// The windows still to walk, in the order in which they were opened.
pub async fn windows(db: &impl Executor) -> Result<Vec<Window>, DbError> {
    let rows = db
        .query_typed(
            r"
            select id, pass, created_from, created_to, updated_from
            from sync_windows
            order by id
            ",
            &[],
        )
        .await?;
    rows.iter()
        .map(|row| {
            let pass: &str = row.try_get("pass")?;
            Ok(Window {
                id: Some(row.try_get("id")?),
                // A constraint of the table holds the set.
                pass: Pass::parse(pass).unwrap_or(Pass::Full),
                created_from: row.try_get("created_from")?,
                created_to: row.try_get("created_to")?,
                updated_from: row.try_get("updated_from")?,
            })
        })
        .collect()
}

/// Sets the bound that the watermark will move to.
pub async fn aim(db: &impl Executor, target: DateTime<Utc>, now: DateTime<Utc>) -> Result<(), DbError> {
    db.execute_typed(
        r"
        insert into sync_state (name, target, updated_at)
        values ($1, $2, $3)
        on conflict (name) do update
        set target = excluded.target,
            updated_at = excluded.updated_at
        ",
        &[
            (&CALLS, Type::TEXT),
            (&target, Type::TIMESTAMPTZ),
            (&now, Type::TIMESTAMPTZ),
        ],
    )
    .await?;
    Ok(())
}

/// Gives windows their rows.
pub async fn open(db: &impl Executor, windows: Vec<Window>) -> Result<Vec<Window>, DbError> {
    let passes: Vec<&str> = windows.iter().map(|window| window.pass.as_str()).collect();
    let froms: Vec<_> = windows.iter().map(|window| window.created_from).collect();
    let tos: Vec<_> = windows.iter().map(|window| window.created_to).collect();
    let updated: Vec<_> = windows.iter().map(|window| window.updated_from).collect();
    let rows = db
        .query_typed(
            r"
            insert into sync_windows (pass, created_from, created_to, updated_from)
            select pass, created_from, created_to, updated_from
            from unnest($1::text[], $2::timestamptz[], $3::timestamptz[], $4::timestamptz[]) with ordinality
                as opened (pass, created_from, created_to, updated_from, position)
            order by position
            returning id
            ",
            &[
                (&passes, Type::TEXT_ARRAY),
                (&froms, Type::TIMESTAMPTZ_ARRAY),
                (&tos, Type::TIMESTAMPTZ_ARRAY),
                (&updated, Type::TIMESTAMPTZ_ARRAY),
            ],
        )
        .await?;
    Ok(windows
        .into_iter()
        .zip(&rows)
        .map(|(window, row)| Window {
            id: Some(row.get(0)),
            ..window
        })
        .collect())
}

/// Everything in the window after `created_to` is stored.
pub async fn narrow(db: &impl Executor, id: i64, created_to: DateTime<Utc>) -> Result<(), DbError> {
    db.execute_typed(
        r"
        update sync_windows
        set created_to = least(created_to, greatest($2, created_from))
        where id = $1
        ",
        &[(&id, Type::INT8), (&created_to, Type::TIMESTAMPTZ)],
    )
    .await?;
    Ok(())
}

/// The part of the window before `created_from` is somebody else's now.
pub async fn shorten(db: &impl Executor, id: i64, created_from: DateTime<Utc>) -> Result<(), DbError> {
    db.execute_typed(
        r"
        update sync_windows
        set created_from = least($2, created_to)
        where id = $1
        ",
        &[(&id, Type::INT8), (&created_from, Type::TIMESTAMPTZ)],
    )
    .await?;
    Ok(())
}

/// All of the window is stored.
pub async fn close(db: &impl Executor, id: i64) -> Result<(), DbError> {
    db.execute_typed("delete from sync_windows where id = $1", &[(&id, Type::INT8)])
        .await?;
    Ok(())
}

/// Moves the watermark to the target, unless a window is still open; returns the watermark as it is then.
pub async fn advance(db: &impl Executor, now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, DbError> {
    db.execute_typed(
        r"
        update sync_state
        set watermark = target,
            target = null,
            updated_at = $2
        where name = $1
          and target is not null
          and not exists (select from sync_windows)
        ",
        &[(&CALLS, Type::TEXT), (&now, Type::TIMESTAMPTZ)],
    )
    .await?;
    Ok(read(db).await?.watermark)
}

/// Notes that the trailing window is read again in this pass.
pub async fn rescanned(db: &impl Executor, now: DateTime<Utc>) -> Result<(), DbError> {
    db.execute_typed(
        "update sync_state set rescanned_at = $2 where name = $1",
        &[(&CALLS, Type::TEXT), (&now, Type::TIMESTAMPTZ)],
    )
    .await?;
    Ok(())
}

impl Pass {
    const ALL: [Self; 5] = [Self::Full, Self::New, Self::Changed, Self::Rescan, Self::Range];

    /// As its row has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::New => "new",
            Self::Changed => "changed",
            Self::Rescan => "rescan",
            Self::Range => "range",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|pass| pass.as_str() == text)
    }
}
