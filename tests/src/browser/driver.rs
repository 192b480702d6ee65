//! The one `chromedriver` of this test process.
//!
//! Statics are never dropped, so a small shell script starts it and holds the far end of a pipe: when our process is
//! gone, however that came about, it ends the driver and every browser of ours.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tokio::sync::OnceCell;
use tokio::time::{Instant, sleep};

const SCRIPT: &str = include_str!("driver.sh");
const PATIENCE: Duration = Duration::from_secs(20);
const GLANCE: Duration = Duration::from_millis(20);

static DRIVER: OnceCell<Option<Driver>> = OnceCell::const_new();

#[derive(Debug)]
struct Driver {
    url: String,
    /// Everything of ours lies below it; the script deletes it.
    home: PathBuf,
    /// Its input is the pipe.
    _script: Child,
}

/// The driver's address; none where this machine has no driver.
pub(super) async fn url() -> Option<String> {
    let driver = DRIVER.get_or_init(start).await;
    driver.as_ref().map(|driver| driver.url.clone())
}

/// A folder for one browser.
pub(super) fn folder() -> TempDir {
    let driver = DRIVER.get().and_then(Option::as_ref).expect("a driver");
    TempDir::new_in(&driver.home).expect("a folder")
}

async fn start() -> Option<Driver> {
    let program = find()?;
    let home = TempDir::with_prefix("callmark-browser-").expect("a folder").keep();
    let script = Command::new("sh")
        .args(["-c", SCRIPT])
        .arg(&home)
        .arg(program)
        .stdin(Stdio::piped())
        // Whoever reads our output would otherwise wait for the script's, too.
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("starting chromedriver");
    let url = format!("http://127.0.0.1:{}", port(&home.join("log")).await);
    Some(Driver {
        url,
        home,
        _script: script,
    })
}

/// `PATH` is looked through, as a shell does.
fn find() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join("chromedriver"))
        .find(|program| program.exists())
}

/// The port that it says it listens on.
async fn port(log: &PathBuf) -> u16 {
    let until = Instant::now() + PATIENCE;
    loop {
        let said = std::fs::read_to_string(log).unwrap_or_default();
        let port = said
            .split_once("successfully on port ")
            .and_then(|(_, rest)| rest.split(|letter: char| !letter.is_ascii_digit()).next()?.parse().ok());
        if let Some(port) = port {
            return port;
        }
        if Instant::now() >= until {
            drop(writeln!(std::io::stderr(), "{said}"));
            panic!("chromedriver did not start");
        }
        sleep(GLANCE).await;
    }
}
