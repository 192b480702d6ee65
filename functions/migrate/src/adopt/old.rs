//! The earlier system's tables, and every query on them.
//!
//! Nothing here trusts their types: a column may be missing or have another one, and every value comes as text.

mod table;

use anyhow::{Context as _, Result};
use shared::platform::db::{Executor, Transaction};
use tokio_postgres::types::{ToSql, Type};

use table::{Column, Kind};

pub use table::Table;

/// Where the earlier system's tables are kept.
pub const SCHEMA: &str = "before_callmark";

/// The size of a batch in bytes as the database keeps them, compressed: several times that in memory.
const BATCH_BYTES: i64 = 1_000_000;
/// Rows of a batch, at most …
const BATCH_ROWS: i64 = 500;
/// … of assistants, each of which comes with its history …
const BATCH_ASSISTANTS: i64 = 50;
/// … and of a table that has no index on its key: for each batch it is read from end to end.
const BATCH_UNINDEXED: i64 = 20_000;

/// What a key may be.
const KEY_TYPES: [&str; 8] = [
    "text",
    "character varying",
    "character",
    "uuid",
    "smallint",
    "integer",
    "bigint",
    "numeric",
];

/// A table as it was found.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) table: Table,
    /// Its columns and their types.
    pub(super) columns: Vec<(String, String)>,
    /// The first column of each index.
    pub(super) indexed: Vec<String>,
    /// We have the rights of its owner.
    pub(super) is_owned: bool,
}

/// A row: the text of each column of its table that is read.
#[derive(Clone, Debug)]
pub(super) struct Old {
    columns: &'static [Column],
    values: Vec<Option<String>>,
}

impl Found {
    /// The columns that nothing of ours has a place for; they stay in [`SCHEMA`].
    pub(super) fn unread(&self) -> Vec<String> {
        let read = self.table.columns();
        let names = self.columns.iter().map(|(name, _)| name);
        names
            .filter(|name| read.iter().all(|(read, _)| read != name))
            .cloned()
            .collect()
    }

