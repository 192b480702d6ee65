//! Failed sign-ins, and how long the next one waits: every query on `sign_in_failures`.
//!
//! An attempt is counted before its password is looked at ([`admit`]), so that guesses sent all at once do not slip
//! through; a sign-in that succeeds takes its attempt back ([`forgive`], [`take_back`]).

use chrono::{DateTime, TimeDelta, Utc};
use tokio_postgres::types::Type;

use crate::platform::db::{Client, DbError, Executor};

/// Rows that nobody came back to for this long are deleted.
const KEPT: TimeDelta = TimeDelta::days(1);

/// What an attempt is counted against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// A keyed hash of a name, an address, or both: 32 bytes.
    pub digest: Vec<u8>,
    /// How many attempts are let through before there is a wait.
    pub allowed: i32,
}

/// Whether an attempt's password is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is; the attempt has been counted.
    Admitted,
    /// Not before this instant; nothing has been counted.
    Wait(DateTime<Utc>),
}

/// Counts an attempt against its subjects, unless one of them has to wait.
///
/// As many attempts as a subject is allowed go through; the last of them and each one after it make it wait, 30 s at
/// first, twice as long every time, and 15 minutes at most. After 15 minutes of peace it starts afresh.
///
/// Attempts name their subjects in the same order of kinds, so that none of them waits for another in a circle.
pub async fn admit(db: &mut Client, subjects: &[Subject], now: DateTime<Utc>) -> Result<Verdict, DbError> {
    let transaction = db.transaction().await?;
    let counted = count(&transaction, subjects, now).await?;
    if usize::try_from(counted) == Ok(subjects.len()) {
        transaction.commit().await?;
        return Ok(Verdict::Admitted);
    }
    // An attempt that is refused must not be held against the others: one address could make a name wait everywhere.
    transaction.rollback().await?;
    let free_at = free_at(db, subjects).await?;
    Ok(Verdict::Wait(free_at.unwrap_or(now).max(now + TimeDelta::seconds(1))))
}

/// Forgets all attempts of a subject.
pub async fn forgive(db: &impl Executor, subject: &Subject) -> Result<(), DbError> {
    db.execute_typed(
        "delete from sign_in_failures where subject = $1",
        &[(&subject.digest, Type::BYTEA)],
    )
    .await?;
    Ok(())
}

/// Forgets one attempt of a subject, and the wait that it led to; what others failed at stays.
pub async fn take_back(db: &impl Executor, subject: &Subject, now: DateTime<Utc>) -> Result<(), DbError> {
    db.execute_typed(
        r"
        update sign_in_failures
        set failures = failures - 1,
            free_at = case when failures <= allowed then least(free_at, $2) else free_at end
        where subject = $1
          and failures > 0
        ",
        &[(&subject.digest, Type::BYTEA), (&now, Type::TIMESTAMPTZ)],
    )
    .await?;
    Ok(())
}

/// Deletes what is a day old. Never waits for a row that somebody else has in hand.
pub async fn prune(db: &impl Executor, now: DateTime<Utc>) -> Result<u64, DbError> {
    db.execute_typed(
        r"
        delete from sign_in_failures
        where subject in (
            select subject
            from sign_in_failures
            where free_at < $1
            order by free_at
            limit 1000
            for update skip locked
        )
        ",
        &[(&(now - KEPT), Type::TIMESTAMPTZ)],
    )
    .await
}

/// Counts the attempt against each subject that is free, and returns how many those were.
async fn count(db: &impl Executor, subjects: &[Subject], now: DateTime<Utc>) -> Result<u64, DbError> {
    let allowed: Vec<i32> = subjects.iter().map(|subject| subject.allowed).collect();
    // A subject that still has attempts left is free whatever its time says: the clocks of hosts differ a little.
    db.execute_typed(
        r"
        insert into sign_in_failures as kept (subject, allowed, failures, free_at)
        select subject, allowed, 1, $3
        from unnest($1::bytea[], $2::int4[]) with ordinality as tried (subject, allowed, place)
        order by place
        on conflict (subject) do update
        set (allowed, failures, free_at) = (
            select
                excluded.allowed,
                next.failures,
                case
                    when next.failures < excluded.allowed then excluded.free_at
                    else excluded.free_at + least(
                        interval '15 minutes',
                        interval '30 seconds' * power(2, least(next.failures - excluded.allowed, 5))
                    )
                end
            from (
                values (
                    case
                        when kept.free_at + interval '15 minutes' <= excluded.free_at then 1
                        else kept.failures + 1
                    end
                )
            ) as next (failures)
        )
        where kept.failures < kept.allowed
           or kept.free_at <= excluded.free_at
        ",
        &[
            (&digests(subjects), Type::BYTEA_ARRAY),
            (&allowed, Type::INT4_ARRAY),
            (&now, Type::TIMESTAMPTZ),
        ],
    )
    .await
}

/// When the last of these subjects that have to wait is free.
async fn free_at(db: &impl Executor, subjects: &[Subject]) -> Result<Option<DateTime<Utc>>, DbError> {
    let row = db
        .query_typed_one(
            r"
            select max(free_at)
            from sign_in_failures
            where subject = any($1)
              and failures >= allowed
            ",
            &[(&digests(subjects), Type::BYTEA_ARRAY)],
        )
        .await?;
    Ok(row.try_get(0)?)
}

fn digests(subjects: &[Subject]) -> Vec<&[u8]> {
    subjects.iter().map(|subject| subject.digest.as_slice()).collect()
}
