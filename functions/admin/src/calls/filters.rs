//! Which calls are looked at: the filters of the list and of its files, as the address has them.

use chrono::{DateTime, Days, Utc};
use futures::stream::BoxStream;
use shared::platform::db::{Client, DbError};
use shared::store::dashboard::{self, Listed, Quality, Scope};
use shared::store::score;
use uuid::Uuid;

use crate::error::PageError;
use crate::parameters::{Dates, Parameters, Place};
use crate::viewer::Viewer;

/// Days that are shown where none are chosen.
const DAYS: u64 = 30;

/// The filters.
#[derive(Debug)]
pub(crate) struct Filters {
    /// The id of an assistant, known or not.
    pub(crate) assistant: Option<String>,
    /// The days; absent where a run is chosen and no days are: it may have looked at calls of any age.
    pub(crate) dates: Option<Dates>,
    /// Which calls.
    pub(crate) quality: Quality,
    /// Only those that this run looked at.
    pub(crate) run: Option<Uuid>,
}

/// A stretch of days that is often wanted.
#[derive(Debug)]
pub(crate) struct Preset {
    pub(crate) days: u64,
    pub(crate) address: String,
    pub(crate) is_current: bool,
}

impl Filters {
    pub(crate) fn read(parameters: &Parameters, viewer: &Viewer) -> Result<Self, PageError> {
        let names = Quality::ALL.map(Quality::as_str);
        let quality = parameters.one_of(
            "quality",
            &names,
            "\u{201c}all\u{201d}, \u{201c}quality\u{201d}, \u{201c}excellent\u{201d}, \u{201c}with_qci\u{201d} or \
             \u{201c}with_transcript\u{201d}",
        )?;
        let run = parameters.text("run")?.map(Uuid::parse_str).transpose();
        let run = run.map_err(|_| PageError::Parameter {
            name: "run",
            expected: "the id of a run",
        })?;
        let is_any_time = run.is_some() && parameters.text("from")?.is_none() && parameters.text("to")?.is_none();
        let dates = parameters.dates(viewer.zone(), viewer.now, DAYS)?;
        Ok(Self {
            assistant: parameters.text("assistant")?.map(str::to_owned),
            dates: (!is_any_time).then_some(dates),
            quality: quality.and_then(Quality::parse).unwrap_or_default(),
            run,
        })
    }

    pub(crate) fn scope(&self) -> Scope<'_> {
        let dates = self.dates.as_ref();
        Scope {
            assistant_id: self.assistant.as_deref(),
            from: dates.map_or(DateTime::UNIX_EPOCH, |dates| dates.start),
            to: dates.map_or_else(the_end, |dates| dates.end),
        }
    }

    /// A page of the calls, newest first.
    pub(crate) async fn list(&self, client: &Client, place: &Place, limit: i64) -> Result<Vec<Listed>, DbError> {
        let place = match place {
            Place::Newest => dashboard::Place::Newest,
            Place::Before(key) => dashboard::Place::Before(key.at, &key.id),
            Place::After(key) => dashboard::Place::After(key.at, &key.id),
        };
        match self.run {
            Some(run) => score::by_run(client, run, &self.scope(), self.quality, place, limit).await,
            None => dashboard::list(client, &self.scope(), self.quality, place, limit).await,
        }
    }

    /// All of them, newest first, as they come.
    pub(crate) async fn stream(&self, client: &Client) -> Result<BoxStream<'static, Result<Listed, DbError>>, DbError> {
        let scope = self.scope();
        match self.run {
            Some(run) => score::stream_by_run(client, run, &scope, self.quality).await,
            None => dashboard::stream(client, &scope, self.quality).await,
        }
    }

    /// How long a point of the chart is, so that there are not too many; none where there would be.
    pub(crate) fn grain(&self) -> Option<&'static str> {
        let dates = self.dates.as_ref()?;
        match (dates.to - dates.from).num_days() {
            ..=120 => Some("day"),
            121..=800 => Some("week"),
            801..=5000 => Some("month"),
            5001..=40_000 => Some("year"),
            _ => None,
        }
    }

    /// The stretches that end today.
    pub(crate) fn presets(&self, parameters: &Parameters, viewer: &Viewer) -> Vec<Preset> {
        let today = viewer.now.with_timezone(&viewer.zone()).date_naive();
        let until_today = parameters.with("to", "");
        let (path, query) = until_today.split_once('?').unwrap_or((&until_today, ""));
        let until_today = Parameters::read(path, query);
        let preset = |days| {
            let from = today.checked_sub_days(Days::new(days - 1)).unwrap_or(today);
            let dates = self.dates.as_ref();
            Preset {
                days,
                address: until_today.with("from", &from.to_string()),
                is_current: dates.is_some_and(|dates| dates.from == from && dates.to == today),
            }
        };
        [7, 30, 90].map(preset).into()
    }

    /// The longest of these that is shorter than what is looked at.
    pub(crate) fn shorter<'a>(&self, presets: &'a [Preset]) -> Option<&'a Preset> {
        let days = self.dates.as_ref().map(|dates| (dates.to - dates.from).num_days() + 1);
        let is_shorter =
            |preset: &&Preset| days.is_none_or(|days| u64::try_from(days).is_ok_and(|days| preset.days < days));
        presets.iter().rev().find(is_shorter)
    }
}

/// After every call.
fn the_end() -> DateTime<Utc> {
    DateTime::from_timestamp(253_370_764_800, 0).unwrap_or(DateTime::<Utc>::MAX_UTC)
}
