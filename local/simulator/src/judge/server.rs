//! Serves the judge over real HTTP on loopback.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, atomic::Ordering},
};

use axum::{Router, extract::DefaultBodyLimit};
use tokio::{net::TcpListener, task::JoinHandle};

use super::{
    faults::Faults,
    requests::Request,
    serving::{Shared, locked, serve},
    settings::Settings,
};
use crate::connection::{Fate, Loopback};

/// A running judge. It stops when it is dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: Option<JoinHandle<io::Result<()>>>,
}

impl Server {
    /// Binds 127.0.0.1 and serves until stopped or dropped.
    pub async fn start(settings: Settings) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, settings.port)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::new(settings));
        let stopped = shared.stopped.clone();
        let app = Router::new()
            .fallback(serve)
            .layer(DefaultBodyLimit::disable())
            .with_state(Arc::clone(&shared));
        let service = app.into_make_service_with_connect_info::<Fate>();
        let serving = axum::serve(Loopback(listener), service).with_graceful_shutdown(stopped.cancelled_owned());
        let task = tokio::spawn(serving.into_future());
        Ok(Self {
            address,
            shared,
            task: Some(task),
        })
    }

    /// `http://127.0.0.1:port/v1`, to which a client adds `/chat/completions`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// The port it listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// The faults in force.
    #[must_use]
    pub fn faults(&self) -> Faults {
        self.shared.faults.clone()
    }

    /// The completions asked for so far, in the order in which they came.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        locked(&self.shared.requests).clone()
    }

    /// Forgets what was asked so far. What was cached stays cached.
    pub fn forget_requests(&self) {
        locked(&self.shared.requests).clear();
    }

    /// The most completions that were being answered at one time.
    #[must_use]
    pub fn most_at_once(&self) -> usize {
        self.shared.most_open.load(Ordering::Relaxed)
    }

    /// Stops serving and waits until the port is free. Answers that hang or are slow end at once.
    pub async fn stop(mut self) {
        self.shared.stopped.cancel();
        if let Some(task) = self.task.take() {
            // Only a panic could end the task otherwise, and it has been reported by then.
            let _ended = task.await;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stopped.cancel();
    }
}
