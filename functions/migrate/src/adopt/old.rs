//! The earlier system's tables, and every query on them.
//!
//! Nothing here trusts their types: a column may be missing or have another one, and every value comes as text.

use anyhow::{Context as _, Result};
use rust_decimal::Decimal;
use serde::Serialize;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{GenericClient, Transaction};

/// Where the earlier system's tables are kept.
pub const SCHEMA: &str = "before_callmark";

/// Rows of one batch, at most …
const BATCH_ROWS: i64 = 500;
/// … and their size in bytes as the database keeps them, compressed: several times that in memory.
const BATCH_BYTES: i64 = 1_000_000;

/// A table of the earlier system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Table {
    /// `vapi_calls_raw`
    Calls,
    /// `vapi_assistants`
    Assistants,
    /// `vapi_assistant_prompt_history`
    History,
    /// `runs`
    Runs,
    /// `logs`
    Logs,
    /// `analysis_frameworks`
    Frameworks,
    /// `qci_analyses`
    Analyses,
}

/// What a column holds, and so how its text is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A text, a number, a truth or JSON: as the database writes it.
    Plain,
    /// An instant, or a list: as JSON, whatever the session's settings.
    Json,
}

/// A column that is read.
type Column = (&'static str, Kind);

/// A table as it was found.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) table: Table,
    /// Its columns and their types.
    pub(super) columns: Vec<(String, String)>,
}

/// A row: the text of each column of its table that is read.
#[derive(Clone, Debug)]
pub(super) struct Old {
    columns: &'static [Column],
    values: Vec<Option<String>>,
}

/// What the rows of a table add up to, in the order of the sums that were asked for.
pub(super) type Sums = Vec<Decimal>;

use Kind::{Json, Plain};

impl Table {
    /// In the order in which they are copied: what is referred to comes first.
    pub const ALL: [Self; 7] = [
        Self::Calls,
        Self::Assistants,
        Self::History,
        Self::Runs,
        Self::Logs,
        Self::Frameworks,
        Self::Analyses,
    ];

