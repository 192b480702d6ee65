//! Keeps a server exactly as long as our process lives, whatever ends us.
//!
//! Rust's destructors do not run when a process is killed, and statics are never dropped.
//! So a small shell script, `supervisor.sh`, starts the server and holds the far end of a
//! pipe: the kernel closes the pipe with our last breath, and the script cleans up.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use nix::sys::statvfs::statvfs;
use nix::unistd::{User, geteuid};
use tempfile::TempDir;

const SCRIPT: &str = include_str!("supervisor.sh");

/// The file that exists while the server should or does run: we create it, the script removes it.
const ALIVE: &str = "alive";
/// The script's answer to "stop": `alive` goes a moment before the script has seen it go.
const STOPPED: &str = "stopped";
const LOG: &str = "log";

/// Linux's file system in memory; elsewhere there is none that everybody may use.
const MEMORY: &str = "/dev/shm";

/// What must be free in memory; containers often have 64 MB there, too few for a server.
const ROOM: u64 = 1 << 30;

/// How often an ending server is looked at.
const GLANCE: Duration = Duration::from_millis(5);

/// How long a server may take to end; Postgres gives its own processes five seconds.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long a destructor waits for what goes on without it anyway.
const COURTESY: Duration = Duration::from_millis(500);

/// A folder for one server, and the account that owns it.
#[derive(Debug)]
pub(super) struct Home {
    folder: TempDir,
    account: Option<User>,
}

impl Home {
    /// A new folder in the system's place for temporary files.
    pub(super) fn new(prefix: &str) -> anyhow::Result<Self> {
        Self::new_in(&std::env::temp_dir(), prefix)
    }

    /// A new folder in memory where there is room, else as [`Self::new`].
    pub(super) fn new_in_memory(prefix: &str) -> anyhow::Result<Self> {
        let roomy = statvfs(MEMORY)
            .is_ok_and(|memory| memory.blocks_available().saturating_mul(memory.fragment_size()) >= ROOM);
        match roomy.then(|| Self::new_in(Path::new(MEMORY), prefix)) {
            Some(Ok(home)) => Ok(home),
            // Not everybody may write there.
            Some(Err(_)) | None => Self::new(prefix),
        }
    }

    fn new_in(place: &Path, prefix: &str) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix(prefix)
            .tempdir_in(place)
            .with_context(|| format!("making a folder in {}", place.display()))?;
        let home = Self {
            folder,
            account: unprivileged()?,
        };
        home.hand_over(home.path())?;
        Ok(home)
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file that the server alone may read.
    pub(super) fn write(&self, name: &str, text: &str) -> anyhow::Result<()> {
        let path = self.path().join(name);
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)?;
        file.write_all(text.as_bytes())
            .with_context(|| format!("writing {}", path.display()))?;
        self.hand_over(&path)
    }

    /// Starts `command` in this folder, to be ended by `signal`.
    pub(super) fn supervise<S: AsRef<OsStr>>(
        self,
        signal: &str,
        command: impl IntoIterator<Item = S>,
    ) -> anyhow::Result<Supervisor> {
        let log = OpenOptions::new()
            .append(true)
            .create_new(true)
            .open(self.path().join(LOG))?;
        File::create_new(self.path().join(ALIVE))?;
        let mut shell = Command::new("sh");
        shell
            .args(["-c", SCRIPT])
            .arg(self.path())
            .arg(signal)
            .args(command)
            .current_dir("/")
            // Where the account has another locale, or none, PostgreSQL may not start.
            .env("LC_ALL", "C")
            .stdin(Stdio::piped())
            .stdout(log.try_clone()?)
            .stderr(log)
            // Ctrl-C is for us: the server must outlive our last write.
            .process_group(0);
        if let Some(account) = &self.account {
            shell.uid(account.uid.as_raw()).gid(account.gid.as_raw());
        }
        let shell = shell.spawn().context("starting sh")?;
        Ok(Supervisor {
            shell,
            home: self.folder.keep(),
        })
    }

    fn hand_over(&self, path: &Path) -> anyhow::Result<()> {
        if let Some(account) = &self.account {
            chown(path, Some(account.uid.as_raw()), Some(account.gid.as_raw()))
                .with_context(|| format!("giving {} to {}", path.display(), account.name))?;
        }
        Ok(())
    }
}

/// Whom a server runs as where we are root, which Postgres and its poolers refuse to be.
fn unprivileged() -> anyhow::Result<Option<User>> {
    if !geteuid().is_root() {
        return Ok(None);
    }
    for name in ["postgres", "nobody"] {
        if let Some(user) = User::from_name(name).context("reading the list of users")? {
            return Ok(Some(user));
        }
    }
    bail!("PostgreSQL does not run as root, and there is neither a user postgres nor a user nobody")
}

/// A server on its pipe.
#[derive(Debug)]
pub(super) struct Supervisor {
    shell: Child,
    home: PathBuf,
}

impl Supervisor {
    /// The server's folder, which goes with it.
    #[cfg(test)]
    pub(super) fn home(&self) -> &Path {
        &self.home
    }

    /// What the server has said.
    pub(super) fn log(&self) -> String {
        fs::read(self.home.join(LOG))
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }

    /// Whether the server has been started and has not ended.
    pub(super) fn is_alive(&self) -> bool {
        self.home.join(ALIVE).exists()
    }

    /// Ends the server and keeps its folder.
    pub(super) async fn stop(&mut self) -> anyhow::Result<()> {
        self.order("stop")?;
        let stopped = self.home.join(STOPPED);
        until(|| Ok(stopped.exists())).await?;
        Ok(fs::remove_file(stopped)?)
    }

    /// Starts a stopped server again.
    pub(super) fn start(&mut self) -> anyhow::Result<()> {
        if self.is_alive() {
            bail!("the server has not been stopped");
        }
        File::create_new(self.home.join(ALIVE))?;
        self.order("start")
    }

    /// Ends the server and removes its folder.
    pub(super) async fn end(mut self) -> anyhow::Result<()> {
        drop(self.shell.stdin.take());
        until(|| Ok(self.shell.try_wait()?.is_some())).await
    }

    fn order(&mut self, word: &str) -> anyhow::Result<()> {
        let orders = self.shell.stdin.as_mut().context("the pipe is closed")?;
        writeln!(orders, "{word}").with_context(|| format!("ordering {word}"))
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        let since = Instant::now();
        while matches!(self.shell.try_wait(), Ok(None)) && since.elapsed() < COURTESY {
            std::thread::sleep(GLANCE);
        }
    }
}

async fn until(mut done: impl FnMut() -> anyhow::Result<bool>) -> anyhow::Result<()> {
    let since = Instant::now();
    while !done()? {
        if since.elapsed() > PATIENCE {
            bail!("the server did not end within {PATIENCE:?}");
        }
        tokio::time::sleep(GLANCE).await;
    }
    Ok(())
}
