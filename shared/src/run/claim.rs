//! The exact lease: one living run a script, one handling an event.

use chrono::{DateTime, TimeDelta, Utc};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::text::document_without_nul;
use super::{Counters, Status};
use crate::platform::db::Lenient;
use crate::platform::db::{self, DbError, Executor, Pool, Transaction};
use crate::platform::event::{Bus, Event, Finished};
use crate::store::score::ledger;

/// How long after its deadline a run may still be closing its row on a clock that runs behind ours.
pub const GRACE: TimeDelta = TimeDelta::seconds(15);

/// Who asks for the lease.
#[derive(Clone, Debug)]
pub struct Claimant<'a> {
    /// The row's id: the same claim made again, because its answer was lost, is known by it.
    pub id: Uuid,
    /// The script.
    pub script_name: &'a str,
    /// Who asks for the run.
    pub triggered_by: &'a str,
    /// The batch that the run belongs to.
    pub batch_id: Uuid,
    /// The id under which the triggering event is handled once.
    pub event_id: Option<&'a str>,
    /// When the host ends the run.
    pub deadline_at: DateTime<Utc>,
    /// Facts that stand in the row from the start: an object.
    pub metadata: Value,
}

/// A run that gave no result before its deadline, and is closed now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// The run.
    pub id: Uuid,
    /// Its batch.
    pub batch_id: Uuid,
    /// What its row says.
    pub reason: String,
}

impl Lost {
    /// How the bus is told of it.
    fn announcement(&self, script_name: &str) -> Event {
        Event::Finished(Finished {
            run_id: self.id,
            script_name: script_name.to_owned(),
            status: Status::Error.as_str().to_owned(),
            batch_id: self.batch_id,
            counters: json!(Counters::default()),
            error_message: Some(self.reason.clone()),
            continues: false,
        })
    }
}

/// What became of a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// The run may begin.
    Granted {
        /// The new run.
        id: Uuid,
        /// The runs that were found lost, and are closed now.
        lost: Vec<Lost>,
    },
    /// The run must not begin; a row says so.
    Skipped {
        /// The row of the skipped run.
        id: Uuid,
        /// Why.
        reason: String,
    },
}

/// Takes the lease of the claimant's script, closing first whoever held it beyond its deadline.
///
/// All of it is one transaction: two claims at once are ordered by the unique index, not by luck. A claim
/// whose answer was lost may be made again.
pub async fn claim(
    transaction: &Transaction<'_>,
    claimant: &Claimant<'_>,
    now: DateTime<Utc>,
) -> Result<Claim, DbError> {
    let claimant = &Claimant {
        metadata: document_without_nul(&claimant.metadata),
        ..claimant.clone()
    };
    let id = claimant.id;
    let lost = close_lost(transaction, claimant.script_name, now, GRACE).await?;
    if insert_running(transaction, claimant, now).await? {
        return Ok(Claim::Granted { id, lost });
    }
    match obstacle(transaction, claimant).await? {
        Obstacle::Itself => Ok(Claim::Granted { id, lost }),
        Obstacle::AlreadySkipped(reason) => Ok(Claim::Skipped { id, reason }),
        Obstacle::Other(reason) => {
            insert_skipped(transaction, claimant, &reason, now).await?;
            Ok(Claim::Skipped { id, reason })
        }
    }
}

/// What stands against a claim.
enum Obstacle {
    /// It was granted before, and the answer was lost.
    Itself,
    /// It was refused before, for this reason, and the answer was lost.
    AlreadySkipped(String),
    /// Another run, described.
    Other(String),
}

/// What the row of a lost run says.
pub const LOST: &str = "lost: no result before its deadline";

/// Tells the bus of the lost runs of a script that it does not know of; says of how many.
///
/// A run is marked as unannounced where it is closed, and the mark goes once the bus has the event: whoever dies in
/// between leaves it to the next look. So each is announced at least once.
pub async fn announce_lost(pool: &Pool, bus: &Bus, script_name: &str) -> anyhow::Result<usize> {
    let unannounced = db::retry(pool, || async {
        let client = db::connect(pool).await?;
        Ok(unannounced(&client, script_name).await?)
    })
    .await?;
    for lost in &unannounced {
        tracing::warn!(run_id = %lost.id, script_name, "closed a run: {}", lost.reason);
        bus.publish(lost.announcement(script_name)).await?;
        db::retry(pool, || async {
            let client = db::connect(pool).await?;
            Ok(announced(&client, lost.id).await?)
        })
        .await?;
    }
    Ok(unannounced.len())
}

