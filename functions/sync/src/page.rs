//! Reads one page of a window, with tries, into the window's batch.
//!
//! [`walk`](crate::walk) ─▶ [`Walker::page`] ─▶ a stream of elements ─▶ [`document`] ─▶ [`Batch`] ─▶ writers

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use anyhow::Result;
use backon::RetryableWithContext;
use chrono::{DateTime, SubsecRound, Utc};
use shared::domain::call::Call;
use shared::domain::document::{self, Oddity, Reading};
use shared::platform::telemetry;
use shared::store::sync_state::Window;

use crate::batch::Batch;
use crate::dedup::{self, Sighting};
use crate::organisation::Foreign;
use crate::progress::Progress;
use crate::vapi::{BrokenAnswer, Listed, Query, VapiError};
use crate::walker::Walker;

/// No cap below this was ever reported: a page with fewer rows is one that Vapi had no more for.
pub(crate) const SMALLEST_CAP: usize = 100;
/// Failures of one request after which a smaller page is asked for.
const PATIENCE_WITH_SIZE: usize = 2;

/// Rows that are read before others get their turn: where Vapi is fast, a page never waits, and the answers of
/// the database would stay unread meanwhile.
const ROWS_A_TURN: usize = 8;

/// A page could not be read, or what was read could not be handed on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    #[error(transparent)]
    Vapi(#[from] VapiError),
    #[error(transparent)]
    Foreign(#[from] Foreign),
    #[error(transparent)]
    Write(#[from] anyhow::Error),
}

/// One window on its way.
pub(crate) struct WindowCursor {
    progress: Arc<Progress>,
    batch: Batch,
    /// The calls of this window alone: another window's are no sign that this one makes no progress.
    ids: HashSet<u128>,
    /// Where the next page begins; everything after it is read.
    pub(crate) at: DateTime<Utc>,
}

/// What a page held.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    /// Elements, usable or not.
    pub(crate) rows: usize,
    /// Calls that this window had not shown before.
    pub(crate) new: usize,
    /// What tells its elements apart.
    pub(crate) ids: HashSet<u128>,
    /// The creation times that could be read.
    pub(crate) created: Span,
    /// The times of the last change.
    pub(crate) updated: Span,
    /// Whether the page is newest first.
    pub(crate) sorted: bool,
    /// The limit that it was asked with.
    pub(crate) limit: usize,
}

/// The earliest and latest of some instants, cut to the millisecond.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span(pub(crate) Option<(DateTime<Utc>, DateTime<Utc>)>);

impl Walker {
    /// Reads one page into the window's batch, with tries; a page that does not come through is asked for smaller.
    pub(crate) async fn page<'a>(&'a self, cursor: &'a mut WindowCursor, query: Query) -> Result<Page, ReadError> {
        let mut attempt = Attempt::of(self, cursor, query);
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
    pub(crate) async fn one(&self, id: &str, cursor: &mut WindowCursor) -> Result<bool, ReadError> {
        let element = match self.vapi.call(id).await {
            Ok(element) => element,
            Err(VapiError::NotFound | VapiError::BeyondRetention { .. }) => return Ok(false),
            Err(error) => return Err(error.into()),
        };
        match document::call(&element) {
            Reading::Usable(call, odd) => {
                self.organisation.check(call.org_id.as_deref())?;
                self.take(cursor, *call, &odd);
            }
            Reading::Unusable(reject) | Reading::Malformed(reject) => cursor.batch.rejects.push(reject),
        }
        self.flush_if_full(cursor).await?;
        Ok(true)
    }

    /// Hands on what is left of the batch; `whole` closes its window once all of it is stored.
    pub(crate) async fn flush(&self, cursor: &mut WindowCursor, whole: bool) -> Result<()> {
        let batch = std::mem::take(&mut cursor.batch);
        self.writers.submit(batch, &cursor.progress, None).await?;
        if whole {
            self.writers.window_is_walked(&cursor.progress).await?;
        }
        Ok(())
    }

    async fn flush_if_full(&self, cursor: &mut WindowCursor) -> Result<()> {
        if !cursor.batch.is_full() {
            return Ok(());
        }
        let batch = std::mem::take(&mut cursor.batch);
        // The place is where this page began: an order that turns out not to be newest first loses nothing.
        self.writers.submit(batch, &cursor.progress, Some(cursor.at)).await
    }

    fn take(&self, cursor: &mut WindowCursor, call: Call, odd: &[Oddity]) {
        match self.seen.sight(&call.id, call.updated_at, call.document_hash) {
            Sighting::New => {
                self.listing.count_first(&call);
                self.run.count(|counters| counters.records_fetched += 1);
                self.oddities.note(&call.id, odd);
                cursor.batch.push(call);
            }
            Sighting::Other => cursor.batch.push_again(call, self.now),
            Sighting::Later => cursor.batch.push_later(call, self.now),
            Sighting::Same => {}
        }
    }
}

/// One request for a page, which may be made again.
struct Attempt<'a> {
    walker: &'a Walker,
    cursor: &'a mut WindowCursor,
    query: Query,
    page: Page,
    ids: HashSet<u128>,
    failures: usize,
    tolerant: bool,
}

