//! What can go wrong with the database, told so that people know which one and at what.

use std::io;
use std::time::Duration;

use deadpool_postgres::PoolError;
use tokio_postgres::Error as DriverError;
use tokio_postgres::error::{DbError as ServerError, SqlState};

/// A statement failed.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// The server refused it, or a row does not hold what was read from it.
    #[error(transparent)]
    Driver(#[from] DriverError),
    /// The connection broke, or the server is going, coming or out of something: it may work on another try.
    #[error("the database {address} failed at «{statement}»")]
    Failed {
        /// `host:port/name`.
        address: String,
        /// How the statement begins.
        statement: String,
        /// What the server or the driver said.
        source: DriverError,
    },
    /// No answer came, and the connection was given up.
    #[error("the database does not answer: {address} said nothing to «{statement}» for {} s", .after.as_secs_f32())]
    Silent {
        /// `host:port/name`.
        address: String,
        /// How the statement begins.
        statement: String,
        /// How long it was waited for.
        after: Duration,
    },
    /// The answer to a commit was lost, and the database would not say afterwards whether it had worked.
    #[error("the database {address} did not say whether a transaction was committed")]
    InDoubt {
        /// `host:port/name`.
        address: String,
        /// Why the answer was lost.
        source: Box<DbError>,
    },
}

impl DbError {
    /// The server's code.
    #[must_use]
    pub fn code(&self) -> Option<&SqlState> {
        self.driver().and_then(DriverError::code)
    }

    /// What the server said.
    #[must_use]
    pub fn as_db_error(&self) -> Option<&ServerError> {
        self.driver().and_then(DriverError::as_db_error)
    }

    /// Whether the connection is gone.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.driver().is_none_or(DriverError::is_closed)
    }

    /// Whether no answer came within the time that a statement may take.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        matches!(self, Self::Silent { .. })
    }

    /// An error of the driver's, with the database named where that is what failed.
    pub(super) fn of(source: DriverError, address: &str, statement: &str) -> Self {
        if is_transient_to_driver(&source) {
            Self::Failed {
                address: address.to_owned(),
                statement: beginning(statement),
                source,
            }
        } else {
            Self::Driver(source)
        }
    }

    pub(super) fn silent(address: &str, statement: &str, after: Duration) -> Self {
        Self::Silent {
            address: address.to_owned(),
            statement: beginning(statement),
            after,
        }
    }

    fn driver(&self) -> Option<&DriverError> {
        match self {
            Self::Driver(error) | Self::Failed { source: error, .. } => Some(error),
            Self::Silent { .. } | Self::InDoubt { .. } => None,
        }
    }
}

/// How a statement begins: enough to know which one it is.
fn beginning(statement: &str) -> String {
    const MOST: usize = 60;
    let lines = statement.lines().filter(|line| !line.trim_start().starts_with("--"));
    let mut words = lines.flat_map(str::split_whitespace);
    let mut text = words.next().unwrap_or_default().to_owned();
    for word in words {
        if text.chars().count() + word.chars().count() >= MOST {
            text.push('…');
            break;
        }
        text.push(' ');
        text.push_str(word);
    }
    text
}

/// No connection could be had.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The server is not there, or refused us.
    #[error("connecting to the database named by DATABASE_URL")]
    Server(#[source] NoConnection),
    /// Every connection is in use.
    #[error("no connection to the database named by DATABASE_URL")]
    Pool(#[source] PoolError),
}

/// The server gave us no connection: which one it was, what to look at, and what it or the way to it said.
#[derive(Debug, thiserror::Error)]
#[error("no connection to {server} ({advice})")]
pub struct NoConnection {
    pub(super) server: String,
    pub(super) advice: &'static str,
    pub(super) source: Refusal,
}

/// What stood against a connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error(transparent)]
    Driver(DriverError),
    #[error("it does not answer within {} s", .0.as_secs_f32())]
    Silent(Duration),
}

impl ConnectError {
    /// Whether trying again can help.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Server(none) => none.is_transient(),
            Self::Pool(error) => matches!(error, PoolError::Timeout(_)),
        }
    }

    pub(super) fn server(server: &str, source: Refusal) -> Self {
        Self::Server(NoConnection {
            server: server.to_owned(),
            advice: advice(&source),
            source,
        })
    }

    /// Whether the server has no room for another connection.
    pub(super) fn is_full(&self) -> bool {
        matches!(self, Self::Server(none) if none.driver().is_some_and(is_full))
    }
}

