//! What follows the migrations: statements that must not run in a transaction, such as `create index concurrently`.
//!
//! Each says by itself whether it is done, by what the catalog holds, so that there is nothing to record: whoever comes
//! after a kill looks again and goes on. They run one after the other under the lock of the migrations.

use std::ops::ControlFlow;
use std::time::Duration;

use tokio::time::sleep;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;

use super::client::{Client, Executor as _, Transaction, connect};
use super::error::{ConnectError, DbError, is_transient};
use super::pool::Pool;

/// The statements, in the order in which they are run.
pub(super) const STATEMENTS: &str = include_str!("../../../../migrations/later.sql");

/// How often the server is asked what it is at, and the lock is kept from looking idle.
const LOOK: Duration = Duration::from_secs(2);
/// How long a statement waits for others before it is said for whom.
const QUIET: u32 = 5;

/// One statement: what it is for, and its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Later<'a> {
    pub(super) aim: Aim<'a>,
    pub(super) statement: &'a str,
}

/// What shall be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Aim<'a> {
    /// A table has an index.
    Index { name: &'a str, table: &'a str },
    /// An index is gone.
    NoIndex { name: &'a str },
    /// A constraint that was added as `not valid` holds for every row.
    Constraint { name: &'a str, table: &'a str },
}

/// What there is of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Done,
    Missing,
    /// Somebody's `create index concurrently` ended half-way.
    Invalid,
    /// Some process of the server is at it, perhaps one whose client is gone.
    UnderWay,
}

/// A statement was not carried out. Those before it were.
#[derive(Debug, thiserror::Error)]
pub enum LaterError {
    /// No connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The lock that keeps two migrations apart is gone, or the catalog could not be read.
    #[error("looking at what follows the migrations")]
    Look(#[source] DbError),
    /// The server refused it.
    #[error("{aim}{}", advice(.source))]
    Statement {
        /// What it was for.
        aim: String,
        /// What the server said.
        source: DbError,
    },
    /// It is none that can be taken up again after a kill.
    #[error("what follows the migrations is understood only as later.sql says, and not as «{0}»")]
    Unknown(String),
    /// A process of the server is at it, and its client is gone.
    #[error("{0}: the server is at it already")]
    UnderWay(String),
    /// It was carried out, and the catalog does not show it.
    #[error("{0}: something else has that name")]
    InTheWay(String),
}

/// What runs them: a connection of its own for each, watched from others while the lock is held.
pub(super) struct Runner<'a> {
    pool: &'a Pool,
    guard: &'a Transaction<'a>,
    /// Begins each statement, so that it is found among what the server is at: through a pooler no process is ours.
    mark: String,
}

/// The statements of a text: each ends with a semicolon and holds none, and comments stand on lines of their own.
pub(super) fn parse(text: &str) -> Result<std::vec::IntoIter<Later<'_>>, LaterError> {
    let mut all = Vec::new();
    for part in text.split(';') {
        let mut statement = part.trim();
        while statement.starts_with("--") {
            statement = statement.split_once('\n').map_or("", |(_, rest)| rest).trim();
        }
        if !statement.is_empty() {
            let aim = aim(statement).ok_or_else(|| LaterError::Unknown(statement.to_owned()))?;
            all.push(Later { aim, statement });
        }
    }
    Ok(all.into_iter())
}

fn aim(statement: &str) -> Option<Aim<'_>> {
    let words: Vec<&str> = statement.split_whitespace().take(10).collect();
    match words[..] {
        [
            "create",
            "index",
            "concurrently",
            "if",
            "not",
            "exists",
            name,
            "on",
            table,
            ..,
        ]
        | [
            "create",
            "unique",
            "index",
            "concurrently",
            "if",
            "not",
            "exists",
            name,
            "on",
            table,
        ] => Some(Aim::Index { name, table }),
        ["drop", "index", "concurrently", "if", "exists", name] => Some(Aim::NoIndex { name }),
        ["alter", "table", table, "validate", "constraint", name] => Some(Aim::Constraint { name, table }),
        _ => None,
    }
}

impl<'a> Runner<'a> {
    /// The guard is the transaction that holds the lock.
    pub(super) fn new(pool: &'a Pool, guard: &'a Transaction<'a>) -> Self {
        let mark = format!("/* callmark {} */ ", guard.id());
        Self { pool, guard, mark }
    }

