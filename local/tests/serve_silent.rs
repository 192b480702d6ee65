//! `callmark serve` on a database that once gives no answer: it waits for a while, says so, and loses nothing.

#![allow(
    clippy::unwrap_used,
    reason = "Clippy sees a test in a test function, and not in the functions it calls"
)]

use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tests::{Mischief, Proxy, Stage};
use tokio::process::{Child, Command};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Cases at once: each mostly waits.
const AT_ONCE: usize = 6;
/// Replies that are lost, one a case.
const CASES: usize = 12;
/// No wait of `serve` may be longer.
const BOUND: Duration = Duration::from_mins(1);

fn serve(stage: &Stage) -> Child {
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    Command::new(env!("CARGO_BIN_EXE_callmark"))
        .args(["--quiet", "serve", "--admin-port", &port.to_string()])
        .env_clear()
        .envs(stage.settings.iter().map(|(name, value)| (*name, value.as_str())))
        .env("VAPI_BASE_URL", stage.vapi.url())
        .env("VAPI_API_KEY", "test-key")
        .env("VAPI_RATE", "5000")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

/// Waits until the first sync has ended well.
async fn synced(stage: &Stage, child: &mut Child) -> Result<Duration, String> {
    let begun = Instant::now();
    while begun.elapsed() < BOUND {
        let ended = "runs where script_name = 'vapi-sync' and status = 'success'";
        if stage.db.count(ended).await > 0 {
            return Ok(begun.elapsed());
        }
        if let Some(status) = child.try_wait().unwrap() {
            return Err(format!("serve ended with {status}"));
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    Err(format!("no sync ended well: {:?}", stage.db.runs().await))
}

/// Ends it as a service manager does.
async fn ends_when_told(child: &mut Child) -> bool {
    let process = Pid::from_raw(i32::try_from(child.id().unwrap()).unwrap());
    kill(process, Signal::SIGTERM).unwrap();
    tokio::time::timeout(Duration::from_secs(10), child.wait())
        .await
        .is_ok()
}

async fn stage() -> (Stage, Proxy) {
    Stage::with_calls(120).await.behind_proxy().await
}

#[tokio::test(flavor = "multi_thread")]
async fn serve_survives_a_lost_reply_and_ends_when_it_is_told_to() {
    let (calm, proxy) = stage().await;
    let mut child = serve(&calm);
    synced(&calm, &mut child).await.unwrap();
    let answers = proxy.answers();
    assert!(ends_when_told(&mut child).await);

    let turns = Arc::new(Semaphore::new(AT_ONCE));
    let mut cases = JoinSet::new();
    for case in 0..CASES {
        // The first reply decides whether there is a database at all: that is told at once, not waited for.
        let number = 3 + case * (answers - 3) / CASES;
        let turns = Arc::clone(&turns);
        cases.spawn(async move {
            let _turn = turns.acquire_owned().await.unwrap();
            let (stage, proxy) = stage().await;
            proxy.on_answer(number, Mischief::Swallow);
            let mut child = serve(&stage);
            let took = synced(&stage, &mut child).await;
            let took = took.unwrap_or_else(|trouble| panic!("answer {number} of {answers}: {trouble}"));
            assert!(ends_when_told(&mut child).await, "answer {number}: it does not end");
            stage.assert_equal().await;
            (proxy.struck(), took)
        });
    }
    let cases = cases.join_all().await;

    let struck: usize = cases.iter().map(|(struck, _)| struck).sum();
    let longest = cases.iter().map(|(_, took)| *took).max().unwrap_or_default();
    println!("{struck} of {CASES} replies were lost; the longest sync took {longest:?}");
    assert!(struck >= CASES / 2, "{struck}");
}
