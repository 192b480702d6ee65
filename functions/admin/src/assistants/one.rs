//! `/admin/assistants/{id}`: one assistant, its versions, and what goes wrong in its calls again and again.

use askama::Template;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use shared::platform::db::{self, Executor};
use shared::store::assistant::issue::{self, Issue};
use shared::store::assistant::overview::{self, Facts};
use shared::store::assistant::quality::{self, Bucket, Sample};
use shared::store::assistant::version::{self, Change, Version};

use super::diff::{self, Line};
use super::window::{Preset, Stretches, Window};
use super::{name, score};
use crate::App;
use crate::chart::{self, Chart, Series, Unit};
use crate::error::PageError;
use crate::format::{self, Moment};
use crate::page::{self, Section};
use crate::parameters::Parameters;
use crate::viewer::Viewer;

const UNKNOWN: PageError = PageError::NotFound("There is no such assistant, and no call of it.");
/// Versions on a page.
const VERSIONS: usize = 20;
/// Characters of a prompt that are shown.
const LONGEST: i32 = 50_000;
/// Scored calls that issues are looked for in, and issues that are shown.
const NEWEST: i64 = 500;
const ISSUES: i64 = 20;
/// Points of a chart.
const POINTS: usize = 45;

#[derive(Template)]
#[template(path = "assistant.html")]
struct Page<'a> {
    viewer: &'a Viewer,
    section: Section,
    facts: &'a Facts,
    moments: Vec<(&'static str, Moment)>,
    gone: Option<Moment>,
    window: &'a Window,
    presets: Vec<Preset>,
    calls: String,
    scored: String,
    sample: Sample,
    mean: Option<String>,
    margin: Option<String>,
    charts: Option<[Chart; 2]>,
    comparison: Option<String>,
    versions: Vec<Entry<'a>>,
    /// Before the first version.
    earlier: Option<Earlier>,
    older: Option<String>,
    newest: Option<String>,
    /// Each with its share.
    issues: Vec<(Issue, String)>,
    /// The scored calls that issues were looked for in.
    among: String,
}

/// The calls of a time that no version is known of.
struct Earlier {
    until: Moment,
    calls: String,
    score: String,
}

/// A version beside the one before it.
struct Entry<'a> {
    version: &'a Version,
    changed: Moment,
    changes: String,
    calls: String,
    score: String,
    /// Absent where the one before is not known, or has the same prompt.
    diff: Option<Diff<'a>>,
}

enum Diff<'a> {
    Lines(Vec<Line<'a>>),
    TooLong,
}

pub(super) async fn show(
    State(app): State<App>,
    viewer: Viewer,
    parameters: Parameters,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, PageError> {
    let Path(id) = path.map_err(|_| UNKNOWN)?;
    if id.contains('\0') {
        return Err(UNKNOWN);
    }
    let window = Window::read(&parameters, &viewer)?;
    let below = below(&parameters)?;
    let stretches = window.stretches(POINTS);
    let ids = [id];
    let id = ids[0].as_str();
    let client = db::connect(&app.pool).await?;
    let facts = overview::find(&client, id).await?.ok_or(UNKNOWN)?;
    let some = i64::try_from(VERSIONS).unwrap_or(i64::MAX) + 1;
    let ((calls, sample), mut buckets, versions, issues) = tokio::try_join!(
        quality::within(&client, id, &window.range),
        quality::over_time(&client, &ids, &stretches.starts, window.range.end, true),
        version::list(&client, id, &window.range, below.unwrap_or(i32::MAX), some, LONGEST),
        issue::recurring(&client, id, &window.range, NEWEST, ISSUES),
    )?;
    let has_older = versions.len() > VERSIONS;
    let first = versions.last().filter(|_| !has_older);
    let earlier = match first {
        Some(first) => earlier(&client, id, &window, first.changed_at, viewer.zone()).await?,
        None => None,
    };
    let buckets = buckets.remove(id).unwrap_or_default();
    let next = versions.get(VERSIONS - 1).filter(|_| has_older);
    page::show(&Page {
        viewer: &viewer,
        section: Section::Assistants,
        facts: &facts,
        moments: moments(&facts, viewer.zone()),
        gone: facts.deleted_at.map(|gone| format::moment(gone, viewer.zone())),
        presets: window.presets(&viewer),
        calls: format::count(calls),
        scored: format::count(sample.scored),
        sample,
        mean: sample.mean().map(score::points),
        margin: sample.margin().map(score::points),
        charts: (sample.scored > 0).then(|| charts(&stretches, &buckets)),
        comparison: versions.first_chunk().filter(|_| below.is_none()).map(compared),
        versions: entries(&versions, viewer.zone()),
        earlier,
        older: next.map(|version| parameters.with("below", &version.number.to_string())),
        newest: below.map(|_| parameters.with("below", "")),
        among: format::count(issues.first().map_or(0, |issue| issue.among)),
        issues: issues.into_iter().map(with_share).collect(),
        window: &window,
    })
}

/// The number of the version whose predecessors are shown.
fn below(parameters: &Parameters) -> Result<Option<i32>, PageError> {
    let Some(text) = parameters.text("below")? else {
        return Ok(None);
    };
    let number = text.parse().ok().filter(|number| *number > 0);
    number.map(Some).ok_or(PageError::Parameter {
        name: "below",
        expected: "the number of a version",
    })
}

async fn earlier(
    db: &impl Executor,
    id: &str,
    window: &Window,
    first: DateTime<Utc>,
    zone: Tz,
) -> Result<Option<Earlier>, PageError> {
    let range = window.range.start..first.min(window.range.end);
    if range.is_empty() {
        return Ok(None);
    }
    let (calls, sample) = quality::within(db, id, &range).await?;
    let earlier = Earlier {
        until: format::moment(first, zone),
        calls: format::count(calls),
        score: score::words(&sample),
    };
    Ok((calls > 0).then_some(earlier))
}

fn compared([newer, older]: &[Version; 2]) -> String {
    score::comparison((newer.number, &newer.sample), (older.number, &older.sample))
}

fn moments(facts: &Facts, zone: Tz) -> Vec<(&'static str, Moment)> {
    let all = [
        ("Created", facts.created_at),
        ("Changed in Vapi", facts.updated_at),
        ("Last call", facts.last_call_at),
    ];
    let known = all
        .into_iter()
        .filter_map(|(name, at)| Some((name, format::moment(at?, zone))));
    known.collect()
}

fn entries(versions: &[Version], zone: Tz) -> Vec<Entry<'_>> {
    let entries = versions.iter().take(VERSIONS).enumerate().map(|(index, version)| {
        let before = versions
            .get(index + 1)
            .filter(|_| version.changes.contains(&Change::Prompt));
        Entry {
            version,
            changed: format::moment(version.changed_at, zone),
            changes: changes(version),
            calls: format::count(version.calls),
            score: score::words(&version.sample),
            diff: before.map(|before| diff(before, version)),
        }
    });
    entries.collect()
}

