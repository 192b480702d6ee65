//! Asking for a run: *Run now*, *Run again*, *Score again*.
//!
//! form ─▶ "Run Requested" on the bus ─▶ back to the list or the call, where a [`Banner`] waits for the run to begin

mod banner;
mod button;

use axum::Router;
use axum::extract::rejection::{FormRejection, PathRejection};
use axum::extract::{Form, Path, State};
use axum::response::Redirect;
use axum::routing::get;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Value, json};
use shared::domain::script::Script;
use shared::platform::db;
use shared::platform::event::{Bus, Event, PublishError, Requested};
use shared::run;
use shared::store::score;
use url::form_urlencoded;

use crate::App;
use crate::csrf::Proof;
use crate::error::PageError;
use crate::run_id::{NO_SUCH_RUN, id_of};
use crate::viewer::Viewer;

pub(crate) use banner::{Banner, banner};
pub(crate) use button::{Button, run_again, run_now, score_again, send_test};

/// What can be asked for.
pub(crate) const SCRIPTS: [&str; 2] = [Script::Sync.as_str(), Script::Qci.as_str()];
const LIST: &str = "/admin/execution-logs";
const NOBODY_LISTENS: &str = "Nothing here listens for requests: set EVENT_BUS_NAME, or use `callmark serve`.";

pub(crate) fn routes() -> Router<App> {
    // A form that was sent after its session had ended comes back as a GET, once somebody signed in.
    Router::new()
        .route("/admin/execution-logs/run", get(to_list).post(ask_now))
        .route("/admin/execution-logs/{run_id}/again", get(to_run).post(ask_again))
        .route("/admin/calls/{id}/score", get(to_call).post(ask_score))
}

/// Why nothing can be asked for.
pub(crate) fn refusal(app: &App) -> Option<&'static str> {
    matches!(app.bus, Bus::Nowhere).then_some(NOBODY_LISTENS)
}

#[derive(Debug, Deserialize)]
struct Now {
    #[serde(default)]
    script: String,
    #[serde(flatten)]
    proof: Proof,
}

async fn ask_now(
    State(app): State<App>,
    viewer: Viewer,
    form: Result<Form<Now>, FormRejection>,
) -> Result<Redirect, PageError> {
    let Form(form) = form.map_err(|_| PageError::Forged)?;
    form.proof.check(&viewer)?;
    request(&app, &viewer, &form.script, json!({})).await?;
    Ok(asked(LIST, &form.script, viewer.now))
}

async fn ask_again(
    State(app): State<App>,
    viewer: Viewer,
    path: Result<Path<String>, PathRejection>,
    form: Result<Form<Proof>, FormRejection>,
) -> Result<Redirect, PageError> {
    let Form(proof) = form.map_err(|_| PageError::Forged)?;
    proof.check(&viewer)?;
    let id = id_of(path)?;
    let client = db::connect(&app.pool).await?;
    let run = run::find(&client, id).await?.ok_or(NO_SUCH_RUN)?;
    drop(client);
    request(&app, &viewer, &run.script_name, run.input()).await?;
    Ok(asked(LIST, &run.script_name, viewer.now))
}

async fn ask_score(
    State(app): State<App>,
    viewer: Viewer,
    path: Result<Path<String>, PathRejection>,
    form: Result<Form<Proof>, FormRejection>,
) -> Result<Redirect, PageError> {
    const NO_SUCH_CALL: PageError = PageError::NotFound("There is no call of this id here.");
    let Form(proof) = form.map_err(|_| PageError::Forged)?;
    proof.check(&viewer)?;
    let Path(id) = path.map_err(|_| NO_SUCH_CALL)?;
    if id.contains('\0') {
        return Err(NO_SUCH_CALL);
    }
    let client = db::connect(&app.pool).await?;
    let is_stored = !score::stored(&client, std::slice::from_ref(&id)).await?.is_empty();
    drop(client);
    if !is_stored {
        return Err(NO_SUCH_CALL);
    }
    let input = json!({"call_ids": [id], "force": true});
    request(&app, &viewer, Script::Qci.as_str(), input).await?;
    Ok(asked(&call_address(&id), Script::Qci.as_str(), viewer.now))
}

async fn request(app: &App, viewer: &Viewer, script: &str, input: Value) -> Result<(), PageError> {
    if !SCRIPTS.contains(&script) {
        return Err(PageError::Parameter {
            name: "script",
            expected: "vapi-sync or qci-analysis, the scripts that can be asked for",
        });
    }
    let event = Event::Requested(Requested {
        script_name: script.to_owned(),
        triggered_by: viewer.user().to_owned(),
        batch_id: None,
        input,
        hop: 0,
    });
    publish(app, &format!("a request for {script}"), event).await
}

/// Puts a request on the bus, or says why that is not possible.
pub(crate) async fn publish(app: &App, what: &str, event: Event) -> Result<(), PageError> {
    if let Some(why) = refusal(app) {
        return Err(PageError::NotAsked(why.to_owned()));
    }
    app.bus.publish(event).await.map_err(|error| {
        tracing::error!("{what} was not published: {error}");
        PageError::NotAsked(match error {
            PublishError::Silent(_) => {
                "The event bus does not answer. It may have taken the request all the same.".to_owned()
            }
            error => format!("The request was not taken: {error}."),
        })
    })
}

fn asked(path: &str, script: &str, at: DateTime<Utc>) -> Redirect {
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("script", script)
        .append_pair("asked", &at.timestamp_micros().to_string())
        .finish();
    Redirect::to(&format!("{path}?{query}"))
}

async fn to_list() -> Redirect {
    Redirect::to(LIST)
}

async fn to_run(path: Result<Path<String>, PathRejection>) -> Result<Redirect, PageError> {
    Ok(Redirect::to(&format!("{LIST}/{}", id_of(path)?)))
}

async fn to_call(path: Result<Path<String>, PathRejection>) -> Redirect {
    path.map_or_else(
        |_| Redirect::to("/admin/calls"),
        |Path(id)| Redirect::to(&call_address(&id)),
    )
}

fn call_address(id: &str) -> String {
    // The encoding of forms differs from that of paths only in how it writes a space.
    let id: String = form_urlencoded::byte_serialize(id.as_bytes()).collect();
    format!("/admin/calls/{}", id.replace('+', "%20"))
}