    /// Brings it about; whether there was anything to do.
    pub(super) async fn bring_about(&self, later: &Later<'_>) -> Result<bool, LaterError> {
        let mut was_carried_out = false;
        loop {
            match self.state(&later.aim).await? {
                State::Done => return Ok(was_carried_out),
                State::Missing if was_carried_out => return Err(LaterError::InTheWay(later.aim.to_string())),
                State::Missing => {
                    tracing::info!("{}", later.aim);
                    self.execute(later.statement, &later.aim).await?;
                    was_carried_out = true;
                }
                State::Invalid => {
                    if let Aim::Index { name, .. } = later.aim {
                        tracing::warn!("building the index {name} was broken off: it is dropped and built anew");
                        let drop = format!("drop index concurrently if exists {name}");
                        self.execute(&drop, &later.aim).await?;
                    }
                    was_carried_out = false;
                }
                // Not while the lock is held: what is under way may wait for the transaction that holds it.
                State::UnderWay => return Err(LaterError::UnderWay(later.aim.to_string())),
            }
        }
    }

    async fn state(&self, aim: &Aim<'_>) -> Result<State, LaterError> {
        let client = connect(self.pool).await?;
        match *aim {
            Aim::Index { name, table } => index(&client, name, table).await,
            Aim::NoIndex { name } => {
                let found = "select from pg_class where oid = to_regclass($1) and relkind = 'i'";
                let found = client.query_typed_opt(found, &[(&name, Type::TEXT)]).await;
                found.map(|found| if found.is_some() { State::Missing } else { State::Done })
            }
            Aim::Constraint { name, table } => constraint(&client, name, table).await,
        }
        .map_err(LaterError::Look)
    }

    /// Runs a statement for as long as it takes: it is watched, and given up only once the server is not at it any more.
    async fn execute(&self, statement: &str, aim: &Aim<'_>) -> Result<(), LaterError> {
        // What was last asked over the guard has a snapshot until something else is.
        self.keep().await.map_err(LaterError::Look)?;
        let client = connect(self.pool).await?;
        let statement = format!("{}{statement}", self.mark);
        client
            .session
            .run_watched(&statement, self.until_lost(aim))
            .await
            .map_err(|source| LaterError::Statement {
                aim: aim.to_string(),
                source,
            })
    }

    /// Returns once the server is not at the statement any more, twice in a row: the answer may just have been on its way.
    async fn until_lost(&self, aim: &Aim<'_>) -> Result<Duration, DbError> {
        let (mut was_idle, mut looks) = (false, 0);
        loop {
            sleep(LOOK).await;
            self.keep().await?;
            looks += 1;
            match self.waits_for().await {
                ControlFlow::Break(()) if was_idle => return Ok(LOOK),
                ControlFlow::Break(()) => was_idle = true,
                ControlFlow::Continue(others) => {
                    was_idle = false;
                    if looks % QUIET == 0 {
                        tell(aim, LOOK * looks, &others);
                    }
                }
            }
        }
    }

    /// For whom the statement waits, unless the server is not at it. Where nobody can say, it goes on.
    async fn waits_for(&self) -> ControlFlow<(), String> {
        let asked = async {
            let client = connect(self.pool).await.map_err(|error| error.to_string())?;
            let row = client
                .query_typed_opt(
                    r"
                    select coalesce(string_agg(format(
                        'process %s (%s, %s since %s)', other.pid, coalesce(nullif(other.application_name, ''), 'unnamed'),
                        coalesce(other.state, 'of another role'), other.xact_start::timestamptz(0)
                    ), ', '), '') as others
                    from pg_stat_activity as work
                    left join lateral unnest(pg_blocking_pids(work.pid)) as blocking (pid) on true
                    left join pg_stat_activity as other on other.pid = blocking.pid
                    where work.datname = current_database()
                      and work.state = 'active'
                      and work.wait_event_type is distinct from 'Client'
                      and starts_with(work.query, $1)
                    group by work.pid
                    ",
                    &[(&self.mark, Type::TEXT)],
                )
                .await;
            row.map_err(|error| error.to_string())
        };
        match asked.await {
            Ok(Some(row)) => ControlFlow::Continue(row.get("others")),
            Ok(None) => ControlFlow::Break(()),
            Err(error) => {
                tracing::debug!("asking what the server is at: {error}");
                ControlFlow::Continue(String::new())
            }
        }
    }