/// Such as `prompt, model`.
fn changes(version: &Version) -> String {
    if version.changes.is_empty() {
        return if version.number == 1 { "first seen" } else { "\u{2013}" }.to_owned();
    }
    let changes = version.changes.iter().map(|change| match change {
        Change::Prompt => "prompt",
        Change::Model => "model",
        Change::Voice => "voice",
        Change::Tools => "tools",
    });
    changes.collect::<Vec<_>>().join(", ")
}

fn diff<'a>(before: &'a Version, after: &'a Version) -> Diff<'a> {
    let whole = |version: &'a Version| {
        (version.prompt_length <= LONGEST).then(|| version.prompt.as_deref().unwrap_or_default())
    };
    let lines = whole(before)
        .zip(whole(after))
        .and_then(|(before, after)| diff::lines(before, after));
    lines.map_or(Diff::TooLong, Diff::Lines)
}

fn charts(stretches: &Stretches, buckets: &[Bucket]) -> [Chart; 2] {
    let places = stretches.starts.len();
    let mut means = vec![None; places];
    let mut classes = [
        ("excellent", "tone-success"),
        ("good", "tone-2"),
        ("needs improvement", "tone-partial"),
        ("poor", "tone-error"),
    ]
    .map(|(name, tone)| Series {
        name: name.to_owned(),
        tone,
        values: vec![Some(0.0); places],
    });
    for bucket in buckets.iter().filter(|bucket| bucket.index < places) {
        means[bucket.index] = bucket.sample.mean();
        for (series, calls) in classes.iter_mut().zip(bucket.classes) {
            series.values[bucket.index] = Some(f64::from(u32::try_from(calls).unwrap_or(u32::MAX)));
        }
    }
    let mean = Series {
        name: "mean QCI".to_owned(),
        tone: "tone-1",
        values: means,
    };
    let every = match stretches.days {
        1 => "by day".to_owned(),
        7 => "by week".to_owned(),
        days => format!("in steps of {days} days"),
    };
    [
        chart::lines(
            &format!("Mean QCI {every}"),
            Unit::Points,
            &stretches.labels,
            vec![mean],
        ),
        chart::stacked(
            &format!("Scored calls {every}"),
            Unit::Count,
            &stretches.labels,
            classes.into(),
        ),
    ]
}

impl Page<'_> {
    fn name(&self) -> &str {
        name(self.facts.name.as_ref(), &self.facts.id)
    }
}

impl Entry<'_> {
    /// How long the prompt is, where it is longer than what is shown of it.
    fn whole(&self) -> Option<String> {
        let length = self.version.prompt_length;
        (length > LONGEST).then(|| format::count(length.into()))
    }
}

/// Of the calls that were looked at; less than half a percent is not nothing.
fn with_share(issue: Issue) -> (Issue, String) {
    let among = issue.among.max(1);
    let share = match (100 * issue.calls + among / 2) / among {
        0 => "< 1 %".to_owned(),
        percent => format!("{percent} %"),
    };
    (issue, share)
}
