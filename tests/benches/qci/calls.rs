//! A database with calls that are all worth a score, which every run gets a copy of.

use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use chrono::TimeDelta;
use local::postgres::Postgres;
use serde_json::json;
use shared::domain::rubric::Brand;
use shared::platform::config::Reader;
use shared::platform::db::Executor as _;
use shared::platform::event::{Bus, Invocation};
use shared::platform::{clock, db};
use shared::run::{RunStore, Status};
use shared::store::framework;
use simulator::judge::MODEL;
use simulator::vapi::{Server, Settings, Size, Spec, World};
use sync::{Context, Deps, Vapi};
use tokio_postgres::NoTls;
use tokio_postgres::types::Type;
use tokio_util::sync::CancellationToken;

/// The database that is copied.
pub(crate) const ORIGINAL: &str = "calls";

/// Syncs so many conversations, and says what a team would know of them: their brands, and what the judge costs.
pub(crate) async fn store(postgres: &Postgres, calls: usize) -> Result<()> {
    postgres.create_database(ORIGINAL).await?;
    let world = World::generate(&Spec {
        calls,
        size: Size::Conversations,
        ..Spec::new(clock::now())
    });
    let brands = world.brands();
    let vapi = Server::start(world, Settings::default()).await?;
    let deps = deps(&vapi, &postgres.url(ORIGINAL)).await?;
    sync(&deps).await?;
    vapi.stop().await;

    let client = db::connect(&deps.ledger.pool).await?;
    for (assistant, name) in brands {
        let brand = Brand {
            name: name.to_owned(),
            aliases: Vec::new(),
        };
        framework::set_brand(&client, &assistant, &brand).await?;
    }
    let price = "insert into model_prices values ($1, '2026-01-01', 0.40, 0.10, 1.60)";
    client
        .execute_typed(price, &[(&MODEL, Type::TEXT)])
        .await
        .context("setting a price")?;
    Ok(())
}

/// A copy of the calls, on disk; returns its address.
pub(crate) async fn copy(postgres: &Postgres, name: &str) -> Result<String> {
    postgres.clone_template(ORIGINAL, name).await?;
    let url = postgres.url(name);
    let (client, connection) = tokio_postgres::connect(&url, NoTls).await?;
    tokio::spawn(connection);
    client.batch_execute("checkpoint").await?;
    Ok(url)
}

async fn sync(deps: &Deps) -> Result<()> {
    let now = clock::now();
    let context = Context {
        now,
        deadline_at: now + TimeDelta::hours(1),
        stop: CancellationToken::new(),
    };
    let invocation = Invocation::by_hand("bench", json!({}));
    let report = sync::handle(deps, &invocation, &context)
        .await
        .map_err(|failure| failure.0)?;
    ensure!(report.status == Status::Success, "the sync ended as {}", report.status);
    Ok(())
}

async fn deps(vapi: &Server, database: &str) -> Result<Deps> {
    let pairs = [
        ("DATABASE_URL", database.to_owned()),
        ("VAPI_BASE_URL", vapi.url()),
        ("VAPI_API_KEY", "bench".to_owned()),
        ("VAPI_RATE", "1000".to_owned()),
    ];
    let mut reader = Reader::from_pairs(pairs.map(|(name, value)| (name.to_owned(), value)));
    let (database, vapi, settings) = (reader.database(), reader.vapi(), reader.sync());
    reader.finish()?;
    db::migrate(&database).await?;
    Ok(Deps {
        ledger: RunStore {
            pool: db::pool(&database)?,
            bus: Bus::Nowhere,
            watch: None,
        },
        vapi: Arc::new(Vapi::new(&vapi)?),
        settings,
    })
}