    /// Keeps the transaction that holds the lock from being idle for too long. The statement takes no snapshot, because
    /// `create index concurrently` waits for every transaction that has one: it would wait for this one for ever.
    async fn keep(&self) -> Result<(), DbError> {
        self.guard.batch_execute("show transaction_isolation").await
    }
}

async fn index(client: &Client, name: &str, table: &str) -> Result<State, DbError> {
    let row = client
        .query_typed_opt(
            r"
            select index.indisvalid and index.indisready and index.indislive as is_valid,
                   exists (
                       select
                       from pg_stat_progress_create_index as progress
                       where progress.datname = current_database()
                         and progress.relid = index.indrelid
                   ) as is_under_way
            from pg_class as entry
            join pg_index as index on index.indexrelid = entry.oid
            where entry.relname = $1
              and index.indrelid = to_regclass($2)
            ",
            &[(&name, Type::TEXT), (&table, Type::TEXT)],
        )
        .await?;
    let Some(row) = row else { return Ok(State::Missing) };
    Ok(match (row.try_get("is_valid")?, row.try_get("is_under_way")?) {
        (true, _) => State::Done,
        (false, true) => State::UnderWay,
        (false, false) => State::Invalid,
    })
}

async fn constraint(client: &Client, name: &str, table: &str) -> Result<State, DbError> {
    let valid = "select from pg_constraint where conrelid = to_regclass($1) and conname = $2 and convalidated";
    let row = client
        .query_typed_opt(valid, &[(&table, Type::TEXT), (&name, Type::TEXT)])
        .await?;
    Ok(if row.is_some() { State::Done } else { State::Missing })
}

fn tell(aim: &Aim<'_>, after: Duration, others: &str) {
    let seconds = after.as_secs();
    if others.is_empty() {
        tracing::info!("{aim}: {seconds} s so far");
    } else {
        tracing::warn!("{aim}: {seconds} s so far; it waits for {others}");
    }
}

/// What to do about a refusal that comes again.
fn advice(error: &DbError) -> &'static str {
    if error.code() == Some(&SqlState::QUERY_CANCELED) {
        " (where the server limits statements, connect directly and not through a pooler, and add \
         `options=-c statement_timeout=0` to DATABASE_URL)"
    } else {
        ""
    }
}

impl LaterError {
    pub(super) fn is_transient(&self) -> bool {
        match self {
            Self::Connect(error) => error.is_transient(),
            Self::Look(error) | Self::Statement { source: error, .. } => is_transient(error),
            Self::InTheWay(_) | Self::Unknown(_) | Self::UnderWay(_) => false,
        }
    }
}

impl std::fmt::Display for Aim<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Index { name, table } => write!(f, "building the index {name} of {table}"),
            Self::NoIndex { name } => write!(f, "dropping the index {name}"),
            Self::Constraint { name, table } => write!(f, "validating the constraint {name} of {table}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_later_statement_can_be_taken_up_again() {
        let all: Vec<_> = parse(STATEMENTS).unwrap().collect();

        assert!(!all.is_empty());
        for Later { statement, .. } in all {
            assert!(
                !statement.contains("--"),
                "a comment stands on a line of its own: {statement}"
            );
        }
    }

    #[test]
    fn comments_and_kinds_are_told_apart() {
        let text = "-- Why.\n-- More.\ncreate unique index concurrently if not exists a on t (x, y)\n    where x > 0;\n\n\
                    drop index concurrently if exists b;\nalter table t validate constraint c;\n-- The end.\n";

        let aims: Vec<_> = parse(text).unwrap().map(|later| later.aim).collect();

        assert_eq!(
            aims,
            [
                Aim::Index { name: "a", table: "t" },
                Aim::NoIndex { name: "b" },
                Aim::Constraint { name: "c", table: "t" },
            ]
        );
        assert!(parse("drop table t").is_err());
        assert_eq!(aim("create index a on t (x)"), None);
        assert_eq!(aim("drop index b"), None);
    }
}
