//! Walks one window of creation time, newest → oldest, page by page, losing no call.
//!
//! Vapi has no cursor. The next page begins where the last one ended, that millisecond included, and what
//! comes twice is dropped by id. A walk ends on an empty page or on one without a new id, never because a
//! page is short: Vapi may cap a page below what was asked. A window that proves dense gives its older
//! part away to be walked at the same time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result, anyhow};
use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use serde_json::json;
use shared::platform::clock::rfc3339;
use shared::platform::config;
use shared::run::{Run, Step};
use shared::store::sync_state::{Pass, Window};

use crate::instant;
use crate::listing::Listing;
use crate::oddities::Oddities;
use crate::organisation::Organisation;
use crate::page::{Course, Page, ReadError, SMALLEST_CAP, Span};
use crate::reach::{Ask, Reach};
use crate::seen::Seen;
use crate::vapi::{Query, Vapi, VapiError};
use crate::write::Writers;

/// Windows that a dense one is split into at most.
const MOST_PARTS: i32 = 32;
/// How full the pages of a part should be: bursts make some parts fuller than the average says.
const FILL: f64 = 0.75;
/// How far into the future calls are looked for where no page tells which is the newest.
const FUTURE: TimeDelta = TimeDelta::days(1);

/// What all walkers of a run share.
#[derive(Clone)]
pub(crate) struct Walker {
    pub(crate) vapi: Arc<Vapi>,
    pub(crate) run: Arc<Run>,
    pub(crate) seen: Arc<Seen>,
    pub(crate) writers: Arc<Writers>,
    pub(crate) oddities: Arc<Oddities>,
    pub(crate) listing: Arc<Listing>,
    pub(crate) organisation: Arc<Organisation>,
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
pub(crate) struct Walked {
    /// Parts of the window that are for others.
    pub(crate) parts: Vec<Window>,
    /// Time ran out; what is left of the window stays open.
    pub(crate) is_cut: bool,
    /// Where every call that Vapi lists was read; a walk through changed calls shows that of no stretch.
    pub(crate) read: Option<Stretch>,
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
    /// A walk that came down to the course's cursor, or to the end of the window.
    fn of(window: &Window, course: &Course, is_at_end: bool) -> Self {
        let from = if is_at_end {
            window.created_from
        } else {
            Some(course.cursor + TimeDelta::milliseconds(1))
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
        let mut course = Course::of(&window);
        let mut reach = Reach::of(self.now - self.settings.retention);
        let (asked_from, mut refusal) = (window.created_from, None);
        let (mut is_open_ended, mut is_at_end) = (self.is_open_ended(&window), false);
        let parts = loop {
            let query = self.query(&window, &course, is_open_ended);
            let Some(page) = self.in_time(self.page(&mut course, query)).await else {
                return self.cut(&window, course).await;
            };
            let page = match page {
                Err(ReadError::Vapi(VapiError::BeyondRetention { message })) => {
                    refusal = Some(message);
                    window.created_from = match reach.refused(window.created_from, course.cursor) {
                        Ask::Since(later) => Some(later),
                        Ask::WithoutBound => None,
                        Ask::NoMore => break Vec::new(),
                    };
                    continue;
                }
                page => page.with_context(|| format!("listing calls created up to {}", rfc3339(course.cursor)))?,
            };
            if page.is_full() && !page.sorted {
                let upper = if is_open_ended {
                    course.cursor + FUTURE
                } else {
                    course.cursor
                };
                let mut halves = halves(&window, upper, page.created);
                halves.extend(reach.rest(&window));
                break self.writers.hand_over(&window, course.cursor, halves).await?;
            }
            match page.created.0 {
                Some((oldest, _)) if page.new > 0 && (is_open_ended || oldest < course.cursor.trunc_subsecs(3)) => {
                    (course.cursor, is_open_ended) = (oldest, false);
                }
                Some((instant, _)) if page.is_full() && instant >= course.cursor.trunc_subsecs(3) => {
                    let Some(listed) = self
                        .in_time(instant::list(&self, &mut course, instant, page.rows))
                        .await
                    else {
                        return self.cut(&window, course).await;
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
                _ if page.new == 0 => {
                    let Some(further) = reach.further(window.created_from) else {
                        is_at_end = true;
                        break Vec::new();
                    };
                    course.cursor = window.created_from.unwrap_or(course.cursor);
                    window.created_from = Some(further);
                    continue;
                }
                _ => continue,
            }
            let mut parts = self.parts(&window, &page, reach.floor());
            if parts.len() > 1 {
                parts.extend(reach.rest(&window));
                break self.writers.hand_over(&window, course.cursor, parts).await?;
            }
        };
        if let Some(message) = refusal {
            self.report_gap(window.pass, asked_from, course.cursor, &message);
        }
        self.flush(&mut course, true).await?;
        Ok(Walked {
            parts,
            ..Walked::of(&window, &course, is_at_end)
        })
    }

    /// Time ran out: keeps what was read.
    async fn cut(&self, window: &Window, mut course: Course) -> Result<Walked> {
        self.flush(&mut course, false).await?;
        Ok(Walked {
            is_cut: true,
            ..Walked::of(window, &course, false)
        })
    }

    /// Whether a window ends now: then what Vapi dates later than our clock says is asked for with it.
    fn is_open_ended(&self, window: &Window) -> bool {
        window.pass != Pass::Range && window.created_to == self.now
    }

    fn query(&self, window: &Window, course: &Course, is_open_ended: bool) -> Query {
        Query {
            created_from: window.created_from,
            created_to: (!is_open_ended).then_some(course.cursor),
            updated_from: window.updated_from,
            limit: self.limit(window, course),
            ..Query::default()
        }
    }

    /// The first page of everything there is only tells how dense it is, so that it is soon read by several at once.
    fn limit(&self, window: &Window, course: &Course) -> usize {
        let limit = self.page_limit.load(Ordering::Relaxed);
        let knows_nothing = window.pass == Pass::Full && window.created_from.is_none() && course.is_fresh();
        if knows_nothing && self.vapi.downloads > 1 {
            limit.min(SMALLEST_CAP)
        } else {
            limit
        }
    }

    /// `None` once it is time for the checkpoint.
    pub(crate) async fn in_time<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let left = (self.run.checkpoint_at() - shared::platform::clock::now())
            .to_std()
            .ok()?;
        tokio::time::timeout(left, work).await.ok()
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

    /// Each part costs a request that finds its end, so a window is split only where somebody is short of work.
    fn may_split(&self) -> bool {
        self.vapi.downloads > 1 && self.waiting.load(Ordering::Relaxed) < self.vapi.downloads
    }

    /// The older rest of a window in parts of equal time, each worth about a page; one part if that is all it is.
    fn parts(&self, window: &Window, page: &Page, floor: DateTime<Utc>) -> Vec<Window> {
        let Some((oldest, newest)) = page.created.0.filter(|_| page.is_full() && self.may_split()) else {
            return Vec::new();
        };
        // A page of one instant says nothing of how dense the others are.
        if oldest == newest {
            return Vec::new();
        }
        let floor = window.created_from.unwrap_or(floor).min(oldest);
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

fn millis(span: TimeDelta) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of some years")]
    let millis = span.num_milliseconds() as f64;
    millis
}