impl NoConnection {
    /// Whether trying again can help.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        self.driver()
            .is_none_or(|error| is_transient_to_driver(error) || is_full(error))
    }

    /// Whether the server refused who we say we are: the password may have been rotated.
    #[must_use]
    pub fn is_authentication(&self) -> bool {
        self.driver().is_some_and(is_authentication_to_driver)
    }

    fn driver(&self) -> Option<&DriverError> {
        match &self.source {
            Refusal::Driver(error) => Some(error),
            Refusal::Silent(_) => None,
        }
    }
}

const AWAY: &str = "check host and port, and that the network lets us there";

/// What to look at, by how we were refused; without a code the server said nothing.
fn advice(refusal: &Refusal) -> &'static str {
    let Refusal::Driver(error) = refusal else { return AWAY };
    match error.code() {
        _ if is_full(error) => "it lets in no more connections: lower DATABASE_POOL, or raise the limit of the role",
        Some(_) if is_authentication_to_driver(error) => "check user, password and sslmode",
        Some(code) if *code == SqlState::INVALID_CATALOG_NAME => "check the name of the database",
        Some(_) => "it answers and lets nobody in",
        None if is_transient_to_driver(error) => AWAY,
        None => "check user, password, sslmode and DATABASE_CA",
    }
}

/// Whether trying again, on a new connection, can help.
#[must_use]
pub fn is_transient(error: &DbError) -> bool {
    match error {
        DbError::Driver(error) => is_transient_to_driver(error),
        DbError::Failed { .. } | DbError::Silent { .. } | DbError::InDoubt { .. } => true,
    }
}

pub(super) fn is_transient_to_driver(error: &DriverError) -> bool {
    match error.code() {
        // Class 08: connection; 40: serialisation, deadlock; 53: out of resources; 57P0x: the server is going or coming.
        Some(code) => {
            matches!(code.code().get(..2), Some("08" | "40" | "53"))
                || [
                    SqlState::ADMIN_SHUTDOWN,
                    SqlState::CRASH_SHUTDOWN,
                    SqlState::CANNOT_CONNECT_NOW,
                    SqlState::LOCK_NOT_AVAILABLE,
                    SqlState::QUERY_CANCELED,
                    SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
                    SqlState::IDLE_SESSION_TIMEOUT,
                ]
                .contains(code)
        }
        // No answer from the server at all: the connection broke. A certificate that is refused stays refused.
        None => {
            error.is_closed()
                || std::error::Error::source(error)
                    .and_then(|source| source.downcast_ref::<io::Error>())
                    .is_some_and(|source| source.kind() != io::ErrorKind::InvalidData)
        }
    }
}

/// Whether the server, or a pooler in front of it, has no room for another connection. Poolers have codes of their own
/// for it, so their words count: `PgBouncer`'s, Supavisor's.
pub(super) fn is_full(error: &DriverError) -> bool {
    const WORDS: [&str; 4] = [
        "too many connections",
        "no more connections allowed",
        "max client connections",
        "max clients reached",
    ];
    error.as_db_error().is_some_and(|error| {
        let said = error.message().to_lowercase();
        *error.code() == SqlState::TOO_MANY_CONNECTIONS || WORDS.iter().any(|words| said.contains(words))
    })
}

/// Whether the server refused what one row says (its values, its size), and not the statement.
#[must_use]
pub fn is_about_the_row(error: &DbError) -> bool {
    // Class 22: data exception; 23: integrity constraint; 54: a program limit, such as nesting too deep.
    error
        .code()
        .is_some_and(|code| matches!(code.code().get(..2), Some("22" | "23" | "54")))
}

/// Whether the server refused who we say we are.
fn is_authentication_to_driver(error: &DriverError) -> bool {
    error.code().is_some_and(|code| code.code().starts_with("28"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_known_by_its_first_words() {
        assert_eq!(beginning("-- What it is.\n   select 1\n"), "select 1");
        assert_eq!(
            beginning("select id, updated_at, document_hash from vapi_calls_raw where id = any($1)"),
            "select id, updated_at, document_hash from vapi_calls_raw…"
        );
    }
}
