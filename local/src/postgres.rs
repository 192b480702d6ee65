//! A throw-away Postgres: a real server on a free loopback port, gone when we are.
//!
//! The demo, the tests and the benchmarks run on it, so what passes here has met the
//! database that production uses. It is found on this machine, never downloaded.

mod binaries;
mod pgbouncer;
mod supervisor;

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tokio_postgres::NoTls;

pub use self::binaries::{find, find_all};
pub use self::pgbouncer::PgBouncer;

use self::supervisor::{Home, Supervisor};

const PREFIX: &str = "callmark-postgres-";

/// How long a start may take; it takes half a second on an idle machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// How often a starting server is looked at.
const GLANCE: Duration = Duration::from_millis(10);

/// Between our choosing a free port and the server binding it, another process may take it.
const PORT_ATTEMPTS: u32 = 3;

/// The first version that knows `create database … strategy`; older ones always copy files.
const KNOWS_STRATEGY: u32 = 15;

/// What a server is started with; the default is right for everything but benchmarks and TLS.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Keep Postgres's own durability, as a benchmark must, and its autovacuum.
    /// Otherwise a crash of the machine may lose the data, which nobody will miss.
    pub durable: bool,
    /// Keep the data in memory where the system lets us: several times faster to start and
    /// to clone on a slow disk, and right for tests, whose databases are small.
    pub in_memory: bool,
    /// Accept TLS with this certificate; connections without TLS stay possible.
    pub tls: Option<Tls>,
}

/// The certificate a server shows, in PEM.
#[derive(Clone, Debug)]
pub struct Tls {
    /// The certificate, followed by its chain if it has one.
    pub cert_pem: String,
    /// Its private key.
    pub key_pem: String,
}

/// A running server and its data, which end with this value or with our process.
#[derive(Debug)]
pub struct Postgres {
    supervisor: Supervisor,
    port: u16,
    major: u32,
}

impl Postgres {
    /// Starts a server on the binaries that [`find`] comes up with.
    pub async fn start() -> anyhow::Result<Self> {
        Self::start_with(&find(None)?, &Settings::default()).await
    }

    /// Starts a server on the binaries in `bin`.
    pub async fn start_with(bin: &Path, settings: &Settings) -> anyhow::Result<Self> {
        let mut attempt = 1;
        loop {
            match Self::attempt(bin, settings).await {
                Err(error) if attempt < PORT_ATTEMPTS && is_port_taken(&error) => attempt += 1,
                outcome => return outcome,
            }
        }
    }

    async fn attempt(bin: &Path, settings: &Settings) -> anyhow::Result<Self> {
        let port = free_port()?;
        let home = if settings.in_memory {
            Home::new_in_memory(PREFIX)?
        } else {
            Home::new(PREFIX)?
        };
        let options = options(&home, port, settings)?;
        let program = [Path::new("sh"), Path::new("-c"), Path::new(SERVE)];
        let command = program
            .into_iter()
            .chain([bin])
            .map(Path::as_os_str)
            .chain(options.iter().map(AsRef::as_ref));
        let supervisor = home.supervise("QUIT", command)?;
        let mut server = Self {
            supervisor,
            port,
            major: 0,
        };
        server.major = server.ready().await?;
        Ok(server)
    }

