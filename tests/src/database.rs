//! A migrated database for each test.

use std::path::{Path, PathBuf};
use std::sync::{LazyLock, mpsc};

use local::postgres::{PgBouncer, Postgres, Settings, find};
use serde::de::DeserializeOwned;
use serde_json::Value;
use shared::platform::config::{self, Reader};
use shared::platform::db::Pool;
use tokio::sync::OnceCell;
use tokio_postgres::{Client, NoTls};
use uuid::Uuid;

use crate::{LogLine, Proxy, Run};

/// The one server of this test process. A static is never dropped: the server ends because
/// our process does. It holds nothing of the runtime that happened to start it.
static SERVER: OnceCell<Postgres> = OnceCell::const_new();

const TEMPLATE: &str = "migrated";

/// A migrated, empty database that no other test sees; dropped with this value.
#[derive(Debug)]
pub struct TestDb {
    server: Server,
    name: String,
}

#[derive(Debug)]
enum Server {
    Shared(&'static Postgres),
    Own(Postgres),
}

impl TestDb {
    /// A new database on the server that all tests share.
    pub async fn new() -> Self {
        let shared = SERVER.get_or_init(server_with_template).await;
        Self::on(Server::Shared(shared)).await
    }

    /// A new database on a server of its own, for a test that needs [`Self::server`].
    pub async fn alone() -> Self {
        Self::on(Server::Own(server_with_template().await)).await
    }

    /// A new database on a server of its own, of the version whose programs are in this folder.
    pub async fn of_version(binaries: &Path) -> Self {
        Self::on(Server::Own(server_of(binaries).await)).await
    }

    /// The server's major version.
    #[must_use]
    pub fn version(&self) -> u32 {
        self.postgres().major()
    }

    /// A new database that nothing was applied to.
    pub async fn empty() -> Self {
        let shared = SERVER.get_or_init(server_with_template).await;
        let name = format!("test_{}", Uuid::new_v4().simple());
        let created = shared.create_database(&name).await;
        created.expect("creating a database");
        let server = Server::Shared(shared);
        Self { server, name }
    }

    /// A new database with the migrations up to one, as a program of that time left it.
    pub async fn of_migration(version: i32) -> Self {
        let db = Self::empty().await;
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrations");
        let migrations = refinery::load_sql_migrations(folder).expect("reading the migrations");
        let runner = refinery::Runner::new(&migrations).set_target(refinery::Target::Version(version));
        let applied = runner.run_async(&mut db.client().await).await;
        applied.expect("applying the migrations");
        db
    }

    /// A new database that is a copy of this one, to which nobody may be connected.
    pub async fn copy(&self) -> Self {
        let Server::Shared(shared) = self.server else {
            panic!("only a database on the shared server is copied")
        };
        let name = format!("test_{}", Uuid::new_v4().simple());
        let cloned = shared.clone_template(&self.name, &name).await;
        cloned.expect("copying a database");
        let server = Server::Shared(shared);
        Self { server, name }
    }

    async fn on(server: Server) -> Self {
        let name = format!("test_{}", Uuid::new_v4().simple());
        let db = Self { server, name };
        let clone = db.postgres().clone_template(TEMPLATE, &db.name).await;
        clone.expect("cloning the migrated database");
        db
    }

    /// The server, to kill and to start again; only a database that is [`Self::alone`] has it.
    pub fn server(&mut self) -> &mut Postgres {
        match &mut self.server {
            Server::Own(server) => server,
            Server::Shared(_) => panic!("other tests are on this server: use TestDb::alone"),
        }
    }

    /// Its address.
    #[must_use]
    pub fn url(&self) -> String {
        self.postgres().url(&self.name)
    }

    /// A proxy before the server, and the database's address through it.
    pub async fn through_proxy(&self) -> (Proxy, String) {
        let proxy = Proxy::before(self.postgres().port()).await;
        let direct = format!(":{}/", self.postgres().port());
        let url = self.url().replace(&direct, &format!(":{}/", proxy.port()));
        (proxy, url)
    }

    /// A transaction pooler and the database's address through it. Where the machine has no
    /// pooler, a word about it and `None`; on CI that is a failure.
    pub async fn through_pooler(&self) -> Option<(PgBouncer, String)> {
        if !PgBouncer::is_installed() && std::env::var_os("CI").is_none() {
            eprintln!("no pgbouncer on this machine: this test has checked nothing");
            return None;
        }
        let pooler = PgBouncer::start(self.postgres()).await;
        let pooler = pooler.expect("starting the pooler");
        let url = pooler.url(&self.name);
        Some((pooler, url))
    }

