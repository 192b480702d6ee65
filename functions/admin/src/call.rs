//! `/admin/calls/{id}`: one call, its transcript and its score.
//!
//! `shared::store::call::detail`, `shared::store::score` ─▶ [`evidence`], [`scorecard`] ─▶ `call.html`

mod asked;
mod cost;
mod earlier;
mod evidence;
mod fact;
mod long;
mod number;
mod quote;
mod scorecard;
mod turn;
pub(crate) mod verdict;

use askama::Template;
use axum::Router;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::get;
use chrono::TimeDelta;
use rust_decimal::Decimal;
use shared::domain::findings::Findings;
use shared::platform::db::{self, Client};
use shared::store::call::{self, Detail};
use shared::store::framework::{self, Framework, LoadError};
use shared::store::score::earlier::Earlier;
use shared::store::score::{self, Paid, Stored};

use self::asked::Asked;
use self::evidence::Evidence;
use self::long::Long;
use self::number::Number;
use self::quote::Record;
use self::scorecard::{Block, Finding};
use self::turn::ShownTurn;
use crate::error::PageError;
use crate::page::{self, Section};
use crate::parameters::Parameters;
use crate::viewer::Viewer;
use crate::{App, format, run_requests};
use shared::domain::transcript::Transcript;

/// More requests to the judge are not listed.
const MOST_REQUESTS: i64 = 50;

const NO_SUCH_CALL: PageError = PageError::NotFound("There is no call of this id.");

pub(crate) fn routes() -> Router<App> {
    Router::new().route("/admin/calls/{id}", get(show))
}

#[derive(Template)]
#[template(path = "call.html")]
struct Page<'a> {
    viewer: &'a Viewer,
    section: Section,
    call: &'a Detail,
    title: String,
    number: &'a Number,
    show_number: String,
    hide_number: String,
    recording: Option<Recording>,
    costs: Vec<cost::Item>,
    refusal: Option<&'static str>,
    again: run_requests::Button,
    asked: Option<Asked>,
    analysis: Option<&'a Stored>,
    others: Vec<Other<'a>>,
    earlier: Vec<earlier::Shown<'a>>,
    why_not: Option<String>,
    error: Option<Long>,
    card: Card,
    paid: &'a [Paid],
    spent: Option<Decimal>,
    transcript: &'a Transcript,
    instructions: Vec<Long>,
    turns: Vec<ShownTurn>,
    later_turns: Vec<ShownTurn>,
    later_open: bool,
}

/// What an analysis says in its lists.
#[derive(Default)]
struct Card {
    blocks: Vec<Block>,
    tips: Vec<Finding>,
    failures: Vec<Finding>,
    strengths: Vec<Finding>,
    facts: Vec<(String, String)>,
    unreadable: String,
}

/// Another framework's analysis, and the page with it.
struct Other<'a> {
    analysis: &'a Stored,
    address: String,
}

/// A recording, and where it is.
struct Recording {
    url: String,
    host: String,
}

/// What is stored of a call, with its number masked.
struct File {
    call: Detail,
    number: Number,
    /// What frameworks say of it.
    opinions: Vec<Stored>,
    /// What the earlier system said of it.
    earlier: Vec<Earlier>,
    paid: Vec<Paid>,
    /// The place of the one that is shown, and its framework.
    chosen: Option<usize>,
    framework: Option<Framework>,
}

async fn show(
    State(app): State<App>,
    viewer: Viewer,
    parameters: Parameters,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, PageError> {
    let Ok(Path(id)) = id else { return Err(NO_SUCH_CALL) };
    let asked_at = parameters.asked_at()?;
    let file = File::read(&app, &parameters, &id).await?;
    let analysis = file.analysis();
    let transcript = Transcript::read(&file.call.messages, file.call.transcript.as_deref());
    let findings = file.findings();
    let evidence = Evidence::find(&transcript, scorecard::cited(&findings));
    let record = Record {
        transcript: &transcript,
        evidence: &evidence,
    };
    let mut turns = turn::all(&transcript, &evidence);
    let later_turns = turns.split_off(turns.len().min(turn::AT_ONCE));
    page::show(&Page {
        viewer: &viewer,
        section: Section::Calls,
        title: title(&file.call),
        number: &file.number,
        show_number: parameters.with("number", "shown"),
        hide_number: parameters.with("number", ""),
        recording: file.call.recording_url.as_deref().and_then(recording),
        costs: cost::items(file.call.costs.as_deref()),
        refusal: run_requests::refusal(&app),
        again: run_requests::score_again(&app, &viewer, &file.call.id, analysis.is_some()),
        asked: asked_at.map(|at| Asked::at(at, viewer.now, &file.opinions, &file.paid)),
        analysis,
        others: file.others(&parameters),
        earlier: earlier::shown(&file.earlier, &file.number),
        why_not: why_not(analysis),
        error: file.error(),
        card: analysis.map_or_else(Card::default, |analysis| {
            Card::new(analysis, &findings, file.framework.as_ref(), record)
        }),
        spent: spent(&file.paid),
        paid: &file.paid,
        instructions: transcript.instructions.iter().map(|text| long::plain(text)).collect(),
        later_open: later_turns.iter().any(ShownTurn::is_marked),
        turns,
        later_turns,
        transcript: &transcript,
        call: &file.call,
    })
}

impl File {
    async fn read(app: &App, parameters: &Parameters, id: &str) -> Result<Self, PageError> {
        let shown = parameters.one_of("number", &["shown"], "\u{201c}shown\u{201d}, or nothing")?;
        // PostgreSQL has no text with NUL in it.
        if id.contains('\0') {
            return Err(NO_SUCH_CALL);
        }
        let connection = db::connect(&app.pool).await?;
        let client: &Client = &connection;
        let mut call = call::detail(client, id).await?.ok_or(NO_SUCH_CALL)?;
        let number = Number::new(call.customer_number.take(), shown.is_some());
        hide(&mut call, &number);
        let opinions = score::of_call(client, id).await?;
        let chosen = chosen(parameters, &opinions)?;
        let framework = match chosen.and_then(|place| opinions.get(place)) {
            Some(analysis) => framework_of(client, analysis).await?,
            None => None,
        };
        Ok(Self {
            call,
            number,
            opinions,
            earlier: score::earlier::of_call(client, id).await?,
            paid: score::paid_for(client, id, MOST_REQUESTS).await?,
            chosen,
            framework,
        })
    }

    fn analysis(&self) -> Option<&Stored> {
        self.opinions.get(self.chosen?)
    }

    fn findings(&self) -> Findings {
        let Some(analysis) = self.analysis() else {
            return Findings::default();
        };
        let mut documents = analysis.documents.clone();
        for text in [
            &mut documents.criteria,
            &mut documents.facts,
            &mut documents.coaching_tips,
            &mut documents.critical_failures,
            &mut documents.what_went_well,
        ] {
            *text = self.number.hidden_in(std::mem::take(text));
        }
        Findings::read(&documents)
    }

    fn error(&self) -> Option<Long> {
        let error = self.analysis()?.error_message.clone()?;
        Some(long::plain(&self.number.hidden_in(error)))
    }

    fn others(&self, parameters: &Parameters) -> Vec<Other<'_>> {
        let others = self.opinions.iter().enumerate();
        others
            .filter(|(place, _)| Some(*place) != self.chosen)
            .map(|(_, analysis)| Other {
                analysis,
                address: parameters.with("framework", &analysis.framework_id.to_string()),
            })
            .collect()
    }
}

