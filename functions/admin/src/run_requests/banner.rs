//! What became of a request: a line that waits until the run has begun.

use askama::Template;
use askama::filters::HtmlSafe;
use chrono::TimeDelta;
use shared::run::{self, Row, Status};

use super::SCRIPTS;
use crate::error::PageError;
use crate::format::{self, StatusMark};
use crate::parameters::Parameters;
use crate::viewer::Viewer;
use shared::platform::db::Executor;

/// After this long nobody is expected to answer a request any more.
const PATIENCE: TimeDelta = TimeDelta::minutes(10);

/// A line about a request that was made from a page; asks for a fresh one while there is something to wait for.
#[derive(Template)]
#[template(path = "asked.html")]
pub(crate) struct Banner {
    script: String,
    at: String,
    state: State,
    dismiss: String,
}

impl HtmlSafe for Banner {}

enum State {
    Awaited,
    Begun {
        id: uuid::Uuid,
        status: StatusMark,
        is_running: bool,
    },
    Unheard,
}

/// The line for the request that the address names in `script` and `asked`, if it names one.
pub(crate) async fn banner(
    db: &impl Executor,
    parameters: &Parameters,
    viewer: &Viewer,
) -> Result<Option<Banner>, PageError> {
    let Some(asked) = parameters.asked_at()? else {
        return Ok(None);
    };
    let Some(script) = parameters.text("script")?.filter(|script| SCRIPTS.contains(script)) else {
        return Ok(None);
    };
    let begun = run::begun(db, script, asked).await?;
    Ok(Some(Banner {
        script: script.to_owned(),
        at: asked.with_timezone(&viewer.zone()).format("%H:%M:%S").to_string(),
        state: state(begun, viewer.now - asked),
        dismiss: parameters.with("asked", ""),
    }))
}

fn state(begun: Option<Row>, waited: TimeDelta) -> State {
    match begun {
        Some(run) => State::Begun {
            id: run.id,
            is_running: run.status == Status::Running.as_str(),
            status: format::status(&run.status),
        },
        None if waited < PATIENCE => State::Awaited,
        None => State::Unheard,
    }
}
