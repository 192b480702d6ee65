//! Walks one window of creation time, newest → oldest, page by page, losing no call.
//!
//! Vapi has no cursor. The next page begins where the last one ended, that millisecond included, and what
//! comes twice is dropped by id. A walk ends on an empty page or on one without a new id, never because a
//! page is short: Vapi may cap a page below what was asked. A window that proves dense gives its older
//! part away to be walked at the same time.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, anyhow};
use backon::RetryableWithContext;
use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use serde_json::json;
use shared::call::Call;
use shared::clock::rfc3339;
use shared::config;
use shared::run::{Run, Step};
use shared::sync_state::{Pass, Window};
use shared::telemetry;

use crate::document::{self, Oddity, Reading};
use crate::instant;
use crate::progress::Progress;
use crate::seen::{self, Seen, Sight};
use crate::vapi::{BrokenAnswer, Listed, Query, Vapi, VapiError};
use crate::write::{Batch, Writers};

/// No cap below this was ever reported: a page with fewer rows is one that Vapi had no more for.
const SMALLEST_CAP: usize = 100;
/// Windows that a dense one is split into at most.
const MOST_PARTS: i32 = 32;
/// How full the pages of a part should be: bursts make some parts fuller than the average says.
const FILL: f64 = 0.75;
/// Failures of one request after which a smaller page is asked for.
const PATIENCE_WITH_SIZE: usize = 2;

/// What all walkers of a run share.
#[derive(Clone)]
pub(crate) struct Walker {
    pub(crate) vapi: Arc<Vapi>,
    pub(crate) run: Arc<Run>,
    pub(crate) seen: Arc<Seen>,
    pub(crate) writers: Arc<Writers>,
    pub(crate) oddities: Arc<Oddities>,
    pub(crate) settings: config::Sync,
    /// Calls asked for in one page; lowered for the rest of the run where large pages do not come through.
    pub(crate) page_limit: Arc<AtomicUsize>,
    /// Assistants that tell apart the calls of one crowded millisecond.
    pub(crate) assistant_ids: Arc<Vec<String>>,
    /// Windows that nobody walks yet.
    pub(crate) waiting: Arc<AtomicUsize>,
    pub(crate) now: DateTime<Utc>,
}

/// How a walk ended.
#[derive(Debug, PartialEq)]
pub(crate) enum Walked {
    /// The window is read; these parts of it are for others.
    Whole(Vec<Window>),
    /// Time ran out; what is left of the window stays open.
    Cut,
}

/// What is odd about the documents of a run, by kind: how often, and one example.
#[derive(Debug, Default)]
pub(crate) struct Oddities(Mutex<BTreeMap<Oddity, (u64, String)>>);

/// A page could not be read, or what was read could not be handed on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    #[error(transparent)]
    Vapi(#[from] VapiError),
    #[error(transparent)]
    Write(#[from] anyhow::Error),
}

/// One window on its way.
pub(crate) struct Course {
    progress: Arc<Progress>,
    batch: Batch,
    /// The calls of this window alone: another window's are no sign that this one makes no progress.
    ids: HashSet<u128>,
    /// Where the next page begins; everything after it is read.
    cursor: DateTime<Utc>,
}

/// What a page held.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    /// Elements, usable or not.
    pub(crate) rows: usize,
    /// Calls that this window had not shown before.
    pub(crate) new: usize,
    /// The creation times that could be read.
    pub(crate) created: Span,
    /// The times of the last change.
    pub(crate) updated: Span,
    /// Whether the page is newest first.
    pub(crate) sorted: bool,
    /// The limit that it was asked with.
    limit: usize,
}

/// The earliest and latest of some instants, cut to the millisecond.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span(pub(crate) Option<(DateTime<Utc>, DateTime<Utc>)>);

