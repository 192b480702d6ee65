//! The same requests alone, by a client that sends them, reads the answers and drops them. None of the product's code.

use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use futures::future::try_join_all;
use serde_json::value::RawValue;
use tokio::io::AsyncWriteExt as _;

use crate::child;
use crate::measured::{Measured, Watch};

/// Starts the process that sends these requests, a JSON array, so many at once.
pub(crate) async fn measure(judge: &str, requests: &str, concurrency: usize) -> Result<Measured> {
    let mut child = child::command(&["ask", judge, &concurrency.to_string()])?
        .stdin(Stdio::piped())
        .spawn()?;
    // Its end is the end of the requests.
    let mut input = child.stdin.take().context("the client's input")?;
    input.write_all(requests.as_bytes()).await?;
    drop(input);
    let output = child.wait_with_output().await?;
    ensure!(output.status.success(), "asking alone ended with {}", output.status);
    child::parse(&String::from_utf8(output.stdout)?)
}

/// Sends what standard input holds, each request as soon as another is answered.
pub(crate) async fn run(judge: &str, concurrency: usize) -> Result<()> {
    let bodies: Vec<Box<RawValue>> = serde_json::from_reader(std::io::stdin().lock()).context("the requests")?;
    let queue = Arc::new(Mutex::new(bodies));
    let url = format!("{judge}/chat/completions");

    let watch = Watch::start()?;
    let client = shared::platform::http::client(Duration::from_mins(1))?;
    let clients = (0..concurrency).map(|_| {
        let (client, queue, url) = (client.clone(), Arc::clone(&queue), url.clone());
        tokio::spawn(async move {
            let mut answers = 0;
            loop {
                let Some(body) = queue.lock().unwrap_or_else(PoisonError::into_inner).pop() else {
                    return anyhow::Ok(answers);
                };
                let request = client.post(&url).bearer_auth("bench").body(body.get().to_owned());
                request.send().await?.error_for_status()?.bytes().await?;
                answers += 1;
            }
        })
    });
    let answers = try_join_all(clients).await?.into_iter().sum::<Result<u64>>()?;
    child::say(&watch.stop(answers)?)
}