    /// The address of `database` on this server.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        url(self.port, database)
    }

    /// The loopback port it listens on, for an address that [`Self::url`] does not write.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Postgres's major version.
    #[must_use]
    pub fn major(&self) -> u32 {
        self.major
    }

    /// What the server has written to its log so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.supervisor.log()
    }

    /// Creates an empty database.
    pub async fn create_database(&self, name: &str) -> anyhow::Result<()> {
        self.execute(&format!("create database {}", identifier(name))).await
    }

    /// Creates `name` as a copy of `template`, which nobody may be connected to.
    pub async fn clone_template(&self, template: &str, name: &str) -> anyhow::Result<()> {
        // Copying files beats the default, which writes every page to the log, by far.
        let strategy = if self.major >= KNOWS_STRATEGY {
            "strategy file_copy"
        } else {
            ""
        };
        let (name, template) = (identifier(name), identifier(template));
        self.execute(&format!("create database {name} template {template} {strategy}"))
            .await
    }

    /// Drops a database, and whoever is still connected to it.
    pub async fn drop_database(&self, name: &str) -> anyhow::Result<()> {
        let name = identifier(name);
        self.execute(&format!("drop database if exists {name} with (force)"))
            .await
    }

    /// Ends the server at once, as a crash would, and keeps its data and its port for
    /// [`Self::start_again`].
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        self.supervisor.stop().await
    }

    /// Starts a killed server again, on the same data and the same port.
    pub async fn start_again(&mut self) -> anyhow::Result<()> {
        self.supervisor.start()?;
        self.ready().await.map(drop)
    }

    /// Ends the server and waits until it and its data are gone. Dropping it does the same
    /// with less patience.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.supervisor.end().await
    }

    /// Waits for the first answer, which is the major version.
    async fn ready(&self) -> anyhow::Result<u32> {
        let since = Instant::now();
        let number = loop {
            match answer(&self.url("postgres"), "show server_version_num").await {
                Ok(number) => break number,
                Err(_) if !self.supervisor.is_alive() => {
                    bail!("PostgreSQL did not start:\n{}", self.log())
                }
                Err(error) if since.elapsed() > PATIENCE => {
                    return Err(error.context(format!("PostgreSQL gave no answer for {PATIENCE:?}:\n{}", self.log())));
                }
                Err(_) => tokio::time::sleep(GLANCE).await,
            }
        };
        let number: u32 = number.parse().context("reading PostgreSQL's version")?;
        Ok(number / 10_000)
    }

    /// Executes a statement that no transaction may hold, such as `create database`.
    async fn execute(&self, statement: &str) -> anyhow::Result<()> {
        let (client, connection) = tokio_postgres::connect(&self.url("postgres"), NoTls).await?;
        let connection = tokio::spawn(connection);
        client.batch_execute(statement).await?;
        drop(client);
        connection.await??;
        Ok(())
    }
}

/// Makes the data directory on the first start only, then becomes the server. Both happen
/// under the supervisor, so that a half-made directory is swept away as well.
const SERVE: &str = r#"
if ! [ -d data ]; then
    "$0/initdb" -D data -U postgres -A trust -E UTF8 --locale=C --no-sync >/dev/null || exit
fi
exec "$0/postgres" -D data "$@"
"#;

/// The command line of the server.
fn options(home: &Home, port: u16, settings: &Settings) -> anyhow::Result<Vec<String>> {
    let port = format!("port={port}");
    let mut pairs = vec![
        port.as_str(),
        "listen_addresses=127.0.0.1",
        "unix_socket_directories=",
        "max_connections=600",
        "shared_buffers=64MB",
    ];
    if !settings.durable {
        pairs.extend([
            "fsync=off",
            "synchronous_commit=off",
            "full_page_writes=off",
            "autovacuum=off",
        ]);
    }
    if let Some(tls) = &settings.tls {
        home.write("server.crt", &tls.cert_pem)?;
        home.write("server.key", &tls.key_pem)?;
        pairs.extend([
            "ssl=on",
            // Relative names are looked up in the data directory.
            "ssl_cert_file=../server.crt",
            "ssl_key_file=../server.key",
        ]);
    }
    Ok(pairs
        .into_iter()
        .flat_map(|pair| ["-c".to_owned(), pair.to_owned()])
        .collect())
}

fn url(port: u16, database: &str) -> String {
    format!("postgres://postgres@127.0.0.1:{port}/{database}?sslmode=disable")
}

/// A statement's one value, asked with the simple protocol, which poolers understand too.
async fn answer(url: &str, question: &str) -> anyhow::Result<String> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    let messages = client.simple_query(question).await?;
    messages
        .iter()
        .find_map(|message| match message {
            tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
            _ => None,
        })
        .with_context(|| format!("no answer to {question}"))
}

/// A port that is free at this moment.
fn free_port() -> anyhow::Result<u16> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").context("finding a free port")?;
    Ok(listener.local_addr()?.port())
}

fn is_port_taken(error: &anyhow::Error) -> bool {
    error.to_string().contains("Address already in use")
}

