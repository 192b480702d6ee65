//! Lists the calls of one crowded millisecond: more of them than a page holds, and no cursor to go on with.
//!
//! Within the millisecond the calls are told apart by when they last changed, and where even that is one
//! instant, by their assistant. A call that has no time of a last change is in none of these parts: Vapi's own count
//! says whether any is missing, and where there is none, the run says that some may be.

use std::collections::HashSet;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use shared::platform::clock::rfc3339;
use shared::run::Step;

use crate::page::{ReadError, Span, WindowCursor};
use crate::vapi::Query;
use crate::walker::Walker;

/// The most that Vapi gives in one page.
const LARGEST_PAGE: usize = 1000;

/// A part of the millisecond.
#[derive(Clone, Debug, Default)]
struct Cell {
    updated_from: Option<DateTime<Utc>>,
    updated_to: Option<DateTime<Utc>>,
    assistant_id: Option<String>,
}

/// What the pages of the millisecond held.
#[derive(Debug, Default)]
struct Found {
    ids: HashSet<u128>,
    /// Parts were made by the time of the last change, which a call may not have.
    was_split: bool,
    /// It was told that calls may be missing.
    was_told: bool,
}

/// Lists everything created at `instant`. A page of it with `crowd` rows made no progress.
pub(crate) async fn list(
    walker: &Walker,
    cursor: &mut WindowCursor,
    instant: DateTime<Utc>,
    crowd: usize,
) -> Result<(), ReadError> {
    let mut found = Found::default();
    let mut cells = vec![Cell::default()];
    while let Some(cell) = cells.pop() {
        let page = walker.page(cursor, cell.query(instant)).await?;
        found.ids.extend(&page.ids);
        // A page with as many rows as the one that was stuck may be cut off in the same way.
        if page.rows < crowd {
            continue;
        }
        if let Some(parts) = cell.split_by_change(page.updated) {
            found.was_split = true;
            cells.extend(parts);
        } else {
            if cell.assistant_id.is_none() {
                cells.extend(cell.split_by_assistant(walker));
            }
            report(
                walker,
                instant,
                &format!(
                    "more than {} calls were created, and last changed, in the millisecond {}: \
                     Vapi has no way to list them all, and some without an assistant may be missing",
                    page.rows,
                    rfc3339(instant)
                ),
                page.rows,
            );
            found.was_told = true;
        }
    }
    if found.was_split && !found.was_told {
        find_never_changed(walker, cursor, instant, found).await?;
    }
    Ok(())
}

/// Looks for the calls that no part held since they have no time of a last change.
async fn find_never_changed(
    walker: &Walker,
    cursor: &mut WindowCursor,
    instant: DateTime<Utc>,
    mut found: Found,
) -> Result<(), ReadError> {
    let counted = walker
        .vapi
        .count_between(instant, instant + TimeDelta::milliseconds(1))
        .await;
    let is_complete = |found: &Found| matches!(&counted, Ok(calls) if i64::try_from(found.ids.len()).is_ok_and(|listed| listed >= *calls));
    if is_complete(&found) {
        return Ok(());
    }
    for cell in Cell::default().split_by_assistant(walker) {
        let page = walker.page(cursor, cell.query(instant)).await?;
        found.ids.extend(&page.ids);
    }
    if !is_complete(&found) {
        let counted = counted.map_or_else(
            |_| "Vapi does not say how many there are".to_owned(),
            |calls| format!("Vapi counts {calls}"),
        );
        let text = format!(
            "{} calls were listed that were created in the millisecond {}, more than a page holds; {counted}, \
             and those without an `updatedAt` may be missing",
            found.ids.len(),
            rfc3339(instant)
        );
        report(walker, instant, &text, found.ids.len());
    }
    Ok(())
}

/// Calls without an assistant cannot be asked for, so that nobody can tell whether all of them were listed.
fn report(walker: &Walker, instant: DateTime<Utc>, text: &str, listed: usize) {
    if !walker.listing.is_news(instant) {
        return;
    }
    walker.run.warn(
        Step::Fetch,
        text,
        json!({"instant": rfc3339(instant), "listed": listed}),
    );
    walker.run.note_one_more("unlisted_instants", json!(rfc3339(instant)));
}

impl Cell {
    fn query(&self, instant: DateTime<Utc>) -> Query {
        Query {
            created_from: Some(instant),
            created_to: Some(instant),
            updated_from: self.updated_from,
            updated_to: self.updated_to,
            assistant_id: self.assistant_id.clone(),
            limit: LARGEST_PAGE,
        }
    }

    /// Smaller cells that together hold what this one does; `None` if all of it last changed in one millisecond.
    fn split_by_change(&self, updated: Span) -> Option<Vec<Self>> {
        let (first, last) = updated.0?;
        let step = TimeDelta::milliseconds(1);
        if first < last {
            let middle = first + TimeDelta::milliseconds((last - first).num_milliseconds() / 2);
            return Some(vec![
                Self {
                    updated_to: Some(middle),
                    ..self.clone()
                },
                Self {
                    updated_from: Some(middle + step),
                    ..self.clone()
                },
            ]);
        }
        ((self.updated_from, self.updated_to) != (Some(first), Some(first))).then(|| {
            vec![
                Self {
                    updated_to: Some(first - step),
                    ..self.clone()
                },
                Self {
                    updated_from: Some(first),
                    updated_to: Some(first),
                    ..self.clone()
                },
                Self {
                    updated_from: Some(first + step),
                    ..self.clone()
                },
            ]
        })
    }

    fn split_by_assistant<'a>(&'a self, walker: &'a Walker) -> impl Iterator<Item = Self> + 'a {
        walker.assistant_ids.iter().map(|id| Self {
            assistant_id: Some(id.clone()),
            ..self.clone()
        })
    }
}