    /// A new connection.
    pub async fn client(&self) -> Client {
        let (client, connection) = tokio_postgres::connect(&self.url(), NoTls)
            .await
            .expect("connecting to the test's database");
        tokio::spawn(connection);
        client
    }

    /// A connection as the functions have it.
    pub async fn connect(&self) -> shared::platform::db::Client {
        let connected = shared::platform::db::connect(&self.pool()).await;
        connected.expect("connecting to the test's database")
    }

    /// A pool as the functions have it.
    #[must_use]
    pub fn pool(&self) -> Pool {
        pool_of(&self.url())
    }

    /// The only run there is.
    pub async fn only_run(&self) -> Run {
        let mut runs = self.runs().await;
        assert_eq!(runs.len(), 1, "not exactly one run: {runs:#?}");
        runs.remove(0)
    }

    /// Every run, oldest first.
    pub async fn runs(&self) -> Vec<Run> {
        self.read("select * from runs order by started_at, id").await
    }

    /// What a run logged, in order.
    pub async fn logs(&self, run: Uuid) -> Vec<LogLine> {
        let lines: Vec<LogLine> = self.read("select * from logs order by timestamp, id").await;
        lines.into_iter().filter(|line| line.run_id == run).collect()
    }

    /// How many rows a table or view has.
    pub async fn count(&self, table: &str) -> i64 {
        let count = format!("select count(*) from {table}");
        let row = self.client().await.query_one(&count, &[]).await;
        row.expect("counting").get(0)
    }

    /// What a query finds, an object a row.
    pub async fn rows(&self, query: &str) -> Vec<Value> {
        self.read(query).await
    }

    async fn read<T: DeserializeOwned>(&self, query: &str) -> Vec<T> {
        let query = format!("select to_jsonb(found) from ({query}) as found");
        let rows = self.client().await.query(&query, &[]).await;
        let rows = rows.expect("reading the test's database");
        rows.iter()
            .map(|row| serde_json::from_value(row.get(0)))
            .collect::<Result<_, _>>()
            .expect("a row of the expected columns")
    }

    fn postgres(&self) -> &Postgres {
        match &self.server {
            Server::Shared(server) => server,
            Server::Own(server) => server,
        }
    }
}

impl Drop for TestDb {
    /// Gives the memory back while other tests run. Where it fails there is nothing to do:
    /// the server takes all its databases with it.
    fn drop(&mut self) {
        if let Server::Shared(server) = self.server {
            drop(DROPPING.send((server, std::mem::take(&mut self.name))));
        }
    }
}

/// Drops databases, one after the other, so that a slow server does not have its connections taken up by that. On a
/// thread of its own, since a test's runtime ends with the test.
static DROPPING: LazyLock<mpsc::Sender<(&'static Postgres, String)>> = LazyLock::new(|| {
    let (sender, names) = mpsc::channel::<(&'static Postgres, String)>();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.map(|runtime| {
            for (server, name) in names {
                drop(runtime.block_on(server.drop_database(&name)));
            }
        })
    });
    sender
});

/// A server whose only database, beside Postgres's own, is the migrated template.
async fn server_with_template() -> Postgres {
    let pg_bin = std::env::var_os("PG_BIN").map(PathBuf::from);
    server_of(&find(pg_bin.as_deref()).expect("finding PostgreSQL")).await
}

async fn server_of(binaries: &Path) -> Postgres {
    let settings = Settings {
        in_memory: true,
        ..Settings::default()
    };
    let server = Postgres::start_with(binaries, &settings)
        .await
        .expect("starting PostgreSQL");
    let created = server.create_database(TEMPLATE).await;
    created.expect("creating the template");
    migrate(&server.url(TEMPLATE)).await;
    server
}

/// A pool as the functions have it, on this address.
fn pool_of(url: &str) -> Pool {
    shared::platform::db::pool(&settings(url)).expect("a usable database URL")
}

fn settings(url: &str) -> config::Database {
    let mut reader = Reader::from_pairs([("DATABASE_URL".to_owned(), url.to_owned())]);
    reader.database()
}

async fn migrate(url: &str) {
    let migrated = shared::platform::db::migrate(&settings(url)).await;
    migrated.expect("migrating the template");
}