impl Walker {
    /// Walks a window to its end, or until time runs out.
    pub(crate) async fn walk(self, mut window: Window) -> Result<Walked> {
        let mut course = Course::of(&window);
        let parts = loop {
            let query = self.query(&window, &course);
            let Some(page) = self.in_time(self.page(&mut course, query)).await else {
                self.flush(&mut course, false).await?;
                return Ok(Walked::Cut);
            };
            let page = match page {
                Err(ReadError::Vapi(VapiError::BeyondRetention { message })) => {
                    if self.shrink(&mut window, course.cursor, &message) {
                        continue;
                    }
                    break Vec::new();
                }
                page => page.with_context(|| format!("listing calls created up to {}", rfc3339(course.cursor)))?,
            };
            if page.is_full() && !page.sorted {
                let halves = halves(&window, course.cursor, page.created);
                break self.writers.hand_over(&window, course.cursor, halves).await?;
            }
            match page.created.0 {
                Some((oldest, _)) if oldest < course.cursor.trunc_subsecs(3) && page.new > 0 => course.cursor = oldest,
                Some((instant, _)) if page.is_full() && instant >= course.cursor.trunc_subsecs(3) => {
                    let Some(listed) = self
                        .in_time(instant::list(&self, &mut course, instant, page.rows))
                        .await
                    else {
                        self.flush(&mut course, false).await?;
                        return Ok(Walked::Cut);
                    };
                    listed?;
                    course.cursor = instant - TimeDelta::milliseconds(1);
                    continue;
                }
                None if page.is_full() => {
                    return Err(anyhow!(
                        "no call of a full page has a readable `createdAt`: the listing cannot be continued"
                    ));
                }
                _ if page.new == 0 => break Vec::new(),
                _ => continue,
            }
            let parts = self.parts(&window, &page);
            if parts.len() > 1 {
                break self.writers.hand_over(&window, course.cursor, parts).await?;
            }
        };
        self.flush(&mut course, true).await?;
        Ok(Walked::Whole(parts))
    }