async fn unannounced(db: &impl Executor, script_name: &str) -> Result<Vec<Lost>, DbError> {
    let rows = db
        .query_typed(
            r"
            select id, batch_id, error_message
            from runs
            where script_name = $1
              and status = 'error'
              and metadata ? 'unannounced'
            order by started_at, id
            ",
            &[(&script_name, Type::TEXT)],
        )
        .await?;
    rows.iter().map(Lost::try_from).collect()
}

async fn announced(db: &impl Executor, id: Uuid) -> Result<(), DbError> {
    db.execute_typed(
        "update runs set metadata = metadata - 'unannounced' where id = $1",
        &[(&id, Type::UUID)],
    )
    .await?;
    Ok(())
}

impl TryFrom<&Row> for Lost {
    type Error = DbError;

    fn try_from(row: &Row) -> Result<Self, DbError> {
        Ok(Self {
            id: row.try_get("id")?,
            batch_id: row.try_get("batch_id")?,
            reason: row.try_get("error_message")?,
        })
    }
}

/// Closes the runs of a script that are still `running` although their deadline passed `grace` ago.
///
/// A lost run ended at its deadline at the latest; counted until it was found, a run found after a month
/// would overflow `duration_ms`.
pub async fn close_lost(
    transaction: &Transaction<'_>,
    script_name: &str,
    now: DateTime<Utc>,
    grace: TimeDelta,
) -> Result<Vec<Lost>, DbError> {
    let rows = transaction
        .query_typed(
            r"
            update runs
            set status = 'error',
                finished_at = greatest(least($2, deadline_at), started_at),
                error_message = $4,
                metadata = metadata || jsonb_build_object('unannounced', true)
            where script_name = $1
              and status = 'running'
              and deadline_at < $3
            returning id, batch_id, error_message
            ",
            &[
                (&script_name, Type::TEXT),
                (&now, Type::TIMESTAMPTZ),
                (&(now - grace), Type::TIMESTAMPTZ),
                (&LOST, Type::TEXT),
            ],
        )
        .await?;
    account_for(transaction, &rows).await
}

/// What is known of runs that were closed as lost: among it what they had spent, which they could not say any more.
async fn account_for(transaction: &Transaction<'_>, rows: &[Row]) -> Result<Vec<Lost>, DbError> {
    let lost: Vec<Lost> = rows.iter().map(Lost::try_from).collect::<Result<_, _>>()?;
    let ids: Vec<Uuid> = lost.iter().map(|lost| lost.id).collect();
    if ids.is_empty() {
        return Ok(lost);
    }
    let (spenders, costs): (Vec<Uuid>, Vec<Option<Decimal>>) =
        ledger::spent_by(transaction, &ids).await?.into_iter().unzip();
    if !spenders.is_empty() {
        transaction
            .execute_typed(
                r"
                update runs
                set api_cost = spent.usd
                from unnest($1::uuid[], $2::numeric[]) as spent (run_id, usd)
                where runs.id = spent.run_id
                ",
                &[(&spenders, Type::UUID_ARRAY), (&costs, Type::NUMERIC_ARRAY)],
            )
            .await?;
    }
    Ok(lost)
}

/// What the row of a run says whose process is known to have ended.
pub const GONE: &str = "lost: its process ended without a result";

/// Closes the runs of a script whose holder has ended, as far as `is_gone` knows. A run that names none has none.
pub async fn close_gone(
    transaction: &Transaction<'_>,
    script_name: &str,
    now: DateTime<Utc>,
    is_gone: impl Fn(&Value) -> bool,
) -> Result<Vec<Lost>, DbError> {
    let rows = transaction
        .query_typed(
            r"
            select id, metadata -> 'holder' as holder
            from runs
            where script_name = $1
              and status = 'running'
              and metadata ? 'holder'
            ",
            &[(&script_name, Type::TEXT)],
        )
        .await?;
    let mut gone: Vec<Uuid> = Vec::new();
    for row in &rows {
        let holder: Lenient = row.try_get("holder")?;
        if is_gone(&holder.0) {
            gone.push(row.try_get("id")?);
        }
    }
    if gone.is_empty() {
        return Ok(Vec::new());
    }
    let rows = transaction
        .query_typed(
            r"
            update runs
            set status = 'error',
                finished_at = greatest(least($2, deadline_at), started_at),
                error_message = $3,
                metadata = metadata || jsonb_build_object('unannounced', true)
            where id = any($1)
              and status = 'running'
            returning id, batch_id, error_message
            ",
            &[
                (&gone, Type::UUID_ARRAY),
                (&now, Type::TIMESTAMPTZ),
                (&GONE, Type::TEXT),
            ],
        )
        .await?;
    account_for(transaction, &rows).await
}

