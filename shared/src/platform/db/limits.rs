//! How long the database may take, in one place; every limit follows from `DATABASE_TIMEOUT_SECONDS`.

use std::time::Duration;

/// How long to wait for a connection, from the server or from the pool.
const CONNECT: Duration = Duration::from_secs(10);
/// A restart of PostgreSQL takes this long at most; work that meets one goes on trying for twice as long.
const RESTART: Duration = Duration::from_secs(10);
/// How long a migration waits for a lock before it lets pass who wait behind it, and tries again.
const LOCK_OF_MIGRATIONS: Duration = Duration::from_millis(500);

/// The limits of one use of the database.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// One statement, or one step of a `COPY`.
    pub(super) statement: Duration,
    /// Getting a connection.
    pub(super) connect: Duration,
    /// A unit of work begins no new try after this long.
    pub(super) retry: Duration,
    /// A unit of work is cut off after this long, where its caller has something to do without the database.
    pub(super) whole: Option<Duration>,
    /// A statement in a transaction may take longer than its limit, for as long as the server is at work on it.
    pub(super) is_watched: bool,
    /// What follows is for the server, where the client cannot speak for itself any more.
    pub(super) server: ServerLimits,
}

/// What a transaction asks of the server.
#[derive(Clone, Copy, Debug)]
pub(super) struct ServerLimits {
    /// A statement: the last resort, where neither the client nor its cancel request ended it.
    statement: Duration,
    /// A lock: less than the client waits for a statement, so that the error says what it waited for.
    lock: Duration,
    /// A client that is frozen or cut off while it holds locks.
    idle: Duration,
}

impl Limits {
    pub(super) fn of(timeout: Duration) -> Self {
        Self {
            statement: timeout,
            connect: CONNECT,
            // With one silent try before it, a unit takes twice the limit of a statement: 30 s unless somebody says otherwise.
            retry: (timeout + RESTART).max(RESTART * 2),
            whole: None,
            is_watched: false,
            server: ServerLimits {
                statement: timeout * 4,
                lock: timeout * 2 / 3,
                idle: timeout.max(Duration::from_secs(5)),
            },
        }
    }

    /// For people who wait for a page: they rather read that the database does not answer than wait any longer.
    pub(super) fn of_pages(self) -> Self {
        Self {
            statement: self.statement * 2 / 3,
            connect: self.connect / 2,
            ..self
        }
    }

    /// For migrations: a statement takes as long as it takes, and is watched instead (see `migrator`). It does not wait
    /// for a lock, since everybody behind it would wait, too.
    pub(super) fn of_migrations(self) -> Self {
        Self {
            server: ServerLimits {
                statement: Duration::ZERO,
                lock: LOCK_OF_MIGRATIONS.min(self.server.lock),
                ..self.server
            },
            ..self
        }
    }

    /// For statements that read whole tables, however large: they are watched as migrations are.
    pub(super) fn of_whole_tables(self) -> Self {
        Self {
            is_watched: true,
            server: ServerLimits {
                statement: Duration::ZERO,
                ..self.server
            },
            ..self
        }
    }

    /// For work that has `budget` in all: a statement that is not answered leaves time for another try.
    pub(super) fn within(self, budget: Duration) -> Self {
        Self {
            statement: self.statement.min(budget / 3),
            connect: self.connect.min(budget / 2),
            retry: budget,
            whole: Some(budget),
            ..self
        }
    }
}

impl ServerLimits {
    /// Statements for the beginning of a transaction.
    pub(super) fn settings(&self) -> String {
        format!(
            "set local statement_timeout = {}; set local lock_timeout = {}; \
             set local idle_in_transaction_session_timeout = {}",
            self.statement.as_millis(),
            self.lock.as_millis(),
            self.idle.as_millis()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_waits_a_minute_for_one_silent_statement() {
        let limits = Limits::of(Duration::from_secs(15));

        // A silent try, then one that begins at the last moment and is silent, too.
        let longest = limits.retry + limits.statement + limits.connect;

        assert!(longest < Duration::from_mins(1), "{longest:?}");
        assert!(limits.server.lock < limits.statement, "the server speaks first");
        assert!(limits.retry >= RESTART * 2);
    }
}
