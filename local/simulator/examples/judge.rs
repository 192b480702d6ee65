//! Serves the judge until interrupted, to try a client by hand:
//! `cargo run -p simulator --example judge -- --port 8081 --latency-ms 800`.

use std::time::Duration;

use clap::Parser;
use simulator::judge::{Limit, Server, Settings};

#[derive(Parser)]
struct Arguments {
    /// Port on loopback; 0 takes any free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// The only key let in; any, if it is not given.
    #[arg(long)]
    api_key: Option<String>,
    /// A model that can be asked; any, if none is given.
    #[arg(long = "model")]
    models: Vec<String>,
    /// Waited before each answer, in milliseconds.
    #[arg(long, default_value_t = 0)]
    latency_ms: u64,
    /// How many requests are let in per minute; all, if it is not given.
    #[arg(long)]
    per_minute: Option<usize>,
    /// Do as somebody in a transcript says.
    #[arg(long)]
    obeys_injection: bool,
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let arguments = Arguments::parse();
    let limit = arguments.per_minute.map(|requests| Limit {
        requests,
        per: Duration::from_mins(1),
    });
    let settings = Settings {
        port: arguments.port,
        api_key: arguments.api_key,
        models: arguments.models,
        latency: Duration::from_millis(arguments.latency_ms),
        limit,
        obeys_injection: arguments.obeys_injection,
        ..Settings::default()
    };
    let server = Server::start(settings).await?;
    println!("{}", server.url());
    tokio::signal::ctrl_c().await?;
    server.stop().await;
    Ok(())
}
