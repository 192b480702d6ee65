//! `/admin/calls`: the dashboard, and the list of calls.
//!
//! [`filters`] ─▶ `shared::store::dashboard` ─▶ tiles, chart and list; [`file`] sends the whole list

mod file;
mod filters;

use std::time::Duration;

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use chrono::{NaiveDate, TimeDelta};
use chrono_tz::Tz;
use shared::domain::telephone;
use shared::platform::db;
use shared::store::assistant::{self, Named};
use shared::store::dashboard::{self, Bucket, Listed, Metrics, Quality};

use self::filters::{Filters, Preset};
use crate::call::verdict;
use crate::chart::{self, Chart, Series, Unit};
use crate::error::PageError;
use crate::page::{self, Section};
use crate::parameters::{Key, Parameters, Place};
use crate::viewer::Viewer;
use crate::{App, format};
use shared::platform::db::{Client, DbError};

/// Calls on a page.
const PER_PAGE: usize = 50;

/// How long tiles and chart may take in all. A statement may take a third of it.
const COUNTING: Duration = Duration::from_secs(15);

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/admin/calls", get(show))
        .route("/admin/calls.csv", get(file::csv))
        .route("/admin/calls.ndjson", get(file::ndjson))
}

#[derive(Template)]
#[template(path = "calls.html")]
struct Page<'a> {
    viewer: &'a Viewer,
    section: Section,
    filters: &'a Filters,
    assistants: &'a [Named],
    /// An assistant that is chosen and not among them.
    stranger: Option<&'a str>,
    presets: &'a [Preset],
    without_run: String,
    newest: String,
    csv: String,
    ndjson: String,
    metrics: Option<Metrics>,
    timeline: Option<Chart>,
    too_long: Option<TooLong<'a>>,
    calls: Vec<Row>,
    is_first: bool,
    newer: Option<String>,
    older: Option<String>,
}

/// A call as the list shows it.
struct Row {
    call: Listed,
    assistant: String,
    ended_reason: String,
    customer: Option<String>,
    duration: Option<String>,
    class: Option<verdict::Mark>,
    why_not: Option<String>,
}

/// Some of the calls, and whether there are others on either side.
struct Slice {
    calls: Vec<Listed>,
    has_newer: bool,
    has_older: bool,
}

async fn show(State(app): State<App>, viewer: Viewer, parameters: Parameters) -> Result<Response, PageError> {
    let filters = Filters::read(&parameters, &viewer)?;
    let place = parameters.place()?;
    let connection = db::connect(&app.pool).await?;
    let client: &Client = &connection;
    let slice = Slice::read(client, &filters, &place).await?;
    let assistants = assistant::names(client).await?;
    drop(connection);
    let presets = filters.presets(&parameters, &viewer);
    let (figures, too_long) = match Figures::count(&app, &filters, viewer.zone()).await {
        Ok(figures) => (figures, None),
        Err(NotCounted::TooLong) => (
            Figures::default(),
            Some(TooLong {
                shorter: filters.shorter(&presets),
            }),
        ),
        Err(NotCounted::PageError(error)) => return Err(error),
    };
    let chosen = filters.assistant.as_deref();
    let (newer, older) = slice.links(&parameters);
    page::show(&Page {
        viewer: &viewer,
        section: Section::Calls,
        stranger: chosen.filter(|id| assistants.iter().all(|known| known.id != *id)),
        presets: &presets,
        without_run: parameters.with("run", ""),
        newest: parameters.at("/admin/calls"),
        csv: parameters.at("/admin/calls.csv"),
        ndjson: parameters.at("/admin/calls.ndjson"),
        metrics: figures.metrics,
        timeline: figures.timeline,
        too_long,
        is_first: matches!(place, Place::Newest),
        newer,
        older,
        calls: slice.calls.into_iter().map(Row::from).collect(),
        filters: &filters,
        assistants: &assistants,
    })
}

/// Counting took too long.
struct TooLong<'a> {
    /// A preset that takes less, if there is one.
    shorter: Option<&'a Preset>,
}

/// What is counted of the calls.
#[derive(Default)]
struct Figures {
    metrics: Option<Metrics>,
    timeline: Option<Chart>,
}

/// Why nothing was counted.
enum NotCounted {
    TooLong,
    PageError(PageError),
}

impl Figures {
    async fn count(app: &App, filters: &Filters, zone: Tz) -> Result<Self, NotCounted> {
        let client = db::connect(&app.pool.within(COUNTING)).await;
        let client = client.map_err(|error| NotCounted::PageError(error.into()))?;
        let metrics = match filters.run {
            // What the functions count, they count without regard to runs.
            Some(_) => None,
            None => Some(dashboard::metrics(&client, &filters.scope()).await?),
        };
        let timeline = timeline(&client, filters, zone).await?;
        Ok(Self { metrics, timeline })
    }
}