impl<'a> Attempt<'a> {
    fn of(walker: &'a Walker, cursor: &'a mut WindowCursor, query: Query) -> Self {
        let page = Page::with_limit(query.limit);
        Self {
            walker,
            cursor,
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
                    self.walker.organisation.check(call.org_id.as_deref())?;
                    self.walker.listing.count(&call);
                    self.page.note(&call);
                    self.ids.insert(dedup::key(&call.id));
                    self.walker.take(self.cursor, *call, &odd);
                }
                Reading::Malformed(reject) if !self.tolerant => {
                    return Err(VapiError::Damaged(BrokenAnswer::Element(reject.reason)).into());
                }
                Reading::Unusable(reject) | Reading::Malformed(reject) => {
                    // A reject has no id of its own: its document tells it apart.
                    let key = u128::from_be_bytes(reject.document_hash);
                    let id = format!("reject {key}");
                    if self.ids.insert(key) && self.walker.seen.sight(&id, None, reject.document_hash) == Sighting::New
                    {
                        self.walker.run.count(|counters| counters.records_fetched += 1);
                        self.cursor.batch.rejects.push(reject);
                    }
                }
            }
            self.walker.flush_if_full(self.cursor).await?;
            if self.page.rows.is_multiple_of(ROWS_A_TURN) {
                tokio::task::yield_now().await;
            }
        }
        Ok(())
    }

    fn finish(mut self) -> Page {
        self.page.new = self.ids.iter().filter(|id| self.cursor.ids.insert(**id)).count();
        self.page.ids = self.ids;
        self.page
    }
}

impl WindowCursor {
    /// Whether no call of the window was read yet.
    pub(crate) fn is_fresh(&self) -> bool {
        self.ids.is_empty()
    }

    /// The beginning of a window.
    pub(crate) fn of(window: &Window) -> Self {
        Self::with(Progress::of(window.id), window.created_to)
    }

    /// Calls that are read by their ids, and so belong to no window.
    pub(crate) fn by_id(now: DateTime<Utc>) -> Self {
        Self::with(Progress::of(None), now)
    }

    fn with(progress: Progress, at: DateTime<Utc>) -> Self {
        Self {
            progress: Arc::new(progress),
            batch: Batch::default(),
            ids: HashSet::new(),
            at,
        }
    }
}

impl Page {
    pub(crate) fn with_limit(limit: usize) -> Self {
        Self {
            rows: 0,
            new: 0,
            ids: HashSet::new(),
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

impl ReadError {
    fn is_transient(&self) -> bool {
        matches!(self, Self::Vapi(error) if error.is_transient())
    }
}
