//! Walks one window of creation time, newest → oldest, page by page, losing no call.
//!
//! Vapi has no cursor. The next page begins where the last one ended, that millisecond included, and what
//! comes twice is dropped by id. A walk ends on an empty page or on one without a new id, never because a
//! page is short: Vapi may cap a page below what was asked. A window that proves dense gives its older
//! part away to be walked at the same time.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;

use anyhow::{Context, Result, anyhow};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use shared::platform::clock::rfc3339;
use shared::run::Step;
use shared::store::sync_state::{Pass, Window};
use tokio::task::JoinSet;

use crate::dense_millisecond;
use crate::handover::hand_over;
use crate::next_step::{self, NextStep, Position};
use crate::page::{ReadError, SMALLEST_CAP, WindowCursor};
use crate::retention_probe::{Ask, RetentionProbe};
use crate::vapi::{Query, VapiError};
use crate::walker::Walker;
use crate::write::raise;

/// How a walk ended.
#[derive(Debug, PartialEq)]
pub(crate) struct Walked {
    /// Parts of the window that are for others.
    pub(crate) parts: Vec<Window>,
    /// Time ran out; what is left of the window stays open.
    pub(crate) is_cut: bool,
    /// Where every call that Vapi lists was read; a walk through changed calls shows that of no stretch.
    pub(crate) read: Option<Stretch>,
}

/// What walking some windows came to.
#[derive(Default)]
pub(crate) struct Walks {
    /// Windows that time did not suffice for.
    pub(crate) left: usize,
    /// Where every call that Vapi lists was read.
    pub(crate) read: Vec<Stretch>,
}

/// A stretch of creation time, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stretch {
    /// Where it begins; absent where it goes back as far as Vapi does.
    pub(crate) from: Option<DateTime<Utc>>,
    /// Where it ends.
    pub(crate) to: DateTime<Utc>,
}

impl Walked {
    /// A walk that came down to the cursor, or to the end of the window.
    fn of(window: &Window, cursor: &WindowCursor, is_at_end: bool) -> Self {
        let from = if is_at_end {
            window.created_from
        } else {
            Some(cursor.at + TimeDelta::milliseconds(1))
        };
        Self {
            parts: Vec::new(),
            is_cut: false,
            read: window.updated_from.is_none().then_some(Stretch {
                from,
                to: window.created_to,
            }),
        }
    }
}

impl Walker {
    /// Walks a window to its end, or until time runs out.
    pub(crate) async fn walk(self, mut window: Window) -> Result<Walked> {
        let mut cursor = WindowCursor::of(&window);
        let mut retention = RetentionProbe::of(self.now - self.settings.retention);
        let (asked_from, mut refusal) = (window.created_from, None);
        let (mut is_open_ended, mut is_at_end) = (self.is_open_ended(&window), false);
        let parts = loop {
            let query = self.query(&window, &cursor, is_open_ended);
            let Some(page) = self.in_time(self.page(&mut cursor, query)).await else {
                return self.cut(&window, cursor).await;
            };
            let page = match page {
                Err(ReadError::Vapi(VapiError::BeyondRetention { message })) => {
                    refusal = Some(message);
                    window.created_from = match retention.refused(window.created_from, cursor.at) {
                        Ask::Since(later) => Some(later),
                        Ask::WithoutBound => None,
                        Ask::NoMore => break Vec::new(),
                    };
                    continue;
                }
                page => page.with_context(|| format!("listing calls created up to {}", rfc3339(cursor.at)))?,
            };
            let position = Position {
                window: &window,
                cursor: cursor.at,
                is_open_ended,
                may_split: self.may_split(),
            };
            match next_step::after(&page, position, &retention) {
                NextStep::Page(oldest) => (cursor.at, is_open_ended) = (oldest, false),
                NextStep::SamePage => {}
                NextStep::DenseMillisecond(instant) => {
                    let listing = dense_millisecond::list(&self, &mut cursor, instant, page.rows);
                    let Some(listed) = self.in_time(listing).await else {
                        return self.cut(&window, cursor).await;
                    };
                    listed?;
                    cursor.at = instant - TimeDelta::milliseconds(1);
                }
                NextStep::HandOver(read_to, parts) => {
                    cursor.at = read_to;
                    break hand_over(self.writers.pool(), &window, read_to, parts).await?;
                }
                NextStep::Further(further) => {
                    cursor.at = window.created_from.unwrap_or(cursor.at);
                    window.created_from = Some(further);
                }
                NextStep::End => {
                    is_at_end = true;
                    break Vec::new();
                }
                NextStep::Stuck => {
                    return Err(anyhow!(
                        "no call of a full page has a readable `createdAt`: the listing cannot be continued"
                    ));
                }
            }
        };
        if let Some(message) = refusal {
            self.report_gap(window.pass, asked_from, cursor.at, &message);
        }
        self.flush(&mut cursor, true).await?;
        Ok(Walked {
            parts,
            ..Walked::of(&window, &cursor, is_at_end)
        })
    }