impl Card {
    fn new(analysis: &Stored, findings: &Findings, framework: Option<&Framework>, record: Record<'_>) -> Self {
        let rubric = framework.map(|framework| &framework.rubric);
        Self {
            blocks: if analysis.status == "scored" {
                scorecard::blocks(analysis, findings, rubric, record)
            } else {
                Vec::new()
            },
            tips: scorecard::tips(findings, record),
            failures: scorecard::failures(findings, record),
            strengths: scorecard::strengths(findings, record),
            facts: fact::all(&findings.facts),
            unreadable: findings.unreadable.join(", "),
        }
    }
}

impl Page<'_> {
    fn length(&self) -> String {
        let seconds = self.call.duration_seconds.unwrap_or_default();
        format::duration(TimeDelta::seconds(i64::from(seconds)))
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "a template hands out references")]
fn tokens(count: &i32) -> String {
    format::count(i64::from(*count))
}

/// Masks the number in whatever was said, told to a tool, or prompted.
fn hide(call: &mut Detail, number: &Number) {
    let [artifact, top] = &mut call.messages;
    for text in [artifact, top, &mut call.transcript] {
        *text = text.take().map(|text| number.hidden_in(text));
    }
}

/// The analysis that `framework` names, or else the first.
fn chosen(parameters: &Parameters, opinions: &[Stored]) -> Result<Option<usize>, PageError> {
    let Some(text) = parameters.text("framework")? else {
        return Ok((!opinions.is_empty()).then_some(0));
    };
    let found = opinions
        .iter()
        .position(|analysis| analysis.framework_id.to_string() == text);
    found.map(Some).ok_or(PageError::Parameter {
        name: "framework",
        expected: "the number of a framework that looked at this call",
    })
}

/// The rubric as it is now is the one that was scored by. One that cannot be read costs the names, not the page.
async fn framework_of(client: &Client, analysis: &Stored) -> Result<Option<Framework>, PageError> {
    match framework::load(client, Some(&analysis.framework)).await {
        Ok(framework) => Ok(Some(framework)),
        Err(LoadError::Db(error)) => Err(error.into()),
        Err(error) => {
            tracing::warn!("a call is shown without its rubric: {:#}", anyhow::Error::new(error));
            Ok(None)
        }
    }
}

/// What the listed requests cost; not known where one of them is not.
fn spent(paid: &[Paid]) -> Option<Decimal> {
    paid.iter()
        .try_fold(Decimal::ZERO, |sum, request| sum.checked_add(request.cost?))
}

fn outcome(request: &Paid) -> String {
    match request.outcome.as_str() {
        "open" => "under way".to_owned(),
        "unknown" => "not known: its run ended before the answer was stored, and it counts as paid for".to_owned(),
        other => verdict::words(other),
    }
}

fn why_not(analysis: Option<&Stored>) -> Option<String> {
    verdict::why_not(
        analysis.map(|analysis| analysis.status.as_str()),
        analysis.and_then(|analysis| analysis.skip_reason.as_deref()),
    )
}

fn title(call: &Detail) -> String {
    let name = call.assistant_name.as_deref().unwrap_or_default().trim();
    if name.is_empty() {
        return "Call".to_owned();
    }
    let short: String = name.chars().take(80).collect();
    format!("Call with {short}")
}

/// Only what a browser opens as a page: anything else might run here.
fn recording(text: &str) -> Option<Recording> {
    let url = url::Url::parse(text).ok()?;
    let is_web = matches!(url.scheme(), "http" | "https");
    let host = url.host_str()?.to_owned();
    is_web.then(|| Recording {
        host,
        url: url.to_string(),
    })
}