impl From<DbError> for NotCounted {
    fn from(error: DbError) -> Self {
        if error.is_silent() {
            tracing::warn!("tiles and chart are left out: {:#}", anyhow::Error::new(error));
            return Self::TooLong;
        }
        Self::PageError(error.into())
    }
}

impl Slice {
    /// One more row than fits says whether there are others.
    async fn read(client: &Client, filters: &Filters, place: &Place) -> Result<Self, PageError> {
        let limit = i64::try_from(PER_PAGE).unwrap_or(i64::MAX) + 1;
        let mut calls = filters.list(client, place, limit).await?;
        let is_more = calls.len() > PER_PAGE;
        match place {
            Place::After(_) if is_more => {
                calls.remove(0);
                Ok(Self {
                    calls,
                    has_newer: true,
                    has_older: true,
                })
            }
            // It would be a first page with less than a page on it.
            Place::After(_) => Box::pin(Self::read(client, filters, &Place::Newest)).await,
            Place::Newest | Place::Before(_) => {
                calls.truncate(PER_PAGE);
                Ok(Self {
                    has_newer: matches!(place, Place::Before(_)) && !calls.is_empty(),
                    has_older: is_more,
                    calls,
                })
            }
        }
    }

    fn links(&self, parameters: &Parameters) -> (Option<String>, Option<String>) {
        let newest = self.calls.first().filter(|_| self.has_newer).map(key);
        let oldest = self.calls.last().filter(|_| self.has_older).map(key);
        (
            newest.map(|key| parameters.after(&key)),
            oldest.map(|key| parameters.before(&key)),
        )
    }
}

impl From<Listed> for Row {
    fn from(call: Listed) -> Self {
        let either = call.assistant_name.as_deref().or(call.assistant_id.as_deref());
        Self {
            assistant: short(either.unwrap_or("none")),
            ended_reason: short(call.ended_reason.as_deref().unwrap_or_default()),
            customer: call.customer_number.as_deref().map(telephone::masked),
            duration: call
                .duration_seconds
                .map(|seconds| format::duration(TimeDelta::seconds(i64::from(seconds)))),
            class: call.call_classification.as_deref().map(verdict::class),
            why_not: verdict::why_not(call.analysis_status.as_deref(), call.skip_reason.as_deref()),
            call,
        }
    }
}

/// Calls over time; none where a single run is looked at, or a time that no chart can show.
async fn timeline(client: &Client, filters: &Filters, zone: Tz) -> Result<Option<Chart>, DbError> {
    let Some(grain) = filters.grain().filter(|_| filters.run.is_none()) else {
        return Ok(None);
    };
    let buckets = dashboard::timeline(client, &filters.scope(), grain, zone.name()).await?;
    let labels: Vec<String> = buckets.iter().map(|bucket| label(grain, bucket.date)).collect();
    let series = |name: &str, tone, value: fn(&Bucket) -> i64| Series {
        name: name.to_owned(),
        tone,
        values: buckets.iter().map(|bucket| Some(as_f64(value(bucket)))).collect(),
    };
    let series = vec![
        series("All calls", "tone-1", |bucket| bucket.total_calls),
        series("Longer than 30 s", "tone-2", |bucket| bucket.quality_calls),
        series("Analysed", "tone-3", |bucket| bucket.analyzed_calls),
    ];
    Ok(Some(chart::lines(
        &format!("Calls a {grain}"),
        Unit::Count,
        &labels,
        series,
    )))
}

fn label(grain: &str, date: NaiveDate) -> String {
    let format = match grain {
        "day" => "%-d %b",
        "week" => "week of %-d %b %Y",
        "month" => "%b %Y",
        _ => "%Y",
    };
    date.format(format).to_string()
}

#[expect(clippy::cast_precision_loss, reason = "a chart does not show the difference")]
fn as_f64(count: i64) -> f64 {
    count as f64
}

fn key(call: &Listed) -> Key {
    Key {
        at: call.call_at,
        id: call.id.clone(),
    }
}

fn short(text: &str) -> String {
    match text.char_indices().nth(200) {
        Some((cut, _)) => format!("{}\u{2026}", &text[..cut]),
        None => text.to_owned(),
    }
}

/// A quality filter in words.
fn named(quality: Quality) -> &'static str {
    match quality {
        Quality::All => "All calls",
        Quality::Quality => "Longer than 30 s",
        Quality::Excellent => "Longer than 60 s, QCI above 70",
        Quality::WithQci => "With a score",
        Quality::WithTranscript => "With a transcript",
    }
}
