//! Cuts a window into parts that are walked at the same time, or whose pages may be in order.

use chrono::{DateTime, TimeDelta, Utc};
use shared::store::sync_state::Window;

use crate::page::{Page, Span};

/// Windows that a dense one is split into at most.
const MOST_PARTS: i32 = 32;
/// How full the pages of a part should be: bursts make some parts fuller than the average says.
const FILL: f64 = 0.75;

/// The part of a window that is older than a page, in parts of equal time, each worth about a page; none if that is one.
///
/// Nothing older than `floor` is served. A page with as many rows as were asked for says nothing of how many Vapi would
/// give: `page_limit` is the most that is asked for.
pub(crate) fn by_density(window: &Window, page: &Page, floor: DateTime<Utc>, page_limit: usize) -> Vec<Window> {
    let Some((oldest, newest)) = page.created.0.filter(|_| page.is_full()) else {
        return Vec::new();
    };
    // A page of one instant says nothing of how dense the others are.
    if oldest == newest {
        return Vec::new();
    }
    let floor = window.created_from.unwrap_or(floor).min(oldest);
    let (span, rest) = (millis(newest - oldest).max(1.0), millis(oldest - floor));
    let room = if page.rows < page.limit {
        page.rows
    } else {
        page.rows.max(page_limit)
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
            part(window, Some(created_from), created_to)
        })
        .collect();
    if window.created_from.is_none() {
        parts.push(part(window, None, floor));
    }
    parts
}

/// A window whose pages are not newest first, in two: no page of it tells where the next begins.
pub(crate) fn in_halves(window: &Window, upper: DateTime<Utc>, created: Span) -> Vec<Window> {
    let oldest = created.0.map_or(upper, |(oldest, _)| oldest);
    let from = window.created_from.unwrap_or(oldest);
    let middle = if window.created_from.is_none() && oldest < upper {
        oldest
    } else {
        from + (upper - from) / 2
    };
    vec![
        part(window, Some(middle), upper),
        part(window, window.created_from, middle),
    ]
}

fn part(window: &Window, created_from: Option<DateTime<Utc>>, created_to: DateTime<Utc>) -> Window {
    Window {
        id: None,
        created_from,
        created_to,
        ..window.clone()
    }
}

fn millis(span: TimeDelta) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of some years")]
    let millis = span.num_milliseconds() as f64;
    millis
}
