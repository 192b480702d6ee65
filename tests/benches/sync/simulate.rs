//! The simulated Vapi in a process of its own, and the line on which its calls are changed.

use std::io::BufRead as _;
use std::process::Stdio;

use anyhow::{Context as _, Result};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use shared::platform::clock;
use simulator::vapi::{Kind, Server, Settings, Size, Spec, World};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout};

use crate::child;

/// Calls between two edges: a little below a page, since calls of one millisecond fall on one side of an edge.
const BETWEEN_EDGES: usize = 950;
/// One call in this many is changed: 5 %.
const ONE_IN: usize = 20;

/// What the process says once it serves.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Served {
    pub(crate) url: String,
    /// Bytes of all documents.
    pub(crate) bytes: u64,
    /// Instants, newest first, with somewhat less than a page of calls between each two.
    pub(crate) edges: Vec<DateTime<Utc>>,
}

/// What the process is told, a line each.
#[derive(Debug, Serialize, Deserialize)]
enum Order {
    /// Change 5 % of the calls. Answered with their number.
    Change,
    /// Answered with how many pages of calls were served since this was last asked.
    Pages,
}

/// The process, seen from the one that started it.
pub(crate) struct Simulator {
    pub(crate) served: Served,
    child: Child,
    orders: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Simulator {
    pub(crate) async fn start(calls: usize) -> Result<Self> {
        let mut child = child::command(&["simulate", &calls.to_string()])?
            .stdin(Stdio::piped())
            .spawn()?;
        let orders = child.stdin.take().context("the simulator's input")?;
        let mut answers = BufReader::new(child.stdout.take().context("the simulator's output")?).lines();
        let line = answers.next_line().await?.context("the simulator did not start")?;
        Ok(Self {
            served: child::parse(&line)?,
            child,
            orders,
            answers,
        })
    }

    /// Changes 5 % of the calls.
    pub(crate) async fn change(&mut self) -> Result<u64> {
        self.order(&Order::Change).await
    }

    /// Pages served since this was last asked.
    pub(crate) async fn pages(&mut self) -> Result<u64> {
        self.order(&Order::Pages).await
    }

    /// Ends the process and waits for it.
    pub(crate) async fn stop(mut self) -> Result<()> {
        drop(self.orders);
        self.child.wait().await?;
        Ok(())
    }

    async fn order(&mut self, order: &Order) -> Result<u64> {
        let line = serde_json::to_string(order)? + "\n";
        self.orders.write_all(line.as_bytes()).await?;
        let answer = self.answers.next_line().await?.context("the simulator is gone")?;
        child::parse(&answer)
    }
}

/// Serves a generated world until standard input ends, also when the benchmark is killed.
pub(crate) async fn serve(calls: usize) -> Result<()> {
    let mut world = World::generate(&Spec {
        calls,
        size: Size::Conversations,
        ..Spec::new(clock::now())
    });
    // Vapi writes a document the same way each time: what is changed later must not be written anew as a whole.
    for id in world.call_ids().into_iter().step_by(ONE_IN) {
        world.update(&id, |_| {});
    }
    let (bytes, edges) = (world.call_texts().map(|text| text.len() as u64).sum(), edges(&world)?);
    let server = Server::start(world, Settings::default()).await?;
    let url = server.url();
    child::say(&Served { url, bytes, edges })?;
    tokio::task::block_in_place(|| obey(&server))?;
    server.stop().await;
    Ok(())
}

fn obey(server: &Server) -> Result<()> {
    for line in std::io::stdin().lock().lines() {
        let count = match child::parse(&line?)? {
            Order::Change => change(&mut server.world()),
            Order::Pages => {
                let requests = server.requests();
                server.forget_requests();
                requests.iter().filter(|request| request.kind == Kind::CallList).count()
            }
        };
        child::say(&count)?;
    }
    Ok(())
}

fn change(world: &mut World) -> usize {
    let ids: Vec<String> = world.call_ids().into_iter().step_by(ONE_IN).collect();
    let now = clock::now();
    let changed = ids.iter().zip(0..).filter(|(id, index)| {
        world.update(id, |call| {
            call["updatedAt"] = json!(clock::rfc3339(now + TimeDelta::milliseconds(*index)));
            call["analysis"]["summary"] = json!("The caller was reached and asked to be called again.");
        })
    });
    changed.count()
}

/// From just after the newest call to the oldest.
fn edges(world: &World) -> Result<Vec<DateTime<Utc>>> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Call {
        created_at: DateTime<Utc>,
    }
    let mut created = Vec::with_capacity(world.len());
    for text in world.call_texts() {
        created.push(serde_json::from_slice::<Call>(text)?.created_at);
    }
    let (newest, oldest) = created.first().zip(created.last()).context("a world without calls")?;
    let mut edges = vec![*newest + TimeDelta::milliseconds(1)];
    edges.extend(created.iter().skip(BETWEEN_EDGES).step_by(BETWEEN_EDGES));
    edges.push(*oldest);
    Ok(edges)
}
