//! The pages on a port of loopback, with the functions that they ask for runs.

use std::sync::Arc;

use admin::{Deps, Key, Scheme, Users, hash};
use chrono::TimeDelta;
use shared::platform::config;
use shared::platform::event::{Bus, Event, Invocation, Requested};
use sync::Context;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::{Courtroom, TestDb, Visitor, now};

/// Pages that a browser can open; gone with this value.
#[derive(Debug)]
pub struct Site {
    url: String,
    tasks: Vec<JoinHandle<()>>,
}

impl Site {
    /// The pages of a database; requests for runs lead to nothing.
    pub async fn of(db: &TestDb) -> Self {
        let (site, _) = Self::open(db).await;
        site
    }

    /// The pages of a courtroom; a run that they ask for takes place.
    pub async fn with_functions(courtroom: &Arc<Courtroom>) -> Self {
        let (mut site, mut asked) = Self::open(courtroom.db()).await;
        let courtroom = Arc::clone(courtroom);
        site.tasks.push(tokio::spawn(async move {
            while let Some(event) = asked.recv().await {
                if let Event::Requested(request) = event {
                    run(&courtroom, request).await;
                }
            }
        }));
        site
    }

    /// Their address, without a slash at its end.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    async fn open(db: &TestDb) -> (Self, mpsc::UnboundedReceiver<Event>) {
        let database = config::Database {
            url: db.url().into(),
            ca: None,
            pool: 4,
            timeout: std::time::Duration::from_secs(15),
        };
        let (sender, asked) = mpsc::unbounded_channel();
        let user = (
            Visitor::USER.to_owned(),
            hash(Visitor::PASSWORD).expect("a hash").into(),
        );
        let pages = admin::router(Deps {
            pool: shared::platform::db::pool(&database).expect("a usable database URL"),
            bus: Bus::InProcess(sender),
            users: Users::new([user]).expect("usable users"),
            key: Key::derive_from(&[7; 32]),
            scheme: Scheme::Http,
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let serving = tokio::spawn(async move {
            axum::serve(listener, pages).await.expect("serving the pages");
        });
        let tasks = vec![serving];
        (Self { url, tasks }, asked)
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// A failure is in the run's row, where the pages show it.
async fn run(courtroom: &Courtroom, request: Requested) {
    let now = now();
    let context = Context {
        now,
        deadline_at: now + TimeDelta::minutes(15),
        stop: CancellationToken::new(),
    };
    let script_name = request.script_name.clone();
    let invocation = Invocation::requested(None, request);
    let ended = if script_name == sync::SCRIPT {
        sync::handle(&courtroom.stage.deps(), &invocation, &context).await
    } else {
        qci::handle(&courtroom.deps(), &invocation, &context).await
    };
    drop(ended);
}
