//! How far a sync has got: the watermark and the windows still to walk; every query on their two tables.
//!
//! The watermark promises that every call changed up to it is stored. It moves to the target of the
//! passes under way, and only when no window is left; a window shrinks in the transaction that stores
//! what was read from it, so that a run killed anywhere leaves exactly what is still to do.

use chrono::{DateTime, NaiveDate, Utc};
use tokio_postgres::types::Type;

use crate::platform::db::{DbError, Executor, Transaction};

/// The row of the calls' sync.
const CALLS: &str = "calls";

/// How far a sync has got.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Every call changed up to here is stored.
    pub watermark: Option<DateTime<Utc>>,
    /// What the watermark becomes once no window is open.
    pub target: Option<DateTime<Utc>>,
    /// When the trailing window was last read again.
    pub rescanned_at: Option<DateTime<Utc>>,
    /// Whose calls these are.
    pub organisation: Option<String>,
    /// Calls created up to here had their last look.
    pub last_looked_to: Option<DateTime<Utc>>,
    /// When everything was read for the second time after the first load.
    pub read_again_at: Option<DateTime<Utc>>,
    /// How many runs in a row were given a listing that cannot be true.
    pub suspect_runs: i32,
    /// When each day's calls were last counted against Vapi's own counts.
    pub reconciled_at: Option<DateTime<Utc>>,
    /// When Vapi last refused to count.
    pub counts_refused_at: Option<DateTime<Utc>>,
    /// The last day up to which no call is missing, by Vapi's counts.
    pub complete_to: Option<NaiveDate>,
    /// How many calls Vapi counted that are not stored.
    pub calls_missing: i64,
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
    /// Calls that Vapi will soon forget, once more.
    LastLook,
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
            select watermark, target, rescanned_at, organisation, last_looked_to, read_again_at, suspect_runs,
                   reconciled_at, counts_refused_at, complete_to, calls_missing
            from sync_state
            where name = $1
            ",
            &[(&CALLS, Type::TEXT)],
        )
        .await?;
    row.map_or(Ok(State::default()), |row| {
        Ok(State {
            watermark: row.try_get("watermark")?,
            target: row.try_get("target")?,
            rescanned_at: row.try_get("rescanned_at")?,
            organisation: row.try_get("organisation")?,
            last_looked_to: row.try_get("last_looked_to")?,
            read_again_at: row.try_get("read_again_at")?,
            suspect_runs: row.try_get("suspect_runs")?,
            reconciled_at: row.try_get("reconciled_at")?,
            counts_refused_at: row.try_get("counts_refused_at")?,
            complete_to: row.try_get("complete_to")?,
            calls_missing: row.try_get("calls_missing")?,
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
            suspect_runs = 0,
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

/// Puts the state back to what it was before a run whose listings cannot be true, so that the next run reads all of
/// it again; counts the run. Done twice, it counts once.
pub async fn restore(
    transaction: &Transaction<'_>,
    before: &State,
    carried: Vec<Window>,
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    transaction.execute_typed("delete from sync_windows", &[]).await?;
    open(transaction, carried).await?;
    transaction
        .execute_typed(
            r"
            update sync_state
            set target = $2,
                rescanned_at = $3,
                last_looked_to = $4,
                read_again_at = $5,
                suspect_runs = $6,
                updated_at = $7
            where name = $1
            ",
            &[
                (&CALLS, Type::TEXT),
                (&before.target, Type::TIMESTAMPTZ),
                (&before.rescanned_at, Type::TIMESTAMPTZ),
                (&before.last_looked_to, Type::TIMESTAMPTZ),
                (&before.read_again_at, Type::TIMESTAMPTZ),
                (&(before.suspect_runs + 1), Type::INT4),
                (&now, Type::TIMESTAMPTZ),
            ],
        )
        .await?;
    Ok(())
}

/// Begins anew with the calls of another organisation; those that are stored stay.
pub async fn start_over(transaction: &Transaction<'_>, now: DateTime<Utc>) -> Result<(), DbError> {
    transaction.execute_typed("delete from sync_windows", &[]).await?;
    transaction
        .execute_typed(
            r"
            update sync_state
            set watermark = null,
                target = null,
                rescanned_at = null,
                organisation = null,
                last_looked_to = null,
                read_again_at = null,
                suspect_runs = 0,
                reconciled_at = null,
                counts_refused_at = null,
                complete_to = null,
                calls_missing = 0,
                updated_at = $2
            where name = $1
            ",
            &[(&CALLS, Type::TEXT), (&now, Type::TIMESTAMPTZ)],
        )
        .await?;
    Ok(())
}

/// Keeps whose calls these are.
pub async fn belongs_to(db: &impl Executor, organisation: &str, now: DateTime<Utc>) -> Result<(), DbError> {
    db.execute_typed(
        r"
        insert into sync_state (name, organisation, updated_at)
        values ($1, $2, $3)
        on conflict (name) do update
        set organisation = excluded.organisation,
            updated_at = excluded.updated_at
        where sync_state.organisation is distinct from excluded.organisation
        ",
        &[
            (&CALLS, Type::TEXT),
            (&organisation, Type::TEXT),
            (&now, Type::TIMESTAMPTZ),
        ],
    )
    .await?;
    Ok(())
}

/// Notes that calls created up to here get their last look in this pass.
pub async fn last_looked(db: &impl Executor, to: DateTime<Utc>) -> Result<(), DbError> {
    db.execute_typed(
        "update sync_state set last_looked_to = greatest(last_looked_to, $2) where name = $1",
        &[(&CALLS, Type::TEXT), (&to, Type::TIMESTAMPTZ)],
    )
    .await?;
    Ok(())
}

/// Notes that everything is read for the second time in this pass.
pub async fn read_again(db: &impl Executor, now: DateTime<Utc>) -> Result<(), DbError> {
    db.execute_typed(
        "update sync_state set read_again_at = $2 where name = $1",
        &[(&CALLS, Type::TEXT), (&now, Type::TIMESTAMPTZ)],
    )
    .await?;
    Ok(())
}

/// Keeps how our counts compare with Vapi's.
pub async fn reconciled(
    db: &impl Executor,
    complete_to: Option<NaiveDate>,
    calls_missing: i64,
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    db.execute_typed(
        r"
        update sync_state
        set reconciled_at = $4,
            counts_refused_at = null,
            complete_to = $2,
            calls_missing = $3
        where name = $1
        ",
        &[
            (&CALLS, Type::TEXT),
            (&complete_to, Type::DATE),
            (&calls_missing, Type::INT8),
            (&now, Type::TIMESTAMPTZ),
        ],
    )
    .await?;
    Ok(())
}

/// Notes that Vapi does not count for us; what it counted before is not held against the tables any more.
pub async fn counts_refused(db: &impl Executor, now: DateTime<Utc>) -> Result<(), DbError> {
    db.execute_typed(
        "update sync_state set counts_refused_at = $2, calls_missing = 0 where name = $1",
        &[(&CALLS, Type::TEXT), (&now, Type::TIMESTAMPTZ)],
    )
    .await?;
    Ok(())
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
    const ALL: [Self; 6] = [
        Self::Full,
        Self::New,
        Self::Changed,
        Self::Rescan,
        Self::Range,
        Self::LastLook,
    ];

    /// As its row has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::New => "new",
            Self::Changed => "changed",
            Self::Rescan => "rescan",
            Self::Range => "range",
            Self::LastLook => "last_look",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|pass| pass.as_str() == text)
    }
}