    /// Reads one page into the course, with tries; a page that does not come through is asked for smaller.
    pub(crate) async fn page<'a>(&'a self, course: &'a mut Course, query: Query) -> Result<Page, ReadError> {
        let mut attempt = Attempt::of(self, course, query);
        loop {
            let (tried, result) = (|mut attempt: Attempt<'a>| async move {
                let result = attempt.read().await;
                (attempt, result)
            })
            .retry(self.vapi.patience())
            .context(attempt)
            .when(ReadError::is_transient)
            .notify(|error, wait| {
                tracing::warn!(
                    wait_ms = wait.as_millis(),
                    "asking Vapi for the page again: {}",
                    telemetry::chain(error)
                );
            })
            .await;
            attempt = tried;
            match result {
                // It came damaged every time: the damaged elements are rejects, the others are calls.
                Err(ReadError::Vapi(VapiError::Damaged(BrokenAnswer::Element(_)))) if !attempt.tolerant => {
                    attempt.tolerant = true;
                }
                result => return result.map(|()| attempt.finish()),
            }
        }
    }

    /// Reads one call by id into a batch of its own; `false` where Vapi does not know it.
    pub(crate) async fn one(&self, id: &str, course: &mut Course) -> Result<bool, ReadError> {
        let element = match self.vapi.call(id).await {
            Ok(element) => element,
            Err(VapiError::NotFound | VapiError::BeyondRetention { .. }) => return Ok(false),
            Err(error) => return Err(error.into()),
        };
        match document::call(&element) {
            Reading::Usable(call, odd) => self.take(course, *call, &odd),
            Reading::Unusable(reject) | Reading::Malformed(reject) => course.batch.rejects.push(reject),
        }
        self.flush_if_full(course).await?;
        Ok(true)
    }

    /// Hands on what is left of a course; `whole` closes its window once all of it is stored.
    pub(crate) async fn flush(&self, course: &mut Course, whole: bool) -> Result<()> {
        let batch = std::mem::take(&mut course.batch);
        self.writers.submit(batch, &course.progress, None).await?;
        if whole {
            self.writers.window_is_walked(&course.progress).await?;
        }
        Ok(())
    }

    async fn flush_if_full(&self, course: &mut Course) -> Result<()> {
        if !course.batch.is_full() {
            return Ok(());
        }
        let batch = std::mem::take(&mut course.batch);
        // The place is where this page began: an order that turns out not to be newest first loses nothing.
        self.writers.submit(batch, &course.progress, Some(course.cursor)).await
    }

    fn take(&self, course: &mut Course, call: Call, odd: &[Oddity]) {
        match self.seen.sight(&call.id, call.updated_at) {
            Sight::New => {
                self.run.count(|counters| counters.records_fetched += 1);
                self.oddities.note(&call.id, odd);
                course.batch.push(call);
            }
            Sight::Newer => course.batch.push_newer(call),
            Sight::Same => {}
        }
    }

    fn query(&self, window: &Window, course: &Course) -> Query {
        Query {
            created_from: window.created_from,
            created_to: Some(course.cursor),
            updated_from: window.updated_from,
            limit: self.limit(window, course),
            ..Query::default()
        }
    }

    /// The first page of everything there is only tells how dense it is, so that it is soon read by several at once.
    fn limit(&self, window: &Window, course: &Course) -> usize {
        let limit = self.page_limit.load(Ordering::Relaxed);
        let knows_nothing = window.pass == Pass::Full && window.created_from.is_none() && course.ids.is_empty();
        if knows_nothing && self.vapi.downloads > 1 {
            limit.min(SMALLEST_CAP)
        } else {
            limit
        }
    }

    /// `None` once it is time for the checkpoint.
    pub(crate) async fn in_time<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let left = (self.run.checkpoint_at() - shared::clock::now()).to_std().ok()?;
        tokio::time::timeout(left, work).await.ok()
    }

    /// Vapi refused how far back the window reaches: asks for less; `false` if nothing is left to ask for.
    fn shrink(&self, window: &mut Window, cursor: DateTime<Utc>, message: &str) -> bool {
        let floor = self.now - self.settings.retention;
        let asked = window.created_from;
        window.created_from = match asked {
            _ if cursor <= floor => None,
            None => Some(floor),
            Some(from) if from < floor => Some(floor),
            // What Vapi keeps is less than our setting says: feels its way forward.
            Some(from) => Some(from + (cursor - from) / 2).filter(|middle| *middle - from > TimeDelta::minutes(30)),
        };
        let served_from = window.created_from.unwrap_or(cursor);
        // A changed call that is gone from Vapi was stored before.
        if window.pass != Pass::Changed {
            let gap = json!({"from": asked.map(rfc3339), "to": rfc3339(served_from), "said": message});
            self.run.note_one_more("retention_gaps", gap);
            if asked.is_some() {
                let text = format!(
                    "Vapi does not serve calls created before {} any more: {message}",
                    rfc3339(served_from)
                );
                self.run.warn(Step::Fetch, text, json!({"pass": window.pass.as_str()}));
            }
        }
        window.created_from.is_some()
    }

    /// Each part costs a request that finds its end, so a window is split only where somebody is short of work.
    fn may_split(&self) -> bool {
        self.vapi.downloads > 1 && self.waiting.load(Ordering::Relaxed) < self.vapi.downloads
    }

    /// The older rest of a window in parts of equal time, each worth about a page; one part if that is all it is.
    fn parts(&self, window: &Window, page: &Page) -> Vec<Window> {
        let Some((oldest, newest)) = page.created.0.filter(|_| page.is_full() && self.may_split()) else {
            return Vec::new();
        };
        let floor = window
            .created_from
            .unwrap_or(self.now - self.settings.retention)
            .min(oldest);
        let (span, rest) = (millis(newest - oldest).max(1.0), millis(oldest - floor));
        // A page with as many rows as were asked for says nothing about how many Vapi would give.
        let limit = self.page_limit.load(Ordering::Relaxed);
        let room = if page.rows < page.limit {
            page.rows
        } else {
            page.rows.max(limit)
        };
        #[expect(clippy::cast_precision_loss, reason = "a page has at most a thousand rows")]
        let (rows, room) = (page.rows as f64, room as f64);
        #[expect(clippy::cast_possible_truncation, reason = "clamped to a few dozen")]
        let count = (rows * rest / span / (room * FILL))
            .ceil()
            .clamp(0.0, f64::from(MOST_PARTS)) as i32;
        if count < 2 {
            return Vec::new();
        }
        let step = (oldest - floor) / count;
        let mut parts: Vec<Window> = (0..count)
            .map(|index| {
                // Neighbours share an instant: an end that is read twice loses nothing.
                let created_to = oldest - step * index;
                let created_from = if index + 1 == count { floor } else { created_to - step };
                Window {
                    id: None,
                    created_from: Some(created_from),
                    created_to,
                    ..window.clone()
                }
            })
            .collect();
        if window.created_from.is_none() {
            parts.push(Window {
                id: None,
                created_from: None,
                created_to: floor,
                ..window.clone()
            });
        }
        parts
    }
}

/// Cuts a window whose pages are not newest first in two, since no page of it tells where the next begins.
fn halves(window: &Window, cursor: DateTime<Utc>, created: Span) -> Vec<Window> {
    let oldest = created.0.map_or(cursor, |(oldest, _)| oldest);
    let from = window.created_from.unwrap_or(oldest);
    let middle = if window.created_from.is_none() && oldest < cursor {
        oldest
    } else {
        from + (cursor - from) / 2
    };
    vec![
        Window {
            id: None,
            created_from: Some(middle),
            created_to: cursor,
            ..window.clone()
        },
        Window {
            id: None,
            created_to: middle,
            ..window.clone()
        },
    ]
}

/// One request for a page, which may be made again.
struct Attempt<'a> {
    walker: &'a Walker,
    course: &'a mut Course,
    query: Query,
    page: Page,
    ids: HashSet<u128>,
    failures: usize,
    tolerant: bool,
}

