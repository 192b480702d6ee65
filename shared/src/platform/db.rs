//! PostgreSQL: connections, statements that end, transactions whose outcome is known, retries, migrations.
//!
//! ```text
//! config ─▶ pool ─▶ connect ─▶ Client ─▶ Transaction      retry (a unit of work, again on a new connection)
//!                                └─ Executor: every statement has a time limit and an error that names the database
//! ```

mod client;
mod copy;
mod created;
mod doubt;
mod error;
mod frozen;
mod later;
mod lenient;
mod limits;
mod migrate;
mod migrator;
mod patience;
mod pool;
mod retry;
mod session;

pub use crate::platform::database_url::MalformedUrl;
pub use client::{Client, Executor, Rows, Transaction, connect};
pub use copy::BinaryCopy;
pub use created::{Created, applied, created, created_indexes};
pub use error::{ConnectError, DbError, NoConnection, is_about_the_row, is_transient};
pub use later::LaterError;
pub use lenient::Lenient;
pub use migrate::{Migrated, MigrationError, migrate, migrate_until, migrate_with};
pub use pool::{Pool, pool};
pub use retry::{is_away, retry};
