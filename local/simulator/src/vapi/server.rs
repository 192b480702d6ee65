//! Serves a world over real HTTP on loopback.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, MutexGuard, atomic::Ordering},
};

use axum::Router;
use tokio::{net::TcpListener, task::JoinHandle};

use crate::connection::{Fate, Loopback};

use super::{
    faults::Faults,
    requests::{Kind, Request},
    serving::{Shared, locked, serve},
    settings::Settings,
    world::World,
};

/// A running Vapi. It stops when it is dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: Option<JoinHandle<io::Result<()>>>,
}

impl Server {
    /// Binds 127.0.0.1 and serves until stopped or dropped.
    pub async fn start(world: World, settings: Settings) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, settings.port)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::new(world, settings));
        let stopped = shared.stopped.clone();
        let app = Router::new().fallback(serve).with_state(Arc::clone(&shared));
        let service = app.into_make_service_with_connect_info::<Fate>();
        let serving = axum::serve(Loopback(listener), service).with_graceful_shutdown(stopped.cancelled_owned());
        let task = tokio::spawn(serving.into_future());
        Ok(Self {
            address,
            shared,
            task: Some(task),
        })
    }

    /// `http://127.0.0.1:port`, without a slash at its end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The world, to look at and to change. Requests wait while the guard is held, so never
    /// hold it across an `await`.
    pub fn world(&self) -> MutexGuard<'_, World> {
        locked(&self.shared.world)
    }

    /// What was asked so far, in the order in which it was answered.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        locked(&self.shared.requests).clone()
    }

    /// Forgets what was asked so far.
    pub fn forget_requests(&self) {
        locked(&self.shared.requests).clear();
    }

    /// The most requests that were being answered at one time.
    #[must_use]
    pub fn most_open_requests(&self) -> usize {
        self.shared.most_open.load(Ordering::Relaxed)
    }

    /// The faults in force.
    #[must_use]
    pub fn faults(&self) -> Faults {
        self.shared.faults.clone()
    }

    /// Changes the world just before the `n`-th request from now is answered.
    pub fn on_request(&self, n: u32, change: impl FnOnce(&mut World) + Send + 'static) {
        locked(&self.shared.script).once(None, n, change);
    }

    /// Changes the world just before the `n`-th page of calls from now is answered.
    pub fn on_page(&self, n: u32, change: impl FnOnce(&mut World) + Send + 'static) {
        locked(&self.shared.script).once(Some(Kind::CallList), n, change);
    }

    /// Changes the world just before each page of calls from now on is answered.
    pub fn on_every_page(&self, change: impl FnMut(&mut World) + Send + 'static) {
        locked(&self.shared.script).always(Some(Kind::CallList), change);
    }

    /// Stops serving and waits until the port is free. Answers that hang end at once.
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
