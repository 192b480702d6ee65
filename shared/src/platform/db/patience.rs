//! How long a migration is tried again, by what kept it: another migration, a database that is away, others' locks.

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};
use tokio::time::Instant;
use tokio_postgres::types::Type;

use super::client::{Executor as _, connect};
use super::frozen::end_frozen;
use super::later::LaterError;
use super::migrate::MigrationError;
use super::pool::Pool;
use crate::platform::telemetry;

/// How long another migration may take, looked at every quarter of a second.
const TURNS: usize = 480;
const TURN: Duration = Duration::from_millis(250);
/// How long a database that failed half-way is left alone.
const PAUSE: Duration = Duration::from_millis(500);
/// How long others may keep a migration from a lock.
pub(super) const LOCKED: Duration = Duration::from_mins(2);
/// How often it is looked whether the server is done with what nobody waits for any more.
const UNDER_WAY: Duration = Duration::from_secs(1);
/// What is kept of a caller's time to say who does.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// What a caller has been through so far.
pub(super) struct Patience<'a> {
    pool: &'a Pool,
    until: Option<Instant>,
    turns: usize,
    in_trouble_since: Option<Instant>,
    locked_since: Option<Instant>,
    /// Between two tries to get a lock others have their turn: long enough for a sync's batch or a page.
    pauses: ExponentialBackoff,
}

impl<'a> Patience<'a> {
    pub(super) fn new(pool: &'a Pool, until: Option<Instant>) -> Self {
        Self {
            pool,
            until,
            turns: 0,
            in_trouble_since: None,
            locked_since: None,
            pauses: ExponentialBuilder::default()
                .with_min_delay(PAUSE)
                .with_max_delay(Duration::from_secs(3))
                .without_max_times()
                .with_jitter()
                .build(),
        }
    }

    /// How long to wait before another try, if there is to be one.
    pub(super) async fn pause(&mut self, error: &MigrationError) -> Option<Duration> {
        if matches!(error, MigrationError::Busy) {
            self.turns += 1;
            return (self.turns <= TURNS).then_some(TURN);
        }
        if matches!(error, MigrationError::Later(LaterError::UnderWay(_))) {
            tracing::info!("{}", telemetry::chain(error));
            return (!self.is_late(UNDER_WAY)).then_some(UNDER_WAY);
        }
        let pause = if error.is_about_a_lock() {
            let pause = self.pauses.next().unwrap_or(PAUSE);
            let since = *self.locked_since.get_or_insert_with(Instant::now);
            if self.is_late(pause) || since.elapsed() >= LOCKED {
                return None;
            }
            end_frozen(self.pool).await;
            pause
        } else {
            if !error.passes(self.in_trouble_since.is_some()) {
                return None;
            }
            let since = *self.in_trouble_since.get_or_insert_with(Instant::now);
            if since.elapsed() >= self.pool.limits.retry {
                return None;
            }
            PAUSE
        };
        tracing::warn!("migrating again: {}", telemetry::chain(error));
        Some(pause)
    }

    fn is_late(&self, pause: Duration) -> bool {
        self.until
            .is_some_and(|until| Instant::now() + pause + LAST_WORDS >= until)
    }
}

/// Lists the processes that hold locks on our tables, oldest transaction first, and says what to do about them.
pub(super) async fn holders(pool: &Pool) -> String {
    let asked = async {
        let client = connect(pool).await.ok()?;
        let row = client
            .query_typed_one(
                r"
                select coalesce(string_agg(told, ', ' order by since), '') as told
                from (
                    select format(
                               'process %s (%s, %s since %s)', other.pid,
                               coalesce(nullif(other.application_name, ''), 'unnamed'),
                               coalesce(other.state, 'of another role'), other.xact_start::timestamptz(0)
                           ) as told,
                           other.xact_start as since
                    from pg_stat_activity as other
                    where other.pid <> pg_backend_pid()
                      and other.xact_start < clock_timestamp() - make_interval(secs => $1)
                      and exists (
                          select
                          from pg_locks as held
                          join pg_class as entry on entry.oid = held.relation
                          where held.pid = other.pid
                            and held.granted
                            and held.database = (select oid from pg_database where datname = current_database())
                            and entry.relkind in ('r', 'p')
                            and entry.relnamespace = to_regnamespace(quote_ident(current_schema()))
                      )
                    order by other.xact_start
                    limit 3
                ) as oldest
                ",
                &[(&PAUSE.as_secs_f64(), Type::FLOAT8)],
            )
            .await
            .ok()?;
        Some(row.get::<_, String>(0)).filter(|told| !told.is_empty())
    };
    match asked.await {
        Some(told) => format!(
            "held by {told}: wait until that has ended, or end it with `select pg_terminate_backend(PROCESS)`, then \
             migrate again"
        ),
        None => "its holder is gone: migrate again".to_owned(),
    }
}