    /// Its name, which ours has too.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Calls => "vapi_calls_raw",
            Self::Assistants => "vapi_assistants",
            Self::History => "vapi_assistant_prompt_history",
            Self::Runs => "runs",
            Self::Logs => "logs",
            Self::Frameworks => "analysis_frameworks",
            Self::Analyses => "qci_analyses",
        }
    }

    /// What makes it the earlier system's: a table of the same name without these is somebody else's.
    pub(super) fn signature(self) -> &'static [&'static str] {
        match self {
            Self::Calls => &["id", "assistant_id"],
            Self::Assistants => &["assistant_id"],
            Self::History => &["assistant_id", "version_number"],
            Self::Runs => &["id", "script_name", "status"],
            Self::Logs => &["id", "run_id", "level", "message"],
            Self::Frameworks => &["id", "name", "prompt_template"],
            Self::Analyses => &["call_id", "total_score"],
        }
    }

    /// The columns that are read; the first is the key.
    pub(super) fn columns(self) -> &'static [Column] {
        match self {
            Self::Calls => &[
                ("id", Plain),
                ("assistant_id", Plain),
                ("customer_id", Plain),
                ("status", Plain),
                ("ended_reason", Plain),
                ("created_at", Json),
                ("started_at", Json),
                ("ended_at", Json),
                ("duration_seconds", Plain),
                ("transcript", Plain),
                ("cost", Plain),
                ("customer_phone_number", Plain),
                ("recording_url", Plain),
                ("vapi_success_evaluation", Plain),
                ("raw_json", Plain),
                ("synced_at", Json),
                ("has_calendar_booking", Plain),
                ("has_tool_calls", Plain),
                ("tool_names", Json),
            ],
            Self::Assistants => &[
                ("assistant_id", Plain),
                ("name", Plain),
                ("model", Plain),
                ("voice", Plain),
                ("prompt", Plain),
                ("raw_json", Plain),
                ("synced_at", Json),
                ("updated_at", Json),
            ],
            Self::History => &[
                ("assistant_id", Plain),
                ("prompt", Plain),
                ("model", Plain),
                ("voice", Plain),
                ("version_number", Plain),
                ("changed_at", Json),
                ("raw_json", Plain),
            ],
            Self::Runs => &[
                ("id", Plain),
                ("legacy_id", Plain),
                ("script_name", Plain),
                ("status", Plain),
                ("started_at", Json),
                ("finished_at", Json),
                ("duration_ms", Plain),
                ("records_fetched", Plain),
                ("records_inserted", Plain),
                ("records_updated", Plain),
                ("records_failed", Plain),
                ("error_message", Plain),
                ("triggered_by", Plain),
                ("batch_id", Plain),
                ("calls_analyzed", Plain),
                ("api_cost", Plain),
                ("metadata", Plain),
            ],
            Self::Logs => &[
                ("id", Plain),
                ("run_id", Plain),
                ("timestamp", Json),
                ("level", Plain),
                ("step", Plain),
                ("message", Plain),
                ("meta", Plain),
            ],
            Self::Frameworks => &[
                ("id", Plain),
                ("name", Plain),
                ("prompt_template", Plain),
                ("model_config", Plain),
            ],
            Self::Analyses => &[
                ("call_id", Plain),
                ("framework_id", Plain),
                ("total_score", Plain),
                ("dynamics_score", Plain),
                ("objections_score", Plain),
                ("brand_score", Plain),
                ("outcome_score", Plain),
                ("coaching_tips", Plain),
                ("key_issues", Plain),
                ("call_classification", Plain),
                ("analysis_model", Plain),
                ("analysis_cost", Plain),
                ("analyzed_at", Json),
            ],
        }
    }

    /// The name of its key.
    fn key(self) -> &'static str {
        self.columns()[0].0
    }
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
        let weight = if self.kind_of("raw_json").is_some() {
            "coalesce(pg_column_size(old.raw_json), 0)"
        } else {
            "100"
        };
        let statement = format!(
            "with next as (
                 select old.{key} as key, {weight}::bigint as weight
                 from {schema}.{name} as old
                 where old.{key} is not null
                   and ($1::text is null or old.{key} > cast($1::text as {kind}))
                 order by old.{key}
                 fetch first {BATCH_ROWS} rows with ties
             ),
             summed as (
                 select key, row_number() over next_rows as place, sum(weight) over next_rows - weight as before
                 from next
                 window next_rows as (order by key rows unbounded preceding)
             )
             select {list}
             from {schema}.{name} as old
             where old.{key} is not null
               and ($1::text is null or old.{key} > cast($1::text as {kind}))
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
        db: &impl GenericClient,
        schema: &str,
        keys: &[&str],
        order: &'static str,
    ) -> Result<Vec<Old>> {
        let (name, key) = (self.table.name(), self.table.key());
        let order = if order.split(", ").all(|column| self.kind_of(column).is_some()) {
            order
        } else {
            key
        };
        let statement = format!(
            "select {list} from {schema}.{name} as old where old.{key}::text = any($1) order by {order}",
            list = self.select_list(),
            // The select list has texts of the same names.
            order = qualified(order),
        );
        let parameter: (&(dyn ToSql + Sync), Type) = (&keys, Type::TEXT_ARRAY);
        let rows = db.query_typed(&statement, &[parameter]).await?;
        rows.iter().map(|row| self.read(row)).collect()
    }

    /// How many rows there are, and how many of them have no key.
    pub(super) async fn count(&self, db: &impl GenericClient, schema: &str) -> Result<(i64, i64)> {
        let statement = format!(
            "select count(*), count(*) filter (where {key} is null) from {schema}.{name}",
            key = self.table.key(),
            name = self.table.name(),
        );
        let row = db.query_typed_one(&statement, &[]).await?;
        Ok((row.try_get(0)?, row.try_get(1)?))
    }

    /// How many rows meet a condition on columns that the table has; none where it lacks one.
    pub(super) async fn count_where(
        &self,
        db: &impl GenericClient,
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

    /// Each expression over the columns of the table, added up; 0 where the table lacks one of its columns.
    pub(super) async fn sums(
        &self,
        db: &impl GenericClient,
        schema: &str,
        expressions: &[(&[&str], &'static str)],
    ) -> Result<Sums> {
        let list: Vec<String> = expressions
            .iter()
            .map(|(columns, expression)| {
                if columns.iter().all(|column| self.kind_of(column).is_some()) {
                    format!("coalesce(sum(({expression})::numeric), 0)")
                } else {
                    "0::numeric".to_owned()
                }
            })
            .collect();
        let statement = format!("select {} from {schema}.{} as old", list.join(", "), self.table.name());
        let row = db.query_typed_one(&statement, &[]).await?;
        (0..list.len()).map(|place| Ok(row.try_get(place)?)).collect()
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
