//! What an adoption would take, from where, how many, and what it cannot take; nothing is changed.

use anyhow::Result;
use serde::Serialize;
use shared::platform::db;
use shared::platform::db::{Pool, Transaction};

use super::old::{Found, Table};
use super::survey::{Dependent, Survey};
use super::{AdoptError, reading};

/// What an adoption would do.
#[derive(Clone, Debug, Serialize)]
pub struct Plan {
    /// The tables of the earlier system.
    pub tables: Vec<Planned>,
    /// The earlier system's functions that would move with them.
    pub functions: Vec<String>,
    /// What was built on the tables, and what becomes of it.
    pub dependents: Vec<Dependent>,
    /// What stands in the way; with any of these nothing would be done.
    pub obstacles: Vec<String>,
}

/// What would become of a table.
#[derive(Clone, Debug, Serialize)]
pub struct Planned {
    /// Its name.
    pub table: String,
    /// The schema that it is in now.
    pub schema: String,
    /// Its rows.
    pub rows: i64,
    /// Those that would be taken.
    pub taken: i64,
    /// What they become.
    pub becomes: &'static str,
    /// Rows that cannot be taken, and why.
    pub refused: Vec<Note>,
    /// What is odd about rows that would be taken.
    pub odd: Vec<Note>,
    /// Columns that nothing of ours has a place for.
    pub unread_columns: Vec<String>,
    /// Columns that it lacks.
    pub missing_columns: Vec<&'static str>,
}

/// Rows, and what there is to say of them.
#[derive(Clone, Debug, Serialize)]
pub struct Note {
    /// How many.
    pub rows: i64,
    /// What.
    pub what: String,
}

/// Looks at everything and changes nothing.
pub async fn plan(pool: &Pool) -> Result<Plan> {
    drop(db::connect(pool).await?);
    let pool = pool.for_whole_tables();
    db::retry(&pool, || attempt(&pool)).await
}

async fn attempt(pool: &Pool) -> Result<Plan> {
    let mut client = db::connect(pool).await?;
    let transaction = reading(&mut client).await?;
    let survey = Survey::of(&transaction).await?;
    if survey.tables().next().is_none() {
        return Err(AdoptError::Nothing(survey.here).into());
    }
    let mut tables = Vec::new();
    let all: Vec<(&Found, &str)> = survey.tables().collect();
    // What is not ours cannot be counted; it stands among the obstacles.
    for (found, schema) in all.iter().filter(|(found, _)| found.is_owned) {
        let place = |table: Table| {
            let found = all.iter().find(|(other, _)| other.table == table)?;
            Some(format!("{}.{}", identifier(found.1), table.name()))
        };
        tables.push(planned(&transaction, found, schema, &place).await?);
    }
    Ok(Plan {
        tables,
        functions: survey.functions.clone(),
        dependents: survey.dependents(&transaction).await?,
        obstacles: survey.obstacles,
    })
}

async fn planned(
    transaction: &Transaction<'_>,
    found: &Found,
    schema: &str,
    place: &impl Fn(Table) -> Option<String>,
) -> Result<Planned> {
    let quoted = identifier(schema);
    let (rows, without_key) = found.count(transaction, &quoted).await?;
    let mut refused = vec![Note {
        rows: without_key,
        what: "without a key".to_owned(),
    }];
    let mut odd: Vec<Note> = Vec::new();
    for (columns, condition, what, is_refused) in conditions(found, place) {
        let rows = found.count_where(transaction, &quoted, columns, &condition).await?;
        let note = Note {
            rows,
            what: what.to_owned(),
        };
        if is_refused { &mut refused } else { &mut odd }.push(note);
    }
    if !found.is_indexed() && rows > MANY {
        let (name, key) = (found.table.name(), found.table.key());
        odd.push(Note {
            rows,
            what: format!(
                "without an index on {key}, so that copying reads them all again and again: \
                 `create index on {schema}.{name} ({key})` first makes it faster"
            ),
        });
    }
    refused.retain(|note| note.rows > 0);
    odd.retain(|note| note.rows > 0);
    Ok(Planned {
        table: found.table.name().to_owned(),
        schema: schema.to_owned(),
        rows,
        taken: rows - refused.iter().map(|note| note.rows).sum::<i64>(),
        becomes: becomes(found.table),
        refused,
        odd,
        unread_columns: found.unread(),
        missing_columns: found.missing(),
    })
}

fn becomes(table: Table) -> &'static str {
    match table {
        Table::Calls => "calls, redacted and hashed as a sync does",
        Table::Assistants => "assistants",
        Table::History => "versions of assistants",
        Table::Runs => "runs that have ended",
        Table::Logs => "log lines",
        Table::Frameworks => "names of frameworks that are never active",
        Table::Analyses => "earlier analyses, unverified, never averaged with ours",
    }
}

/// Of more rows than these it takes long to read all of them for each batch.
const MANY: i64 = 100_000;

const SCORES: [&str; 5] = [
    "total_score",
    "dynamics_score",
    "objections_score",
    "brand_score",
    "outcome_score",
];

type Condition = (&'static [&'static str], String, &'static str, bool);

/// What is counted of a table: the columns it takes, the condition, what that means, and whether such rows are refused.
fn conditions(found: &Found, place: &impl Fn(Table) -> Option<String>) -> Vec<Condition> {
    let missing = |table: Table, ours: &str, theirs: &str| {
        place(table).map_or_else(
            || "true".to_owned(),
            |other| format!("not exists (select from {other} as other where other.{theirs}::text = old.{ours}::text)"),
        )
    };
    match found.table {
        Table::Calls => vec![
            (&["id"], "btrim(old.id::text) = ''".to_owned(), "with a blank id", true),
            (
                &["raw_json"],
                // The size is known without reading the document.
                "case when pg_column_size(old.raw_json) < 40 then btrim(old.raw_json::text) in ('null', '{}')
                      else old.raw_json is null end"
                    .to_owned(),
                "without a document: made from their columns",
                false,
            ),
        ],
        Table::Runs => vec![
            (
                &["status"],
                "old.status::text = 'running'".to_owned(),
                "still `running`: closed as lost",
                false,
            ),
            (
                &["triggered_by"],
                "btrim(coalesce(old.triggered_by::text, '')) = ''".to_owned(),
                "without a known trigger: `unknown`",
                false,
            ),
        ],
        Table::Logs => vec![(
            &["run_id"],
            missing(Table::Runs, "run_id", "id"),
            "of a run that there is not",
            true,
        )],
        Table::Analyses => {
            let [total, dynamics, objections, brand, outcome] = SCORES.map(|name| found.number(name));
            vec![
                (
                    &["call_id"],
                    missing(Table::Calls, "call_id", "id"),
                    "of a call that there is not",
                    true,
                ),
                (
                    &["total_score"],
                    format!(
                        "{total} is distinct from coalesce({dynamics}, 0) + coalesce({objections}, 0)
                             + coalesce({brand}, 0) + coalesce({outcome}, 0)"
                    ),
                    "whose total is not the sum of its parts: kept as they were, marked",
                    false,
                ),
            ]
        }
        Table::History => vec![(
            &["assistant_id"],
            missing(Table::Assistants, "assistant_id", "assistant_id"),
            "of assistants that were no longer listed: marked as gone",
            false,
        )],
        Table::Assistants | Table::Frameworks => Vec::new(),
    }
}

/// A name as SQL takes it.
fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