    /// The columns that are read and that it lacks.
    pub(super) fn missing(&self) -> Vec<&'static str> {
        let read = self.table.columns().iter().map(|(name, _)| *name);
        read.filter(|name| self.kind_of(name).is_none()).collect()
    }

    fn kind_of(&self, name: &str) -> Option<&str> {
        let found = self.columns.iter().find(|(column, _)| column == name)?;
        Some(&found.1)
    }

    /// The select list: each column as text, null where the table lacks it. Only our names go into it.
    fn select_list(&self) -> String {
        let columns = self
            .table
            .columns()
            .iter()
            .map(|(name, kind)| match (self.kind_of(name), kind) {
                (None, _) => format!("null::text as {name}"),
                // The session's settings have a say in how these are written otherwise.
                (Some(kind), Kind::Json) if !kind.starts_with("json") => {
                    format!("to_jsonb(old.{name})::text as {name}")
                }
                (Some(_), _) => format!("old.{name}::text as {name}"),
            });
        columns.collect::<Vec<_>>().join(", ")
    }

    /// The size of a row.
    fn weight(&self) -> String {
        let columns = self.table.columns().iter().filter(|(name, _)| self.has(name));
        let sizes = columns.map(|(name, _)| format!("coalesce(pg_column_size(old.{name}), 0)::bigint"));
        sizes.collect::<Vec<_>>().join(" + ")
    }

    fn most_rows(&self) -> i64 {
        match self.table {
            Table::Assistants | Table::History => BATCH_ASSISTANTS,
            _ if self.is_indexed() => BATCH_ROWS,
            _ => BATCH_UNINDEXED,
        }
    }

    /// Whether an index finds the rows behind a key.
    pub(super) fn is_indexed(&self) -> bool {
        self.indexed.iter().any(|column| column == self.table.key())
    }

    /// The key and its type, where that has no order or no text that stands for it.
    pub(super) fn unusable_key(&self) -> Option<(&'static str, &str)> {
        let key = self.table.key();
        let kind = self.kind_of(key)?;
        let name = kind.split('(').next().unwrap_or_default();
        (!KEY_TYPES.contains(&name)).then_some((key, kind))
    }

    /// Whether it has a column.
    pub(super) fn has(&self, name: &str) -> bool {
        self.kind_of(name).is_some()
    }

    fn read(&self, row: &tokio_postgres::Row) -> Result<Old> {
        let columns = self.table.columns();
        let values = (0..columns.len())
            .map(|place| row.try_get::<_, Option<String>>(place))
            .collect::<Result<_, _>>()?;
        Ok(Old { columns, values })
    }

    /// The rows behind `after`, in the order of their key, as many as a batch takes; all rows of one key come together.
    pub(super) async fn batch(
        &self,
        transaction: &Transaction<'_>,
        schema: &str,
        after: Option<&str>,
    ) -> Result<Vec<Old>> {
        let (name, key) = (self.table.name(), self.table.key());
        let kind = self.kind_of(key).context("the key is missing")?;
        let (weight, most) = (self.weight(), self.most_rows());
        // With both bounds, an index is used whatever is known of the table: it may just have been filled.
        let statement = format!(
            "with next as (
                 select old.{key} as key, {weight} as weight
                 from {schema}.{name} as old
                 where old.{key} is not null
                   and ($1::text is null or old.{key} > cast($1::text as {kind}))
                 order by old.{key}
                 fetch first {most} rows with ties
             ),
             summed as (
                 select key, row_number() over next_rows as place, sum(weight) over next_rows - weight as before
                 from next
                 window next_rows as (order by key rows unbounded preceding)
             )
             select {list}
             from {schema}.{name} as old
             where old.{key} >= (select key from summed where place = 1)
               and old.{key} <= (
                   select key
                   from summed
                   where place = 1
                      or before < {BATCH_BYTES}
                   order by place desc
                   limit 1
               )
             order by old.{key}",
            list = self.select_list(),
        );
        let rows = transaction.query_typed(&statement, &[(&after, Type::TEXT)]).await?;
        rows.iter().map(|row| self.read(row)).collect()
    }

    /// The rows with these keys, each as text, in the order of `order`.
    pub(super) async fn of_keys(
        &self,
        db: &impl Executor,
        schema: &str,
        keys: &[&str],
        order: &'static str,
    ) -> Result<Vec<Old>> {
        let (name, key) = (self.table.name(), self.table.key());
        let order = if order.split(", ").all(|column| self.has(column)) {
            order
        } else {
            key
        };
        // Of another type, keys of one table may not be keys of the other.
        let as_text = match self.kind_of(key) {
            Some("text") => "",
            _ => "::text",
        };
        let statement = format!(
            "select {list} from {schema}.{name} as old where old.{key}{as_text} = any($1) order by {order}",
            list = self.select_list(),
            // The select list has texts of the same names.
            order = qualified(order),
        );
        let parameter: (&(dyn ToSql + Sync), Type) = (&keys, Type::TEXT_ARRAY);
        let rows = db.query_typed(&statement, &[parameter]).await?;
        rows.iter().map(|row| self.read(row)).collect()
    }

    /// How many rows there are, and how many of them have no key.
    pub(super) async fn count(&self, db: &impl Executor, schema: &str) -> Result<(i64, i64)> {
        let statement = format!(
            "select count(*), count(*) filter (where {key} is null) from {schema}.{name}",
            key = self.table.key(),
            name = self.table.name(),
        );
        let row = db.query_typed_one(&statement, &[]).await?;
        Ok((row.try_get(0)?, row.try_get(1)?))
    }

    /// A number that a column holds, as SQL; null where it holds none.
    pub(super) fn number(&self, name: &str) -> String {
        if !self.has(name) {
            return "null::numeric".to_owned();
        }
        // Neither NaN nor a text that is no number may end a query.
        format!(
            "case when old.{name}::text ~ '^ *[-+]?[0-9]*\\.?[0-9]+([eE][-+]?[0-9]{{1,2}})? *$' then old.{name}::text::numeric end"
        )
    }

    /// How many rows meet a condition on columns that the table has; none where it lacks one.
    pub(super) async fn count_where(
        &self,
        db: &impl Executor,
        schema: &str,
        columns: &[&str],
        condition: &str,
    ) -> Result<i64> {
        if columns.iter().any(|column| self.kind_of(column).is_none()) {
            return Ok(0);
        }
        let statement = format!(
            "select count(*) from {schema}.{} as old where {condition}",
            self.table.name()
        );
        Ok(db.query_typed_one(&statement, &[]).await?.try_get(0)?)
    }
}

fn qualified(order: &str) -> String {
    let columns = order.split(", ").map(|column| format!("old.{column}"));
    columns.collect::<Vec<_>>().join(", ")
}

impl Old {
    /// The text of a column; blank for one that the table does not have.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let place = self.columns.iter().position(|(column, _)| *column == name)?;
        self.values.get(place)?.as_deref()
    }

    /// The text of a column, where it says something.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|text| !text.trim().is_empty())
    }

    /// The key.
    pub(super) fn key(&self) -> &str {
        self.values.first().and_then(Option::as_deref).unwrap_or_default()
    }
}
