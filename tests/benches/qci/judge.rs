//! The simulated judge in a process of its own, and what it says of the requests that came.

use std::io::BufRead as _;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use simulator::judge::{Server, Settings};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout};

use crate::case::{LATENCY, limit};
use crate::child;
use crate::measured::Watch;

/// The process, seen from the one that started it.
pub(crate) struct Judge {
    pub(crate) url: String,
    child: Child,
    orders: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

/// What the process is told, a line each.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
enum Order {
    /// Answered with what was heard since the last `Forget`.
    Tell,
    /// Answered with the bodies of these requests.
    Repeat,
    /// Answered with null.
    Forget,
}

/// What the judge heard.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Heard {
    /// Requests that got an answer.
    pub(crate) answered: usize,
    /// Requests that got a 429.
    pub(crate) refused: usize,
    /// The most requests at one time since the judge began.
    pub(crate) at_once: usize,
    /// CPU time of the judge.
    pub(crate) cpu: Duration,
}

impl Judge {
    pub(crate) async fn start(limit: Option<usize>) -> Result<Self> {
        let limit = limit.map(|requests| requests.to_string());
        let arguments: Vec<&str> = ["judge"].into_iter().chain(limit.as_deref()).collect();
        let mut child = child::command(&arguments)?.stdin(Stdio::piped()).spawn()?;
        let orders = child.stdin.take().context("the judge's input")?;
        let mut answers = BufReader::new(child.stdout.take().context("the judge's output")?).lines();
        let line = answers.next_line().await?.context("the judge did not start")?;
        Ok(Self {
            url: child::parse(&line)?,
            child,
            orders,
            answers,
        })
    }

    /// What it heard since it was told to forget.
    pub(crate) async fn heard(&mut self) -> Result<Heard> {
        child::parse(&self.order(Order::Tell).await?)
    }

    /// The requests that it heard since then, as a JSON array.
    pub(crate) async fn requests(&mut self) -> Result<String> {
        self.order(Order::Repeat).await
    }

    pub(crate) async fn forget(&mut self) -> Result<()> {
        child::parse(&self.order(Order::Forget).await?)
    }

    /// Ends the process and waits for it.
    pub(crate) async fn stop(mut self) -> Result<()> {
        drop(self.orders);
        self.child.wait().await?;
        Ok(())
    }

    async fn order(&mut self, order: Order) -> Result<String> {
        let line = serde_json::to_string(&order)? + "\n";
        self.orders.write_all(line.as_bytes()).await?;
        self.answers.next_line().await?.context("the judge is gone")
    }
}

/// Judges until standard input ends, also when the benchmark is killed.
pub(crate) async fn serve(requests_a_second: Option<usize>) -> Result<()> {
    let server = Server::start(Settings {
        latency: LATENCY,
        limit: requests_a_second.map(limit),
        ..Settings::default()
    })
    .await?;
    child::say(&server.url())?;
    tokio::task::block_in_place(|| obey(&server))?;
    server.stop().await;
    Ok(())
}

fn obey(server: &Server) -> Result<()> {
    let mut watch = Watch::start()?;
    for line in std::io::stdin().lock().lines() {
        match child::parse(&line?)? {
            Order::Tell => child::say(&heard(server, &watch)?)?,
            Order::Repeat => {
                let requests = server.requests();
                child::say(&requests.iter().map(|request| &request.body).collect::<Vec<_>>())?;
            }
            Order::Forget => {
                server.forget_requests();
                watch = Watch::start()?;
                child::say(&())?;
            }
        }
    }
    Ok(())
}

fn heard(server: &Server, watch: &Watch) -> Result<Heard> {
    let requests = server.requests();
    let with = |status| requests.iter().filter(|request| request.status == status).count();
    Ok(Heard {
        answered: with(200),
        refused: with(429),
        at_once: server.most_at_once(),
        cpu: watch.stop(0)?.cpu,
    })
}