impl<'a> Attempt<'a> {
    fn of(walker: &'a Walker, course: &'a mut Course, query: Query) -> Self {
        let page = Page::with_limit(query.limit);
        Self {
            walker,
            course,
            query,
            page,
            ids: HashSet::new(),
            failures: 0,
            tolerant: false,
        }
    }

    async fn read(&mut self) -> Result<(), ReadError> {
        let result = self.try_read().await;
        if let Err(ReadError::Vapi(error)) = &result
            && error.may_be_size()
        {
            self.failures += 1;
            // Below the smallest cap it is not the size: the first, small page must not make all others small.
            if self.failures >= PATIENCE_WITH_SIZE && self.query.limit > SMALLEST_CAP {
                self.query.limit = (self.query.limit / 2).max(SMALLEST_CAP);
                self.walker.page_limit.fetch_min(self.query.limit, Ordering::Relaxed);
            }
        }
        result
    }

    async fn try_read(&mut self) -> Result<(), ReadError> {
        self.page = Page::with_limit(self.query.limit);
        self.ids.clear();
        let mut page = self.walker.vapi.page(Listed::Calls, &self.query).await?;
        while let Some(element) = page.next().await? {
            self.page.rows += 1;
            match document::call(&element) {
                Reading::Usable(call, odd) => {
                    self.page.note(&call);
                    self.ids.insert(seen::key(&call.id));
                    self.walker.take(self.course, *call, &odd);
                }
                Reading::Malformed(reject) if !self.tolerant => {
                    return Err(VapiError::Damaged(BrokenAnswer::Element(reject.reason)).into());
                }
                Reading::Unusable(reject) | Reading::Malformed(reject) => {
                    // A reject has no id of its own: its document tells it apart.
                    let key = u128::from_be_bytes(reject.document_hash);
                    if self.ids.insert(key) && self.walker.seen.sight(&format!("reject {key}"), None) == Sight::New {
                        self.walker.run.count(|counters| counters.records_fetched += 1);
                        self.course.batch.rejects.push(reject);
                    }
                }
            }
            self.walker.flush_if_full(self.course).await?;
        }
        Ok(())
    }

    fn finish(mut self) -> Page {
        self.page.new = self.ids.into_iter().filter(|id| self.course.ids.insert(*id)).count();
        self.page
    }
}

impl Course {
    /// The beginning of a window.
    pub(crate) fn of(window: &Window) -> Self {
        Self::with(Progress::of(window.id), window.created_to)
    }

    /// Calls that are read by their ids, and so belong to no window.
    pub(crate) fn by_id(now: DateTime<Utc>) -> Self {
        Self::with(Progress::of(None), now)
    }

    fn with(progress: Progress, cursor: DateTime<Utc>) -> Self {
        Self {
            progress: Arc::new(progress),
            batch: Batch::default(),
            ids: HashSet::new(),
            cursor,
        }
    }
}

impl Page {
    fn with_limit(limit: usize) -> Self {
        Self {
            rows: 0,
            new: 0,
            created: Span::default(),
            updated: Span::default(),
            sorted: true,
            limit,
        }
    }

    fn note(&mut self, call: &Call) {
        if let Some(created_at) = call.created_at {
            let created_at = created_at.trunc_subsecs(3);
            self.sorted &= self.created.0.is_none_or(|(oldest, _)| created_at <= oldest);
            self.created.include(created_at);
        }
        if let Some(updated_at) = call.updated_at {
            self.updated.include(updated_at.trunc_subsecs(3));
        }
    }

    /// Whether Vapi may have more than it gave.
    pub(crate) fn is_full(&self) -> bool {
        self.rows >= self.limit.min(SMALLEST_CAP)
    }
}

impl Span {
    fn include(&mut self, instant: DateTime<Utc>) {
        self.0 = Some(self.0.map_or((instant, instant), |(first, last)| {
            (first.min(instant), last.max(instant))
        }));
    }
}

impl Oddities {
    fn note(&self, id: &str, odd: &[Oddity]) {
        if odd.is_empty() {
            return;
        }
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for oddity in odd {
            noted.entry(*oddity).or_insert_with(|| (0, id.to_owned())).0 += 1;
        }
    }

    /// One warning a kind, however many calls it concerns.
    pub(crate) fn report(&self, run: &Run) {
        for (oddity, (count, example)) in self.0.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            let meta = json!({"calls": count, "example_call_id": example});
            run.warn(
                Step::Validate,
                format!("{count} calls: {oddity} (such as {example})"),
                meta,
            );
        }
    }
}

impl ReadError {
    fn is_transient(&self) -> bool {
        matches!(self, Self::Vapi(error) if error.is_transient())
    }
}

fn millis(span: TimeDelta) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of some years")]
    let millis = span.num_milliseconds() as f64;
    millis
}