    /// Time ran out: keeps what was read.
    async fn cut(&self, window: &Window, mut cursor: WindowCursor) -> Result<Walked> {
        self.flush(&mut cursor, false).await?;
        Ok(Walked {
            is_cut: true,
            ..Walked::of(window, &cursor, false)
        })
    }

    /// Whether a window ends now: then what Vapi dates later than our clock says is asked for with it.
    fn is_open_ended(&self, window: &Window) -> bool {
        window.pass != Pass::Range && window.created_to == self.now
    }

    fn query(&self, window: &Window, cursor: &WindowCursor, is_open_ended: bool) -> Query {
        Query {
            created_from: window.created_from,
            created_to: (!is_open_ended).then_some(cursor.at),
            updated_from: window.updated_from,
            limit: self.limit(window, cursor),
            ..Query::default()
        }
    }

    /// The first page of everything there is only tells how dense it is, so that it is soon read by several at once.
    fn limit(&self, window: &Window, cursor: &WindowCursor) -> usize {
        let limit = self.page_limit.load(Ordering::Relaxed);
        let knows_nothing = window.pass == Pass::Full && window.created_from.is_none() && cursor.is_fresh();
        if knows_nothing && self.vapi.downloads > 1 {
            limit.min(SMALLEST_CAP)
        } else {
            limit
        }
    }

    /// Vapi did not serve all of a window: says from where on it did.
    fn report_gap(&self, pass: Pass, asked_from: Option<DateTime<Utc>>, served_from: DateTime<Utc>, message: &str) {
        // A changed call that is gone from Vapi was stored before, and a last look begins at the very end.
        if matches!(pass, Pass::Changed | Pass::LastLook) {
            return;
        }
        let gap = json!({"from": asked_from.map(rfc3339), "to": rfc3339(served_from), "said": message});
        self.run.note_one_more("retention_gaps", gap);
        if asked_from.is_some() {
            let text = format!(
                "Vapi does not serve calls created before {} any more: {message}",
                rfc3339(served_from)
            );
            self.run.warn(Step::Fetch, text, json!({"pass": pass.as_str()}));
        }
    }

    /// The most calls that a page is asked for, if a window may be split: each part costs a request that finds its end, so
    /// that it is worth it only where somebody is short of work.
    fn may_split(&self) -> Option<usize> {
        let is_short_of_work = self.vapi.downloads > 1 && self.waiting.load(Ordering::Relaxed) < self.vapi.downloads;
        is_short_of_work.then(|| self.page_limit.load(Ordering::Relaxed))
    }
}

/// Walks the windows, a few at once, and the parts that they give away, until all is read or time is up.
pub(crate) async fn all(walker: &Walker, windows: Vec<Window>, downloads: usize) -> Result<Walks> {
    let mut queue = VecDeque::from(windows);
    let mut tasks = JoinSet::new();
    let mut walks = Walks::default();
    loop {
        while tasks.len() < downloads && !walker.run.is_out_of_time() {
            let Some(window) = queue.pop_front() else { break };
            tasks.spawn(walker.clone().walk(window));
        }
        walker.waiting.store(queue.len(), Ordering::Relaxed);
        let Some(ended) = tasks.join_next().await.map(raise).transpose()? else {
            walks.left += queue.len();
            return Ok(walks);
        };
        walks.left += usize::from(ended.is_cut);
        walks.read.extend(ended.read);
        queue.extend(ended.parts);
    }
}
