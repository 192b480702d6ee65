//! *Send test*: asks for a message that is about nothing, and waits for what becomes of it.
//!
//! form ─▶ "Test Requested" on the bus ─▶ back to the page, where a [`Banner`] waits for the message

use askama::Template;
use askama::filters::HtmlSafe;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, State};
use axum::response::Redirect;
use chrono::{DateTime, TimeDelta, Utc};
use shared::platform::event::{Event, TestRequested};
use shared::store::notification::{self, Listed};

use super::messages::reason;
use super::{PATH, filters};
use crate::App;
use crate::csrf::Proof;
use crate::error::PageError;
use crate::format::{self, StatusMark};
use crate::parameters::Parameters;
use crate::run_requests;
use crate::viewer::Viewer;
use shared::platform::db::Executor;

/// After this long nobody is expected to answer any more: a message takes seconds, and a function that failed is
/// tried again after one minute, and after two more.
const PATIENCE: TimeDelta = TimeDelta::minutes(3);
/// A channel that is tried several times answers so much later than the first.
const OTHERS: TimeDelta = TimeDelta::minutes(1);

/// A line about a test that was asked for; asks for a fresh one while there is something to wait for.
#[derive(Template)]
#[template(path = "alerts_test.html")]
pub(super) struct Banner {
    at: String,
    stage: Stage,
    dismiss: String,
}

impl HtmlSafe for Banner {}

enum Stage {
    Awaited,
    Answered { outcomes: Vec<Outcome>, is_fresh: bool },
    Unheard,
}

/// What became of the test on a channel.
struct Outcome {
    channel: String,
    status: StatusMark,
    reason: Option<String>,
}

pub(super) async fn send(
    State(app): State<App>,
    viewer: Viewer,
    form: Result<Form<Proof>, FormRejection>,
) -> Result<Redirect, PageError> {
    let Form(proof) = form.map_err(|_| PageError::Forged)?;
    proof.check(&viewer)?;
    let event = Event::TestRequested(TestRequested {
        requested_by: viewer.user().to_owned(),
    });
    run_requests::publish(&app, "a request for a test message", event).await?;
    Ok(Redirect::to(&format!("{PATH}?asked={}", viewer.now.timestamp_micros())))
}

pub(super) async fn to_page() -> Redirect {
    Redirect::to(PATH)
}

/// The line for the test that the address names in `asked`, if it names one.
pub(super) async fn banner(
    db: &impl Executor,
    parameters: &Parameters,
    viewer: &Viewer,
) -> Result<Option<Banner>, PageError> {
    let Some(asked) = parameters.asked_at()? else {
        return Ok(None);
    };
    let rows = notification::tested(db, asked).await?;
    Ok(Some(Banner {
        at: asked.with_timezone(&viewer.zone()).format("%H:%M:%S").to_string(),
        stage: stage(&rows, asked, viewer.now),
        dismiss: parameters.with("asked", ""),
    }))
}

fn stage(rows: &[Listed], asked: DateTime<Utc>, now: DateTime<Utc>) -> Stage {
    match rows.first() {
        Some(first) => Stage::Answered {
            is_fresh: now - first.notification.created_at < OTHERS,
            outcomes: rows.iter().map(Outcome::new).collect(),
        },
        None if now - asked < PATIENCE => Stage::Awaited,
        None => Stage::Unheard,
    }
}

impl Outcome {
    fn new(row: &Listed) -> Self {
        let notification = &row.notification;
        Self {
            channel: filters::channel(&notification.channel).to_owned(),
            status: format::status(&notification.status),
            reason: reason(notification),
        }
    }
}
