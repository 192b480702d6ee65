//! The list of runs, filtered, page by page or whole.

use chrono::{DateTime, Utc};
use futures::stream::{BoxStream, StreamExt as _};
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

use super::Status;
use super::row::{Row, select_runs};
use super::text::containing;
use crate::platform::db::{DbError, Executor};

/// Which runs; those that began at `from` or later, and before `to`.
#[derive(Clone, Debug)]
pub struct Filter {
    /// The first instant that counts.
    pub from: DateTime<Utc>,
    /// The first that no longer does.
    pub to: DateTime<Utc>,
    /// Only runs of this script.
    pub script_name: Option<String>,
    /// Only runs that stand like this.
    pub status: Option<Status>,
    /// Only runs that were asked for by this one.
    pub triggered_by: Option<String>,
    /// Only runs with this text in what they failed of or who asked, or at the beginning of their or their batch's id.
    pub text: Option<String>,
}

/// A row's place in a list that is sorted by time and id.
pub type Place = (DateTime<Utc>, Uuid);

/// What part of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Its beginning.
    First,
    /// What comes after this row.
    After(Place),
    /// What comes right before this row.
    Before(Place),
}

/// The fewest digits that are taken for the beginning of an id.
const PREFIX: usize = 4;

/// The condition of a [`Filter`], in terms of `$2` to `$9`.
///
/// What a text is looked for in has an index for each kind: as one condition, all runs would be read for a text that
/// few have. Of who asked, the first hundred letters count, and there are few that ask.
macro_rules! select_matching {
    ($rest:literal) => {
        select_runs!(
            r"
            where started_at >= $2
              and started_at < $3
              and ($4::text is null or script_name = $4)
              and ($5::text is null or status = $5)
              and ($6::text is null or (left(triggered_by, 100) = left($6, 100) and triggered_by = $6))
              and ($7::text is null
                   or left(triggered_by, 100) = any (array(
                       with recursive asking (name) as (
                           select min(left(triggered_by, 100)) from runs
                           union all
                           select (select min(left(triggered_by, 100)) from runs where left(triggered_by, 100) > name)
                           from asking
                           where name is not null
                       )
                       select name from asking where name ilike $7
                   ))
                   or id in (
                       select id
                       from runs
                       where error_message is not null
                         and started_at >= $2
                         and started_at < $3
                         and error_message ilike $7
                       union all
                       select id
                       from runs
                       where status = 'skipped'
                         and started_at >= $2
                         and started_at < $3
                         and metadata ->> 'reason' ilike $7
                       union all
                       select id from runs where id between $8 and $9
                       union all
                       select id from runs where batch_id between $8 and $9
                   ))
            ",
            $rest
        )
    };
}

/// A part of the list, newest first; long texts are cut.
pub async fn page(db: &impl Executor, filter: &Filter, part: Part, limit: i64) -> Result<Vec<Row>, DbError> {
    let terms = Terms::of(filter);
    let (sql, place) = match part {
        Part::First => (OLDER, None),
        Part::After(place) => (OLDER, Some(place)),
        Part::Before(place) => (NEWER, Some(place)),
    };
    let (at, id) = place.unzip();
    let mut parameters = terms.parameters(&false);
    parameters.extend([
        (&at as &(dyn ToSql + Sync), Type::TIMESTAMPTZ),
        (&id, Type::UUID),
        (&limit, Type::INT8),
    ]);
    let rows = db.query_typed(sql, &parameters).await?;
    let mut rows: Vec<Row> = rows.iter().map(Row::try_from).collect::<Result<_, _>>()?;
    if matches!(part, Part::Before(_)) {
        rows.reverse();
    }
    Ok(rows)
}

/// The whole list, newest first, row by row.
pub async fn all(db: &impl Executor, filter: &Filter) -> Result<BoxStream<'static, Result<Row, DbError>>, DbError> {
    const ALL: &str = select_matching!("order by started_at desc, id desc");
    let terms = Terms::of(filter);
    let rows = db.query_typed_raw(ALL, terms.parameters(&true)).await?;
    Ok(rows.map(|row| Row::try_from(&row?)).boxed())
}

const OLDER: &str = select_matching!(
    r"
              and ($10::timestamptz is null or (started_at, id) < ($10, $11))
            order by started_at desc, id desc
            limit $12
    "
);

const NEWER: &str = select_matching!(
    r"
              and (started_at, id) > ($10, $11)
            order by started_at, id
            limit $12
    "
);

/// A filter as the statements want it.
struct Terms<'a> {
    filter: &'a Filter,
    status: Option<&'static str>,
    pattern: Option<String>,
    first_id: Option<Uuid>,
    last_id: Option<Uuid>,
}

impl<'a> Terms<'a> {
    fn of(filter: &'a Filter) -> Self {
        let (first_id, last_id) = filter.text.as_deref().and_then(ids_beginning_with).unzip();
        Self {
            filter,
            status: filter.status.map(Status::as_str),
            pattern: filter.text.as_deref().map(containing),
            first_id,
            last_id,
        }
    }

    fn parameters<'b>(&'b self, is_whole: &'b bool) -> Vec<(&'b (dyn ToSql + Sync), Type)> {
        vec![
            (is_whole, Type::BOOL),
            (&self.filter.from, Type::TIMESTAMPTZ),
            (&self.filter.to, Type::TIMESTAMPTZ),
            (&self.filter.script_name, Type::TEXT),
            (&self.status, Type::TEXT),
            (&self.filter.triggered_by, Type::TEXT),
            (&self.pattern, Type::TEXT),
            (&self.first_id, Type::UUID),
            (&self.last_id, Type::UUID),
        ]
    }
}

/// The least and the greatest id that begin like this.
fn ids_beginning_with(text: &str) -> Option<(Uuid, Uuid)> {
    let digits: String = text.chars().filter(|digit| *digit != '-').collect();
    let is_beginning = (PREFIX..=32).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    if !is_beginning {
        return None;
    }
    let filled = |fill: &str| Uuid::parse_str(&format!("{digits}{}", fill.repeat(32 - digits.len()))).ok();
    filled("0").zip(filled("f"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_of_an_id_is_a_range_of_ids() {
        let (first, last) = ids_beginning_with("019A-b").unwrap();

        assert_eq!(first.to_string(), "019ab000-0000-0000-0000-000000000000");
        assert_eq!(last.to_string(), "019abfff-ffff-ffff-ffff-ffffffffffff");
    }

    #[test]
    fn other_texts_are_no_beginning_of_an_id() {
        for text in [
            "",
            "019",
            "timeout",
            "019g",
            "----",
            "\u{661}\u{662}\u{663}\u{664}",
            &"a".repeat(33),
        ] {
            assert_eq!(ids_beginning_with(text), None, "{text:?}");
        }
    }
}
