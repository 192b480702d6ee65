//! Lists the calls of one crowded millisecond: more of them than a page holds, and no cursor to go on with.
//!
//! Within the millisecond the calls are told apart by when they last changed, and where even that is one
//! instant, by their assistant. What may be missing even then is reported, never passed over.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use shared::clock::rfc3339;
use shared::run::Step;

use crate::page::{Course, ReadError, Span};
use crate::vapi::Query;
use crate::walk::Walker;

/// The most that Vapi gives in one page.
const LARGEST_PAGE: usize = 1000;

/// A part of the millisecond.
#[derive(Clone, Debug, Default)]
struct Cell {
    updated_from: Option<DateTime<Utc>>,
    updated_to: Option<DateTime<Utc>>,
    assistant_id: Option<String>,
}

/// Lists everything created at `instant`. A page of it with `crowd` rows made no progress.
pub(crate) async fn list(
    walker: &Walker,
    course: &mut Course,
    instant: DateTime<Utc>,
    crowd: usize,
) -> Result<(), ReadError> {
    let mut cells = vec![Cell::default()];
    while let Some(cell) = cells.pop() {
        let page = walker.page(course, cell.query(instant)).await?;
        // A page with as many rows as the one that was stuck may be cut off in the same way.
        if page.rows < crowd {
            continue;
        }
        if let Some(parts) = cell.split_by_change(page.updated) {
            cells.extend(parts);
        } else {
            if cell.assistant_id.is_none() {
                cells.extend(cell.split_by_assistant(walker));
            }
            report(walker, instant, page.rows);
        }
    }
    Ok(())
}

/// Calls without an assistant cannot be asked for, so that nobody can tell whether all of them were listed.
fn report(walker: &Walker, instant: DateTime<Utc>, listed: usize) {
    let text = format!(
        "more than {listed} calls were created, and last changed, in the millisecond {}: \
         Vapi has no way to list them all, and some without an assistant may be missing",
        rfc3339(instant)
    );
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

    fn split_by_assistant(&self, walker: &Walker) -> impl Iterator<Item = Self> {
        walker.assistant_ids.iter().map(|id| Self {
            assistant_id: Some(id.clone()),
            ..self.clone()
        })
    }
}
