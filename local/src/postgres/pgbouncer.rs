//! A throw-away pooler before a throw-away Postgres.
//!
//! It pools by transaction and does not track prepared statements, as the poolers of hosted
//! databases may: what works through it works everywhere.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::bail;

use super::supervisor::{Home, Supervisor};
use super::{Postgres, answer, binaries, free_port, url};

/// Debian keeps it where only root's `PATH` looks.
const USUAL_PLACES: [&str; 3] = [
    "/usr/sbin/pgbouncer",
    "/opt/homebrew/bin/pgbouncer",
    "/usr/local/bin/pgbouncer",
];

/// How long a start may take; it takes some milliseconds.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running pooler, which ends with this value or with our process.
#[derive(Debug)]
pub struct PgBouncer {
    supervisor: Supervisor,
    port: u16,
}

impl PgBouncer {
    /// Whether this machine has one; not every package manager does.
    #[must_use]
    pub fn is_installed() -> bool {
        find().is_ok()
    }

    /// Starts a pooler before every database of `server`.
    pub async fn start(server: &Postgres) -> anyhow::Result<Self> {
        let program = find()?;
        let port = free_port()?;
        let home = Home::new("callmark-pgbouncer-")?;
        home.write("pgbouncer.ini", &settings(server.port(), port))?;
        let command = [program.as_os_str(), "pgbouncer.ini".as_ref()];
        let supervisor = home.supervise("TERM", command)?;
        let pooler = Self { supervisor, port };
        pooler.ready().await?;
        Ok(pooler)
    }

    /// The address of `database` through the pooler.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        url(self.port, database)
    }

    /// Ends the pooler and waits until it is gone. Dropping it does the same with less patience.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.supervisor.end().await
    }

    async fn ready(&self) -> anyhow::Result<()> {
        let since = Instant::now();
        while let Err(error) = answer(&self.url("postgres"), "select 1").await {
            if !self.supervisor.is_alive() || since.elapsed() > PATIENCE {
                return Err(error.context(format!("PgBouncer did not start:\n{}", self.supervisor.log())));
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }
}

fn find() -> anyhow::Result<PathBuf> {
    let found = binaries::on_path("pgbouncer")
        .chain(USUAL_PLACES.map(PathBuf::from))
        .find(|program| program.is_file());
    match found {
        Some(program) => Ok(program),
        None => bail!("no pgbouncer on this machine: run `make setup`"),
    }
}

/// Three server connections for a hundred clients: few enough that statements and sessions
/// of different clients do meet on one.
fn settings(server: u16, port: u16) -> String {
    format!(
        "\
[databases]
* = host=127.0.0.1 port={server} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 3
max_client_conn = 100
ignore_startup_parameters = extra_float_digits, options
"
    )
}
