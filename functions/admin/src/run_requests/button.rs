//! The buttons that ask for a run; where nobody would hear it they cannot be pressed, and say why.

use askama::Template;
use askama::filters::HtmlSafe;
use shared::run::Row;

use super::{SCRIPTS, call_address, refusal};
use crate::App;
use crate::viewer::Viewer;

/// A form of one button.
#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<form method="post" action="{{ action }}">
{%- if let Some(why) = refusal %}<button disabled title="{{ why }}" aria-describedby="nobody-listens">{{ label }}</button>
{%- else %}<input type="hidden" name="csrf" value="{{ csrf }}">
{%- if let Some(script) = script %}<input type="hidden" name="script" value="{{ script }}">{% endif %}<button>{{ label }}</button>
{%- endif %}</form>"#
)]
pub(crate) struct Button {
    action: String,
    label: &'static str,
    csrf: String,
    script: Option<&'static str>,
    refusal: Option<&'static str>,
}

impl HtmlSafe for Button {}

/// *Run now*, for a script that can be asked for.
pub(crate) fn run_now(app: &App, viewer: &Viewer, script: &str) -> Option<Button> {
    let script = SCRIPTS.into_iter().find(|name| *name == script)?;
    let button = button(app, viewer, "/admin/execution-logs/run".to_owned(), "Run now");
    Some(Button {
        script: Some(script),
        ..button
    })
}

/// *Run again*, for a run of a script that can be asked for.
pub(crate) fn run_again(app: &App, viewer: &Viewer, run: &Row) -> Option<Button> {
    let action = format!("/admin/execution-logs/{}/again", run.id);
    SCRIPTS
        .contains(&run.script_name.as_str())
        .then(|| button(app, viewer, action, "Run again"))
}

/// *Score again*, for a call; *Score now*, where nothing is said of it yet.
pub(crate) fn score_again(app: &App, viewer: &Viewer, call_id: &str, is_again: bool) -> Button {
    let label = if is_again { "Score again" } else { "Score now" };
    button(app, viewer, format!("{}/score", call_address(call_id)), label)
}

/// *Send test*, which asks for no run.
pub(crate) fn send_test(app: &App, viewer: &Viewer) -> Button {
    button(app, viewer, "/admin/alerts/test".to_owned(), "Send test")
}

fn button(app: &App, viewer: &Viewer, action: String, label: &'static str) -> Button {
    Button {
        action,
        label,
        csrf: viewer.csrf().to_owned(),
        script: None,
        refusal: refusal(app),
    }
}