/// `false` where a unique index stands against it.
async fn insert_running(
    transaction: &Transaction<'_>,
    claimant: &Claimant<'_>,
    now: DateTime<Utc>,
) -> Result<bool, DbError> {
    let inserted = transaction
        .execute_typed(
            r"
            insert into runs (id, script_name, status, triggered_by, batch_id, started_at, deadline_at, metadata)
            select $1, $2, 'running', $3, $4, $5, $6,
                   $7::jsonb || case when $8::text is null then '{}' else jsonb_build_object('event_id', $8, 'attempt', 1 + (
                       select count(*)
                       from runs
                       where script_name = $2
                         and metadata ->> 'event_id' = $8
                         and status = 'error'
                   )) end
            on conflict do nothing
            ",
            &[
                (&claimant.id, Type::UUID),
                (&claimant.script_name, Type::TEXT),
                (&claimant.triggered_by, Type::TEXT),
                (&claimant.batch_id, Type::UUID),
                (&now, Type::TIMESTAMPTZ),
                (&claimant.deadline_at, Type::TIMESTAMPTZ),
                (&claimant.metadata, Type::JSONB),
                (&claimant.event_id, Type::TEXT),
            ],
        )
        .await?;
    Ok(inserted == 1)
}

async fn obstacle(transaction: &Transaction<'_>, claimant: &Claimant<'_>) -> Result<Obstacle, DbError> {
    let row = transaction
        .query_typed_opt(
            r"
            select id, status, deadline_at, coalesce(metadata ->> 'event_id' = $2, false), metadata ->> 'reason'
            from runs
            where id = $3
               or script_name = $1
              and (status = 'running' or (status in ('success', 'partial') and metadata ->> 'event_id' = $2))
            order by id = $3 desc, coalesce(metadata ->> 'event_id' = $2, false) desc, started_at desc
            limit 1
            ",
            &[
                (&claimant.script_name, Type::TEXT),
                (&claimant.event_id, Type::TEXT),
                (&claimant.id, Type::UUID),
            ],
        )
        .await?;
    let Some(row) = row else {
        // It ended between our insert and this look.
        return Ok(Obstacle::Other("another run held the lease".to_owned()));
    };
    let (id, status, deadline): (Uuid, String, DateTime<Utc>) = (row.get(0), row.get(1), row.get(2));
    Ok(if id == claimant.id {
        match row.get(4) {
            Some(reason) => Obstacle::AlreadySkipped(reason),
            None => Obstacle::Itself,
        }
    } else if row.get(3) {
        Obstacle::Other(format!("this event is handled by run {id} ({status})"))
    } else {
        let until = crate::platform::clock::rfc3339(deadline + GRACE);
        let script = claimant.script_name;
        Obstacle::Other(format!(
            "run {id} holds the lease of {script} until {until} at the latest"
        ))
    })
}

async fn insert_skipped(
    transaction: &Transaction<'_>,
    claimant: &Claimant<'_>,
    reason: &str,
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    let facts = json!({"event_id": claimant.event_id, "reason": reason});
    transaction
        .execute_typed(
            r"
            insert into runs (id, script_name, status, triggered_by, batch_id, started_at, deadline_at, finished_at, metadata)
            values ($1, $2, 'skipped', $3, $4, $5, $6, $5, $7::jsonb || jsonb_strip_nulls($8))
            ",
            &[
                (&claimant.id, Type::UUID),
                (&claimant.script_name, Type::TEXT),
                (&claimant.triggered_by, Type::TEXT),
                (&claimant.batch_id, Type::UUID),
                (&now, Type::TIMESTAMPTZ),
                (&claimant.deadline_at, Type::TIMESTAMPTZ),
                (&claimant.metadata, Type::JSONB),
                (&facts, Type::JSONB),
            ],
        )
        .await?;
    Ok(())
}