/// A name as SQL wants it where no parameter may stand.
fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader};
    use std::path::PathBuf;
    use std::process::{Command, Stdio};

    use super::*;

    async fn start(settings: &Settings) -> anyhow::Result<Postgres> {
        let pg_bin = std::env::var_os("PG_BIN").map(PathBuf::from);
        Postgres::start_with(&find(pg_bin.as_deref()).unwrap(), settings).await
    }

    #[tokio::test]
    async fn a_killed_server_comes_back_on_its_port_with_its_data() {
        let mut server = start(&Settings::default()).await.unwrap();
        server.create_database("kept").await.unwrap();
        let port = server.port();

        server.kill().await.unwrap();
        let while_dead = answer(&server.url("kept"), "select 1").await;
        server.start_again().await.unwrap();

        assert!(while_dead.is_err());
        assert_eq!(server.port(), port);
        assert_eq!(answer(&server.url("kept"), "select 1").await.unwrap(), "1");
    }

    #[tokio::test]
    async fn a_clone_has_what_its_template_has_and_is_dropped_with_its_guests() {
        let server = start(&Settings::default()).await.unwrap();
        server.create_database("model").await.unwrap();
        answer(&server.url("model"), "create table kept as select 7 as seven; select 1")
            .await
            .unwrap();

        server.clone_template("model", "a \"copy\"").await.unwrap();
        server.clone_template("model", "copy").await.unwrap();
        let seven = answer(&server.url("copy"), "select seven from kept").await;
        let (_guest, connection) = tokio_postgres::connect(&server.url("copy"), NoTls).await.unwrap();
        let guest = tokio::spawn(connection);
        server.drop_database("copy").await.unwrap();

        assert_eq!(seven.unwrap(), "7");
        assert!(guest.await.unwrap().is_err());
        assert!(answer(&server.url("copy"), "select 1").await.is_err());
    }

    #[tokio::test]
    async fn a_durable_server_keeps_the_durability_that_postgres_comes_with() {
        let settings = Settings {
            durable: true,
            ..Settings::default()
        };
        let server = start(&settings).await.unwrap();

        for promise in ["fsync", "synchronous_commit", "full_page_writes"] {
            let kept = answer(&server.url("postgres"), &format!("show {promise}")).await;
            assert_eq!(kept.unwrap(), "on", "{promise}");
        }
    }

    #[tokio::test]
    async fn a_start_that_fails_says_why_and_at_once() {
        let tls = Tls {
            cert_pem: "no certificate".to_owned(),
            key_pem: "no key".to_owned(),
        };
        let settings = Settings {
            tls: Some(tls),
            ..Settings::default()
        };
        let since = Instant::now();

        let error = start(&settings).await.unwrap_err();

        let text = error.to_string();
        assert!(text.contains("could not load server certificate"), "{text}");
        assert!(since.elapsed() < PATIENCE / 4);
    }

    #[tokio::test]
    async fn nothing_is_left_of_a_stopped_server() {
        let server = start(&Settings::default()).await.unwrap();
        let (home, url) = (server.supervisor.home().to_owned(), server.url("postgres"));
        assert!(home.join("data/PG_VERSION").exists());

        server.stop().await.unwrap();

        assert!(!home.exists());
        assert!(answer(&url, "select 1").await.is_err());
    }

    #[test]
    fn nothing_is_left_when_the_owner_is_killed() {
        let mut owner = Command::new(std::env::current_exe().unwrap())
            .args(["postgres::tests::owner", "--ignored", "--nocapture"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let home = BufReader::new(owner.stdout.take().unwrap())
            .lines()
            .find_map(|line| Some(PathBuf::from(line.unwrap().strip_prefix(HOME)?)))
            .unwrap();
        assert!(home.join("data/postmaster.pid").exists());

        owner.kill().unwrap();
        owner.wait().unwrap();

        let since = Instant::now();
        while home.exists() && since.elapsed() < PATIENCE {
            std::thread::sleep(GLANCE);
        }
        assert!(!home.exists());
    }

    const HOME: &str = "home: ";

    #[tokio::test]
    #[ignore = "the process that another test kills"]
    async fn owner() {
        let server = start(&Settings::default()).await.unwrap();
        println!("\n{HOME}{}", server.supervisor.home().display());
        tokio::time::sleep(PATIENCE).await;
    }
}
