//! A proxy before PostgreSQL that knows where messages end: it swallows answers, cuts connections, plays a restart.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// What happens to an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mischief {
    /// It never comes, nor does anything after it; the connection stays open.
    Swallow,
    /// The connection is cut in its place.
    Cut,
    /// All connections are cut in its place, and none is let in for this long.
    Restart(Duration),
    /// It comes, and nothing that the client says after it reaches the server; the connection stays open.
    Deafen,
    /// It comes, and nothing that the server says after it is read: the server can't finish what it sends.
    Clog,
}

/// A proxy; gone when dropped.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    state: Arc<State>,
    accepting: JoinHandle<()>,
}

#[derive(Debug)]
struct State {
    target: u16,
    /// Answers that were given: each ends with a `ReadyForQuery`, or lets a `COPY` begin.
    answers: AtomicUsize,
    plan: Mutex<Plan>,
    /// Raised when all connections are to be cut.
    generation: watch::Sender<usize>,
}

#[derive(Debug, Default)]
struct Plan {
    /// What happens to which answer, counted from here on.
    mischief: HashMap<usize, Mischief>,
    /// What happens to the answer to which commit.
    to_commit: HashMap<usize, Mischief>,
    commits: usize,
    closed_until: Option<Instant>,
    /// What became of it.
    struck: usize,
}

impl Proxy {
    /// Before the server on this port.
    ///
    /// # Panics
    ///
    /// Where no port is free.
    pub async fn before(target: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let state = Arc::new(State {
            target,
            answers: AtomicUsize::new(0),
            plan: Mutex::default(),
            generation: watch::channel(0).0,
        });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&state)));
        Self { port, state, accepting }
    }

    /// The port that it listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// How many answers it has given, the greeting of each connection among them.
    #[must_use]
    pub fn answers(&self) -> usize {
        self.state.answers.load(Ordering::SeqCst)
    }

    /// How often something happened to an answer.
    #[must_use]
    pub fn struck(&self) -> usize {
        self.state.held().struck
    }

    /// Does this to an answer, counted from the beginning.
    pub fn on_answer(&self, number: usize, mischief: Mischief) {
        self.state.held().mischief.insert(number, mischief);
    }

    /// Lets a commit land, counted from the beginning, and does this to its answer.
    pub fn on_commit(&self, number: usize, mischief: Mischief) {
        self.state.held().to_commit.insert(number, mischief);
    }

    /// How many commits were answered.
    #[must_use]
    pub fn commits(&self) -> usize {
        self.state.held().commits
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
        self.state.generation.send_modify(|generation| *generation += 1);
    }
}

impl State {
    fn held(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What happens to the answer that has just ended.
    fn strike(&self, is_commit: bool) -> Option<Mischief> {
        let number = self.answers.fetch_add(1, Ordering::SeqCst);
        let mut plan = self.held();
        let mut mischief = plan.mischief.remove(&number);
        if is_commit {
            let commit = plan.commits;
            plan.commits += 1;
            mischief = mischief.or(plan.to_commit.remove(&commit));
        }
        let mischief = mischief?;
        plan.struck += 1;
        if let Mischief::Restart(time) = mischief {
            plan.closed_until = Some(Instant::now() + time);
        }
        Some(mischief)
    }

    fn is_closed(&self) -> bool {
        self.held().closed_until.is_some_and(|until| Instant::now() < until)
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    while let Ok((client, _)) = listener.accept().await {
        if !state.is_closed() {
            tokio::spawn(serve(client, Arc::clone(&state)));
        }
    }
}

/// One connection, until either side ends it or all are cut.
async fn serve(client: TcpStream, state: Arc<State>) {
    let Ok(server) = TcpStream::connect(("127.0.0.1", state.target)).await else {
        return;
    };
    drop((client.set_nodelay(true), server.set_nodelay(true)));
    let mut cut = state.generation.subscribe();
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let is_deaf = AtomicBool::new(false);
    tokio::select! {
        () = pass(from_client, to_server, &is_deaf) => {}
        () = answer(from_server, to_client, &state, &is_deaf) => {}
        _ = cut.changed() => {}
    }
}

/// Passes the client's messages on, until either side ends.
async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, is_deaf: &AtomicBool) {
    let mut chunk = vec![0; 64 * 1024];
    while let Ok(read @ 1..) = from.read(&mut chunk).await {
        if !is_deaf.load(Ordering::SeqCst) && to.write_all(&chunk[..read]).await.is_err() {
            return;
        }
    }
}

/// Passes the server's messages on, an answer at a time where it is short: each message is a byte for its kind, its
/// length, and the rest.
async fn answer(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, state: &State, is_deaf: &AtomicBool) {
    let (mut bytes, mut chunk) = (Vec::new(), vec![0; 64 * 1024]);
    let (mut seen, mut is_commit) = (0, false);
    loop {
        while let Some(message) = bytes.get(seen..).and_then(first_message) {
            is_commit |= message.starts_with(b"C") && message.ends_with(b"COMMIT\0");
            let is_end = matches!(message[0], b'Z' | b'G');
            seen += message.len();
            if !is_end && !must_not_wait(message[0]) {
                continue;
            }
            let mut is_clogged = false;
            if is_end {
                match state.strike(is_commit) {
                    None => {}
                    Some(Mischief::Deafen) => is_deaf.store(true, Ordering::SeqCst),
                    Some(Mischief::Clog) => is_clogged = true,
                    Some(Mischief::Swallow) => return silence(from).await,
                    Some(Mischief::Cut) => return,
                    Some(Mischief::Restart(_)) => {
                        return state.generation.send_modify(|generation| *generation += 1);
                    }
                }
                is_commit = false;
            }
            if to.write_all(&bytes[..seen]).await.is_err() {
                return;
            }
            if is_clogged {
                std::future::pending::<()>().await;
            }
            bytes.drain(..seen);
            seen = 0;
        }
        match from.read(&mut chunk).await {
            Ok(0) | Err(_) => return drop(to.write_all(&bytes).await),
            Ok(read) => bytes.extend_from_slice(&chunk[..read]),
        }
    }
}

/// The client answers an authentication before the server goes on; errors and notices need not wait either.
fn must_not_wait(kind: u8) -> bool {
    matches!(kind, b'R' | b'E' | b'N')
}

/// Reads what the server still says, and tells nobody.
async fn silence(mut from: OwnedReadHalf) {
    let mut nowhere = tokio::io::sink();
    drop(tokio::io::copy(&mut from, &mut nowhere).await);
    std::future::pending::<()>().await;
}

fn first_message(bytes: &[u8]) -> Option<&[u8]> {
    let length = bytes.get(1..5)?;
    let length = u32::from_be_bytes(length.try_into().ok()?) as usize;
    bytes.get(..=length)
}
