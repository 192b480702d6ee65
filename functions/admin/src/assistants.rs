//! `/admin/assistants`: how assistants do.

mod diff;
mod one;
mod score;
mod window;

use std::collections::HashMap;

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use shared::platform::db;
use shared::store::assistant::overview::{self, Overview};
use shared::store::assistant::quality::{self, Bucket, Sample};

use crate::chart::{self, Chart, Unit};
use crate::error::PageError;
use crate::format::Moment;
use crate::page::{self, Section};
use crate::parameters::Parameters;
use crate::viewer::Viewer;
use crate::{App, format};
use window::{Preset, Window};

/// Points of a sparkline.
const TREND: usize = 12;

#[derive(Template)]
#[template(path = "assistants.html")]
struct Page<'a> {
    viewer: &'a Viewer,
    section: Section,
    window: &'a Window,
    presets: Vec<Preset>,
    rows: Vec<Row>,
}

/// An assistant in the list.
struct Row {
    assistant: Overview,
    score: String,
    trend: Option<Chart>,
}

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/admin/assistants", get(list))
        .route("/admin/assistants/{id}", get(one::show))
}

async fn list(State(app): State<App>, viewer: Viewer, parameters: Parameters) -> Result<Response, PageError> {
    let window = Window::read(&parameters, &viewer)?;
    let stretches = window.stretches(TREND);
    let client = db::connect(&app.pool).await?;
    let ids = overview::known(&client).await?;
    let assistants = overview::list(&client, &ids, &window.range).await?;
    let scores = quality::over_time(&client, &ids, &stretches.starts, window.range.end, false).await?;
    page::show(&Page {
        viewer: &viewer,
        section: Section::Assistants,
        window: &window,
        presets: window.presets(&viewer),
        rows: rows(assistants, &scores, stretches.starts.len()),
    })
}

fn rows(assistants: Vec<Overview>, scores: &HashMap<String, Vec<Bucket>>, stretches: usize) -> Vec<Row> {
    let rows = assistants.into_iter().map(|assistant| {
        let buckets = scores.get(&assistant.id).map_or(&[][..], Vec::as_slice);
        let mut all = Sample::default();
        let mut means = vec![None; stretches];
        for bucket in buckets {
            all += bucket.sample;
            if let Some(mean) = means.get_mut(bucket.index) {
                *mean = bucket.sample.mean();
            }
        }
        // One point is no line.
        let trend = (buckets.len() > 1).then(|| chart::sparkline("Mean QCI", Unit::Points, &means));
        Row {
            score: score::words(&all),
            trend,
            assistant,
        }
    });
    rows.collect()
}

impl Row {
    fn name(&self) -> &str {
        name(self.assistant.name.as_ref(), &self.assistant.id)
    }

    /// Why it is not among those that Vapi lists.
    fn absence(&self, zone: Tz) -> Option<String> {
        let day = |at: DateTime<Utc>| at.with_timezone(&zone).format("%-d %b %Y");
        match self.assistant.deleted_at {
            Some(gone) => Some(format!("gone from Vapi since {}", day(gone))),
            None if !self.assistant.is_listed => Some("known from calls only".to_owned()),
            None => None,
        }
    }

    fn changed(&self, zone: Tz) -> Option<Moment> {
        self.assistant.changed_at.map(|at| format::moment(at, zone))
    }

    fn versions(&self) -> String {
        format::count(self.assistant.versions)
    }

    fn calls(&self) -> String {
        format::count(self.assistant.calls)
    }
}

/// What an assistant is called; Vapi does not insist on a name.
fn name<'a>(name: Option<&'a String>, id: &'a str) -> &'a str {
    name.map(String::as_str)
        .filter(|name| !name.trim().is_empty())
        .unwrap_or(id)
}
