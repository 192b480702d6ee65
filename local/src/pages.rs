//! The pages on this machine's loopback, while `callmark admin`, `serve` or `demo` is up.

use std::net::{Ipv4Addr, SocketAddr};

use admin::{Deps, Key, Scheme, Users};
use anyhow::{Context as _, Result};
use axum::Router;
use axum::routing::get;
use secrecy::ExposeSecret as _;
use serde::Serialize;
use shared::platform::config::{self, Reader};
use shared::platform::db::Pool;
use shared::platform::event::Bus;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::health::Health;

/// Where the pages are unless somebody says otherwise or the port is taken.
const PORT: u16 = 4180;

/// Who may look.
pub(crate) enum Admission {
    /// The users of `ADMIN_USERS`.
    Users(config::Admin),
    /// Whoever reads what this process prints; its sign-in ends with it.
    Once,
}

/// The pages, being served.
pub(crate) struct Pages {
    pub(crate) invitation: Invitation,
    serving: JoinHandle<std::io::Result<()>>,
}

/// What one needs to look at them.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Invitation {
    url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    sign_in: Option<SignIn>,
}

/// A name and a password that only this process knows.
#[derive(Clone, Debug, Serialize)]
struct SignIn {
    user: &'static str,
    password: String,
}

impl Admission {
    /// Users where there are settings for them; what is wrong with these is told by [`Reader::finish`].
    pub(crate) fn read(reader: &mut Reader) -> Self {
        if reader.text("ADMIN_USERS").is_some() {
            Self::Users(reader.admin())
        } else {
            Self::Once
        }
    }
}

impl Pages {
    /// Serves the pages until `stop`, with the health of a schedule where there is one, on this port or else on the usual one, or any that is free.
    pub(crate) async fn open(
        pool: Pool,
        bus: Bus,
        admission: Admission,
        port: Option<u16>,
        health: Option<Health>,
        stop: CancellationToken,
    ) -> Result<Self> {
        let listener = listen(port).await?;
        let (users, key, sign_in) = admit(admission)?;
        let invitation = Invitation {
            url: format!("http://{}/admin", listener.local_addr()?),
            sign_in,
        };
        let pages = admin::router(Deps {
            pool,
            bus,
            users,
            key,
            scheme: Scheme::Http,
        });
        // The schedule is ours, and so is what says whether it is kept.
        let pages = match health {
            Some(health) => Router::new()
                .route("/healthz", get(async move || health.check().await))
                .fallback_service(pages),
            None => pages,
        };
        let service = pages.into_make_service_with_connect_info::<SocketAddr>();
        let serving = axum::serve(listener, service).with_graceful_shutdown(stop.cancelled_owned());
        Ok(Self {
            invitation,
            serving: tokio::spawn(serving.into_future()),
        })
    }

    /// Ends with the last answer that is under way.
    pub(crate) async fn close(self) -> Result<()> {
        self.serving
            .await
            .context("ending the pages")?
            .context("serving the pages")
    }
}

impl Invitation {
    /// The address, and the sign-in if there is one.
    pub(crate) fn text(&self) -> String {
        match &self.sign_in {
            Some(SignIn { user, password }) => format!("{}  (name {user}, password {password})", self.url),
            None => self.url.clone(),
        }
    }
}

async fn listen(port: Option<u16>) -> Result<TcpListener> {
    let at = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    match port {
        Some(port) => at(port)
            .await
            .with_context(|| format!("port {port} on 127.0.0.1 cannot be had; choose another for the pages")),
        None => match at(PORT).await {
            Ok(listener) => Ok(listener),
            Err(_) => at(0).await.context("no port on 127.0.0.1 can be had for the pages"),
        },
    }
}

fn admit(admission: Admission) -> Result<(Users, Key, Option<SignIn>)> {
    match admission {
        Admission::Users(settings) => {
            let key = Key::derive_from(settings.session_key.expose_secret().as_bytes());
            Ok((Users::new(settings.users)?, key, None))
        }
        Admission::Once => {
            let password = Uuid::new_v4().simple().to_string()[..16].to_owned();
            let sign_in = SignIn { user: "demo", password };
            let hash = admin::hash(&sign_in.password)?;
            let users = Users::new([(sign_in.user.to_owned(), hash.into())])?;
            Ok((users, Key::generate(), Some(sign_in)))
        }
    }
}
