//! Serves a generated world until interrupted, to try a client by hand:
//! `cargo run -p simulator --example serve -- --calls 926 --seed 1 --port 8080`.

use chrono::{DateTime, Utc};
use clap::Parser;
use simulator::vapi::{Server, Settings, Size, Spec, World};

#[derive(Parser)]
struct Arguments {
    /// How many calls.
    #[arg(long, default_value_t = 926)]
    calls: usize,
    /// Chooses every word, number and instant.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Port on loopback; 0 takes any free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Most rows on a page.
    #[arg(long, default_value_t = 1000)]
    page_cap: usize,
    /// The only key let in; any, if it is not given.
    #[arg(long)]
    api_key: Option<String>,
    /// The newest instant of the world.
    #[arg(long, default_value = "2026-09-14T09:00:00Z")]
    now: DateTime<Utc>,
    /// Every call is a conversation, about 30 KB each.
    #[arg(long)]
    conversations: bool,
    /// Compress bodies for clients that accept it.
    #[arg(long)]
    gzip: bool,
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let arguments = Arguments::parse();
    let spec = Spec {
        seed: arguments.seed,
        calls: arguments.calls,
        size: if arguments.conversations {
            Size::Conversations
        } else {
            Size::Natural
        },
        ..Spec::new(arguments.now)
    };
    let settings = Settings {
        port: arguments.port,
        page_cap: arguments.page_cap,
        api_key: arguments.api_key,
        gzip: arguments.gzip,
        ..Settings::default()
    };
    let server = Server::start(World::generate(&spec), settings).await?;
    println!("{}", server.url());
    tokio::signal::ctrl_c().await?;
    server.stop().await;
    Ok(())
}
