//! The pages on AWS Lambda, behind a function URL whose answers are streamed.

use std::convert::Infallible;
use std::time::Duration;

use admin::{Deps, Key, Scheme, Users};
use anyhow::Result;
use axum::Router;
use axum::http::StatusCode;
use lambda_http::{Request, service_fn};
use secrecy::ExposeSecret as _;
use shared::platform::config::Reader;
use shared::platform::event::Bus;
use shared::platform::{db, telemetry};
use tokio::sync::Mutex;
use tokio::time::Instant;
use tower::ServiceExt as _;

/// How long settings are used before the secret is read again.
const SETTINGS_LAST: Duration = Duration::from_mins(15);
/// The same after an answer that the database had no part in: its password may have been rotated.
const SETTINGS_IN_DOUBT_LAST: Duration = Duration::from_mins(1);

/// The pages, and when their settings were read.
struct Wired {
    router: Router,
    read_at: Instant,
    last: Duration,
}

#[tokio::main]
async fn main() -> Result<(), lambda_http::Error> {
    telemetry::init(telemetry::Form::Json, "info");
    // A setting that is wrong stops the function at its start, in one line, and not at its first page.
    let wired = match wire().await {
        Ok(router) => Mutex::new(Wired::new(router)),
        Err(error) => {
            tracing::error!("{error:#}");
            std::process::exit(2);
        }
    };
    let wired = &wired;
    lambda_http::run_with_streaming_response(service_fn(|request: Request| async move {
        let mut wired = wired.lock().await;
        wired.refresh().await;
        let response = wired.router.clone().oneshot(request).await?;
        if response.status() == StatusCode::SERVICE_UNAVAILABLE {
            wired.last = SETTINGS_IN_DOUBT_LAST;
        }
        Ok::<_, Infallible>(response)
    }))
    .await
}

impl Wired {
    fn new(router: Router) -> Self {
        Self {
            router,
            read_at: Instant::now(),
            last: SETTINGS_LAST,
        }
    }

    /// Reads settings that are old again. Where that fails the old ones go on: most likely they are still right.
    async fn refresh(&mut self) {
        if self.read_at.elapsed() < self.last {
            return;
        }
        let router = match wire().await {
            Ok(router) => router,
            Err(error) => {
                tracing::error!("the settings stay as they were: {error:#}");
                self.router.clone()
            }
        };
        *self = Self::new(router);
    }
}

async fn wire() -> Result<Router> {
    let mut reader = Reader::load().await?;
    let (database, pages, events) = (reader.database(), reader.admin(), reader.events());
    reader.finish()?;
    let bus = Bus::open(events.bus_name).await;
    bus.check();
    Ok(admin::router(Deps {
        pool: db::pool(&database)?,
        bus,
        users: Users::new(pages.users)?,
        key: Key::derive_from(pages.session_key.expose_secret().as_bytes()),
        scheme: Scheme::Https,
    }))
}
