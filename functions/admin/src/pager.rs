//! From page to page of a list, by the place of its first and last row.

use chrono::{DateTime, Utc};
use shared::run::list::{Part, Place};
use uuid::Uuid;

use crate::error::PageError;
use crate::parameters::{self, Key, Parameters};

/// The links at a list's end.
#[derive(Debug, Default)]
pub(crate) struct Pager {
    /// What comes before the page.
    pub(crate) back: Option<String>,
    /// What comes after it.
    pub(crate) on: Option<String>,
}

/// The part of a list of runs, newest first, that an address asks for.
pub(crate) fn newest_first(parameters: &Parameters) -> Result<Part, PageError> {
    Ok(match parameters.place()? {
        parameters::Place::Newest => Part::First,
        parameters::Place::Before(key) => Part::After(place(&key, "before")?),
        parameters::Place::After(key) => Part::Before(place(&key, "after")?),
    })
}

/// The part of a list of log lines, oldest first, that an address asks for.
pub(crate) fn oldest_first(parameters: &Parameters) -> Result<Part, PageError> {
    Ok(match parameters.place()? {
        parameters::Place::Newest => Part::First,
        parameters::Place::Before(key) => Part::Before(place(&key, "before")?),
        parameters::Place::After(key) => Part::After(place(&key, "after")?),
    })
}

/// As the address of a page has it.
pub(crate) fn key((at, id): Place) -> Key {
    Key { at, id: id.to_string() }
}

impl Pager {
    /// Takes the row too many, which only says that there is more, and links to what is around the others.
    pub(crate) fn newest_first<T>(
        parameters: &Parameters,
        part: Part,
        rows: &mut Vec<T>,
        most: i64,
        place: impl Fn(&T) -> (DateTime<Utc>, Uuid),
    ) -> Self {
        let (is_first, is_last) = cut(part, rows, most);
        let link = |row: Option<&T>| row.map(|row| key(place(row)));
        Self {
            back: link(rows.first())
                .filter(|_| !is_first)
                .map(|key| parameters.after(&key)),
            on: link(rows.last())
                .filter(|_| !is_last)
                .map(|key| parameters.before(&key)),
        }
    }

    /// The same for a list that begins with its oldest row.
    pub(crate) fn oldest_first<T>(
        parameters: &Parameters,
        part: Part,
        rows: &mut Vec<T>,
        most: i64,
        place: impl Fn(&T) -> (DateTime<Utc>, Uuid),
    ) -> Self {
        let (is_first, is_last) = cut(part, rows, most);
        let link = |row: Option<&T>| row.map(|row| key(place(row)));
        Self {
            back: link(rows.first())
                .filter(|_| !is_first)
                .map(|key| parameters.before(&key)),
            on: link(rows.last()).filter(|_| !is_last).map(|key| parameters.after(&key)),
        }
    }
}

/// Whether the rows are the first of their list, and whether they are the last.
fn cut<T>(part: Part, rows: &mut Vec<T>, most: i64) -> (bool, bool) {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let is_all = rows.len() <= most;
    match part {
        Part::Before(_) => {
            rows.drain(..rows.len().saturating_sub(most));
            (is_all, false)
        }
        Part::First | Part::After(_) => {
            rows.truncate(most);
            (part == Part::First, is_all)
        }
    }
}

fn place(key: &Key, name: &'static str) -> Result<Place, PageError> {
    let id = Uuid::parse_str(&key.id).map_err(|_| PageError::Parameter {
        name,
        expected: "a place that a page of this list links to",
    })?;
    Ok((key.at, id))
}
